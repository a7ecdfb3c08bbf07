// One term of many sums: the arithmetic of the vector kernels, compiled once per Highway target.
#if defined(BACKBOARD_NPU_ENGINE_ADD_TERM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_ENGINE_ADD_TERM_INL_H_
#undef BACKBOARD_NPU_ENGINE_ADD_TERM_INL_H_
#else
#define BACKBOARD_NPU_ENGINE_ADD_TERM_INL_H_
#endif

#include <hwy/highway.h>

#include "npu/engine/strided_gemm.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Rounds binary32 sums to FP16: nearest even, subnormals, saturating, -0 made +0. Adding and subtracting
/// 1.5 * 2^(e + 13) rounds to the unit 2^(e - 10) of the sum's binade e (at least FP16's smallest, -14).
template <class D, class V>
HWY_INLINE V round_to_fp16(D d, V sum) {
  const hn::RebindToSigned<D> di;
  const auto exponent = hn::And(hn::BitCast(di, sum), hn::Set(di, 0x7f800000));
  const auto binade = hn::Max(exponent, hn::Set(di, (127 - 14) << 23));
  const V magic = hn::BitCast(d, hn::Add(binade, hn::Set(di, (13 << 23) | 0x400000)));
  const V rounded = hn::Sub(hn::Add(sum, magic), magic);
  return hn::Max(hn::Min(rounded, hn::Set(d, 65504.0f)), hn::Set(d, -65504.0f));
}

/// The same for sums that may be huge or not finite: NaN stays NaN, and infinities saturate.
template <class D, class V>
HWY_INLINE V round_to_fp16_any(D d, V sum) {
  const V limit = hn::Set(d, 131072.0f);
  const auto nan = hn::IsNaN(sum);
  const V cut = hn::Max(hn::Min(sum, limit), hn::Neg(limit));
  return hn::IfThenElse(nan, sum, round_to_fp16(d, hn::IfThenZeroElse(nan, cut)));
}

template <Arithmetic kArithmetic, bool kMasked, class D, class V>
HWY_INLINE V add_term(D d, V sum, V a, V b) {
  if constexpr (kMasked) {
    const V zero = hn::Zero(d);
    const auto none = hn::Or(hn::Eq(a, zero), hn::Eq(b, zero));
    const V next = hn::Add(sum, hn::IfThenZeroElse(none, hn::Mul(a, b)));
    if constexpr (kArithmetic == Arithmetic::kFp16Sum) return hn::IfThenElse(none, sum, round_to_fp16_any(d, next));
    return next;
  } else if constexpr (kArithmetic == Arithmetic::kMultiplyThenAdd) {
    return hn::Add(sum, hn::Mul(a, b));
  } else if constexpr (kArithmetic == Arithmetic::kFp16Sum) {
    return round_to_fp16(d, hn::MulAdd(a, b, sum));
  } else {
    return hn::MulAdd(a, b, sum);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
