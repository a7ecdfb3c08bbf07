#include "npu/engine/product_counts.h"

#include "npu/engine/fully_connected.h"
#include "npu/engine/operand_sizes.h"

namespace backboard::npu {
namespace {

/// Pairs (output in [first, first + count), tap) whose input lies in [0, size).
uint64_t inside_pairs(uint32_t first, uint32_t count, uint32_t taps, uint32_t stride, uint32_t pad, uint32_t dilation,
                      uint32_t size) {
  uint64_t pairs = 0;
  for (uint32_t tap = 0; tap < taps; ++tap) {
    for (uint32_t i = first; i < first + count; ++i) {
      const int64_t at = int64_t{i} * stride + int64_t{tap} * dilation - pad;
      pairs += at >= 0 && at < size;
    }
  }
  return pairs;
}

/// Pairs (input in [first, first + count), tap) that some output in [0, outputs) reads.
uint64_t reading_pairs(uint32_t first, uint32_t count, uint32_t taps, uint32_t stride, uint32_t pad, uint32_t dilation,
                       uint32_t outputs) {
  uint64_t pairs = 0;
  for (uint32_t tap = 0; tap < taps; ++tap) {
    for (uint32_t i = first; i < first + count; ++i) {
      const int64_t at = int64_t{i} + pad - int64_t{tap} * dilation;
      pairs += at >= 0 && at % stride == 0 && at / stride < outputs;
    }
  }
  return pairs;
}

ProductCounts products_of_outputs(const ConvTile& t) {
  const uint64_t outer = uint64_t{t.n} * t.c * t.k;
  const uint64_t rows = inside_pairs(t.oh0, t.oh_rows, t.kh, t.stride_h, t.pad_h, t.dilation_h, t.h);
  const uint64_t columns = inside_pairs(0, t.ow, t.kw, t.stride_w, t.pad_w, t.dilation_w, t.w);
  const uint64_t inside = outer * rows * columns;
  return {inside, outer * t.oh_rows * t.kh * t.ow * t.kw - inside};
}

ProductCounts products_of_inputs(const ConvTile& t) {
  const uint64_t outer = uint64_t{t.n} * t.c * t.k;
  const uint64_t rows = reading_pairs(t.ih0, t.ih_rows, t.kh, t.stride_h, t.pad_h, t.dilation_h, t.oh);
  const uint64_t columns = reading_pairs(0, t.w, t.kw, t.stride_w, t.pad_w, t.dilation_w, t.ow);
  return {outer * rows * columns, 0};
}

}  // namespace

ProductCounts products_of(Pass pass, const ConvTile& tile) {
  if (is_fully_connected(tile) && tile.ih_rows == 1) return {uint64_t{tile.n} * tile.c * tile.k, 0};
  return pass == Pass::bp ? products_of_inputs(tile) : products_of_outputs(tile);
}

ProductCounts count_products(Pass pass, const ConvTile& tile, Facts& facts) {
  const ProductCounts products = products_of(pass, tile);
  facts.macs += products.inside;
  facts.macs_padding += products.padding;
  facts.outputs += operand_sizes(pass, tile).outputs;
  ++facts.tiles;
  return products;
}

}  // namespace backboard::npu
