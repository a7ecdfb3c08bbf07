// Operands of neuroflix as integers with a shared exponent, compiled once per Highway target.
#if defined(BACKBOARD_NPU_ENGINE_NEUROFLIX_GROUP_ALIGN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_ENGINE_NEUROFLIX_GROUP_ALIGN_INL_H_
#undef BACKBOARD_NPU_ENGINE_NEUROFLIX_GROUP_ALIGN_INL_H_
#else
#define BACKBOARD_NPU_ENGINE_NEUROFLIX_GROUP_ALIGN_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "npu/engine/neuroflix/config.h"
#include "npu/engine/neuroflix/group_layout.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::neuroflix {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// What unit_of() gives, in each lane; a unit of one where there are zeros only.
template <class D>
struct LaneUnits {
  hn::Vec<D> unit, inverse;
  LaneUnits(D d, uint32_t bits, hn::Vec<hn::RebindToSigned<D>> largest) {
    const hn::RebindToSigned<D> di;
    const auto exponent = hn::Sub(hn::ShiftRight<23>(largest), hn::Set(di, static_cast<int32_t>(bits - 2)));
    const auto field = hn::Max(hn::Min(exponent, hn::Set(di, 253)), hn::Set(di, 1));
    inverse = hn::BitCast(d, hn::ShiftLeft<23>(hn::Sub(hn::Set(di, 254), field)));
    unit = hn::IfThenElse(hn::RebindMask(d, hn::Eq(largest, hn::Zero(di))), hn::Set(d, 1.0f),
                          hn::BitCast(d, hn::ShiftLeft<23>(field)));
  }
};

/// Turns values into integers, as binary32.
template <class D>
class Rounder {
 public:
  Rounder(D, uint32_t bits) : limit_(static_cast<float>((1 << (bits - 1)) - 1)) {}
  HWY_INLINE hn::Vec<D> operator()(hn::Vec<D> value, hn::Vec<D> inverse) const {
    const D d;
    const auto scaled = hn::Round(hn::Mul(value, inverse));
    return hn::Max(hn::Min(scaled, hn::Set(d, limit_)), hn::Set(d, -limit_));
  }

 private:
  float limit_;
};

/// The value, or zero where it is an infinity or NaN; adds its magnitude to the largest.
template <class D>
HWY_INLINE hn::Vec<D> take_finite(D d, hn::Vec<D> value, hn::Vec<hn::RebindToSigned<D>>& largest) {
  const hn::RebindToSigned<D> di;
  const auto magnitude = hn::And(hn::BitCast(di, value), hn::Set(di, 0x7fffffff));
  const auto finite = hn::Lt(magnitude, hn::Set(di, 0x7f800000));
  largest = hn::Max(largest, hn::IfThenElseZero(finite, magnitude));
  return hn::IfThenElseZero(hn::RebindMask(d, finite), value);
}

/// Aligns a group of kGroup values, kVectors vectors of them, and stores the integers; gives the unit.
template <uint32_t kVectors, class D>
HWY_INLINE float align(D d, hn::Vec<D>* values, uint32_t bits, float* HWY_RESTRICT to) {
  const hn::RebindToSigned<D> di;
  auto largest = hn::Zero(di);
  HWY_UNROLL(4)
  for (uint32_t v = 0; v < kVectors; ++v) values[v] = take_finite(d, values[v], largest);
  const LaneUnits<D> units(d, bits, hn::MaxOfLanes(di, largest));
  const Rounder<D> round(d, bits);
  HWY_UNROLL(4)
  for (uint32_t v = 0; v < kVectors; ++v) hn::Store(round(values[v], units.inverse), d, to + v * hn::Lanes(d));
  return hn::GetLane(units.unit);
}

/// Gathers the kGroup values of group g, zeros behind the last step, and aligns them. Reads no others.
HWY_INLINE float gather(const float* base, const StepRuns& steps, uint32_t g, uint32_t bits, float* HWY_RESTRICT to) {
  const StepRun *run = steps.runs + steps.begin[g], *const end = steps.runs + steps.begin[g + 1];
  const hn::CappedTag<float, kGroup> d;
  constexpr uint32_t kVectors = kGroup / hn::MaxLanes(d);
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  hn::Vec<decltype(d)> values[kVectors];
#if HWY_TARGET <= HWY_AVX2
  const hn::RebindToUnsigned<decltype(d)> du;
  for (uint32_t v = 0; v < kVectors; ++v) values[v] = hn::Zero(d);
  for (; run < end; ++run) {
    for (uint32_t v = 0; v < kVectors; ++v) {
      const auto step = hn::Sub(hn::Iota(du, v * lanes), hn::Set(du, run->first));
      const auto inside = hn::RebindMask(d, hn::Lt(step, hn::Set(du, run->count)));
      values[v] = hn::Or(values[v], hn::MaskedLoad(inside, d, base + run->offset + v * lanes));
    }
  }
#else
  std::fill_n(to, kGroup, 0.0f);
  for (; run < end; ++run) {
    for (uint32_t i = run->first; i < run->first + run->count; ++i) to[i] = base[run->offset + i];
  }
  for (uint32_t v = 0; v < kVectors; ++v) values[v] = hn::Load(d, to + v * lanes);
#endif
  return align<kVectors>(d, values, bits, to);
}

/// Aligns kGroup values in each lane: load(i) gives the values of step i of `count`. Writes `count` vectors of
/// integers, `pitch` apart, to `to` and returns the units.
template <class D, class Load>
HWY_INLINE hn::Vec<D> align_lanes(D d, uint32_t bits, uint32_t count, float* HWY_RESTRICT to, size_t pitch,
                                  const Load& load) {
  const hn::RebindToSigned<D> di;
  auto largest = hn::Zero(di);
  for (uint32_t i = 0; i < count; ++i) hn::Store(take_finite(d, load(i), largest), d, to + i * pitch);
  const LaneUnits<D> units(d, bits, largest);
  const Rounder<D> round(d, bits);
  for (uint32_t i = 0; i < count; ++i) {
    hn::Store(round(hn::Load(d, to + i * pitch), units.inverse), d, to + i * pitch);
  }
  return units.unit;
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::neuroflix
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
