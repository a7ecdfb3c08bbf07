// How many products of a GEMM have no zero operand, and how many pairs of them collide: from counts of either side.
#pragma once

#include <cstdint>

#include "npu/engine/strided_gemm.h"

namespace backboard::npu::daa {

struct PairCounts {
  uint64_t products = 0;    ///< without a zero operand
  uint64_t collisions = 0;  ///< pairs (2i, 2i + 1) of which neither product has a zero operand
};

/// Counts all outputs of the problem; C is not looked at. A product has no zero operand when both sides are non-zero at
/// its step, so the sums over steps of (non-zeros of A) x (non-zeros of B) are exact. Uses workspace slots 0, 1, 8 to
/// 12.
PairCounts count_pairs(const StridedGemm& problem, Workspace& workspace);

/// The same for positions that lie side by side in lines. Uses workspace slots 0 and 8.
PairCounts count_pairs(const LineGemm& problem, Workspace& workspace);

}  // namespace backboard::npu::daa
