// How far places follow each other, compiled once per Highway target.
#if defined(BACKBOARD_NPU_ENGINE_RUN_LENGTH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_ENGINE_RUN_LENGTH_INL_H_
#undef BACKBOARD_NPU_ENGINE_RUN_LENGTH_INL_H_
#else
#define BACKBOARD_NPU_ENGINE_RUN_LENGTH_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// How many places from places[0] on follow each other by one; `count`, at least one, at most.
HWY_INLINE uint32_t run_length(const ptrdiff_t* places, uint32_t count) {
  const hn::CappedTag<int64_t, 8> d;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  const auto* const from = reinterpret_cast<const int64_t*>(places);
  const auto one = hn::Set(d, int64_t{1});
  uint32_t length = 1;
  while (length + lanes <= count) {
    const auto step = hn::Sub(hn::LoadU(d, from + length), hn::LoadU(d, from + length - 1));
    if (!hn::AllTrue(d, hn::Eq(step, one))) break;
    length += lanes;
  }
  while (length < count && places[length] == places[length - 1] + 1) ++length;
  return length;
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
