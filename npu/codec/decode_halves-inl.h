// Decoding a coded block 8 or 16 elements at a time, compiled once per Highway target but those of decode_words-inl.h.
#if defined(BACKBOARD_NPU_CODEC_DECODE_HALVES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_CODEC_DECODE_HALVES_INL_H_
#undef BACKBOARD_NPU_CODEC_DECODE_HALVES_INL_H_
#else
#define BACKBOARD_NPU_CODEC_DECODE_HALVES_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "npu/codec/block_codec.h"
#include "npu/codec/block_reader.h"
#include "npu/codec/decode_shared-inl.h"
#include "npu/numerics/rounding-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {

#if HWY_TARGET > HWY_AVX3_DL

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

HWY_INLINE void store_classes(const NextBits& bits, uint32_t count, uint8_t* classes) {
  const __m256i one = _mm256_set1_epi8(1);
  const __m256i all = _mm256_add_epi8(_mm256_maskz_mov_epi8(bits.nonzero, one), _mm256_maskz_mov_epi8(bits.high, one));
  if (count < kTogether) {
    _mm256_mask_storeu_epi8(classes, static_cast<__mmask32>(first_lanes(count)), all);
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

HWY_INLINE Halves expand_halves(const uint8_t* high_at, const uint8_t* low_at, uint32_t high_bits, uint32_t low_bits) {
  const hn::Full128<uint8_t> d8;
  const hn::CappedTag<uint8_t, 8> half;
  const auto high = hn::TableLookupBytesOr0(hn::LoadU(d8, high_at), hn::Load(d8, kExpandHalf[high_bits].data()));
  const auto low = hn::TableLookupBytesOr0(hn::ZeroExtendVector(d8, hn::LoadU(half, low_at)),
                                           hn::Load(d8, kExpandUpper[low_bits].data()));
  return hn::BitCast(DH(), hn::Or(high, low));
}
HWY_INLINE Halves expand_halves(const uint8_t* high_at, const uint8_t* low_at, const NextBits& bits) {
  return expand_halves(high_at, low_at, bits.high, bits.low());
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

#if HWY_TARGET <= HWY_AVX2 && HWY_TARGET > HWY_AVX3
/// 0xff in byte i where bit i is set.
HWY_INLINE __m256i spread_bits(uint32_t bits) {
  const __m256i bytes = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i places = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201u));
  const __m256i copies = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(bits)), bytes);
  return _mm256_cmpeq_epi8(_mm256_and_si256(copies, places), places);
}

/// Byte i: the bits set in bytes 0 to i, at most 64.
HWY_INLINE uint64_t counts_up_to(uint64_t bits) {
  bits -= bits >> 1 & 0x5555555555555555u;
  bits = (bits & 0x3333333333333333u) + (bits >> 2 & 0x3333333333333333u);
  return ((bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fu) * 0x0101010101010101u;
}

/// A word of 64 elements: where each eight lie in the streams is known at once.
template <bool kMixed, bool kClasses>
HWY_INLINE void decode_whole_word(const WordMaps& maps, const uint8_t* high_at, const uint8_t* low_at, float* values,
                                  uint8_t* classes, Halves& largest) {
  const uint64_t highs = counts_up_to(maps.high);
  // (No byte borrows: there are at least as many non-zeros.)
  const uint64_t lows = kMixed ? counts_up_to(maps.nonzero) - highs : 0;
  // By way of memory: a byte takes one operation from there, two or three from a word in a register.
  uint64_t words[4] = {maps.high, maps.nonzero & ~maps.high, highs << 8, lows << 8};
  asm("" : "+m"(words));
  const uint8_t *const high = reinterpret_cast<const uint8_t*>(words), *const low = high + 8;
  const uint8_t *const highs_before = high + 16, *const lows_before = high + 24;
  HWY_UNROLL(8)
  for (uint32_t i = 0; i < kWordElements / kTogether; ++i) {
    const Halves halves =
        expand_halves(high_at + 2 * size_t{highs_before[i]}, low_at + lows_before[i], high[i], low[i]);
    largest = larger_magnitude(largest, halves);
    store_values(halves, kTogether, values + i * kTogether);
  }
  if constexpr (kClasses) {
    for (uint32_t i = 0; i < kWordElements; i += 32) {
      const __m256i nonzero = spread_bits(static_cast<uint32_t>(maps.nonzero >> i));
      const __m256i high = spread_bits(static_cast<uint32_t>(maps.high >> i));
      const __m256i all = _mm256_sub_epi8(_mm256_sub_epi8(_mm256_setzero_si256(), nonzero), high);
      _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(classes + i), all);
    }
  }
}

