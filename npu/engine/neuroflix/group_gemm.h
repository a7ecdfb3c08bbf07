// The vector kernel of neuroflix: a GEMM over integers that share an exponent with the other terms of their group.
#pragma once

#include <cstdint>

#include "npu/engine/neuroflix/config.h"
#include "npu/engine/strided_gemm.h"

namespace backboard::npu::neuroflix {

/// C(m, n) += for each group of kGroup steps in their order: sum over the group of integer A x integer B, exact, times
/// the unit of A, times the unit of B (powers of two: exact for the formats that the engine takes), added in binary32.
/// Groups are the steps [16 i, 16 i + 16). The operands of one side in a group are integers times a unit:
///   e = floor(log2 of the largest magnitude), unit = 2^(e - (bits - 2)), at least 2^-126;
///   integer = nearest(value / unit), ties to even, held within +-(2^(bits - 1) - 1).
/// Infinities and NaN are taken as zeros: integers have none. A group of zeros has unit 1.
/// `a_bits`, `b_bits`: 4 to 12, 20 together at most. Uses workspace slots 0, 1, 8, 9 and 14 to 18.
void group_gemm(uint32_t a_bits, uint32_t b_bits, const StridedGemm& problem, Workspace& workspace);

/// The same sums for positions that lie side by side: rows are weights, columns positions. Their integers go times the
/// unit of the position first, as those of A do above. Uses workspace slots 0, 1 and 8.
void group_lines(uint32_t weight_bits, uint32_t position_bits, const LineGemm& problem, Workspace& workspace);

}  // namespace backboard::npu::neuroflix
