// Moving the operands of the strided GEMM into dense blocks and back.
#pragma once

#include <cstddef>
#include <cstdint>

#include "npu/engine/strided_gemm.h"

namespace backboard::npu {

/// Fills panel[r * width + j] = B(r, n0 + j) for j < columns, zero beyond; 64-byte aligned.
void pack_panel(const StridedGemm& problem, uint32_t n0, uint32_t columns, uint32_t width, float* panel);

/// A rectangle of C.
struct GemmPart {
  uint32_t first_row, rows, first_column, columns;
};

/// Copies a part of C to a dense block of rows of `width` elements, and back.
void load_sums(const StridedGemm& problem, const GemmPart& part, uint32_t width, float* block);
void store_sums(const StridedGemm& problem, const GemmPart& part, uint32_t width, float* block);

/// Offsets of a grid of places: `first`, and from there by steps.
struct OffsetGrid {
  ptrdiff_t first;
  uint32_t rows;
  ptrdiff_t row_step;
  uint32_t columns;
  ptrdiff_t column_step;
};
/// Writes rows x columns offsets, row by row.
void fill_offsets(const OffsetGrid& grid, ptrdiff_t* offsets);

}  // namespace backboard::npu
