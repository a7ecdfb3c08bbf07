// Vector versions of the span conversions.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/numerics/rounding.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "npu/numerics/rounding-inl.h"
#include "npu/numerics/rounding.h"
#include "platform/check/check.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {

using DF = hn::ScalableTag<float>;
using DU = hn::ScalableTag<uint32_t>;
using DI = hn::ScalableTag<int32_t>;

/// Adds up the counts of vectors of which the first `lanes` lanes are elements.
class Counter {
 public:
  HWY_INLINE Counter() : largest_(hn::Zero(DU())) {}
  HWY_INLINE void add(const Rounded<DU>& r, size_t lanes, size_t full) {
    const DU du;
    const auto magnitude = hn::And(r.bits, hn::Set(du, 0x7fffffffu));
    const auto finite = hn::IfThenElseZero(above(du, hn::Set(du, kVectorInfinity), magnitude), magnitude);
    // Lanes beyond the end hold +0 and count as zeros only.
    counts_.zeros += hn::CountTrue(du, hn::Eq(r.bits, hn::Zero(du))) - (full - lanes);
    counts_.saturated += hn::CountTrue(du, r.saturated);
    counts_.nonfinite += hn::CountTrue(du, r.nonfinite);
    largest_ = hn::Max(largest_, finite);
  }
  HWY_INLINE ConversionCounts finish(size_t elements) {
    counts_.elements = elements;
    const DU du;
    counts_.largest = hwy::HWY_NAMESPACE::GetLane(hn::BitCast(DF(), hn::MaxOfLanes(du, largest_)));
    return counts_;
  }

 private:
  ConversionCounts counts_;
  hn::Vec<DU> largest_;
};

ConversionCounts round_span_vector(const RowConstants& k, const float* in, float* out, size_t count) {
  const DF df;
  const DU du;
  const size_t lanes = hn::Lanes(df);
  Counter counter;
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto r = round_bits(du, k, hn::BitCast(du, hn::LoadU(df, in + i)));
    hn::StoreU(hn::BitCast(df, r.bits), df, out + i);
    counter.add(r, lanes, lanes);
  }
  if (i < count) {
    HWY_ALIGN float rest[HWY_MAX_BYTES / sizeof(float)] = {};
    std::memcpy(rest, in + i, (count - i) * sizeof(float));
    const auto r = round_bits(du, k, hn::BitCast(du, hn::Load(df, rest)));
    hn::Store(hn::BitCast(df, r.bits), df, rest);
    std::memcpy(out + i, rest, (count - i) * sizeof(float));
    counter.add(r, count - i, lanes);
  }
  return counter.finish(count);
}

template <class T, class V>
HWY_INLINE void store_patterns(V patterns, T* out) {
  if constexpr (sizeof(T) == 4) {
    hn::StoreU(patterns, DU(), out);
  } else if constexpr (sizeof(T) == 2) {
    const hn::Rebind<uint16_t, DU> d16;
    hn::StoreU(hn::DemoteTo(d16, hn::BitCast(DI(), patterns)), d16, out);
  } else {
    const hn::Rebind<uint8_t, DU> d8;
    hn::StoreU(hn::DemoteTo(d8, hn::BitCast(DI(), patterns)), d8, out);
  }
}

template <class T>
HWY_INLINE hn::Vec<DU> load_patterns(const T* in) {
  if constexpr (sizeof(T) == 4) {
    return hn::LoadU(DU(), in);
  } else {
    const hn::Rebind<T, DU> d;
    return hn::PromoteTo(DU(), hn::LoadU(d, in));
  }
}

