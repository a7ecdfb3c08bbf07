// Rounding to, encoding in and decoding from number formats. One rounding: to nearest, ties to even, saturating.
//
// Rules, the same for every row (the numeric contract):
//  - Results beyond max_finite after rounding, infinities included, become max_finite with their sign: `saturated`.
//  - NaN stays NaN (one quiet pattern per format) where the format has one, else it becomes zero: `nonfinite`.
//  - Subnormals are on. A zero result is +0 always.
//  - Infinities and NaNs of the input are counted in `nonfinite`; an infinity counts in `saturated` as well.
//  - Decoding is exact; patterns of infinities and NaN decode to infinities and NaN.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "npu/numerics/format.h"

namespace backboard::npu {

/// What happened to the elements of a conversion, each counted once.
struct ConversionCounts {
  uint64_t elements = 0;
  uint64_t zeros = 0;      ///< results that are zero
  uint64_t saturated = 0;  ///< results cut to max_finite
  uint64_t nonfinite = 0;  ///< inputs that were NaN or infinite
  float largest = 0;       ///< largest finite magnitude among the results

  void add(const ConversionCounts& other);
  bool operator==(const ConversionCounts&) const = default;
};

/// The value of `row`'s format nearest to x (see the rules above). U8, S8, S16: the integer nearest to x.
float round_nearest_even_saturate(const FormatRow& row, float x);

/// Bits of the value nearest to x. `scale` (> 0, finite) is used by U8, S8 and S16 only: bits = nearest(x / scale).
uint32_t encode_value(const FormatRow& row, float x, float scale = 1.0f);
/// Value of the bits; only the low row.bits() are read.
float decode_value(const FormatRow& row, uint32_t bits, float scale = 1.0f);

/// Rounds in[i] to out[i]; the spans have equal size and may be the same memory. Vectorised.
ConversionCounts round_span(const FormatRow& row, std::span<const float> in, std::span<float> out);
/// Encodes in[i] into row.bytes() little-endian bytes at out[i * row.bytes()]. Vectorised.
ConversionCounts encode_span(const FormatRow& row, std::span<const float> in, uint8_t* out, float scale = 1.0f);
/// Decodes out.size() values from `in`. Vectorised.
void decode_span(const FormatRow& row, const uint8_t* in, std::span<float> out, float scale = 1.0f);

namespace scalar {
// The definition: one element after the other, integer code. The functions above give the same bytes.
ConversionCounts round_span(const FormatRow& row, std::span<const float> in, std::span<float> out);
ConversionCounts encode_span(const FormatRow& row, std::span<const float> in, uint8_t* out, float scale = 1.0f);
void decode_span(const FormatRow& row, const uint8_t* in, std::span<float> out, float scale = 1.0f);
}  // namespace scalar

}  // namespace backboard::npu
