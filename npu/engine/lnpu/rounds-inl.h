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

/// ceil(n / lanes) as rounds_table() has it, by a multiplication. Exact for the inputs of a window: n is at most 256 x
/// lanes (see LnpuConfig::valid), so (n + lanes - 1) * lanes stays below 2^21 and the product below 2^32.
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
#if HWY_TARGET == HWY_SCALAR
    return hn::Set(du, (hn::GetLane(n) + add_) * factor_ >> 21);
#else
    const hn::Repartition<uint32_t, decltype(du)> du32;
    const auto sum = hn::BitCast(du32, hn::Add(n, hn::Set(du, uint64_t{add_})));
    return hn::ShiftRight<21>(hn::MulEven(sum, hn::Set(du32, factor_)));
#endif
  }

 private:
  uint32_t add_, factor_;
  bool identity_;
};

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
