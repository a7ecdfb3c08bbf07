// The kernel of neuroflix for few sums of many terms: how it lays things out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "npu/engine/neuroflix/config.h"
#include "npu/engine/strided_gemm.h"

namespace backboard::npu::neuroflix {

inline constexpr uint32_t kLaneGroups = 8;                            ///< groups side by side
inline constexpr uint32_t kBlockSteps = kLaneGroups * kGroup;         ///< steps of them
inline constexpr size_t kAlignedFloats = (kGroup + 1) * kLaneGroups;  ///< integers and units of a row's groups

/// Steps whose operands follow each other: that of step i lies at offset + i, up to `end`.
struct ThinRun {
  ptrdiff_t offset;
  uint32_t end;
};

/// Where the kernel keeps things.
struct ThinRoom {
  float* aligned;  ///< rows of A, then columns of B: [step of a group][group], units behind
  float* terms;    ///< [row][column][group]
  float* sums;     ///< [row][column]
  float* stream;   ///< steps of a block, one after the other
  ThinRun *a_runs, *b_runs;
};

/// group_gemm() for few sums. Uses workspace slots 0, 1, 8 and 14.
void group_thin(uint32_t a_bits, uint32_t b_bits, const StridedGemm& problem, Workspace& workspace);

/// Whether that is faster than packing all columns first.
inline bool is_thin(const StridedGemm& p) {
  constexpr uint64_t kMostSums = 288;
  return uint64_t{p.rows} * p.columns <= kMostSums && p.steps >= 4 * kBlockSteps;
}

}  // namespace backboard::npu::neuroflix