template <class T>
ConversionCounts encode_floats(const RowConstants& k, const float* in, uint8_t* out, size_t count) {
  const DF df;
  const DU du;
  const size_t lanes = hn::Lanes(df);
  Counter counter;
  size_t i = 0;
  HWY_ALIGN T patterns[HWY_MAX_BYTES / sizeof(float)];
  for (; i + lanes <= count; i += lanes) {
    const auto r = round_bits(du, k, hn::BitCast(du, hn::LoadU(df, in + i)));
    store_patterns<T>(pattern_of(du, k, r.bits), patterns);
    std::memcpy(out + i * sizeof(T), patterns, lanes * sizeof(T));
    counter.add(r, lanes, lanes);
  }
  if (i < count) {
    HWY_ALIGN float rest[HWY_MAX_BYTES / sizeof(float)] = {};
    std::memcpy(rest, in + i, (count - i) * sizeof(float));
    const auto r = round_bits(du, k, hn::BitCast(du, hn::Load(df, rest)));
    store_patterns<T>(pattern_of(du, k, r.bits), patterns);
    std::memcpy(out + i * sizeof(T), patterns, (count - i) * sizeof(T));
    counter.add(r, count - i, lanes);
  }
  return counter.finish(count);
}

template <class T>
void decode_floats(const RowConstants& k, const uint8_t* in, float* out, size_t count) {
  const DF df;
  const DU du;
  const size_t lanes = hn::Lanes(df);
  HWY_ALIGN T patterns[HWY_MAX_BYTES / sizeof(float)] = {};
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    std::memcpy(patterns, in + i * sizeof(T), lanes * sizeof(T));
    hn::StoreU(hn::BitCast(df, bits_of_pattern(du, k, load_patterns<T>(patterns))), df, out + i);
  }
  if (i < count) {
    HWY_ALIGN float rest[HWY_MAX_BYTES / sizeof(float)];
    std::memcpy(patterns, in + i * sizeof(T), (count - i) * sizeof(T));
    hn::Store(hn::BitCast(df, bits_of_pattern(du, k, load_patterns<T>(patterns))), df, rest);
    std::memcpy(out + i, rest, (count - i) * sizeof(float));
  }
}

ConversionCounts encode_span_vector(const RowConstants& k, unsigned bytes, const float* in, uint8_t* out,
                                    size_t count) {
  if (bytes == 1) return encode_floats<uint8_t>(k, in, out, count);
  if (bytes == 2) return encode_floats<uint16_t>(k, in, out, count);
  return encode_floats<uint32_t>(k, in, out, count);
}

void decode_span_vector(const RowConstants& k, unsigned bytes, const uint8_t* in, float* out, size_t count) {
  if (bytes == 1) return decode_floats<uint8_t>(k, in, out, count);
  if (bytes == 2) return decode_floats<uint16_t>(k, in, out, count);
  return decode_floats<uint32_t>(k, in, out, count);
}

/// Integers of type T times a scale.
template <class T>
void decode_integers(const uint8_t* in, float scale, float* out, size_t count) {
  const DF df;
  const hn::Rebind<T, DI> narrow;
  const size_t lanes = hn::Lanes(df);
  const auto factor = hn::Set(df, scale);
  HWY_ALIGN T integers[HWY_MAX_BYTES / sizeof(float)] = {};
  const auto decode = [&](size_t at, size_t elements) {
    std::memcpy(integers, in + at * sizeof(T), elements * sizeof(T));
    return hn::Mul(hn::ConvertTo(df, hn::PromoteTo(DI(), hn::Load(narrow, integers))), factor);
  };
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(decode(i, lanes), df, out + i);
  if (i == count) return;
  HWY_ALIGN float rest[HWY_MAX_BYTES / sizeof(float)];
  hn::Store(decode(i, count - i), df, rest);
  std::memcpy(out + i, rest, (count - i) * sizeof(float));
}

void decode_integers_vector(const FormatRow& row, const uint8_t* in, float scale, float* out, size_t count) {
  if (row.sign_bits == 0) return decode_integers<uint8_t>(in, scale, out, count);
  if (row.bytes() == 1) return decode_integers<int8_t>(in, scale, out, count);
  decode_integers<int16_t>(in, scale, out, count);
}

