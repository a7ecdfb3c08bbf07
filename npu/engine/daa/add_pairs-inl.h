// The inner loop of daa, compiled once per Highway target.
#if defined(BACKBOARD_NPU_ENGINE_DAA_ADD_PAIRS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_ENGINE_DAA_ADD_PAIRS_INL_H_
#undef BACKBOARD_NPU_ENGINE_DAA_ADD_PAIRS_INL_H_
#else
#define BACKBOARD_NPU_ENGINE_DAA_ADD_PAIRS_INL_H_
#endif

#include <hwy/highway.h>

#include "npu/engine/daa/pair_layout.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::daa {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Adds the pairs of packed rows, [pair][field][kPassRows], by those of a vector of columns, [pair][field], to kRows
/// sums. kMasked: some operand is an infinity or NaN; slower.
template <bool kMasked, uint32_t kRows, class D>
HWY_INLINE void add_pairs(D d, const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, uint32_t pairs,
                          hn::Vec<D> (&sums)[kRows]) {
  using V = hn::Vec<D>;
  const size_t lanes = hn::Lanes(d);
  for (uint32_t i = 0; i < pairs; ++i, a += kPairFields * kPassRows, b += kPairFields * lanes) {
    const V high0 = hn::Load(d, b), high1 = hn::Load(d, b + lanes);
    const V low0 = hn::Load(d, b + 2 * lanes), low1 = hn::Load(d, b + 3 * lanes);
    const V difference = hn::Load(d, b + 4 * lanes);
    HWY_UNROLL(8)
    for (uint32_t m = 0; m < kRows; ++m) {
      const auto field = [&](uint32_t j) HWY_ATTR { return hn::Set(d, a[j * kPassRows + m]); };
      const auto first = hn::Ge(field(4), difference);
      V p0, p1;
      if constexpr (kMasked) {
        const V zero = hn::Zero(d);
        const V x0 = hn::IfThenElse(first, field(0), field(2)), y0 = hn::IfThenElse(first, high0, low0);
        const V x1 = hn::IfThenElse(first, field(3), field(1)), y1 = hn::IfThenElse(first, low1, high1);
        p0 = hn::IfThenZeroElse(hn::Or(hn::Eq(x0, zero), hn::Eq(y0, zero)), hn::Mul(x0, y0));
        p1 = hn::IfThenZeroElse(hn::Or(hn::Eq(x1, zero), hn::Eq(y1, zero)), hn::Mul(x1, y1));
      } else {
        p0 = hn::IfThenElse(first, hn::Mul(field(0), high0), hn::Mul(field(2), low0));
        p1 = hn::IfThenElse(first, hn::Mul(field(3), low1), hn::Mul(field(1), high1));
      }
      sums[m] = hn::Add(hn::Add(sums[m], p0), p1);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::daa
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
