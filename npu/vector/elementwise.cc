#include "npu/vector/elementwise.h"

#include <algorithm>

#include "npu/vector/canonical.h"
#include "npu/vector/row_kernels.h"
#include "npu/vector/runs.h"
#include "platform/check/check.h"

namespace backboard::npu {
namespace {

/// Whether a tile is a row of single values per image, as FC layers have them: (n, c, 1, 1), channels side by side.
bool is_vector(const ConstTile& t) {
  return t.h == 1 && t.w == 1 && t.stride_c == 1;
}

}  // namespace

VectorFacts relu_ff(const ConstTile& x, const Tile& y) {
  BB_CHECK(same_box(x, y), "tiles of ReLU differ");
  for_each_run([&](size_t n, size_t from, size_t to) { row_kernels::relu(x.data + from, y.data + to, n); }, x,
               ConstTile(y));
  return {.compares = x.elements()};
}

VectorFacts apply_mask(const ConstTile& dy, const ConstTile& mask, const Tile& dx) {
  BB_CHECK(same_box(dy, dx) && same_box(mask, dx), "tiles of a mask differ");
  for_each_run([&](size_t n, size_t from, size_t by,
                   size_t to) { row_kernels::mask(dy.data + from, mask.data + by, dx.data + to, n); },
               dy, mask, ConstTile(dx));
  return {.compares = dy.elements()};
}

VectorFacts add_bias(const ConstTile& x, std::span<const float> bias, bool relu, const Tile& y) {
  BB_CHECK(same_box(x, y), "tiles of a bias differ");
  BB_CHECK(bias.size() == x.c, "{} biases for {} channels", bias.size(), x.c);
  for (uint32_t n = 0; n < x.n; ++n) {
    const float* from = x.data + n * x.stride_n;
    float* to = y.data + n * y.stride_n;
    if (is_vector(x) && is_vector(y)) {
      row_kernels::add_biases(from, bias.data(), relu, to, x.c);
      continue;
    }
    const bool joins = x.channel_is_dense() && y.channel_is_dense();
    const uint32_t rows = joins ? 1 : x.h;
    const size_t length = joins ? size_t{x.h} * x.w : x.w;
    for (uint32_t c = 0; c < x.c; ++c)
      for (uint32_t h = 0; h < rows; ++h)
        row_kernels::add_one_bias(from + c * x.stride_c + h * x.stride_h, bias[c], relu,
                                  to + c * y.stride_c + h * y.stride_h, length);
  }
  return {.adds = x.elements(), .compares = relu ? x.elements() : 0};
}

VectorFacts accumulate_bias_gradient(const ConstTile& dy, uint32_t rows, std::span<float> sums) {
  BB_CHECK(sums.size() == dy.c, "{} sums for {} channels", sums.size(), dy.c);
  BB_CHECK(dy.h0 + dy.h <= rows && (dy.n <= 1 || dy.h == rows), "{} images of {} rows of {}", dy.n, dy.h, rows);
  for (uint32_t n = 0; n < dy.n; ++n) {
    const float* image = dy.data + n * dy.stride_n;
    if (is_vector(dy)) {
      row_kernels::accumulate(image, sums.data(), dy.c);
    } else if (dy.channel_is_dense()) {
      row_kernels::continue_sums(image, dy.stride_c, size_t{dy.h} * dy.w, sums.data(), dy.c);
    } else {
      for (uint32_t h = 0; h < dy.h; ++h)
        row_kernels::continue_sums(image + h * dy.stride_h, dy.stride_c, dy.w, sums.data(), dy.c);
    }
  }
  return {.adds = dy.elements()};
}

VectorFacts clip_at_six(const Tile& y) {
  for_each_run(
      [&](size_t n, size_t at) {
        float* values = y.data + at;
        for (size_t i = 0; i < n; ++i) values[i] = values[i] > 6.0f ? 6.0f : values[i];
      },
      ConstTile(y));
  return {.compares = y.elements()};
}

VectorFacts block_from_six(const ConstTile& mask, const Tile& dx) {
  BB_CHECK(same_box(mask, dx), "tiles of a mask differ");
  for_each_run(
      [&](size_t n, size_t by, size_t to) {
        for (size_t i = 0; i < n; ++i) dx.data[to + i] = mask.data[by + i] < 6.0f ? dx.data[to + i] : 0.0f;
      },
      mask, ConstTile(dx));
  return {.compares = dx.elements()};
}

VectorFacts add_tiles(const ConstTile& a, const ConstTile& b, bool relu, const Tile& y) {
  BB_CHECK(same_box(a, y) && same_box(b, y), "tiles of an addition differ");
  for_each_run([&](size_t n, size_t first, size_t second,
                   size_t to) { row_kernels::add_biases(a.data + first, b.data + second, relu, y.data + to, n); },
               a, b, ConstTile(y));
  return {.adds = y.elements(), .compares = relu ? y.elements() : 0};
}

void copy_channels(const ConstTile& x, int64_t shift, const Tile& y) {
  for_each_row(x, [&](uint32_t n, uint32_t c, uint32_t h) {
    const float* from = x.row(n, c, h);
    std::transform(from, from + x.w, y.row(n, static_cast<uint32_t>(c + shift), h), canonical);
  });
}

}  // namespace backboard::npu
