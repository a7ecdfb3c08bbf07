// Vector versions of decoding coded blocks.
#define HWY_WANT_AVX3_DL  // expanding bytes and half-words
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/codec/block_decoder.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "npu/codec/block_codec.h"
#include "npu/numerics/rounding-inl.h"

#ifndef BACKBOARD_NPU_CODEC_BLOCK_DECODER_TYPES_
#define BACKBOARD_NPU_CODEC_BLOCK_DECODER_TYPES_
namespace backboard::npu {

/// A coded block that is being read, and how far.
struct BlockReader {
  const uint8_t* bytes;  ///< of the block: the zero map comes first
  size_t length;
  uint32_t elements;
  bool mixed;                        ///< FGMP; otherwise all non-zeros are high
  const uint8_t *high, *low;         ///< streams
  uint32_t element = 0;              ///< the next one
  uint32_t nonzeros = 0, highs = 0;  ///< before it

  const uint8_t* high_at() const { return high + 2 * size_t{highs}; }
  const uint8_t* low_at() const { return low + (nonzeros - highs); }
};

/// The values of the high elements are IEEE half precision, those of the low ones their upper byte.
inline constexpr RowConstants kHalf = row_constants(format_row(NumberFormat::kFp16));
static_assert(format_row(NumberFormat::kFp16).exponent_bits == 5 && format_row(NumberFormat::kFp16).has_inf);
static_assert(format_row(NumberFormat::kFp8).exponent_bits == 5 && format_row(NumberFormat::kFp8).mantissa_bits == 2);

/// Byte shuffles of a stream into eight half-words, by mask of those that have an element; others become zero. `half`
/// puts half-words in place, `upper` bytes in upper halves.
struct ExpandTables {
  alignas(64) std::array<std::array<uint8_t, 16>, 256> half, upper;
  constexpr ExpandTables() : half(), upper() {
    for (unsigned mask = 0; mask < 256; ++mask) {
      uint8_t rank = 0;
      for (unsigned lane = 0; lane < 8; ++lane) {
        const bool there = (mask >> lane & 1) != 0;
        half[mask][2 * lane] = there ? static_cast<uint8_t>(2 * rank) : 0x80;
        half[mask][2 * lane + 1] = there ? static_cast<uint8_t>(2 * rank + 1) : 0x80;
        upper[mask][2 * lane] = 0x80;
        upper[mask][2 * lane + 1] = there ? rank : 0x80;
        rank = static_cast<uint8_t>(rank + there);
      }
    }
  }
};
inline constexpr ExpandTables kExpandTables;

/// The first `count` bytes, at most eight, lowest first; reads no others.
inline uint64_t load_bytes(const uint8_t* from, size_t count) {
  if (count >= 8) {
    uint64_t bytes;
    std::memcpy(&bytes, from, 8);
    return bytes;
  }
  uint64_t bytes = 0;
  for (size_t i = 0; i < count; ++i) bytes |= uint64_t{from[i]} << (8 * i);
  return bytes;
}

/// 57 bits or more of a block from bit `at` on, zero beyond its end.
inline uint64_t bits_from(const uint8_t* bytes, size_t length, uint32_t at) {
  return at / 8 >= length ? 0 : load_bytes(bytes + at / 8, length - at / 8) >> (at % 8);
}

/// Spreads the low bits of `bits` over the set bits of `mask`, lowest first.
inline uint32_t deposit_bits(uint32_t bits, uint32_t mask) {
  uint32_t out = 0;
  while (mask != 0) {
    const uint32_t lowest = mask & (0u - mask);
    out |= (bits & 1) != 0 ? lowest : 0;
    bits >>= 1;
    mask ^= lowest;
  }
  return out;
}

}  // namespace backboard::npu
#endif

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {

HWY_INLINE uint32_t count_bits(uint64_t bits) {
  return static_cast<uint32_t>(__builtin_popcountll(bits));
}

HWY_INLINE uint32_t deposit(uint32_t bits, uint32_t mask) {
#if HWY_TARGET <= HWY_AVX2
  return _pdep_u32(bits, mask);
#else
  return deposit_bits(bits, mask);
#endif
}

/// Bitmaps of the next elements, and how many bits they have.
struct NextBits {
  uint32_t nonzero, high;
  uint32_t nonzeros, highs;
  uint32_t low() const { return nonzero & ~high; }
  uint32_t lows() const { return nonzeros - highs; }
};

/// Reads the maps of the next `count` elements, at most 32.
HWY_INLINE NextBits next_bits(const BlockReader& in, uint32_t count) {
  uint64_t all;
  if (count == 32) {
    uint32_t whole;
    std::memcpy(&whole, in.bytes + in.element / 8, 4);
    all = whole;
  } else {
    all = bits_from(in.bytes, in.length, in.element) & ((uint64_t{1} << count) - 1);
  }
  NextBits next;
  next.nonzero = next.high = static_cast<uint32_t>(all);
  if (in.mixed) {
    next.high = deposit(static_cast<uint32_t>(bits_from(in.bytes, in.length, in.elements + in.nonzeros)), next.nonzero);
  }
  next.nonzeros = count_bits(next.nonzero);
  next.highs = count_bits(next.high);
  return next;
}

#if HWY_TARGET <= HWY_AVX3

HWY_INLINE __mmask64 first_lanes(uint32_t count) {
  return _bzhi_u64(~uint64_t{0}, count);
}

/// Stores the first `count` of 16 half-precision values.
HWY_INLINE void store_first(__m256i halves, uint32_t count, float* to) {
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>(first_lanes(std::min(count, 16u))), _mm512_cvtph_ps(halves));
}

