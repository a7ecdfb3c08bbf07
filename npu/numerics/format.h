// Number formats as data rows: everything else in numerics is driven by a row.
#pragma once

#include <cstdint>

namespace backboard::npu {

/// A number format; the rows are in format.def.
enum class NumberFormat : uint8_t {
#define NUMBER_FORMAT(name, ...) k##name,
#include "npu/numerics/format.def"
};

/// What a format is: fields of an IEEE-like encoding, or (no exponent bits) an integer.
struct FormatRow {
  NumberFormat format;
  const char* name;
  uint8_t sign_bits;
  uint8_t exponent_bits;
  uint8_t mantissa_bits;
  int16_t bias;
  bool has_inf;
  bool has_nan;
  float max_finite;

  constexpr unsigned bits() const { return sign_bits + exponent_bits + mantissa_bits; }
  constexpr unsigned bytes() const { return (bits() + 7) / 8; }
  constexpr bool is_integer() const { return exponent_bits == 0; }
  /// Exponent of the smallest normal number: 1 - bias.
  constexpr int min_exponent() const { return 1 - bias; }
};

inline constexpr FormatRow kFormatRows[] = {
#define NUMBER_FORMAT(name, text, sign, exponent, mantissa, bias, has_inf, has_nan, max_finite) \
  {NumberFormat::k##name, text, sign, exponent, mantissa, bias, has_inf, has_nan, max_finite},
#include "npu/numerics/format.def"
};

/// The row of a format.
constexpr const FormatRow& format_row(NumberFormat format) {
  return kFormatRows[static_cast<unsigned>(format)];
}

}  // namespace backboard::npu
