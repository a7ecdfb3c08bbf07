// How an array of rows x columns of units takes a GEMM: in folds, rectangles of outputs that stay in their units while
// operands stream through from two sides.
#pragma once

#include <cstdint>

#include "npu/engine/facts.h"

namespace backboard::npu {

/// The folds of a GEMM on an array, and their outputs at the edges.
struct Folds {
  uint64_t folds = 0;
  uint64_t edges = 0;  ///< rows + columns of each, summed

  Folds(uint32_t array_rows, uint32_t array_columns, uint64_t rows, uint64_t columns) {
    const uint64_t row_folds = (rows + array_rows - 1) / array_rows;
    const uint64_t column_folds = (columns + array_columns - 1) / array_columns;
    folds = row_folds * column_folds;
    edges = rows * column_folds + columns * row_folds;
  }

  /// Adds them to the facts. `streams`: 1 or 2; each fold takes `steps` steps through its `terms` terms, then r + c - 2
  /// cycles until the last unit of r x c has seen the last operands, and `drain` cycles. Operands enter at r + c edges.
  void count(unsigned streams, uint64_t steps, uint64_t terms, uint64_t drain, Facts& facts) const {
    facts.folds[streams - 1] += folds;
    facts.fold_steps[streams - 1] += folds * steps;
    facts.fold_edges += edges - 2 * folds + drain * folds;
    facts.operands_fed += edges * terms;
  }
};

}  // namespace backboard::npu