#if HWY_TARGET <= HWY_AVX3_DL
inline constexpr uint32_t kTogether = 32;
using Halves = __m512i;

/// Half-precision values of the next elements. Masks are made from masks: moving them from integers is slow.
HWY_INLINE Halves expand_halves(const uint8_t* high_at, const uint8_t* low_at, const NextBits& bits) {
  const __m512i highs = _mm512_loadu_si512(high_at);
  const __m256i lows = _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(low_at));
  const __mmask32 high = _cvtu32_mask32(bits.high), low = _kandn_mask32(high, _cvtu32_mask32(bits.nonzero));
  // The low stream has the upper bytes.
  const __m512i upper = _mm512_slli_epi16(_mm512_cvtepu8_epi16(lows), 8);
  return _mm512_mask_expand_epi16(_mm512_maskz_expand_epi16(high, highs), low, upper);
}

HWY_INLINE void store_values(Halves halves, uint32_t count, float* values) {
  const __m256i lower = _mm512_castsi512_si256(halves), higher = _mm512_extracti64x4_epi64(halves, 1);
  if (count < kTogether) {
    store_first(lower, count, values);
    if (count > 16) store_first(higher, count - 16, values + 16);
  } else {
    _mm512_storeu_ps(values, _mm512_cvtph_ps(lower));
    _mm512_storeu_ps(values + 16, _mm512_cvtph_ps(higher));
  }
}

HWY_INLINE Halves larger_magnitude(Halves a, Halves b) {
  return _mm512_max_epu16(a, _mm512_and_si512(b, _mm512_set1_epi16(0x7fff)));
}
HWY_INLINE bool any_nan(Halves magnitudes) {
  return _mm512_cmpgt_epi16_mask(magnitudes, _mm512_set1_epi16(0x7c00)) != 0;
}
HWY_INLINE Halves no_halves() {
  return _mm512_setzero_si512();
}
#else
inline constexpr uint32_t kTogether = 16;
using Halves = __m256i;

HWY_INLINE Halves expand_halves(const uint8_t* high_at, const uint8_t* low_at, const NextBits& bits) {
  const __m256i highs = _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(high_at));
  const __m128i lows = _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(low_at));
  const __mmask16 high = static_cast<__mmask16>(bits.high), low = static_cast<__mmask16>(bits.low());
  const __m512i upper = _mm512_slli_epi32(_mm512_cvtepu8_epi32(lows), 8);
  return _mm512_cvtepi32_epi16(
      _mm512_mask_expand_epi32(_mm512_maskz_expand_epi32(high, _mm512_cvtepu16_epi32(highs)), low, upper));
}

HWY_INLINE void store_values(Halves halves, uint32_t count, float* values) {
  if (count < kTogether) {
    store_first(halves, count, values);
  } else {
    _mm512_storeu_ps(values, _mm512_cvtph_ps(halves));
  }
}

