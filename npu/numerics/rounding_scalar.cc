// The definition of rounding, encoding and decoding, one element at a time in integer code.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "npu/numerics/rounding.h"
#include "platform/check/check.h"

namespace backboard::npu {
namespace {

constexpr uint32_t kBinary32Infinity = 0x7f800000u;

/// value / 2^shift to nearest, ties to even. shift >= 1; beyond 63 nothing is left.
uint64_t shift_right_nearest_even(uint64_t value, unsigned shift) {
  if (shift > 63) return 0;
  const uint64_t quotient = value >> shift;
  const uint64_t rest = value - (quotient << shift);
  const uint64_t half = uint64_t{1} << (shift - 1);
  return quotient + (rest > half || (rest == half && (quotient & 1) != 0) ? 1 : 0);
}

struct Encoded {
  uint32_t bits = 0;
  bool saturated = false;
  bool nonfinite = false;
};

uint32_t largest_pattern(const FormatRow& row) {
  const uint32_t ones = (1u << (row.exponent_bits + row.mantissa_bits)) - 1;
  if (row.has_inf) return ones - (1u << row.mantissa_bits);  // the exponent below that of infinity
  return row.has_nan ? ones - 1 : ones;
}

uint32_t nan_pattern(const FormatRow& row) {
  const uint32_t exponent = ((1u << row.exponent_bits) - 1) << row.mantissa_bits;
  return row.has_inf ? exponent | 1u << (row.mantissa_bits - 1) : exponent | ((1u << row.mantissa_bits) - 1);
}

Encoded encode_integer(const FormatRow& row, float x, float scale) {
  if (std::isnan(x)) return {0, false, true};
  const float q = x / scale, magnitude = std::fabs(q);
  const bool negative = q < 0;
  if (negative && row.sign_bits == 0) return {0, magnitude > 0.5f, std::isinf(x)};
  const bool saturated = magnitude >= row.max_finite + 0.5f;
  // Below 2^22: adding 2^23 rounds to an integer.
  const auto whole = static_cast<uint32_t>(saturated ? row.max_finite : (magnitude + 0x1p23f) - 0x1p23f);
  const uint32_t mask = (1u << row.bits()) - 1;
  return {(negative ? 0u - whole : whole) & mask, saturated, std::isinf(x)};
}

Encoded encode_float(const FormatRow& row, float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t sign = (bits >> 31) << (row.exponent_bits + row.mantissa_bits);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > kBinary32Infinity) return {nan_pattern(row), false, true};
  if (magnitude == kBinary32Infinity) return {sign | largest_pattern(row), true, true};
  const unsigned raw_exponent = magnitude >> 23;
  const int exponent = raw_exponent == 0 ? -126 : static_cast<int>(raw_exponent) - 127;
  const uint64_t significand =
      (magnitude & 0x7fffffu) | (raw_exponent == 0 ? 0u : 1u << 23);  // times 2^(exponent - 23)
  // The target's unit in the last place is 2^(e - mantissa_bits), e not below its smallest exponent.
  const int target = std::max(exponent, row.min_exponent());
  const int shift = target - row.mantissa_bits - (exponent - 23);
  const uint64_t rounded =
      shift > 0 ? shift_right_nearest_even(significand, static_cast<unsigned>(shift)) : significand << -shift;
  if (rounded == 0) return {0, false, false};
  // A carry into the next binade makes the exponent field grow by itself.
  const uint64_t field = static_cast<uint64_t>(target - row.min_exponent()) << row.mantissa_bits;
  const uint64_t pattern = field + rounded;
  const uint32_t largest = largest_pattern(row);
  if (pattern > largest) return {sign | largest, true, false};
  return {sign | static_cast<uint32_t>(pattern), false, false};
}

int32_t integer_of(const FormatRow& row, uint32_t bits) {
  const unsigned unused = 32 - row.bits();
  if (row.sign_bits == 0) return static_cast<int32_t>(bits << unused >> unused);
  return static_cast<int32_t>(bits << unused) >> unused;
}

Encoded encode(const FormatRow& row, float x, float scale) {
  return row.is_integer() ? encode_integer(row, x, scale) : encode_float(row, x);
}

void count(const Encoded& encoded, float value, ConversionCounts& counts) {
  ++counts.elements;
  counts.zeros += value == 0.0f;
  counts.saturated += encoded.saturated;
  counts.nonfinite += encoded.nonfinite;
  const float magnitude = std::fabs(value);
  if (magnitude > counts.largest) counts.largest = magnitude;  // NaN compares false
}

void store(uint8_t* out, uint32_t bits, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) out[i] = static_cast<uint8_t>(bits >> (8 * i));
}

}  // namespace

