// Images with their zero padding in place, so that no tap needs a bounds check.
#pragma once

#include <cstddef>
#include <cstdint>

#include "npu/engine/gemm_tile.h"

namespace backboard::npu {

/// The tensor itself where nothing had to be added, or a copy.
struct Padded {
  const float* values = nullptr;
  ptrdiff_t stride_n = 0, stride_c = 0, pitch = 0;
};

/// Which part of images to take: rows [first_row, first_row + rows) and columns [first_column, ...) of a tensor, with
/// zeros outside of [0, height) x [0, width). Row `held_row` is the first one in memory.
struct ImageWindow {
  uint32_t n, c;
  int64_t first_row, rows, first_column, columns;
  int64_t held_row, held_rows, width;
  size_t stride_n, stride_c;
};

/// `copy`: with room behind it, as line_gemm() wants, even when nothing needs padding. Uses workspace slot 2.
Padded pad(const float* values, const ImageWindow& window, bool copy, Workspace& workspace);

/// The part of x that output rows of the tile read, taps included; rows of a copy have at least `columns` elements.
Padded pad_input(const ConvTile& tile, const float* x, bool copy, Workspace& workspace, uint32_t columns = 0);

}  // namespace backboard::npu