HWY_INLINE Halves larger_magnitude(Halves a, Halves b) {
  return _mm256_max_epu16(a, _mm256_and_si256(b, _mm256_set1_epi16(0x7fff)));
}
HWY_INLINE bool any_nan(Halves magnitudes) {
  return _mm256_cmpgt_epi16_mask(magnitudes, _mm256_set1_epi16(0x7c00)) != 0;
}
HWY_INLINE Halves no_halves() {
  return _mm256_setzero_si256();
}
#endif

HWY_INLINE void store_classes(const NextBits& bits, uint32_t count, uint8_t* classes) {
  const __m256i one = _mm256_set1_epi8(1);
  const __m256i all = _mm256_add_epi8(_mm256_maskz_mov_epi8(bits.nonzero, one), _mm256_maskz_mov_epi8(bits.high, one));
  if (count < kTogether) {
    _mm256_mask_storeu_epi8(classes, static_cast<__mmask32>(first_lanes(count)), all);
  } else if (kTogether == 32) {
    _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(classes), all);
  } else {
    _mm_storeu_si128(reinterpret_cast<__m128i_u*>(classes), _mm256_castsi256_si128(all));
  }
}

#else
inline constexpr uint32_t kTogether = 8;

/// Eight class bytes: one for each bit of `nonzero`, one more for each of `high`.
HWY_INLINE uint64_t class_bytes(uint32_t nonzero, uint32_t high) {
  const auto spread = [](uint32_t bits) HWY_ATTR {
#if HWY_TARGET <= HWY_AVX2
    return _pdep_u64(bits, 0x0101010101010101u);
#else
    const uint64_t copies = bits * uint64_t{0x0101010101010101};
    return ((copies & 0x8040201008040201u) + 0x00406070787c7e7fu) >> 7 & 0x0101010101010101u;
#endif
  };
  return spread(nonzero) + spread(high);
}

HWY_INLINE void store_classes(const NextBits& bits, uint32_t count, uint8_t* classes) {
  const uint64_t bytes = class_bytes(bits.nonzero, bits.high);
  if (count < kTogether) {
    std::memcpy(classes, &bytes, count);
  } else {
    std::memcpy(classes, &bytes, kTogether);
  }
}

#if HWY_TARGET == HWY_SCALAR
struct Halves {
  uint16_t patterns[8] = {};
};

HWY_INLINE Halves expand_halves(const uint8_t* high_at, const uint8_t* low_at, const NextBits& bits) {
  Halves halves;
  for (uint32_t i = 0; i < 8; ++i) {
    if ((bits.high >> i & 1) != 0) {
      halves.patterns[i] = static_cast<uint16_t>(high_at[0] | high_at[1] << 8);
      high_at += 2;
    } else if ((bits.nonzero >> i & 1) != 0) {
      halves.patterns[i] = static_cast<uint16_t>(*low_at++ << 8);
    }
  }
  return halves;
}

HWY_INLINE void store_eight(const Halves& halves, float* to) {
  for (uint32_t i = 0; i < 8; ++i) to[i] = decode_value(format_row(NumberFormat::kFp16), halves.patterns[i]);
}

HWY_INLINE Halves larger_magnitude(const Halves& a, const Halves&) {
  return a;
}
HWY_INLINE bool any_nan(const Halves&) {
  return false;  // store_eight() leaves none that is not canonical
}
HWY_INLINE Halves no_halves() {
  return {};
}
#else
using DH = hn::Full128<uint16_t>;
using Halves = hn::Vec<DH>;

HWY_INLINE Halves expand_halves(const uint8_t* high_at, const uint8_t* low_at, const NextBits& bits) {
  const hn::Full128<uint8_t> d8;
  const hn::CappedTag<uint8_t, 8> half;
  const auto high = hn::TableLookupBytesOr0(hn::LoadU(d8, high_at), hn::Load(d8, kExpandTables.half[bits.high].data()));
  const auto low = hn::TableLookupBytesOr0(hn::ZeroExtendVector(d8, hn::LoadU(half, low_at)),
                                           hn::Load(d8, kExpandTables.upper[bits.low()].data()));
  return hn::BitCast(DH(), hn::Or(high, low));
}

