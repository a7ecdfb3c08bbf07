// Energy of products in formats that the table of constants has no row for.
#pragma once

#include <cstdint>

#include "npu/engine/energy_constants.h"

namespace backboard::npu {

/// Picojoules of a floating-point product whose significands have `bits` bits each, the hidden one included: the FP16
/// product of the table (11 bits) scaled by its partial products, bits^2. A derivation of ours, from no publication.
inline double product_pj(const EnergyConstants& energy, uint32_t bits) {
  return energy.fp16_mul_pj * (bits * bits) / (11.0 * 11.0);
}

/// Significand of bfloat16, the hidden bit included.
inline constexpr uint32_t kBfloat16Bits = 8;

}  // namespace backboard::npu
