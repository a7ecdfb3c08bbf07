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

/// Bitmaps of up to 64 classes that lie side by side; reads none beyond `count`.
HWY_INLINE ClassWord line_word(const uint8_t* classes, uint32_t count) {
#if HWY_TARGET <= HWY_AVX3
  const __mmask64 inside = count >= 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1;
  const __m512i c = _mm512_maskz_loadu_epi8(inside, classes);
  return {_mm512_test_epi8_mask(c, c), _mm512_cmpgt_epi8_mask(c, _mm512_set1_epi8(1))};
#else
  return class_word(classes, count);
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
