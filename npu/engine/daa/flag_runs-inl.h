// Which operands of daa are not zero, as bytes; compiled once per Highway target.
#if defined(BACKBOARD_NPU_ENGINE_DAA_FLAG_RUNS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_ENGINE_DAA_FLAG_RUNS_INL_H_
#undef BACKBOARD_NPU_ENGINE_DAA_FLAG_RUNS_INL_H_
#else
#define BACKBOARD_NPU_ENGINE_DAA_FLAG_RUNS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

#ifndef BACKBOARD_NPU_ENGINE_DAA_RUN_
#define BACKBOARD_NPU_ENGINE_DAA_RUN_
namespace backboard::npu::daa {

/// Places that follow each other by one.
struct Run {
  ptrdiff_t first;
  uint32_t count;
};

}  // namespace backboard::npu::daa
#endif

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::daa {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// flags[i] = 1 where from[i] is not zero; a vector, reads and writes no more.
template <class D>
HWY_INLINE void flag_vector(D d, const float* from, uint8_t* flags) {
  const hn::RebindToSigned<D> di;
  const hn::Rebind<uint8_t, D> d8;
  const auto zero = hn::RebindMask(di, hn::Eq(hn::LoadU(d, from), hn::Zero(d)));
  hn::StoreU(hn::DemoteTo(d8, hn::IfThenZeroElse(zero, hn::Set(di, 1))), d8, flags);
}

/// As flag_vector(), `count` elements: the last vector overlaps the one before.
template <class D>
HWY_INLINE void flag_run(D d, const float* from, uint32_t count, uint8_t* flags) {
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  for (uint32_t i = 0; i + lanes <= count; i += lanes) flag_vector(d, from + i, flags + i);
  if (count % lanes != 0) flag_vector(d, from + count - lanes, flags + count - lanes);
}

/// Flags of the elements of all runs, one after the other.
inline void flag_runs(const float* base, const Run* runs, uint32_t count, uint8_t* flags) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 4> small;
  for (uint32_t i = 0; i < count; ++i) {
    const float* from = base + runs[i].first;
    const uint32_t length = runs[i].count;
    if (length >= hn::Lanes(d)) {
      flag_run(d, from, length, flags);
    } else if (length >= hn::Lanes(small)) {
      flag_run(small, from, length, flags);
    } else {
      for (uint32_t j = 0; j < length; ++j) flags[j] = from[j] != 0.0f;
    }
    flags += length;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::daa
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
