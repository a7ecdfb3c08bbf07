// How an array of rows x columns of units takes a GEMM: in folds, rectangles of outputs that stay in their units while
// operands stream through from two sides.
#pragma once

#include <cstdint>

#include "npu/engine/facts.h"

namespace backboard::npu::daa {

/// Adds the folds of a GEMM of `rows` x `columns` outputs and `steps` terms each to the facts. `streams`: products that
/// a unit takes in a step, 1 or 2. A fold of r x c outputs takes its steps and r + c - 2 cycles until the last unit has
/// seen the last operands; its operands enter at r + c edges.
inline void count_folds(uint32_t array_rows, uint32_t array_columns, uint32_t streams, uint64_t rows, uint64_t columns,
                        uint64_t steps, Facts& facts) {
  const uint64_t row_folds = (rows + array_rows - 1) / array_rows;
  const uint64_t column_folds = (columns + array_columns - 1) / array_columns;
  const uint64_t folds = row_folds * column_folds, edges = rows * column_folds + columns * row_folds;
  facts.folds[streams - 1] += folds;
  facts.fold_steps[streams - 1] += folds * ((steps + streams - 1) / streams);
  facts.fold_edges += edges - 2 * folds;
  facts.operands_fed += edges * steps;
}

}  // namespace backboard::npu::daa
