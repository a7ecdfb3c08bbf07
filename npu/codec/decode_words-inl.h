// Decoding a coded block 64 elements at a time with AVX-512 of the second generation (VBMI2), compiled once per Highway
// target.
#if defined(BACKBOARD_NPU_CODEC_DECODE_WORDS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_CODEC_DECODE_WORDS_INL_H_
#undef BACKBOARD_NPU_CODEC_DECODE_WORDS_INL_H_
#else
#define BACKBOARD_NPU_CODEC_DECODE_WORDS_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "npu/codec/block_codec.h"
#include "npu/codec/block_reader.h"
#include "npu/codec/decode_shared-inl.h"
#include "npu/numerics/rounding-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {

#if HWY_TARGET <= HWY_AVX3_DL

/// A register of zeros that the compiler does not know to be one. Hosts (Zen 4) make an expansion wait for what its
/// destination held before, even when that is cleared; so each one gets a register that is new.
HWY_INLINE __m512i new_zero() {
  __m512i zero;
  asm volatile("vpxor %x0, %x0, %x0" : "=x"(zero));
  return zero;
}

HWY_INLINE __m512i load_stream(const uint8_t* from) {
  return _mm512_loadu_si512(from);
}

/// Converts 16 half-precision values that lie in memory. (Behind the compiler's back, which would take them from the
/// register that they were stored from: that costs two operations on the port of shuffles, where expansions wait.)
HWY_INLINE __m512 convert_stored(const __m256i& halves) {
  __m512 values;
  asm("vcvtph2ps %1, %0" : "=v"(values) : "m"(halves));
  return values;
}

/// Stores 32 half-precision values.
HWY_INLINE void store_all_halves(__m512i halves, float* to) {
  _mm512_storeu_ps(to, _mm512_cvtph_ps(_mm512_castsi512_si256(halves)));
  _mm512_storeu_ps(to + 16, _mm512_cvtph_ps(_mm512_extracti64x4_epi64(halves, 1)));
}
/// The same by way of memory: faster for blocks of one word, slower for long ones.
HWY_INLINE void store_all_halves_by_memory(__m512i halves, float* to) {
  alignas(64) __m256i parts[2];
  _mm512_store_si512(parts, halves);
  _mm512_storeu_ps(to, convert_stored(parts[0]));
  _mm512_storeu_ps(to + 16, convert_stored(parts[1]));
}

/// Stores the first `count` of 32 half-precision values (0 to 64 are allowed).
HWY_INLINE void store_some_halves(__m512i halves, uint32_t count, float* to) {
  const __m512 lower = _mm512_cvtph_ps(_mm512_castsi512_si256(halves));
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>(_bzhi_u32(0xffffu, count)), lower);
  if (count <= 16) return;
  const __m512 upper = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(halves, 1));
  _mm512_mask_storeu_ps(to + 16, static_cast<__mmask16>(_bzhi_u32(0xffffu, count - 16)), upper);
}

/// Stores 32 half-precision values, or the first `count` of them. kOneWord: of a block of one word.
template <bool kWhole, bool kOneWord = false>
HWY_INLINE void store_halves(__m512i halves, uint32_t count, float* to) {
  if constexpr (!kWhole) return store_some_halves(halves, count, to);
  if constexpr (kOneWord) return store_all_halves_by_memory(halves, to);
  store_all_halves(halves, to);
}

template <bool kWhole>
HWY_INLINE void store_word_classes(const WordMaps& maps, uint32_t count, uint8_t* classes) {
  const __m512i nonzero = _mm512_maskz_mov_epi8(_cvtu64_mask64(maps.nonzero), _mm512_set1_epi8(kClassLow));
  const __m512i all = _mm512_mask_mov_epi8(nonzero, _cvtu64_mask64(maps.high), _mm512_set1_epi8(kClassHigh));
  if constexpr (kWhole) {
    _mm512_storeu_si512(classes, all);
  } else {
    _mm512_mask_storeu_epi8(classes, first_bits(~uint64_t{0}, count), all);
  }
}

/// The largest magnitudes of half-precision values, as patterns.
HWY_INLINE __m512i larger_magnitude(__m512i largest, __m512i halves) {
  return _mm512_max_epu16(largest, _mm512_and_si512(halves, _mm512_set1_epi16(0x7fff)));
}
HWY_INLINE bool any_nan(__m512i magnitudes) {
  return _mm512_cmpgt_epi16_mask(magnitudes, _mm512_set1_epi16(0x7c00)) != 0;
}

/// Where the bytes of the low stream go: to the upper bytes of the halves of the first and the last 32 elements.
struct UpperBytes {
  alignas(64) uint8_t from[2][64];
  constexpr UpperBytes() : from() {
    for (unsigned part = 0; part < 2; ++part) {
      for (unsigned i = 0; i < 32; ++i) from[part][2 * i + 1] = static_cast<uint8_t>(32 * part + i);
    }
  }
};
inline constexpr UpperBytes kUpperBytes;

