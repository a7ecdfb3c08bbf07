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

/// A pair of a vector of columns.
template <class D>
struct PairColumns {
  using V = hn::Vec<D>;
  HWY_INLINE PairColumns(V h0, V h1, V l0, V l1, V of_keys)
      : high0(h0), high1(h1), low0(l0), low1(l1), difference(of_keys) {}
  HWY_INLINE PairColumns(D d, const float* HWY_RESTRICT b)
      : high0(hn::Load(d, b)),
        high1(hn::Load(d, b + hn::Lanes(d))),
        low0(hn::Load(d, b + 2 * hn::Lanes(d))),
        low1(hn::Load(d, b + 3 * hn::Lanes(d))),
        difference(hn::Load(d, b + 4 * hn::Lanes(d))) {}
  V high0, high1, low0, low1, difference;
};

/// Adds a pair of a row by one of columns. kMasked: some operand is an infinity or NaN; slower.
template <bool kMasked, class D, class V = hn::Vec<D>>
HWY_INLINE V add_pair(D d, V sum, V high0, V high1, V low0, V low1, V difference, const PairColumns<D>& b) {
  const auto first = hn::Ge(difference, b.difference);
  V p0, p1;
  if constexpr (kMasked) {
    const V zero = hn::Zero(d);
    const V x0 = hn::IfThenElse(first, high0, low0), y0 = hn::IfThenElse(first, b.high0, b.low0);
    const V x1 = hn::IfThenElse(first, low1, high1), y1 = hn::IfThenElse(first, b.low1, b.high1);
    p0 = hn::IfThenZeroElse(hn::Or(hn::Eq(x0, zero), hn::Eq(y0, zero)), hn::Mul(x0, y0));
    p1 = hn::IfThenZeroElse(hn::Or(hn::Eq(x1, zero), hn::Eq(y1, zero)), hn::Mul(x1, y1));
  } else {
    p0 = hn::IfThenElse(first, hn::Mul(high0, b.high0), hn::Mul(low0, b.low0));
    p1 = hn::IfThenElse(first, hn::Mul(low1, b.low1), hn::Mul(high1, b.high1));
  }
  return hn::Add(hn::Add(sum, p0), p1);
}

/// Adds the pairs of packed rows, [pair][field][kPassRows], by those of a vector of columns, [pair][field], to kRows
/// sums.
template <bool kMasked, uint32_t kRows, class D>
HWY_INLINE void add_pairs(D d, const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, uint32_t pairs,
                          hn::Vec<D> (&sums)[kRows]) {
  for (uint32_t i = 0; i < pairs; ++i, a += kPairFields * kPassRows, b += kPairFields * hn::Lanes(d)) {
    const PairColumns<D> columns(d, b);
    HWY_UNROLL(8)
    for (uint32_t m = 0; m < kRows; ++m) {
      const auto field = [&](uint32_t j) HWY_ATTR { return hn::Set(d, a[j * kPassRows + m]); };
      sums[m] = add_pair<kMasked>(d, sums[m], field(0), field(1), field(2), field(3), field(4), columns);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::daa
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