/// Signed integers of type T, those nearest to x / scale.
template <class T>
ConversionCounts encode_integers(float largest, float scale, const float* in, uint8_t* out, size_t count) {
  const DF df;
  const DI di;
  const hn::Rebind<T, DI> narrow;
  const size_t lanes = hn::Lanes(df);
  const auto divisor = hn::Set(df, scale), high = hn::Set(df, largest), beyond = hn::Set(df, largest + 0.5f);
  const auto infinity = hn::BitCast(df, hn::Set(DU(), kVectorInfinity));
  ConversionCounts counts;
  counts.elements = count;
  auto top = hn::Zero(di);
  HWY_ALIGN T integers[HWY_MAX_BYTES / sizeof(float)];
  // Lanes beyond the end hold 0 and count as zeros only.
  const auto encode = [&](hn::Vec<DF> x, size_t at, size_t elements) {
    const auto nan = hn::IsNaN(x);
    const auto q = hn::IfThenZeroElse(nan, hn::Div(x, divisor));
    // Held before it is rounded: what is beyond the largest rounds to no less than it.
    const auto whole = hn::ConvertTo(di, hn::Round(hn::Max(hn::Min(q, high), hn::Neg(high))));
    hn::Store(hn::DemoteTo(narrow, whole), narrow, integers);
    std::memcpy(out + at * sizeof(T), integers, elements * sizeof(T));
    counts.zeros += hn::CountTrue(di, hn::Eq(whole, hn::Zero(di))) - (lanes - elements);
    counts.saturated += hn::CountTrue(df, hn::Ge(hn::Abs(q), beyond));
    counts.nonfinite += hn::CountTrue(df, hn::Or(nan, hn::Eq(hn::Abs(x), infinity)));
    top = hn::Max(top, hn::Abs(whole));
  };
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) encode(hn::LoadU(df, in + i), i, lanes);
  if (i < count) {
    HWY_ALIGN float rest[HWY_MAX_BYTES / sizeof(float)] = {};
    std::memcpy(rest, in + i, (count - i) * sizeof(float));
    encode(hn::Load(df, rest), i, count - i);
  }
  counts.largest = static_cast<float>(hn::GetLane(hn::MaxOfLanes(di, top))) * scale;
  return counts;
}

ConversionCounts encode_integers_vector(const FormatRow& row, const float* in, float scale, uint8_t* out,
                                        size_t count) {
  if (row.bytes() == 1) return encode_integers<int8_t>(row.max_finite, scale, in, out, count);
  return encode_integers<int16_t>(row.max_finite, scale, in, out, count);
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu {

HWY_EXPORT(round_span_vector);
HWY_EXPORT(encode_span_vector);
HWY_EXPORT(decode_span_vector);
HWY_EXPORT(decode_integers_vector);
HWY_EXPORT(encode_integers_vector);

ConversionCounts round_span(const FormatRow& row, std::span<const float> in, std::span<float> out) {
  BB_CHECK(in.size() == out.size(), "{} and {} elements", in.size(), out.size());
  if (row.is_integer()) return scalar::round_span(row, in, out);
  return HWY_DYNAMIC_DISPATCH(round_span_vector)(row_constants(row), in.data(), out.data(), in.size());
}

ConversionCounts encode_span(const FormatRow& row, std::span<const float> in, uint8_t* out, float scale) {
  if (row.is_integer()) {
    // Unsigned bytes are the format of images and labels: they are encoded once by the packer, not in a training step.
    if (row.sign_bits == 0) return scalar::encode_span(row, in, out, scale);
    return HWY_DYNAMIC_DISPATCH(encode_integers_vector)(row, in.data(), scale, out, in.size());
  }
  return HWY_DYNAMIC_DISPATCH(encode_span_vector)(row_constants(row), row.bytes(), in.data(), out, in.size());
}

void decode_span(const FormatRow& row, const uint8_t* in, std::span<float> out, float scale) {
  if (row.is_integer()) {
    HWY_DYNAMIC_DISPATCH(decode_integers_vector)(row, in, scale, out.data(), out.size());
    return;
  }
  HWY_DYNAMIC_DISPATCH(decode_span_vector)(row_constants(row), row.bytes(), in, out.data(), out.size());
}

}  // namespace backboard::npu
#endif
