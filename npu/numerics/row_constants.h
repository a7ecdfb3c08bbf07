// What vector code needs to know of a format row, worked out once per span.
#pragma once

#include <bit>
#include <cstdint>

#include "npu/numerics/format.h"

namespace backboard::npu {

/// Bit patterns (binary32 unless said) for a row with an exponent.
struct RowConstants {
  uint32_t shift;           ///< mantissa bits of binary32 that the format lacks
  uint32_t half_minus_one;  ///< half a unit in the last place, less one, in bits of binary32
  uint32_t keep;            ///< mask of the bits that stay
  uint32_t min_normal;      ///< smallest normal number
  uint32_t subnormal_step;  ///< 2^k: adding it to a subnormal puts the format's last place at bit 0
  uint32_t max_finite;
  uint32_t rebias;           ///< pattern of a normal = (bits >> shift) - rebias
  uint32_t sign_shift;       ///< from bit 31 to the format's sign
  uint32_t nan;              ///< the format's quiet NaN (a pattern of the format)
  uint32_t exponent_mask;    ///< of the format's patterns
  uint32_t magnitude_mask;   ///< of the format's patterns
  uint32_t first_nonfinite;  ///< smallest magnitude pattern that is infinity, or NaN where there is no infinity
  uint32_t decode_offset;    ///< bits of a normal = (pattern << shift) + decode_offset
  float subnormal_unit;      ///< value of the smallest subnormal
  bool has_inf;
};

constexpr RowConstants row_constants(const FormatRow& row) {
  const uint32_t m = row.mantissa_bits, e = row.exponent_bits;
  RowConstants k{};
  k.shift = 23 - m;
  k.half_minus_one = k.shift == 0 ? 0 : (1u << (k.shift - 1)) - 1;
  k.keep = ~((1u << k.shift) - 1);
  k.min_normal = static_cast<uint32_t>(row.min_exponent() + 127) << 23;
  k.subnormal_step = static_cast<uint32_t>(row.min_exponent() - static_cast<int>(m) + 23 + 127) << 23;
  k.max_finite = std::bit_cast<uint32_t>(row.max_finite);
  k.rebias = static_cast<uint32_t>(127 - row.bias) << m;
  k.sign_shift = 31 - (m + e);
  k.exponent_mask = ((1u << e) - 1) << m;
  k.magnitude_mask = (1u << (m + e)) - 1;
  k.nan = row.has_inf ? k.exponent_mask | 1u << (m - 1) : k.magnitude_mask;
  k.first_nonfinite = row.has_inf ? k.exponent_mask : k.magnitude_mask;
  k.decode_offset = static_cast<uint32_t>(127 - row.bias) << 23;
  const int unit_exponent = row.min_exponent() - static_cast<int>(m);
  k.subnormal_unit = unit_exponent >= -126 ? std::bit_cast<float>(static_cast<uint32_t>(unit_exponent + 127) << 23)
                                           : std::bit_cast<float>(1u << (unit_exponent + 149));
  k.has_inf = row.has_inf;
  return k;
}

}  // namespace backboard::npu
