// The accumulator of a sum is a named type: it decides how each addition is rounded.
#pragma once

#include <cstdint>

#include "npu/numerics/rounding.h"

namespace backboard::npu {

/// kFp32: each addition is one binary32 addition.
/// kFp16: two roundings: a binary32 addition, then to FP16 (nearest even, saturating). A definition, not an
/// approximation: it differs from a single rounding in about 45 of a million cases.
/// Partial sums are held and spilled as binary32 values in both.
enum class Accumulator : uint8_t { kFp32, kFp16 };

/// sum + term as the accumulator defines it.
inline float accumulate(Accumulator type, float sum, float term) {
  const float added = sum + term;
  return type == Accumulator::kFp32 ? added : round_nearest_even_saturate(format_row(NumberFormat::kFp16), added);
}

}  // namespace backboard::npu
