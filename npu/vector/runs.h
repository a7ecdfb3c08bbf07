// Runs of elements that lie next to each other in several tiles at once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "npu/vector/tile.h"

namespace backboard::npu {

/// Calls visit(length, offset in each tile...) for the longest runs that are contiguous in every tile. Boxes equal.
template <class Visit, class... Tiles>
void for_each_run(const Visit& visit, const ConstTile& first, const Tiles&... others) {
  const auto all = [&](auto&& predicate) { return predicate(first) && (predicate(others) && ...); };
  const bool channels_join = all([](const ConstTile& t) { return t.channel_is_dense(); });
  const bool images_join = all([](const ConstTile& t) { return t.image_is_dense(); });
  const bool everything_joins = all([](const ConstTile& t) { return t.is_dense(); });
  const uint32_t images = everything_joins ? 1 : first.n;
  const uint32_t channels = images_join ? 1 : first.c;
  const uint32_t rows = channels_join ? 1 : first.h;
  if (first.elements() == 0) return;
  const size_t length = first.elements() / (size_t{images} * channels * rows);
  for (uint32_t n = 0; n < images; ++n)
    for (uint32_t c = 0; c < channels; ++c)
      for (uint32_t h = 0; h < rows; ++h) {
        const auto offset = [&](const ConstTile& t) { return n * t.stride_n + c * t.stride_c + h * t.stride_h; };
        visit(length, offset(first), offset(others)...);
      }
}

/// Calls visit(image, channel, row), absolute in the tensor, for every row of a tile.
template <class Visit>
void for_each_row(const ConstTile& tile, const Visit& visit) {
  for (uint32_t n = tile.n0; n < tile.n0 + tile.n; ++n)
    for (uint32_t c = tile.c0; c < tile.c0 + tile.c; ++c)
      for (uint32_t h = tile.h0; h < tile.h0 + tile.h; ++h) visit(n, c, h);
}

}  // namespace backboard::npu
