// The kernel of daa where rows of A are windows of one image: how it lays things out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "npu/engine/daa/pair_layout.h"
#include "npu/engine/strided_gemm.h"

namespace backboard::npu::daa {

inline constexpr size_t kElementFields = 4;  ///< of an element of A: high, low, difference to the next, and none

/// Where the kernel keeps things.
struct TapRoom {
  ptrdiff_t first;    ///< element of A that is the first one of
  size_t count;       ///< those that are read
  float* elements;    ///< [element][kElementFields]
  const float** row;  ///< where the first step of each row would be, were its offset 0
  float* packed;      ///< steps x a vector of columns of B
  float* panel;       ///< kPairBlock x kPairFields vectors
  float* block;       ///< rows x a vector of C
};

/// pair_gemm() without coins where both steps of every pair lie side by side in A and several rows read each element.
/// False, and nothing done, where they do not. Uses workspace slots 0, 1, 8, 9 and 13.
bool pair_taps(const Derivation& derivation, const StridedGemm& problem, Workspace& workspace);

}  // namespace backboard::npu::daa
