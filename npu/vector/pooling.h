// Pooling functions of the vector unit, forward and backward, on tiles of rows.
//
// Stores are canonical as elementwise.h says. No function carries a partial window: a tile of outputs needs all input
// rows that its windows touch (input_rows), a tile of input errors all output rows that touch it (output_rows); so the
// cut into tiles cannot change a sum.
#pragma once

#include <cstdint>
#include <span>

#include "npu/vector/tile.h"
#include "npu/vector/vector_facts.h"

namespace backboard::npu {

/// Rows `first` to `first + count` of a pooled tensor.
struct PoolRows {
  uint32_t first = 0;
  uint32_t count = 0;
  bool operator==(const PoolRows&) const = default;
};

/// Windows along an axis of `size` elements, `pad` on either side; 0 when none fits. `ceil` as PoolShape says.
constexpr uint32_t pool_outputs(uint32_t size, uint32_t pad, uint32_t kernel, uint32_t stride, bool ceil) {
  if (size + 2 * pad < kernel) return 0;
  const uint32_t room = size + 2 * pad - kernel, fit = room / stride + 1;
  return fit + (ceil && room % stride != 0 && fit * stride < size + pad);
}

/// Geometry of a pooling layer. Window (oh, ow) covers rows oh * stride_h - pad_h + [0, kernel_h), columns likewise.
struct PoolShape {
  uint32_t kernel_h = 1, kernel_w = 1;
  uint32_t stride_h = 1, stride_w = 1;
  uint32_t pad_h = 0, pad_w = 0;
  uint32_t input_h = 1, input_w = 1;  ///< of the whole tensor
  bool sum = false;                   ///< average pooling: sums, the factor is 1
  /// Besides the windows that fit, one that the end of the padded input cuts off, along each axis where such a one
  /// starts before the padding of that end.
  bool ceil = false;
  bool exclude_pad = false;  ///< average pooling: the divisor leaves padding out

  /// Whether kernel and stride are positive, the padding is below the kernel (so that every window sees an input) and
  /// a window fits in the padded input. The functions below require it.
  bool valid() const;
  /// Whether a maximum's place kh * kernel_w + kw fits the U8 index tensor.
  bool index_fits() const { return uint64_t{kernel_h} * kernel_w <= 256; }
  uint32_t output_h() const { return pool_outputs(input_h, pad_h, kernel_h, stride_h, ceil); }
  uint32_t output_w() const { return pool_outputs(input_w, pad_w, kernel_w, stride_w, ceil); }
  /// Input rows that the windows of the output rows `outputs` (not empty) touch.
  PoolRows input_rows(PoolRows outputs) const;
  /// Output rows whose windows touch one of the input rows `inputs` (not empty); the count may be 0 when strides skip
  /// rows.
  PoolRows output_rows(PoolRows inputs) const;
  /// What an average over window (oh, ow) is divided by: the elements of the window in the padded input, or in the
  /// input alone when `exclude_pad`. Only windows that `ceil` adds reach beyond the padded input.
  uint32_t divisor_h(uint32_t oh) const;
  uint32_t divisor_w(uint32_t ow) const;
  /// Whether every window has the divisor kernel_h * kernel_w.
  bool one_divisor() const;
};

/// y = maximum of the window, padding left out; the first of equals in (kh, kw) order, where -0 equals +0. The first
/// NaN of a window is its maximum, so that pooling hides no broken value. `index`, where index.data is not null, gets
/// kh * kernel_w + kw of the maximum (index_fits() required). x covers input_rows() of y's rows, with the same images
/// and channels; index has y's box.
VectorFacts max_pool_ff(const PoolShape& shape, const ConstTile& x, const Tile& y, const TileView<uint8_t>& index = {});

/// Result of a backward pass over an index tensor that lies in guest memory.
struct MaxPoolBackward {
  VectorFacts facts;
  /// Indices that name no input element (not below kernel_h * kernel_w, or in the padding); their error is dropped. An
  /// index whose window touches no row of dx is not looked at.
  uint64_t bad_indices = 0;
};

/// dx = sum of the dy whose maximum lies here, in (oh, ow) order; the sum starts at +0. dy and index have the same box
/// and cover output_rows() of dx's rows, with the same images and channels. `mask`, where mask.data is not null, has
/// dy's box: dy counts only where mask > 0.
MaxPoolBackward max_pool_bp(const PoolShape& shape, const ConstTile& dy, const TileView<const uint8_t>& index,
                            const Tile& dx, const ConstTile& mask = {});

/// The factor of an average over `count` elements: 1 / count, rounded once to binary32.
inline float mean_factor(uint64_t count) {
  return 1.0f / static_cast<float>(count);
}

/// y = (sum of the window in (kh, kw) order, from +0, each addition rounded) * mean_factor(divisor_h * divisor_w), or
/// * 1 when shape.sum: so average_pool_bp repeats elements when windows tile the input, and average_pool_ff is its
/// transpose.
/// Padding counts as zero. x covers input_rows() of y's rows, with the same images and channels.
VectorFacts average_pool_ff(const PoolShape& shape, const ConstTile& x, const Tile& y);

/// dx = (sum of dy of the windows over this element, in (oh, ow) order, from +0) * mean_factor(kernel_h * kernel_w);
/// where divisors differ the sum of dy * mean_factor(divisor_h * divisor_w), each product rounded.
/// dy covers output_rows() of dx's rows, with the same images and channels.
VectorFacts average_pool_bp(const PoolShape& shape, const ConstTile& dy, const Tile& dx);

/// Continues the sums of a global mean: sums[(image - n0) * c + (channel - c0)] += x over (h, w) in this order, each
/// addition rounded to binary32. Row tiles must come in order; sums start at zero.
VectorFacts global_pool_accumulate(const ConstTile& x, std::span<float> sums);

/// y (n, c, 1, 1) = sums * mean_factor(pixels), pixels = h * w of the input tensor.
VectorFacts global_pool_finish(std::span<const float> sums, uint64_t pixels, const Tile& y);

/// dx = dy * mean_factor(pixels) at every (h, w). dy is (n, c, 1, 1) with the same images and channels as dx.
VectorFacts global_pool_bp(const ConstTile& dy, uint64_t pixels, const Tile& dx);

}  // namespace backboard::npu