/// Decodes a word (all 64 elements of it, or the first `count`) from its streams; keeps the largest magnitudes met.
template <bool kMixed, bool kWhole, bool kOneWord = false>
HWY_INLINE void decode_word(const WordMaps& maps, const uint8_t* high_at, const uint8_t* low_at, uint32_t count,
                            float* values, __m512i& largest) {
  __m512i low_bytes = _mm512_setzero_si512();
  if constexpr (kMixed) {
    const __mmask64 low = _kandn_mask64(_cvtu64_mask64(maps.high), _cvtu64_mask64(maps.nonzero));
    low_bytes = _mm512_mask_expand_epi8(new_zero(), low, load_stream(low_at));
  }
  const auto decode_half = [&](auto part, uint32_t high, const uint8_t* stream) HWY_ATTR {
    __m512i halves;
    if constexpr (kMixed) {
      const __m512i order = _mm512_load_si512(kUpperBytes.from[part()]);
      halves = _mm512_maskz_permutexvar_epi8(0xaaaaaaaaaaaaaaaau, order, low_bytes);
    } else {
      halves = new_zero();
    }
    halves = _mm512_mask_expand_epi16(halves, _cvtu32_mask32(high), load_stream(stream));
    largest = larger_magnitude(largest, halves);
    store_halves<kWhole, kOneWord>(halves, count - 32 * part(), values + 32 * part());
  };
  const uint32_t first_high = static_cast<uint32_t>(maps.high);
  decode_half(std::integral_constant<uint32_t, 0>(), first_high, high_at);
  if (!kWhole && count <= 32) return;
  decode_half(std::integral_constant<uint32_t, 1>(), static_cast<uint32_t>(maps.high >> 32),
              high_at + 2 * count_bits(first_high));
}

/// All words of a block: decode(whole, maps, count, first element). kPrecision: the maps tell high elements apart.
template <bool kPrecision, class Decode>
HWY_INLINE void for_each_word(const uint8_t* bytes, uint32_t elements, Decode&& decode) {
  size_t precision_at = elements;
  const auto next = [&](auto whole, uint32_t done, uint32_t count) HWY_ATTR {
    WordMaps maps;
    std::memcpy(&maps.nonzero, bytes + done / 8, 8);
    if constexpr (!whole()) maps.nonzero = first_bits(maps.nonzero, count);
    maps.nonzeros = maps.highs = count_bits(maps.nonzero);
    maps.high = maps.nonzero;
    if constexpr (kPrecision) {
      maps.high = _pdep_u64(bits_at(bytes, precision_at), maps.nonzero);
      maps.highs = count_bits(maps.high);
      precision_at += maps.nonzeros;
    }
    decode(whole, maps, count, done);
  };
  uint32_t done = 0;
  for (; done + kWordElements <= elements; done += kWordElements) next(std::true_type(), done, kWordElements);
  if (done < elements) next(std::false_type(), done, elements - done);
}

/// From the streams word by word; returns the largest magnitudes.
template <bool kMixed, bool kClasses>
HWY_INLINE __m512i decode_streams(const CheckedBlock& block, const uint8_t* bytes, float* HWY_RESTRICT values,
                                  uint8_t* HWY_RESTRICT classes) {
  const uint8_t* high_at = bytes + block.map_bytes;
  const uint8_t* low_at = high_at + 2 * size_t{block.highs};
  __m512i largest = _mm512_setzero_si512();
  for_each_word<kMixed>(bytes, block.elements,
                        [&](auto whole, const WordMaps& maps, uint32_t count, uint32_t first) HWY_ATTR {
                          decode_word<kMixed, whole()>(maps, high_at, low_at, count, values + first, largest);
                          if constexpr (kClasses) store_word_classes<whole()>(maps, count, classes + first);
                          high_at += 2 * maps.highs;
                          low_at += maps.nonzeros - maps.highs;
                        });
  return largest;
}

