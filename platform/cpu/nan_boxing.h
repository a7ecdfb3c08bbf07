// Binary32 values in floating-point registers that may be wider (Unprivileged ISA, "NaN Boxing of Narrower Values").
#pragma once

#include <cstdint>

#include "platform/cpu/softfloat.h"

namespace backboard::nan_boxing {

/// The operand that a register holds: in a wider one, what is not boxed counts as the canonical NaN.
template <class Register>
uint32_t single(Register value) {
  if constexpr (sizeof(Register) > sizeof(uint32_t)) {
    if (value >> 32 != UINT32_MAX) return softfloat::FormatFacts<softfloat::Binary32>::kCanonicalNan;
  }
  return static_cast<uint32_t>(value);
}

/// What a register holds for `bits`.
template <class Register>
Register boxed(uint32_t bits) {
  if constexpr (sizeof(Register) > sizeof(uint32_t)) return Register{UINT32_MAX} << 32 | bits;
  return bits;
}

}  // namespace backboard::nan_boxing