void ConversionCounts::add(const ConversionCounts& other) {
  elements += other.elements;
  zeros += other.zeros;
  saturated += other.saturated;
  nonfinite += other.nonfinite;
  largest = std::max(largest, other.largest);
}

uint32_t encode_value(const FormatRow& row, float x, float scale) {
  return encode(row, x, scale).bits;
}

float decode_value(const FormatRow& row, uint32_t bits, float scale) {
  if (row.is_integer()) return static_cast<float>(integer_of(row, bits)) * scale;
  const unsigned m = row.mantissa_bits, e = row.exponent_bits;
  const uint32_t mantissa = bits & ((1u << m) - 1);
  const uint32_t exponent = (bits >> m) & ((1u << e) - 1);
  const uint32_t sign = ((bits >> (m + e)) & 1u) << 31;
  const bool top = exponent == (1u << e) - 1;
  if (top && row.has_inf && mantissa == 0) return std::bit_cast<float>(sign | kBinary32Infinity);
  if (top && row.has_nan && (row.has_inf || mantissa == (1u << m) - 1)) {
    return std::bit_cast<float>(kBinary32Infinity | 1u << 22);
  }
  if (m == 23) return std::bit_cast<float>(bits);
  const int scale_exponent =
      (exponent == 0 ? row.min_exponent() : static_cast<int>(exponent) - row.bias) - static_cast<int>(m);
  const uint32_t significand = mantissa | (exponent == 0 ? 0u : 1u << m);
  const float value = std::ldexp(static_cast<float>(significand), scale_exponent);
  return std::bit_cast<float>(std::bit_cast<uint32_t>(value) | sign);
}

float round_nearest_even_saturate(const FormatRow& row, float x) {
  return decode_value(row, encode_value(row, x));
}

namespace scalar {

ConversionCounts round_span(const FormatRow& row, std::span<const float> in, std::span<float> out) {
  BB_CHECK(in.size() == out.size(), "{} and {} elements", in.size(), out.size());
  ConversionCounts counts;
  for (size_t i = 0; i < in.size(); ++i) {
    const Encoded encoded = encode(row, in[i], 1.0f);
    out[i] = decode_value(row, encoded.bits);
    count(encoded, out[i], counts);
  }
  return counts;
}

ConversionCounts encode_span(const FormatRow& row, std::span<const float> in, uint8_t* out, float scale) {
  ConversionCounts counts;
  const unsigned bytes = row.bytes();
  for (size_t i = 0; i < in.size(); ++i) {
    const Encoded encoded = encode(row, in[i], scale);
    store(out + i * bytes, encoded.bits, bytes);
    count(encoded, decode_value(row, encoded.bits, scale), counts);
  }
  return counts;
}

void decode_span(const FormatRow& row, const uint8_t* in, std::span<float> out, float scale) {
  const unsigned bytes = row.bytes();
  for (size_t i = 0; i < out.size(); ++i) {
    uint32_t bits = 0;
    for (unsigned b = 0; b < bytes; ++b) bits |= uint32_t{in[i * bytes + b]} << (8 * b);
    out[i] = decode_value(row, bits, scale);
  }
}

}  // namespace scalar
}  // namespace backboard::npu
