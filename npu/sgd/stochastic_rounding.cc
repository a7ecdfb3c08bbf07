#include "npu/sgd/stochastic_rounding.h"

#include <algorithm>
#include <cmath>

#include "npu/numerics/format.h"
#include "npu/vector/canonical.h"

namespace backboard::npu {

RoundedHalf round_half_stochastic(float x, uint64_t random) {
  constexpr FormatRow kHalf = format_row(NumberFormat::kFp16);
  if (x != x) return {canonical(x), false};
  const double magnitude = std::fabs(static_cast<double>(x));
  if (magnitude > kHalf.max_finite * 2.0) return {std::copysign(kHalf.max_finite, x), true};
  // Every step is exact in double: the quotient by a power of two, its floor, and u with 24 bits.
  const int exponent = magnitude == 0.0 ? kHalf.min_exponent() : std::max(std::ilogb(magnitude), kHalf.min_exponent());
  const double last_place = std::ldexp(1.0, exponent - kHalf.mantissa_bits);
  const double places = magnitude / last_place;
  const double whole = std::floor(places);
  const double u = static_cast<double>(random >> 40) * 0x1p-24;
  const double rounded = (whole + (places - whole >= 1.0 - u ? 1.0 : 0.0)) * last_place;
  if (rounded > kHalf.max_finite) return {std::copysign(kHalf.max_finite, x), true};
  return {canonical(std::copysign(static_cast<float>(rounded), x)), false};
}

}  // namespace backboard::npu
