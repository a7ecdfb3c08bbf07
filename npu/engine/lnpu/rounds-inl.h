// Rounds of dealing inputs to lanes, compiled once per Highway target.
#if defined(BACKBOARD_NPU_ENGINE_LNPU_ROUNDS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_ENGINE_LNPU_ROUNDS_INL_H_
#undef BACKBOARD_NPU_ENGINE_LNPU_ROUNDS_INL_H_
#else
#define BACKBOARD_NPU_ENGINE_LNPU_ROUNDS_INL_H_
#endif

#include <hwy/highway.h>

#include "npu/engine/lnpu/config.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Products of 64-bit words whose upper halves are zero.
template <class V>
HWY_INLINE V multiply_halves(V a, V b) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Mul(a, b);
#else
  const hn::Repartition<uint32_t, hn::DFromV<V> > d32;
  return hn::MulEven(hn::BitCast(d32, a), hn::BitCast(d32, b));
#endif
}

/// ceil(n / lanes), the cycles of n inputs that balanced lanes share (n without the balancer), by a multiplication.
/// Exact for the inputs of a window: n is at most 256 x lanes (see LnpuConfig::valid), so (n + lanes - 1) * lanes stays
/// below 2^21 and the product below 2^32.
class Rounds {
 public:
  explicit Rounds(const LnpuConfig& config)
      : add_(config.lanes - 1),
        factor_(((1u << 21) + config.lanes - 1) / config.lanes),
        identity_(config.ilb_window == 1) {}
  /// Of 32-bit counts.
  template <class V>
  HWY_INLINE V operator()(V n) const {
    const hn::DFromV<V> du;
    if (identity_) return n;
    return hn::ShiftRight<21>(hn::Mul(hn::Add(n, hn::Set(du, add_)), hn::Set(du, factor_)));
  }
  /// Of counts in 64-bit words.
  template <class V>
  HWY_INLINE V of_words(V n) const {
    const hn::DFromV<V> du;
    if (identity_) return n;
    const auto sum = hn::Add(n, hn::Set(du, uint64_t{add_}));
    return hn::ShiftRight<21>(multiply_halves(sum, hn::Set(du, uint64_t{factor_})));
  }

 private:
  uint32_t add_, factor_;
  bool identity_;
};

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