HWY_INLINE void store_eight(Halves halves, float* to) {
#if HWY_TARGET <= HWY_AVX2
  _mm256_storeu_ps(to, _mm256_cvtph_ps(halves.raw));
#else
  const hn::Full128<uint32_t> du;
  const hn::Full128<float> d;
  const auto lower = hn::PromoteTo(du, hn::LowerHalf(halves));
  const auto upper = hn::PromoteTo(du, hn::UpperHalf(hn::Half<DH>(), halves));
  hn::StoreU(hn::BitCast(d, bits_of_pattern(du, kHalf, lower)), d, to);
  hn::StoreU(hn::BitCast(d, bits_of_pattern(du, kHalf, upper)), d, to + 4);
#endif
}

HWY_INLINE Halves larger_magnitude(Halves a, Halves b) {
  return hn::Max(a, hn::And(b, hn::Set(DH(), uint16_t{0x7fff})));
}
HWY_INLINE bool any_nan(Halves magnitudes) {
  const hn::RebindToSigned<DH> di;
  return !hn::AllFalse(di, hn::Gt(hn::BitCast(di, magnitudes), hn::Set(di, int16_t{0x7c00})));
}
HWY_INLINE Halves no_halves() {
  return hn::Zero(DH());
}
#endif

HWY_INLINE void store_values(const Halves& halves, uint32_t count, float* values) {
  if (count < kTogether) {
    float rest[8];
    store_eight(halves, rest);
    std::memcpy(values, rest, count * sizeof(float));
  } else {
    store_eight(halves, values);
  }
}

#endif

/// Makes NaN canonical, which the conversion does not.
HWY_NOINLINE void make_nan_canonical(float* values, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    if (values[i] != values[i]) std::memcpy(values + i, &kVectorNan, sizeof(float));
  }
}

/// Decodes pairs of whole vectors; returns the largest magnitudes.
template <bool kMixed, bool kClasses>
HWY_INLINE Halves decode_pairs(BlockReader& in, float* HWY_RESTRICT values, uint8_t* HWY_RESTRICT classes) {
  const uint8_t* const bytes = in.bytes;
  const uint8_t *zero_map = bytes, *high_at = in.high, *low_at = in.low;
  size_t precision_at = in.elements;
  Halves largest = no_halves();
  const auto decode = [&]() HWY_ATTR {
    NextBits bits;
    bits.nonzero = 0;
    std::memcpy(&bits.nonzero, zero_map, kTogether / 8);
    bits.high = bits.nonzero;
    bits.nonzeros = bits.highs = count_bits(bits.nonzero);
    if constexpr (kMixed) {
      uint64_t precision;
      std::memcpy(&precision, bytes + precision_at / 8, 8);
      bits.high = deposit(static_cast<uint32_t>(precision >> (precision_at % 8)), bits.nonzero);
      bits.highs = count_bits(bits.high);
      precision_at += bits.nonzeros;
    }
    const Halves halves = expand_halves(high_at, low_at, bits);
    largest = larger_magnitude(largest, halves);
    store_values(halves, kTogether, values);
    values += kTogether;
    if constexpr (kClasses) {
      store_classes(bits, kTogether, classes);
      classes += kTogether;
    }
    zero_map += kTogether / 8;
    high_at += 2 * bits.highs;
    low_at += bits.lows();
  };
  for (uint32_t left = in.elements / (2 * kTogether); left > 0; --left) {
    decode();
    decode();
  }
  in.element = static_cast<uint32_t>(zero_map - bytes) * 8;
  in.highs = static_cast<uint32_t>(high_at - in.high) / 2;
  in.nonzeros = in.highs + static_cast<uint32_t>(low_at - in.low);
  return largest;
}

/// Decodes the next elements; keeps the largest magnitudes met.
HWY_INLINE void decode_next(BlockReader& in, float* values, uint8_t* classes, Halves& largest) {
  const uint32_t count = std::min(kTogether, in.elements - in.element);
  const NextBits bits = next_bits(in, count);
  const Halves halves = expand_halves(in.high_at(), in.low_at(), bits);
  largest = larger_magnitude(largest, halves);
  store_values(halves, count, values + in.element);
  if (classes != nullptr) store_classes(bits, count, classes + in.element);
  in.nonzeros += bits.nonzeros;
  in.highs += bits.highs;
  in.element += count;
}

