// The sum of a vector's lanes as a number, compiled once per Highway target.
#if defined(BACKBOARD_NPU_ENGINE_LNPU_LANE_SUM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_ENGINE_LNPU_LANE_SUM_INL_H_
#undef BACKBOARD_NPU_ENGINE_LNPU_LANE_SUM_INL_H_
#else
#define BACKBOARD_NPU_ENGINE_LNPU_LANE_SUM_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Of unsigned lanes. (With AVX-512, SumOfLanes() makes a vector of it again.)
template <class D>
HWY_INLINE hn::TFromD<D> lane_sum(D d, hn::Vec<D> v) {
#if HWY_TARGET <= HWY_AVX3
  if constexpr (hn::MaxLanes(d) * sizeof(hn::TFromD<D>) == 64) {
    if constexpr (sizeof(hn::TFromD<D>) == 4) return static_cast<uint32_t>(_mm512_reduce_add_epi32(v.raw));
    if constexpr (sizeof(hn::TFromD<D>) == 8) return static_cast<uint64_t>(_mm512_reduce_add_epi64(v.raw));
  }
#endif
  return hn::GetLane(hn::SumOfLanes(d, v));
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
