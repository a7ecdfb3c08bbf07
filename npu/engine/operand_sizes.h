// How much memory the operands of a tile span.
#pragma once

#include <cstddef>
#include <cstdint>

#include "npu/engine/gemm_tile.h"
#include "npu/engine/layer_shape.h"

namespace backboard::npu {

/// Elements from the first to the last of each operand, whatever lies between them (slices of a tile keep the strides
/// of the whole), and outputs.
struct OperandSizes {
  size_t first, second;
  uint64_t outputs;
};

inline OperandSizes operand_sizes(Pass pass, const ConvTile& t) {
  if (t.n == 0 || t.c == 0 || t.k == 0) return {};
  const size_t x = (t.n - 1) * t.x_stride_n + (t.c - 1) * t.x_stride_c + size_t{t.ih_rows} * t.w;
  const size_t y = (t.n - 1) * t.y_stride_n + (t.k - 1) * t.y_stride_k + size_t{t.oh_rows} * t.ow;
  const size_t w = (t.k - 1) * t.w_stride_k + (t.c - 1) * t.w_stride_c + size_t{t.kh} * t.kw;
  switch (pass) {
    case Pass::ff:
      return {x, w, uint64_t{t.n} * t.k * t.oh_rows * t.ow};
    case Pass::bp:
      return {y, w, uint64_t{t.n} * t.c * t.ih_rows * t.w};
    case Pass::wg:
      return {x, y, uint64_t{t.k} * t.c * t.kh * t.kw};
  }
  return {};
}

}  // namespace backboard::npu