HWY_INLINE void decode_elements(BlockReader& in, float* values, uint8_t* classes) {
  Halves largest;
  if (classes == nullptr) {
    largest =
        in.mixed ? decode_pairs<true, false>(in, values, classes) : decode_pairs<false, false>(in, values, classes);
  } else {
    largest = in.mixed ? decode_pairs<true, true>(in, values, classes) : decode_pairs<false, true>(in, values, classes);
  }
  while (in.element < in.elements) decode_next(in, values, classes, largest);
  if (HWY_UNLIKELY(any_nan(largest))) make_nan_canonical(values, in.elements);
}

/// Set bits of `count` bits from bit `at` on.
HWY_INLINE uint32_t count_map(const uint8_t* bytes, size_t length, uint32_t at, uint32_t count) {
  uint32_t sum = 0, done = 0;
  if (at % 8 == 0 && at / 8 + size_t{count} / 8 <= length) {
    for (; done + 64 <= count; done += 64) {
      uint64_t bits;
      std::memcpy(&bits, bytes + (at + done) / 8, 8);
      sum += count_bits(bits);
    }
  }
  const uint32_t step = at % 8 == 0 ? 64 : 56;
  for (; done + step <= count; done += step) {
    const uint64_t bits = bits_from(bytes, length, at + done);
    sum += count_bits(step == 64 ? bits : bits & ((uint64_t{1} << 56) - 1));
  }
  if (done < count) sum += count_bits(bits_from(bytes, length, at + done) & ((uint64_t{1} << (count - done)) - 1));
  return sum;
}

/// A block whose maps and streams fit its length; whole vectors may be read behind it.
struct CheckedBlock {
  uint32_t elements, map_bytes, highs;
  size_t length;
  bool mixed;
};

HWY_INLINE void decode_checked(const CheckedBlock& block, const uint8_t* bytes, float* values, uint8_t* classes) {
  const uint8_t* const streams = bytes + block.map_bytes;
  BlockReader reader{bytes,   block.length + kCodecSlack_bytes, block.elements, block.mixed,
                     streams, streams + 2 * size_t{block.highs}};
  decode_elements(reader, values, classes);
}

/// By a copy with room behind it.
HWY_NOINLINE void decode_copy(const CheckedBlock& block, const uint8_t* bytes, float* values, uint8_t* classes) {
  constexpr uint32_t kWorst = kMaxBlockElements / 4 + 2 * kMaxBlockElements;
  alignas(64) uint8_t copy[kWorst + kCodecSlack_bytes];
  std::memcpy(copy, bytes, block.length);
  std::memset(copy + block.length, 0, kCodecSlack_bytes);
  decode_checked(block, copy, values, classes);
}

/// `behind`: bytes behind the block that may be read.
bool decode_block_vector(bool mixed, const uint8_t* bytes, size_t length, size_t behind, float* values, uint32_t n,
                         uint8_t* classes) {
  if (length < (n + 7) / 8) return false;
  const uint32_t nonzeros = count_map(bytes, length, 0, n);
  const uint32_t map_bits = n + (mixed ? nonzeros : 0), map_bytes = (map_bits + 7) / 8;
  if (length < map_bytes) return false;
  if (map_bits % 8 != 0 && bytes[map_bits / 8] >> (map_bits % 8) != 0) return false;
  const uint32_t high = mixed ? count_map(bytes, length, n, nonzeros) : nonzeros;
  // So it is no longer than the worst case.
  if (length != size_t{map_bytes} + 2 * size_t{high} + (nonzeros - high)) return false;
  if (n == 0) return true;
  const CheckedBlock block{n, map_bytes, high, length, mixed};
  // With room behind it, whole vectors can be read from every place of a block without a look at the end.
  if (HWY_LIKELY(behind >= kCodecSlack_bytes)) {
    decode_checked(block, bytes, values, classes);
  } else {
    decode_copy(block, bytes, values, classes);
  }
  return true;
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu {

HWY_EXPORT(decode_block_vector);

bool decode_block(TensorFormat format, std::span<const uint8_t> bytes, std::span<float> values, uint8_t* classes,
                  size_t behind) {
  if (!is_coded(format) || values.size() > kMaxBlockElements) return false;
  return HWY_DYNAMIC_DISPATCH(decode_block_vector)(format == TensorFormat::kFGMP, bytes.data(), bytes.size(), behind,
                                                   values.data(), static_cast<uint32_t>(values.size()), classes);
}

}  // namespace backboard::npu
#endif
