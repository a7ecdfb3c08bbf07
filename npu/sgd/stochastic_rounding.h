// Stochastic rounding of binary32 values to binary16.
#pragma once

#include <cstdint>

namespace backboard::npu {

/// A value rounded to 1-5-10, and whether it was held at the largest magnitude.
struct RoundedHalf {
  float value = 0.0f;
  bool saturated = false;
};

/// x rounded to one of its two FP16 neighbours (subnormals on): away from zero when the discarded part, in units of the
/// last place, plus u is at least 1, where u = (the upper 24 bits of `random`) / 2^24. So a value that FP16 has stays
/// as it is, and another goes up with the probability of its discarded part, to 2^-24. Results beyond 65504 are held
/// there with their sign; NaN stays NaN; a zero result is +0.
RoundedHalf round_half_stochastic(float x, uint64_t random);

}  // namespace backboard::npu
