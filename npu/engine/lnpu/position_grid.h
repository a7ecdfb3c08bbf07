// WG: how counts of classes at positions are laid out and summed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "npu/engine/gemm_tile.h"

namespace backboard::npu::lnpu {

/// Counts go in rows of one pitch: those of output positions, and those of the input by residues of row and column
/// modulo the stride, so that a tap is a fixed distance.
struct PositionGrid {
  uint32_t row_residues, column_residues;
  uint32_t rows, pitch;  ///< of one residue; output rows are the first ones
  size_t positions;      ///< elements from the first position to the last one

  explicit PositionGrid(const ConvTile& t) {
    const uint32_t down = (t.kh - 1) * t.dilation_h, right = (t.kw - 1) * t.dilation_w;
    row_residues = std::min(t.stride_h, down + 1);
    column_residues = std::min(t.stride_w, right + 1);
    rows = t.oh_rows + down / t.stride_h;
    pitch = t.ow + right / t.stride_w;
    positions = size_t{t.oh_rows - 1} * pitch + t.ow;
  }
  size_t plane() const { return size_t{rows} * pitch; }
};

/// Sums over the positions of an image.
struct CountSums {
  uint64_t pairs[2][2] = {};     ///< error low, high times activation low, high
  uint64_t errors[2] = {};       ///< error low, high times the taps inside the input
  uint64_t activations[2] = {};  ///< activation low, high
};

}  // namespace backboard::npu::lnpu
