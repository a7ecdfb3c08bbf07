// Vector code of class_bits.h, compiled once per Highway target.
#if defined(BACKBOARD_NPU_ENGINE_LNPU_CLASS_BITS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_ENGINE_LNPU_CLASS_BITS_INL_H_
#undef BACKBOARD_NPU_ENGINE_LNPU_CLASS_BITS_INL_H_
#else
#define BACKBOARD_NPU_ENGINE_LNPU_CLASS_BITS_INL_H_
#endif

#include <hwy/highway.h>

#include "npu/engine/lnpu/class_bits.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET <= HWY_AVX2 && HWY_TARGET > HWY_AVX3
/// Bitmaps of 32 classes. Their two bits are moved to the sign of their byte; no bit of a neighbour gets there.
HWY_INLINE ClassWord word_of_32(const uint8_t* classes) {
  const __m256i c = _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(classes));
  const uint32_t high = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_slli_epi16(c, 6)));
  const uint32_t low = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_slli_epi16(c, 7)));
  return {low | high, high};
}
/// The same of 16.
HWY_INLINE ClassWord word_of_16(const uint8_t* classes) {
  const __m128i c = _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(classes));
  const uint32_t high = static_cast<uint32_t>(_mm_movemask_epi8(_mm_slli_epi16(c, 6)));
  const uint32_t low = static_cast<uint32_t>(_mm_movemask_epi8(_mm_slli_epi16(c, 7)));
  return {low | high, high};
}
/// The same of 8 to 15, by two loads of 8 that overlap.
HWY_INLINE ClassWord word_of_8s(const uint8_t* classes, uint32_t count) {
  const __m128i first = _mm_loadu_si64(classes), last = _mm_loadu_si64(classes + count - 8);
  const __m128i c = _mm_unpacklo_epi64(first, last);
  const uint32_t high = static_cast<uint32_t>(_mm_movemask_epi8(_mm_slli_epi16(c, 6)));
  const uint32_t nonzero = high | static_cast<uint32_t>(_mm_movemask_epi8(_mm_slli_epi16(c, 7)));
  const auto joined = [count](uint32_t bits) -> uint64_t { return (bits & 0xff) | bits >> 8 << (count - 8); };
  return {joined(nonzero), joined(high)};
}
#endif

/// Bitmaps of up to 64 classes that lie side by side; reads none beyond `count`.
HWY_INLINE ClassWord line_word(const uint8_t* classes, uint32_t count) {
#if HWY_TARGET <= HWY_AVX3
  const __mmask64 inside = count >= 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1;
  const __m512i c = _mm512_maskz_loadu_epi8(inside, classes);
  return {_mm512_test_epi8_mask(c, c), _mm512_cmpgt_epi8_mask(c, _mm512_set1_epi8(1))};
#elif HWY_TARGET <= HWY_AVX2
  // Two loads that overlap.
  if (count >= 32) {
    const ClassWord a = word_of_32(classes), b = word_of_32(classes + count - 32);
    return {a.nonzero | b.nonzero << (count - 32), a.high | b.high << (count - 32)};
  }
  if (count >= 16) {
    const ClassWord a = word_of_16(classes), b = word_of_16(classes + count - 16);
    return {a.nonzero | b.nonzero << (count - 16), a.high | b.high << (count - 16)};
  }
  if (count >= 8) return word_of_8s(classes, count);
#endif
#if HWY_TARGET > HWY_AVX3
  return class_word(classes, count);
#endif
}

/// line_word() to memory; masks need not come through general registers then.
HWY_INLINE void store_line_word(const uint8_t* classes, uint32_t count, uint64_t* nonzero, uint64_t* high) {
#if HWY_TARGET <= HWY_AVX3
  const __m512i c = _mm512_maskz_loadu_epi8(_bzhi_u64(~uint64_t{0}, count), classes);
  const __mmask64 some = _mm512_test_epi8_mask(c, c), wide = _mm512_test_epi8_mask(c, _mm512_set1_epi8(2));
  std::memcpy(nonzero, &some, sizeof(some));
  std::memcpy(high, &wide, sizeof(wide));
#else
  const ClassWord word = line_word(classes, count);
  *nonzero = word.nonzero;
  *high = word.high;
#endif
}

/// A vector of classes that lie side by side, of which `count` are there; zero beyond. `readable`: bytes that may be
/// read.
template <class D>
HWY_INLINE hn::Vec<D> load_line(D d8, const uint8_t* from, uint32_t count, size_t readable) {
  const size_t lanes = hn::Lanes(d8);
  if (count >= lanes) return hn::LoadU(d8, from);
#if HWY_TARGET <= HWY_AVX3
  (void)readable;
  return hn::MaskedLoad(hn::FirstN(d8, count), d8, from);
#else
  if (readable >= lanes) return hn::IfThenElseZero(hn::FirstN(d8, count), hn::LoadU(d8, from));
  HWY_ALIGN uint8_t rest[HWY_MAX_BYTES] = {};
  std::memcpy(rest, from, count);
  return hn::Load(d8, rest);
#endif
}

/// The bits under `mask`, moved together at the low end.
HWY_INLINE uint64_t bits_under(uint64_t bits, uint64_t mask) {
#if HWY_TARGET <= HWY_AVX2
  return _pext_u64(bits, mask);
#else
  uint64_t out = 0;
  for (unsigned place = 0; mask != 0; ++place, mask &= mask - 1) {
    out |= (bits >> std::countr_zero(mask) & 1) << place;
  }
  return out;
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
