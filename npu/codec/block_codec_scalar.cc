// The definition of classes and of the block codec, one element and one bit at a time.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "npu/codec/block_codec.h"
#include "platform/check/check.h"

namespace backboard::npu {
namespace {

constexpr const FormatRow& kLow = format_row(NumberFormat::kFp8);
constexpr const FormatRow& kHigh = format_row(NumberFormat::kFp16);

bool is_high(ClassRule rule, float x) {
  if (std::isnan(x)) return true;
  if (rule.kind == ClassRule::Kind::kMagnitude) return std::fabs(x) >= rule.threshold;
  const float high = round_nearest_even_saturate(kHigh, x);
  const float low = round_nearest_even_saturate(kLow, x);
  return std::fabs(low - high) > rule.threshold * std::fabs(high);
}

bool get_bit(std::span<const uint8_t> bytes, uint32_t bit) {
  return (bytes[bit / 8] >> (bit % 8) & 1) != 0;
}

void set_bit(uint8_t* bytes, uint32_t bit) {
  bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] | 1u << (bit % 8));
}

}  // namespace

void ClassCounts::add(const ClassCounts& other) {
  elements += other.elements;
  zeros += other.zeros;
  low += other.low;
  high += other.high;
  saturated += other.saturated;
  nonfinite += other.nonfinite;
  largest = std::max(largest, other.largest);
}

uint32_t block_bytes(TensorFormat format, uint32_t elements, uint32_t low, uint32_t high) {
  const uint32_t bits = elements + (format == TensorFormat::kFGMP ? low + high : 0);
  return (bits + 7) / 8 + low + 2 * high;
}

namespace scalar {

ClassCounts classify_span(ClassRule rule, std::span<const float> in, std::span<float> values,
                          std::span<uint8_t> classes) {
  BB_CHECK(in.size() == values.size() && in.size() == classes.size(), "{} {} {}", in.size(), values.size(),
           classes.size());
  ClassCounts counts;
  counts.elements = in.size();
  for (size_t i = 0; i < in.size(); ++i) {
    const float x = in[i];
    const bool high = is_high(rule, x);
    float value = 0;
    const ConversionCounts one = scalar::round_span(high ? kHigh : kLow, {&x, 1}, {&value, 1});
    counts.saturated += one.saturated;
    counts.nonfinite += one.nonfinite;
    counts.largest = std::max(counts.largest, one.largest);
    classes[i] = value == 0 ? kClassZero : high ? kClassHigh : kClassLow;
    ++(value == 0 ? counts.zeros : high ? counts.high : counts.low);
    values[i] = value;
  }
  return counts;
}

uint32_t encode_block(TensorFormat format, ClassRule rule, std::span<const float> in, uint8_t* out,
                      ClassCounts& counts) {
  const uint32_t n = static_cast<uint32_t>(in.size());
  const bool mixed = format == TensorFormat::kFGMP;
  BB_CHECK(is_coded(format) && n <= kMaxBlockElements, "format {}, {} elements", static_cast<int>(format), n);
  // FP16Z is the case in which every element is high.
  if (!mixed) rule = {ClassRule::Kind::kMagnitude, 0.0f};
  float values[kMaxBlockElements];
  uint8_t classes[kMaxBlockElements];
  const ClassCounts block = scalar::classify_span(rule, in, {values, n}, {classes, n});
  counts.add(block);
  const uint32_t low = static_cast<uint32_t>(block.low), high = static_cast<uint32_t>(block.high);
  const uint32_t bytes = block_bytes(format, n, low, high);
  std::memset(out, 0, bytes);
  uint8_t* high_at = out + bytes - low - 2 * high;
  uint8_t* low_at = out + bytes - low;
  uint32_t rank = 0;
  for (uint32_t i = 0; i < n; ++i) {
    if (classes[i] == kClassZero) continue;
    set_bit(out, i);
    if (classes[i] == kClassHigh) {
      if (mixed) set_bit(out, n + rank);
      const uint32_t bits = encode_value(kHigh, values[i]);
      *high_at++ = static_cast<uint8_t>(bits);
      *high_at++ = static_cast<uint8_t>(bits >> 8);
    } else {
      *low_at++ = static_cast<uint8_t>(encode_value(kLow, values[i]));
    }
    ++rank;
  }
  return bytes;
}

bool decode_block(TensorFormat format, std::span<const uint8_t> bytes, std::span<float> values, uint8_t* classes) {
  const uint32_t n = static_cast<uint32_t>(values.size());
  const bool mixed = format == TensorFormat::kFGMP;
  if (!is_coded(format) || n > kMaxBlockElements || bytes.size() < (n + 7) / 8) return false;
  uint32_t nonzeros = 0, high = 0;
  for (uint32_t i = 0; i < n; ++i) nonzeros += get_bit(bytes, i);
  const uint32_t map_bits = n + (mixed ? nonzeros : 0), map_bytes = (map_bits + 7) / 8;
  if (bytes.size() < map_bytes) return false;
  for (uint32_t i = n; i < map_bits; ++i) high += get_bit(bytes, i);
  for (uint32_t i = map_bits; i < 8 * map_bytes; ++i) {
    if (get_bit(bytes, i)) return false;
  }
  if (!mixed) high = nonzeros;
  if (bytes.size() != block_bytes(format, n, nonzeros - high, high)) return false;
  const uint8_t* high_at = bytes.data() + map_bytes;
  const uint8_t* low_at = high_at + 2 * size_t{high};
  uint32_t rank = 0;
  for (uint32_t i = 0; i < n; ++i) {
    float value = 0;
    uint8_t element_class = kClassZero;
    if (get_bit(bytes, i)) {
      if (!mixed || get_bit(bytes, n + rank)) {
        value = decode_value(kHigh, static_cast<uint32_t>(high_at[0] | high_at[1] << 8));
        element_class = kClassHigh;
        high_at += 2;
      } else {
        value = decode_value(kLow, *low_at++);
        element_class = kClassLow;
      }
      ++rank;
    }
    values[i] = value;
    if (classes != nullptr) classes[i] = element_class;
  }
  return true;
}

}  // namespace scalar
}  // namespace backboard::npu
