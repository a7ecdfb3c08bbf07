#include "npu/vector/elementwise.h"

#include "npu/vector/row_kernels.h"
#include "platform/check/check.h"

namespace backboard::npu {
namespace {

/// Calls visit(offset of each tile's run..., length) for the longest runs that are contiguous in every tile.
template <class Visit, class... Tiles>
void for_each_run(const Visit& visit, const ConstTile& first, const Tiles&... others) {
  const auto all = [&](auto&& predicate) { return predicate(first) && (predicate(others) && ...); };
  const bool channels_join = all([](const ConstTile& t) { return t.channel_is_dense(); });
  const bool images_join = all([](const ConstTile& t) { return t.image_is_dense(); });
  const bool everything_joins = all([](const ConstTile& t) { return t.is_dense(); });
  const uint32_t images = everything_joins ? 1 : first.n;
  const uint32_t channels = images_join ? 1 : first.c;
  const uint32_t rows = channels_join ? 1 : first.h;
  const size_t length = first.elements() / (size_t{images} * channels * rows);
  if (first.elements() == 0) return;
  for (uint32_t n = 0; n < images; ++n)
    for (uint32_t c = 0; c < channels; ++c)
      for (uint32_t h = 0; h < rows; ++h) {
        const auto offset = [&](const ConstTile& t) { return n * t.stride_n + c * t.stride_c + h * t.stride_h; };
        visit(length, offset(first), offset(others)...);
      }
}

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

std::optional<size_t> first_bad_gather_index(std::span<const uint32_t> list, uint32_t images) {
  for (size_t i = 0; i < list.size(); ++i)
    if (list[i] >= images) return i;
  return std::nullopt;
}

}  // namespace backboard::npu
