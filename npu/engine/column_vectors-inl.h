// Columns cut into vectors, compiled once per Highway target.
#if defined(BACKBOARD_NPU_ENGINE_COLUMN_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_ENGINE_COLUMN_VECTORS_INL_H_
#undef BACKBOARD_NPU_ENGINE_COLUMN_VECTORS_INL_H_
#else
#define BACKBOARD_NPU_ENGINE_COLUMN_VECTORS_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// visit(d, n0, count) for columns [n0, n0 + count) in turn, `count` of them in lanes of `d`: whole vectors, but one of
/// at most eight lanes for the last columns where these are enough.
template <class Visit>
HWY_INLINE void for_column_vectors(uint32_t columns, const Visit& visit) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 8> half;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d)), half_lanes = static_cast<uint32_t>(hn::Lanes(half));
  for (uint32_t n0 = 0, count; n0 < columns; n0 += count) {
    count = std::min(columns - n0, lanes);
    if (columns - n0 > half_lanes) {
      visit(d, n0, count);
    } else {
      visit(half, n0, count);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
