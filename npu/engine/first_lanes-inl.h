// Loads and stores of part of a vector, compiled once per Highway target.
#if defined(BACKBOARD_NPU_ENGINE_FIRST_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_ENGINE_FIRST_LANES_INL_H_
#undef BACKBOARD_NPU_ENGINE_FIRST_LANES_INL_H_
#else
#define BACKBOARD_NPU_ENGINE_FIRST_LANES_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The first `count` elements, zero beyond; reads no others.
template <class D>
HWY_INLINE hn::Vec<D> load_first(D d, const float* from, size_t count) {
#if HWY_TARGET <= HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(d, count), d, from);
#else
  HWY_ALIGN float all[HWY_MAX_BYTES / sizeof(float)] = {};
  for (size_t i = 0; i < std::min(count, hn::Lanes(d)); ++i) all[i] = from[i];
  return hn::Load(d, all);
#endif
}

/// Writes the first `count` elements alone.
template <class D>
HWY_INLINE void store_first(D d, hn::Vec<D> value, float* to, size_t count) {
#if HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(value, hn::FirstN(d, count), d, to);
#else
  HWY_ALIGN float all[HWY_MAX_BYTES / sizeof(float)];
  hn::Store(value, d, all);
  for (size_t i = 0; i < std::min(count, hn::Lanes(d)); ++i) to[i] = all[i];
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