/// Decodes whole words; returns the largest magnitudes.
template <bool kMixed, bool kClasses>
HWY_INLINE Halves decode_whole(BlockReader& in, float* values, uint8_t* classes) {
  Halves largest = no_halves();
  for (; in.element + kWordElements <= in.elements; in.element += kWordElements) {
    WordMaps maps;
    std::memcpy(&maps.nonzero, in.bytes + in.element / 8, 8);
    maps.nonzeros = maps.highs = count_bits(maps.nonzero);
    maps.high = maps.nonzero;
    if constexpr (kMixed) {
      maps.high = _pdep_u64(bits_at(in.bytes, in.elements + in.nonzeros), maps.nonzero);
      maps.highs = count_bits(maps.high);
    }
    uint8_t* const to = kClasses ? classes + in.element : nullptr;
    decode_whole_word<kMixed, kClasses>(maps, in.high_at(), in.low_at(), values + in.element, to, largest);
    in.nonzeros += maps.nonzeros;
    in.highs += maps.highs;
  }
  return largest;
}

#else

/// Decodes whole pairs of vectors; returns the largest magnitudes.
template <bool kMixed, bool kClasses>
HWY_INLINE Halves decode_whole(BlockReader& in, float* HWY_RESTRICT values, uint8_t* HWY_RESTRICT classes) {
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

#endif

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

HWY_INLINE void decode_checked(const CheckedBlock& block, const uint8_t* bytes, float* values, uint8_t* classes) {
  const uint8_t* const streams = bytes + block.map_bytes;
  BlockReader in{bytes,   block.length + kCodecSlack_bytes, block.elements, block.mixed,
                 streams, streams + 2 * size_t{block.highs}};
  Halves largest;
  if (classes == nullptr) {
    largest =
        in.mixed ? decode_whole<true, false>(in, values, classes) : decode_whole<false, false>(in, values, classes);
  } else {
    largest = in.mixed ? decode_whole<true, true>(in, values, classes) : decode_whole<false, true>(in, values, classes);
  }
  while (in.element < in.elements) decode_next(in, values, classes, largest);
  if (HWY_UNLIKELY(any_nan(largest))) make_nan_canonical(values, in.elements);
}

#if HWY_TARGET <= HWY_AVX2
/// A block of one word: see small_blocks-inl.h. room: whole vectors may be written behind the block.
template <bool kMixed, bool kClasses, Extent kExtent>
HWY_INLINE void decode_small_word(const WordMaps& maps, const uint8_t* high_at, const uint8_t* low_at, uint32_t count,
                                  bool room, float* values, uint8_t* classes, Halves& largest) {
  constexpr bool kWhole = kExtent == Extent::kWhole;
#if HWY_TARGET > HWY_AVX3
  if constexpr (kWhole) {
    return decode_whole_word<kMixed, kClasses>(maps, high_at, low_at, values, classes, largest);
  }
#endif
  constexpr uint64_t kAll = (uint64_t{1} << kTogether) - 1;
  for (uint32_t i = 0; i < count; i += kTogether) {
    NextBits bits;
    bits.nonzero = static_cast<uint32_t>(maps.nonzero >> i & kAll);
    bits.high = static_cast<uint32_t>(maps.high >> i & kAll);
    bits.nonzeros = count_bits(bits.nonzero);
    bits.highs = kMixed ? count_bits(bits.high) : bits.nonzeros;
    const Halves halves = expand_halves(high_at, low_at, bits);
    largest = larger_magnitude(largest, halves);
    const uint32_t some = kWhole || room ? kTogether : std::min(kTogether, count - i);
    store_values(halves, some, values + i);
    if constexpr (kClasses) store_classes(bits, some, classes + i);
    high_at += 2 * bits.highs;
    low_at += bits.lows();
  }
}
#endif  // HWY_TARGET <= HWY_AVX2

#endif  // HWY_TARGET > HWY_AVX3_DL

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
