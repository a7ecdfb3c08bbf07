// The counter-based random stream of stochastic rounding: Philox2x32-10 (Salmon et al., "Parallel random numbers: as
// easy as 1, 2, 3", SC 2011). A draw is a pure function of (seed, step, element), so it has no state to save and does
// not depend on the order of elements.
#pragma once

#include <cstdint>

namespace backboard::npu {

/// 64 uniform bits for element number `element` of a tensor at step `step`: counter (element, step), key seed; the
/// first output word is the upper half.
constexpr uint64_t random_bits(uint32_t seed, uint32_t step, uint32_t element) {
  constexpr uint32_t kMultiplier = 0xD256D193u;
  constexpr uint32_t kWeyl = 0x9E3779B9u;
  uint32_t left = element, right = step, key = seed;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product = uint64_t{kMultiplier} * left;
    left = static_cast<uint32_t>(product >> 32) ^ key ^ right;
    right = static_cast<uint32_t>(product);
    key += kWeyl;
  }
  return uint64_t{left} << 32 | right;
}

}  // namespace backboard::npu