/// Mixed blocks with few non-zeros: these are merged from their streams first, so that an element costs one expansion.
template <bool kClasses>
HWY_INLINE __m512i decode_sparse(const CheckedBlock& block, const uint8_t* bytes, float* HWY_RESTRICT values,
                                 uint8_t* HWY_RESTRICT classes) {
  constexpr uint32_t kTogether = 32;
  alignas(64) uint16_t merged[kMaxBlockElements + 2 * kTogether];
  const uint8_t* high_at = bytes + block.map_bytes;
  const uint8_t* low_at = high_at + 2 * size_t{block.highs};
  __m512i largest = _mm512_setzero_si512();
  for (uint32_t done = 0; done < block.nonzeros; done += kTogether) {
    const uint32_t all = _bzhi_u32(~0u, std::min(kTogether, block.nonzeros - done));
    const uint32_t precision_at = block.elements + done;
    uint64_t precision;
    std::memcpy(&precision, bytes + precision_at / 8, 8);
    const uint32_t high = static_cast<uint32_t>(precision >> precision_at % 8) & all;
    const __m256i lows = _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(low_at));
    const __m512i upper = _mm512_slli_epi16(_mm512_cvtepu8_epi16(lows), 8);
    const __m512i low_halves = _mm512_mask_expand_epi16(new_zero(), _cvtu32_mask32(all & ~high), upper);
    const __m512i halves = _mm512_mask_expand_epi16(low_halves, _cvtu32_mask32(high), load_stream(high_at));
    largest = larger_magnitude(largest, halves);
    _mm512_store_si512(merged + done, halves);
    const uint32_t highs = count_bits(high);
    high_at += 2 * highs;
    low_at += count_bits(all) - highs;
  }
  const uint16_t* next = merged;
  for_each_word<kClasses>(
      bytes, block.elements, [&](auto whole, const WordMaps& maps, uint32_t count, uint32_t first) HWY_ATTR {
        const auto place = [&](uint32_t nonzero, const uint16_t* from, uint32_t part) HWY_ATTR {
          const __m512i halves =
              _mm512_mask_expand_epi16(new_zero(), _cvtu32_mask32(nonzero), _mm512_loadu_si512(from));
          store_halves<whole()>(halves, count - part, values + first + part);
        };
        const uint32_t lower = static_cast<uint32_t>(maps.nonzero);
        place(lower, next, 0);
        if (whole() || count > 32) place(static_cast<uint32_t>(maps.nonzero >> 32), next + count_bits(lower), 32);
        if constexpr (kClasses) store_word_classes<whole()>(maps, count, classes + first);
        next += maps.nonzeros;
      });
  return largest;
}

HWY_INLINE void decode_checked(const CheckedBlock& block, const uint8_t* bytes, float* values, uint8_t* classes) {
  const auto decode = [&](auto with_classes) HWY_ATTR {
    if (!block.mixed) return decode_streams<false, with_classes()>(block, bytes, values, classes);
    if (3 * block.nonzeros <= block.elements) return decode_sparse<with_classes()>(block, bytes, values, classes);
    return decode_streams<true, with_classes()>(block, bytes, values, classes);
  };
  const __m512i largest = classes == nullptr ? decode(std::false_type()) : decode(std::true_type());
  if (HWY_UNLIKELY(any_nan(largest))) make_nan_canonical(values, block.elements);
}

/// decode_word() and classes for up to 16 elements.
template <bool kMixed, bool kClasses>
HWY_INLINE void decode_short_word(const WordMaps& maps, const uint8_t* high_at, const uint8_t* low_at, uint32_t count,
                                  float* values, uint8_t* classes, __m512i& largest) {
  const __mmask16 nonzero = static_cast<__mmask16>(maps.nonzero), high = static_cast<__mmask16>(maps.high);
  __m256i halves;
  if constexpr (kMixed) {
    const __m128i lows = _mm_mask_expand_epi8(_mm512_castsi512_si128(new_zero()), _kandn_mask16(high, nonzero),
                                              _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(low_at)));
    halves = _mm256_maskz_permutexvar_epi8(0xaaaaaaaau,
                                           _mm256_load_si256(reinterpret_cast<const __m256i*>(kUpperBytes.from[0])),
                                           _mm256_castsi128_si256(lows));
  } else {
    halves = _mm512_castsi512_si256(new_zero());
  }
  halves = _mm256_mask_expand_epi16(halves, high, _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(high_at)));
  largest = larger_magnitude(largest, _mm512_zextsi256_si512(halves));
  const __mmask16 inside = static_cast<__mmask16>(_bzhi_u32(0xffffu, count));
  _mm512_mask_storeu_ps(values, inside, _mm512_cvtph_ps(halves));
  if constexpr (kClasses) {
    const __m128i low_classes = _mm_maskz_mov_epi8(nonzero, _mm_set1_epi8(kClassLow));
    _mm_mask_storeu_epi8(classes, inside, _mm_mask_mov_epi8(low_classes, high, _mm_set1_epi8(kClassHigh)));
  }
}

/// A block of one word: see small_blocks-inl.h.
template <bool kMixed, bool kClasses, Extent kExtent>
HWY_INLINE void decode_small_word(const WordMaps& maps, const uint8_t* high_at, const uint8_t* low_at, uint32_t count,
                                  bool /*room*/, float* values, uint8_t* classes, __m512i& largest) {
  if constexpr (kExtent == Extent::kShort) {
    return decode_short_word<kMixed, kClasses>(maps, high_at, low_at, count, values, classes, largest);
  }
  constexpr bool kWhole = kExtent == Extent::kWhole;
  decode_word<kMixed, kWhole, true>(maps, high_at, low_at, count, values, largest);
  if constexpr (kClasses) store_word_classes<kWhole>(maps, count, classes);
}

HWY_INLINE __m512i no_halves() {
  return _mm512_setzero_si512();
}

#endif  // HWY_TARGET <= HWY_AVX3_DL

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
