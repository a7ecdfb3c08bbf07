// Times of a group in words: sums over steps and over windows that span steps. Compiled once per Highway target.
#if defined(BACKBOARD_NPU_ENGINE_LNPU_STEP_TIMES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_ENGINE_LNPU_STEP_TIMES_INL_H_
#undef BACKBOARD_NPU_ENGINE_LNPU_STEP_TIMES_INL_H_
#else
#define BACKBOARD_NPU_ENGINE_LNPU_STEP_TIMES_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "npu/engine/lnpu/count_rows.h"
#include "npu/engine/lnpu/lane_sum-inl.h"
#include "npu/engine/lnpu/rounds-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Sum over steps of time[r], with extra[r] where the group has a high operand, and nothing (Skip::kBoth) where it has
/// none but zeros.
HWY_INLINE uint64_t sum_steps(const uint32_t* time, const uint32_t* extra, const uint8_t* either, uint32_t steps,
                              bool skip_both) {
  const hn::ScalableTag<uint32_t> du;
  const hn::Rebind<uint8_t, decltype(du)> d8;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  const auto zero = hn::Zero(du), two = hn::Set(du, 2u);
  uint32_t r = 0;
  uint64_t total = 0;
  while (r + lanes <= steps) {
    // Short blocks, so that the lanes and their sum stay below 2^32 for up to 2^23 positions.
    auto sums = zero;
    for (const uint32_t end = std::min(r + 256, steps); r + lanes <= end; r += lanes) {
      const auto c = hn::PromoteTo(du, hn::LoadU(d8, either + r));
      auto term =
          hn::Add(hn::LoadU(du, time + r), hn::IfThenElseZero(hn::Ne(hn::And(c, two), zero), hn::LoadU(du, extra + r)));
      if (skip_both) term = hn::IfThenElseZero(hn::Ne(c, zero), term);
      sums = hn::Add(sums, term);
    }
    total += lane_sum(du, sums);
  }
  for (; r < steps; ++r) {
    if (skip_both && either[r] == 0) continue;
    total += time[r] + ((either[r] & 2) != 0 ? extra[r] : 0);
  }
  return total;
}

/// Adds neighbours in pairs: to[i] = from[2 i] + from[2 i + 1]; `count` words, a multiple of two vectors.
HWY_INLINE void add_neighbours(const uint32_t* from, uint32_t count, uint32_t* to) {
#if HWY_TARGET == HWY_SCALAR
  for (uint32_t i = 0; i < count / 2; ++i) to[i] = from[2 * i] + from[2 * i + 1];
#else
  const hn::ScalableTag<uint32_t> du;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  for (uint32_t i = 0; i < count; i += 2 * lanes) {
    const auto a = hn::Load(du, from + i), b = hn::Load(du, from + i + lanes);
    hn::Store(hn::Add(hn::ConcatEven(du, b, a), hn::ConcatOdd(du, b, a)), du, to + i / 2);
  }
#endif
}

#if HWY_TARGET <= HWY_AVX2
/// sum_chunks() for windows that a vector holds.
HWY_INLINE uint64_t sum_short_chunks(const CountRows& p, const uint32_t* n, const uint32_t* high,
                                     const uint8_t* either) {
  const bool skip_both = p.config->skip == Skip::kBoth;
  const hn::ScalableTag<uint32_t> du;
  const hn::Rebind<uint8_t, decltype(du)> d8;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  const Rounds rounds(*p.config);
  const auto zero = hn::Zero(du), two = hn::Set(du, 2u), low_half = hn::Set(du, 0xffffu);
  auto total = zero;
  for (uint32_t r = 0; r < p.steps; r += lanes) {
    const auto c = hn::PromoteTo(du, hn::LoadU(d8, either + r));
    const auto inputs = hn::LoadU(du, n + r);
    const auto slow = hn::IfThenElse(hn::Ne(hn::And(c, two), zero), inputs, hn::LoadU(du, high + r));
    // Inputs in the low half of a word, those at the high rate in the upper.
    auto both = hn::Or(inputs, hn::ShiftLeft<16>(slow));
    if (skip_both) both = hn::IfThenElseZero(hn::Ne(c, zero), both);
    if (r + lanes > p.steps) both = hn::IfThenElseZero(hn::FirstN(du, p.steps - r), both);
    // Each step gets the sum of its window.
    both = hn::Add(both, hn::Shuffle2301(both));
    if (p.chunk >= 4) both = hn::Add(both, hn::Shuffle1032(both));
    if (p.chunk >= 8) both = hn::Add(both, hn::SwapAdjacentBlocks(both));
    if (p.chunk >= 16) both = hn::Add(both, hn::ReverseBlocks(du, both));
    total = hn::Add(total, hn::Add(rounds(hn::And(both, low_half)), rounds(hn::ShiftRight<16>(both))));
  }
  return lane_sum(du, total) / p.chunk;
}
#endif

