#include "npu/sgd/stochastic_rounding.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "npu/numerics/format.h"
#include "npu/vector/canonical.h"

namespace backboard::npu {

RoundedHalf round_half_stochastic(float x, uint64_t random) {
  constexpr FormatRow kHalf = format_row(NumberFormat::kFp16);
  constexpr uint32_t kDroppedBits = 23 - kHalf.mantissa_bits;
  const uint32_t bits = std::bit_cast<uint32_t>(x), sign = bits & 0x80000000u, magnitude_bits = bits ^ sign;
  const auto u24 = static_cast<uint32_t>(random >> 40);
  if (magnitude_bits >= std::bit_cast<uint32_t>(0x1p-14f) && magnitude_bits < std::bit_cast<uint32_t>(65504.0f)) {
    // Normal numbers: the carry of dropped bits and random bits goes into the significand, and on into the exponent.
    const uint32_t carried = magnitude_bits + (u24 >> (24 - kDroppedBits));
    return {std::bit_cast<float>(sign | (carried >> kDroppedBits << kDroppedBits)), false};
  }
  if (x != x) return {canonical(x), false};
  const double magnitude = std::fabs(static_cast<double>(x));
  if (magnitude > kHalf.max_finite * 2.0) return {std::copysign(kHalf.max_finite, x), true};
  // Every step is exact in double: the quotient by a power of two, its floor, and u with 24 bits.
  const int exponent = magnitude == 0.0 ? kHalf.min_exponent() : std::max(std::ilogb(magnitude), kHalf.min_exponent());
  const double last_place = std::ldexp(1.0, exponent - kHalf.mantissa_bits);
  const double places = magnitude / last_place;
  const double whole = std::floor(places);
  const double u = u24 * 0x1p-24;
  const double rounded = (whole + (places - whole >= 1.0 - u ? 1.0 : 0.0)) * last_place;
  if (rounded > kHalf.max_finite) return {std::copysign(kHalf.max_finite, x), true};
  return {canonical(std::copysign(static_cast<float>(rounded), x)), false};
}

}  // namespace backboard::npu
