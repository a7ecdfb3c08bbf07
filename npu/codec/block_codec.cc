// Vector versions of the class rule and of encoding blocks.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/codec/block_codec.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "npu/codec/block_codec.h"
#include "npu/numerics/rounding-inl.h"
#include "platform/check/check.h"

#ifndef BACKBOARD_NPU_CODEC_BLOCK_CODEC_TYPES_
#define BACKBOARD_NPU_CODEC_BLOCK_CODEC_TYPES_
namespace backboard::npu {

/// Shuffles of eight lanes, by mask of the lanes that have an element: to_stream[m][j] is the lane of the j-th.
struct LaneTables {
  alignas(64) int32_t to_stream[256][8];
  constexpr LaneTables() : to_stream() {
    for (unsigned mask = 0; mask < 256; ++mask) {
      int32_t rank = 0;
      for (int32_t lane = 0; lane < 8; ++lane) {
        if (mask >> lane & 1) to_stream[mask][rank++] = lane;
      }
    }
  }
};
inline constexpr LaneTables kLaneTables;

inline constexpr RowConstants kLowConstants = row_constants(format_row(NumberFormat::kFp8));
inline constexpr RowConstants kHighConstants = row_constants(format_row(NumberFormat::kFp16));

/// Gathers the bits of `bits` under `mask` at the low end.
inline uint32_t extract_bits(uint32_t bits, uint32_t mask) {
  uint32_t out = 0, place = 1;
  while (mask != 0) {
    const uint32_t lowest = mask & (0u - mask);
    out |= (bits & lowest) != 0 ? place : 0;
    place <<= 1;
    mask ^= lowest;
  }
  return out;
}

}  // namespace backboard::npu
#endif

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {

// Vectors of at most eight lanes, whose shuffles come from one table.
using D8 = hn::CappedTag<float, 8>;
using DU8 = hn::RebindToUnsigned<D8>;
using DI8 = hn::RebindToSigned<D8>;

#if HWY_TARGET <= HWY_AVX2
HWY_INLINE uint32_t extract(uint32_t bits, uint32_t mask) {
  return _pext_u32(bits, mask);
}
#else
HWY_INLINE uint32_t extract(uint32_t bits, uint32_t mask) {
  return extract_bits(bits, mask);
}
#endif

HWY_INLINE uint32_t count_bits(uint32_t bits) {
  return static_cast<uint32_t>(__builtin_popcount(bits));
}

/// Bits of the mask as an integer.
template <class M>
HWY_INLINE uint32_t mask_bits(M mask) {
  uint8_t bytes[8] = {};
  hn::StoreMaskBits(DU8(), mask, bytes);
  return bytes[0];
}

/// Classes of a vector: high where the rule says so, rounded values, and counts.
struct Classified {
  hn::Vec<DU8> bits;
  hn::Mask<DU8> high, nonzero, saturated, nonfinite;
};

HWY_INLINE Classified classify(ClassRule rule, hn::Vec<DU8> in) {
  const DU8 du;
  const D8 d;
  const auto low = round_bits(du, kLowConstants, in);
  const auto high = round_bits(du, kHighConstants, in);
  const auto magnitude = hn::And(in, hn::Set(du, 0x7fffffffu));
  const auto nan = above(du, magnitude, hn::Set(du, kVectorInfinity));
  const auto threshold = hn::Set(d, rule.threshold);
  hn::Mask<DU8> is_high = nan;
  if (rule.kind == ClassRule::Kind::kMagnitude) {
    is_high = hn::Or(is_high, hn::RebindMask(du, hn::Ge(hn::BitCast(d, magnitude), threshold)));
  } else {
    const auto difference = hn::Abs(hn::Sub(hn::BitCast(d, low.bits), hn::BitCast(d, high.bits)));
    const auto bound = hn::Mul(threshold, hn::Abs(hn::BitCast(d, high.bits)));
    is_high = hn::Or(is_high, hn::RebindMask(du, hn::Gt(difference, bound)));
  }
  Classified out;
  out.bits = hn::IfThenElse(is_high, high.bits, low.bits);
  out.high = is_high;
  out.nonzero = hn::Ne(out.bits, hn::Zero(du));
  out.saturated = hn::Or(hn::And(is_high, high.saturated), hn::AndNot(is_high, low.saturated));
  out.nonfinite = high.nonfinite;
  return out;
}

/// Sums of class counts over vectors.
class ClassCounter {
 public:
  HWY_INLINE ClassCounter() : largest_(hn::Zero(DU8())) {}
  HWY_INLINE void add(const Classified& c, uint32_t nonzero, uint32_t high) {
    const DU8 du;
    nonzero_ += count_bits(nonzero);
    high_ += count_bits(high);
    saturated_ += hn::CountTrue(du, c.saturated);
    nonfinite_ += hn::CountTrue(du, c.nonfinite);
    const auto magnitude = hn::And(c.bits, hn::Set(du, 0x7fffffffu));
    const auto finite = hn::IfThenElseZero(above(du, hn::Set(du, kVectorInfinity), magnitude), magnitude);
    largest_ = hn::Max(largest_, finite);
  }
  HWY_INLINE ClassCounts finish(size_t elements) const {
    ClassCounts counts;
    counts.elements = elements;
    counts.zeros = elements - nonzero_;
    counts.high = high_;
    counts.low = nonzero_ - high_;
    counts.saturated = saturated_;
    counts.nonfinite = nonfinite_;
    counts.largest = hn::GetLane(hn::BitCast(D8(), hn::MaxOfLanes(DU8(), largest_)));
    return counts;
  }

 private:
  uint64_t nonzero_ = 0, high_ = 0, saturated_ = 0, nonfinite_ = 0;
  hn::Vec<DU8> largest_;
};

/// Vector i of `in`, zero beyond its end.
HWY_INLINE hn::Vec<DU8> load_some(const float* in, size_t count) {
  const D8 d;
  const DU8 du;
  if (count >= hn::Lanes(d)) return hn::BitCast(du, hn::LoadU(d, in));
  HWY_ALIGN float rest[8] = {};
  std::memcpy(rest, in, count * sizeof(float));
  return hn::BitCast(du, hn::Load(d, rest));
}

ClassCounts classify_span_vector(ClassRule rule, const float* in, float* values, uint8_t* classes, size_t count) {
  const D8 d;
  const DU8 du;
  const size_t lanes = hn::Lanes(d);
  ClassCounter counter;
  for (size_t i = 0; i < count; i += lanes) {
    const size_t left = std::min(lanes, count - i);
    const Classified c = classify(rule, load_some(in + i, left));
    const uint32_t nonzero = mask_bits(c.nonzero), high = mask_bits(hn::And(c.high, c.nonzero));
    HWY_ALIGN float rounded[8];
    hn::Store(hn::BitCast(d, c.bits), d, rounded);
    std::memcpy(values + i, rounded, left * sizeof(float));
    for (size_t l = 0; l < left; ++l) {
      classes[i + l] = static_cast<uint8_t>((nonzero >> l & 1) + (high >> l & 1));
    }
    counter.add(c, nonzero, high);
  }
  (void)du;
  return counter.finish(count);
}

/// Packs the patterns under `mask` to `out`; writes a whole vector. Returns how many.
template <class T>
HWY_INLINE uint32_t store_packed(hn::Vec<DU8> patterns, uint32_t mask, uint8_t* out) {
  const DU8 du;
  const DI8 di;
  if constexpr (HWY_TARGET <= HWY_AVX2) {
    const auto order = hn::IndicesFromVec(du, hn::Load(di, kLaneTables.to_stream[mask]));
    const auto packed = hn::BitCast(di, hn::TableLookupLanes(patterns, order));
    const hn::Rebind<T, DU8> dt;
    T narrow[8];
    hn::StoreU(hn::DemoteTo(dt, packed), dt, narrow);
    std::memcpy(out, narrow, sizeof(narrow));
  } else {
    HWY_ALIGN uint32_t lanes[8];
    hn::Store(patterns, du, lanes);
    T narrow[8];
    uint32_t count = 0;
    for (uint32_t l = 0; l < hn::Lanes(du); ++l) {
      narrow[count] = static_cast<T>(lanes[l]);
      count += mask >> l & 1;
    }
    std::memcpy(out, narrow, count * sizeof(T));
  }
  return count_bits(mask);
}

uint32_t encode_block_vector(bool mixed, ClassRule rule, const float* in, uint32_t count, uint8_t* out,
                             ClassCounts* counts) {
  const D8 d;
  const DU8 du;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  uint8_t high_stream[2 * kMaxBlockElements + 16], low_stream[kMaxBlockElements + 8];
  uint32_t high_count = 0, low_count = 0;
  // Room for both maps and for the last 64-bit store.
  uint64_t zero_map[kMaxBlockElements / 64 + 2] = {}, precision_map[kMaxBlockElements / 64 + 2] = {};
  uint32_t rank = 0;
  ClassCounter counter;
  for (uint32_t i = 0; i < count; i += lanes) {
    const Classified c = classify(rule, load_some(in + i, count - i));
    const uint32_t nonzero = mask_bits(c.nonzero), high = mask_bits(hn::And(c.high, c.nonzero));
    counter.add(c, nonzero, high);
    zero_map[i / 64] |= uint64_t{nonzero} << (i % 64);
    const uint64_t precision = extract(high, nonzero);
    precision_map[rank / 64] |= precision << (rank % 64);
    if (rank % 64 > 56) precision_map[rank / 64 + 1] |= precision >> (64 - rank % 64);
    rank += count_bits(nonzero);
    high_count += store_packed<uint16_t>(pattern_of(du, kHighConstants, c.bits), high, high_stream + 2 * high_count);
    low_count += store_packed<uint8_t>(pattern_of(du, kLowConstants, c.bits), nonzero & ~high, low_stream + low_count);
  }
  const uint32_t map_bytes = (count + (mixed ? rank : 0) + 7) / 8;
  std::memcpy(out, zero_map, (count + 7) / 8);
  if (mixed) {
    std::memset(out + (count + 7) / 8, 0, map_bytes - (count + 7) / 8);
    // The precision map follows bit by bit.
    const uint32_t shift = count % 8;
    uint8_t* to = out + count / 8;
    const uint8_t* from = reinterpret_cast<const uint8_t*>(precision_map);
    if (shift == 0) {
      std::memcpy(to, from, map_bytes - count / 8);
    } else {
      for (uint32_t i = 0; i < map_bytes - count / 8; ++i) {
        const uint32_t before = i == 0 ? 0u : static_cast<uint32_t>(from[i - 1]) >> (8 - shift);
        to[i] = static_cast<uint8_t>(to[i] | from[i] << shift | before);
      }
    }
  }
  std::memcpy(out + map_bytes, high_stream, 2 * size_t{high_count});
  std::memcpy(out + map_bytes + 2 * size_t{high_count}, low_stream, low_count);
  counts->add(counter.finish(count));
  return map_bytes + 2 * high_count + low_count;
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu {

HWY_EXPORT(classify_span_vector);
HWY_EXPORT(encode_block_vector);

ClassCounts classify_span(ClassRule rule, std::span<const float> in, std::span<float> values,
                          std::span<uint8_t> classes) {
  BB_CHECK(in.size() == values.size() && in.size() == classes.size(), "{} {} {}", in.size(), values.size(),
           classes.size());
  return HWY_DYNAMIC_DISPATCH(classify_span_vector)(rule, in.data(), values.data(), classes.data(), in.size());
}

void classes_of_values(std::span<const float> values, std::span<uint8_t> classes) {
  BB_CHECK(values.size() == classes.size(), "{} {}", values.size(), classes.size());
  for (size_t i = 0; i < values.size(); ++i) classes[i] = values[i] == 0.0f ? kClassZero : kClassHigh;
}

uint32_t encode_block(TensorFormat format, ClassRule rule, std::span<const float> in, uint8_t* out,
                      ClassCounts& counts) {
  BB_CHECK(is_coded(format) && in.size() <= kMaxBlockElements, "{} elements", in.size());
  const bool mixed = format == TensorFormat::kFGMP;
  if (!mixed) rule = {ClassRule::Kind::kMagnitude, 0.0f};
  return HWY_DYNAMIC_DISPATCH(encode_block_vector)(mixed, rule, in.data(), static_cast<uint32_t>(in.size()), out,
                                                   &counts);
}

}  // namespace backboard::npu
#endif