/// The same for windows that span `chunk` steps (a power of two, at most 128): `n` and `high` are counts, whose sums
/// over a window fit in a byte.
HWY_INLINE uint64_t sum_chunks(const CountRows& p, const uint32_t* n, const uint32_t* high, const uint8_t* either) {
#if HWY_TARGET <= HWY_AVX2
  // (Sums of lanes, in which a window counts once for each of its steps, stay below 2^32.)
  if (p.chunk <= hn::Lanes(hn::ScalableTag<uint32_t>()) && p.steps <= 1u << 16) {
    return sum_short_chunks(p, n, high, either);
  }
#endif
  constexpr uint32_t kBlock = 256;  // steps at a time: whole windows
  const bool skip_both = p.config->skip == Skip::kBoth;
  const hn::ScalableTag<uint32_t> du;
  const hn::Rebind<uint8_t, decltype(du)> d8;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  const Rounds rounds(*p.config);
  const auto zero = hn::Zero(du), two = hn::Set(du, 2u), low_half = hn::Set(du, 0xffffu);
  auto total = zero;
  uint64_t sum = 0;
  HWY_ALIGN uint32_t packed[kBlock + HWY_MAX_BYTES / 4];
  for (uint32_t r0 = 0; r0 < p.steps; r0 += kBlock) {
    const uint32_t count = std::min(kBlock, p.steps - r0);
    const uint32_t padded = (count + p.chunk - 1) / p.chunk * p.chunk;
    // Inputs in the low half of a word, those at the high rate in the upper.
    const uint32_t pairs = (padded + 2 * lanes - 1) / (2 * lanes);  // of vectors
    for (uint32_t r = 0; r < 2 * lanes * pairs; r += lanes) {
      if (r >= count) {
        hn::Store(zero, du, packed + r);
        continue;
      }
      const auto c = hn::PromoteTo(du, hn::LoadU(d8, either + r0 + r));
      const auto inputs = hn::LoadU(du, n + r0 + r);
      const auto slow = hn::IfThenElse(hn::Ne(hn::And(c, two), zero), inputs, hn::LoadU(du, high + r0 + r));
      auto both = hn::Or(inputs, hn::ShiftLeft<16>(slow));
      if (skip_both) both = hn::IfThenElseZero(hn::Ne(c, zero), both);
      if (r + lanes > count) both = hn::IfThenElseZero(hn::FirstN(du, count - r), both);
      hn::Store(both, du, packed + r);
    }
    uint32_t left = padded;
    for (uint32_t chunk = p.chunk; chunk > 1; chunk /= 2) {
      // What lies behind `left` adds to what lies behind its half.
      add_neighbours(packed, (left + 2 * lanes - 1) / (2 * lanes) * 2 * lanes, packed);
      left /= 2;
    }
    for (uint32_t i = left; i < (left + lanes - 1) / lanes * lanes; ++i) packed[i] = 0;
    for (uint32_t i = 0; i < left; i += lanes) {
      const auto both = hn::Load(du, packed + i);
      total = hn::Add(total, hn::Add(rounds(hn::And(both, low_half)), rounds(hn::ShiftRight<16>(both))));
    }
    if (r0 % (64 * kBlock) == 0) {
      sum += lane_sum(du, total);
      total = zero;
    }
  }
  return sum + lane_sum(du, total);
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
