// Vector code of rounding, encoding and decoding, compiled once per Highway target. Results equal those of
// rounding_scalar.cc for every input.
#if defined(BACKBOARD_NPU_NUMERICS_ROUNDING_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_NUMERICS_ROUNDING_INL_H_
#undef BACKBOARD_NPU_NUMERICS_ROUNDING_INL_H_
#else
#define BACKBOARD_NPU_NUMERICS_ROUNDING_INL_H_
#endif

#include <hwy/highway.h>

#include "npu/numerics/row_constants.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr uint32_t kVectorInfinity = 0x7f800000u;
inline constexpr uint32_t kVectorNan = 0x7fc00000u;

/// Where a > b; both below 2^31, so that the signed comparison serves, which is the cheaper one.
template <class D, class V = hn::VFromD<D>>
HWY_INLINE hn::Mask<D> above(D du, V a, V b) {
  const hn::RebindToSigned<D> di;
  return hn::RebindMask(du, hn::Gt(hn::BitCast(di, a), hn::BitCast(di, b)));
}

/// A rounded vector: bits of the binary32 values (-0 made +0, NaN canonical), and what happened.
template <class D>
struct Rounded {
  hn::VFromD<D> bits;
  hn::Mask<D> saturated;
  hn::Mask<D> nonfinite;
};

/// Rounds the binary32 values with these bits to the format. `du` is a tag of uint32_t.
template <class D, class V = hn::VFromD<D>>
HWY_INLINE Rounded<D> round_bits(D du, const RowConstants& k, V bits) {
  const hn::RebindToFloat<D> df;
  const V magnitude = hn::And(bits, hn::Set(du, 0x7fffffffu));
  const V sign = hn::Xor(bits, magnitude);
  V rounded = magnitude;
  if (k.shift != 0) {
    const V odd = hn::And(hn::ShiftRightSame(magnitude, static_cast<int>(k.shift)), hn::Set(du, 1u));
    const V normal = hn::And(hn::Add(hn::Add(magnitude, hn::Set(du, k.half_minus_one)), odd), hn::Set(du, k.keep));
    const auto step = hn::BitCast(df, hn::Set(du, k.subnormal_step));
    const V subnormal = hn::BitCast(du, hn::Sub(hn::Add(hn::BitCast(df, magnitude), step), step));
    rounded = hn::IfThenElse(above(du, hn::Set(du, k.min_normal), magnitude), subnormal, normal);
  }
  const V largest = hn::Set(du, k.max_finite);
  const auto nan = above(du, magnitude, hn::Set(du, kVectorInfinity));
  const auto nonfinite = above(du, magnitude, hn::Set(du, kVectorInfinity - 1));
  const auto saturated = hn::AndNot(nan, above(du, rounded, largest));
  rounded = hn::Min(rounded, largest);
  const V zero = hn::Zero(du);
  rounded = hn::IfThenElse(hn::Eq(rounded, zero), zero, hn::Or(rounded, sign));
  rounded = hn::IfThenElse(nan, hn::Set(du, kVectorNan), rounded);
  return {rounded, saturated, nonfinite};
}

/// Patterns of the format for values that round_bits() returned.
template <class D, class V = hn::VFromD<D>>
HWY_INLINE V pattern_of(D du, const RowConstants& k, V rounded) {
  if (k.shift == 0) return rounded;
  const hn::RebindToFloat<D> df;
  const V magnitude = hn::And(rounded, hn::Set(du, 0x7fffffffu));
  const V sign = hn::ShiftRightSame(hn::Xor(rounded, magnitude), static_cast<int>(k.sign_shift));
  const V normal = hn::Sub(hn::ShiftRightSame(magnitude, static_cast<int>(k.shift)), hn::Set(du, k.rebias));
  const V step = hn::Set(du, k.subnormal_step);
  const V subnormal = hn::Sub(hn::BitCast(du, hn::Add(hn::BitCast(df, magnitude), hn::BitCast(df, step))), step);
  const V pattern = hn::IfThenElse(above(du, hn::Set(du, k.min_normal), magnitude), subnormal, normal);
  const auto nan = above(du, magnitude, hn::Set(du, kVectorInfinity));
  return hn::IfThenElse(nan, hn::Set(du, k.nan), hn::Or(pattern, sign));
}

/// Bits of the binary32 values of patterns of the format.
template <class D, class V = hn::VFromD<D>>
HWY_INLINE V bits_of_pattern(D du, const RowConstants& k, V pattern) {
  const hn::RebindToFloat<D> df;
  const hn::RebindToSigned<D> di;
  const V magnitude = hn::And(pattern, hn::Set(du, k.magnitude_mask));
  if (k.shift == 0) {
    const auto not_a_number = above(du, magnitude, hn::Set(du, kVectorInfinity));
    return hn::IfThenElse(not_a_number, hn::Set(du, kVectorNan), pattern);
  }
  const V sign = hn::ShiftLeftSame(hn::Xor(pattern, magnitude), static_cast<int>(k.sign_shift));
  const V normal = hn::Add(hn::ShiftLeftSame(magnitude, static_cast<int>(k.shift)), hn::Set(du, k.decode_offset));
  const V subnormal =
      hn::BitCast(du, hn::Mul(hn::ConvertTo(df, hn::BitCast(di, magnitude)), hn::Set(df, k.subnormal_unit)));
  const auto is_subnormal = hn::Eq(hn::And(magnitude, hn::Set(du, k.exponent_mask)), hn::Zero(du));
  V bits = hn::Or(hn::IfThenElse(is_subnormal, subnormal, normal), sign);
  const V first = hn::Set(du, k.first_nonfinite);
  const auto special = above(du, magnitude, hn::Set(du, k.first_nonfinite - 1));
  if (HWY_UNLIKELY(!hn::AllFalse(du, special))) {
    if (k.has_inf) bits = hn::IfThenElse(hn::Eq(magnitude, first), hn::Or(hn::Set(du, kVectorInfinity), sign), bits);
    const auto nan = k.has_inf ? above(du, magnitude, first) : special;
    bits = hn::IfThenElse(nan, hn::Set(du, kVectorNan), bits);
  }
  return bits;
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
