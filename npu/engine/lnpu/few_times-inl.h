// FC layers of few images: how long lanes take, bins by four. Compiled once per Highway target.
#if defined(BACKBOARD_NPU_ENGINE_LNPU_FEW_TIMES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_ENGINE_LNPU_FEW_TIMES_INL_H_
#undef BACKBOARD_NPU_ENGINE_LNPU_FEW_TIMES_INL_H_
#else
#define BACKBOARD_NPU_ENGINE_LNPU_FEW_TIMES_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "npu/engine/lnpu/byte_times-inl.h"
#include "npu/engine/lnpu/few_images.h"
#include "npu/engine/lnpu/few_rows-inl.h"
#include "npu/engine/lnpu/lane_sum-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR

inline constexpr uint32_t kTogether = 4;  // bins whose counts lie in one word, 16 bits each

/// Steps that a loop over vectors of `per_vector` steps goes to: a constant where one vector has them all.
HWY_INLINE uint32_t step_end(uint32_t steps, size_t per_vector) {
  return per_vector >= kMostFew ? kMostFew : steps;
}

/// How many elements are not zero, and high, at each step; zero behind the last.
struct StepCounts {
  alignas(64) uint8_t nonzero[kMostFew], high[kMostFew];
};

/// Bitmaps of rows; zero behind the last.
struct RowBits {
  alignas(64) uint64_t nonzero[kMostFew], high[kMostFew];
};

/// Adds the times of a group in bins 4 * quad to 4 * quad + 3, 16 bits each.
HWY_INLINE void add_four(const FewImages& p, uint32_t quad, uint32_t column, uint64_t times, uint64_t* core_times) {
  // (Bins behind the last one take no time.)
  const uint8_t* const first = p.first_core + kTogether * quad;
  uint64_t* const to = core_times + column;
  HWY_UNROLL(4)
  for (uint32_t i = 0; i < kTogether; ++i) to[first[i]] += times >> (16 * i) & 0xffff;
}

/// Rounds of windows of kChunk steps that the inputs of four bins take; inputs(bin of these, first step) gives their
/// counts at a vector of steps. 16 bits each.
template <uint32_t kChunk, class Inputs>
HWY_INLINE uint64_t four_rounds(const FewImages& p, const ByteRounds& rounds, Inputs&& inputs) {
  const Bytes d8;
  const Halves d16;
  const Words d64;
  const auto as_bytes = [&](auto v) HWY_ATTR { return hn::BitCast(d8, v); };
  auto all = hn::Zero(d64);
  for (uint32_t r = 0, end = step_end(p.steps, hn::Lanes(d8)); r < end; r += static_cast<uint32_t>(hn::Lanes(d8))) {
    auto four = hn::Zero(d64);
    HWY_UNROLL(4)
    for (uint32_t i = 0; i < kTogether; ++i) {
      auto bytes = inputs(kTogether - 1 - i, r);
      if constexpr (kChunk == 1) bytes = rounds(d8, bytes);
      if constexpr (kChunk == 2) bytes = as_bytes(rounds.of_pairs(sum_byte_pairs(d16, bytes)));
      if constexpr (kChunk == 4) bytes = as_bytes(rounds.of_pairs(hn::BitCast(d16, sum_byte_fours(bytes))));
      four = hn::Add(hn::ShiftLeft<16>(four), hn::SumsOf8(bytes));
    }
    all = hn::Add(all, four);
  }
  return lane_sum(d64, all);
}

/// Times where both operands' steps are columns (FF).
template <uint32_t kChunk, bool kBoth>
void time_columns(const FewImages& p, const StepCounts* bins, const StepCounts& all, const StepCounts* groups,
                  uint32_t group_count, uint64_t* core_times, uint64_t* busy) {
  const Bytes d8;
  const ByteRounds rounds(*p.config);
  const uint32_t quads = (p.bins + kTogether - 1) / kTogether;
  const auto zero = hn::Zero(d8);
  uint64_t common[kMostFew / kTogether];
  for (uint32_t quad = 0; quad < quads && !kBoth; ++quad) {
    common[quad] = four_rounds<kChunk>(p, rounds, [&](uint32_t i, uint32_t r) HWY_ATTR {
      return hn::Load(d8, bins[kTogether * quad + i].nonzero + r);
    });
  }
  auto worked = hn::Zero(Words());
  for (uint32_t g = 0, column = 0; g < group_count; ++g) {
    // Inputs that are issued to the group, and those at the high rate.
    const auto issued = [&](const StepCounts& counts, uint32_t r) HWY_ATTR {
      const auto nonzero = hn::Load(d8, counts.nonzero + r);
      return kBoth ? hn::IfThenElseZero(hn::Ne(hn::Load(d8, groups[g].nonzero + r), zero), nonzero) : nonzero;
    };
    const auto slow = [&](const StepCounts& counts, uint32_t r) HWY_ATTR {
      const auto high = hn::Load(d8, counts.high + r);
      const auto wide = hn::Ne(hn::Load(d8, groups[g].high + r), zero);
      const auto own = kBoth ? hn::IfThenElseZero(hn::Ne(hn::Load(d8, groups[g].nonzero + r), zero), high) : high;
      return hn::IfThenElse(wide, hn::Load(d8, counts.nonzero + r), own);
    };
    for (uint32_t quad = 0; quad < quads; ++quad) {
      const StepCounts* const four = bins + kTogether * quad;
      uint64_t times =
          four_rounds<kChunk>(p, rounds, [&](uint32_t i, uint32_t r) HWY_ATTR { return slow(four[i], r); });
      times += kBoth
                   ? four_rounds<kChunk>(p, rounds, [&](uint32_t i, uint32_t r) HWY_ATTR { return issued(four[i], r); })
                   : common[quad];
      add_four(p, quad, column, times, core_times);
    }
    for (uint32_t r = 0, end = step_end(p.steps, hn::Lanes(d8)); r < end; r += static_cast<uint32_t>(hn::Lanes(d8))) {
      worked = hn::Add(worked, hn::Add(hn::SumsOf8(issued(all, r)), hn::SumsOf8(slow(all, r))));
    }
    if (++column == p.grid.columns) column = 0;
  }
  *busy += lane_sum(Words(), worked);
}

/// Inputs of four bins at each step, 16 bits each: not zero, high, and not zero but not high.
struct FourBins {
  alignas(64) uint64_t nonzero[kMostFew], high[kMostFew], low[kMostFew];

  template <class Nonzero, class High>
  HWY_INLINE void fill(uint32_t steps, uint32_t bins, Nonzero&& nonzero_of, High&& high_of) {
    const Words d;
    for (uint32_t r = 0; r < steps; r += static_cast<uint32_t>(hn::Lanes(d))) {
      auto some = hn::Zero(d), wide = some;
      for (uint32_t i = bins; i-- > 0;) {
        some = hn::Add(hn::ShiftLeft<16>(some), nonzero_of(i, r));
        wide = hn::Add(hn::ShiftLeft<16>(wide), high_of(i, r));
      }
      hn::Store(some, d, nonzero + r);
      hn::Store(wide, d, high + r);
      hn::Store(hn::Sub(some, wide), d, low + r);
    }
  }
};

/// Times of the groups of eight outputs, in lanes, where steps of the other operand are rows (BP, WG).
template <bool kBoth>
HWY_INLINE void time_rows(const FewImages& p, const FourBins& inputs, const RowBits& others, uint32_t quad,
                          uint64_t* core_times, uint64_t* busy) {
  const hn::CappedTag<uint64_t, 8> d;
  const hn::Repartition<uint16_t, decltype(d)> d16;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d)), groups = (p.outputs + 7) / 8;
  const ByteRounds rounds(*p.config);
  const auto dealt = [&](auto n) HWY_ATTR { return hn::BitCast(d, rounds.of_pairs(hn::BitCast(d16, n))); };
  const auto zero = hn::Zero(d);
  HWY_ALIGN uint64_t group_bits[8], times[8];
  for (uint32_t g = 0; g < 8; ++g) group_bits[g] = uint64_t{0xff} << (8 * g);
  for (uint32_t g0 = 0; g0 < groups; g0 += lanes) {
    const auto own = hn::Load(d, group_bits + g0);
    // Adds `inputs` for the groups that have one of these bits.
    const auto add_where = [&](uint64_t bits, uint64_t inputs, auto sum) HWY_ATTR {
      const auto hit = hn::And(hn::Set(d, bits), own);
#if HWY_TARGET <= HWY_AVX3
      return hn::IfThenElse(hn::Ne(hit, zero), hn::Add(sum, hn::Set(d, inputs)), sum);
#else
      return hn::Add(sum, hn::IfThenZeroElse(hn::Eq(hit, zero), hn::Set(d, inputs)));
#endif
    };
    auto time = zero, worked = zero;
    for (uint32_t r = 0; r < p.steps;) {
      const uint32_t end = std::min(r + p.chunk, p.steps);
      auto issued = zero, slow = zero;
      uint64_t all = 0, all_high = 0;
      for (; r < end; ++r) {
        slow = add_where(others.high[r], inputs.low[r], slow);
        if constexpr (kBoth) {
          issued = add_where(others.nonzero[r], inputs.nonzero[r], issued);
          slow = add_where(others.nonzero[r], inputs.high[r], slow);
        } else {
          all += inputs.nonzero[r];
          all_high += inputs.high[r];
        }
      }
      if constexpr (!kBoth) {
        issued = hn::Set(d, all);
        slow = hn::Add(slow, hn::Set(d, all_high));
      }
      worked = hn::Add(worked, hn::Add(issued, slow));
      time = hn::Add(time, hn::Add(dealt(issued), dealt(slow)));
    }
    const auto there = hn::FirstN(d, groups - g0);
    time = hn::IfThenElseZero(there, time);
    if (groups == p.grid.columns) {
      // Each core has a group.
      for (uint32_t bin = kTogether * quad, end = std::min(p.bins, bin + kTogether); bin < end; ++bin) {
        uint64_t* const to = core_times + p.first_core[bin] + g0;
        hn::StoreU(hn::Add(hn::LoadU(d, to), hn::And(time, hn::Set(d, uint64_t{0xffff}))), d, to);
        time = hn::ShiftRight<16>(time);
      }
    } else {
      hn::Store(time, d, times + g0);
    }
    const auto mine = hn::IfThenElseZero(there, worked);
    const auto lower = hn::Set(d, uint64_t{0x0000ffff0000ffff});
    const auto pairs = hn::Add(hn::And(mine, lower), hn::And(hn::ShiftRight<16>(mine), lower));
    const uint64_t sums = lane_sum(d, pairs);
    *busy += (sums & 0xffffffff) + (sums >> 32);
  }
  for (uint32_t g = 0, column = 0; g < groups && groups != p.grid.columns; ++g) {
    add_four(p, quad, column, times[g], core_times);
    if (++column == p.grid.columns) column = 0;
  }
}

HWY_INLINE void time_rows_of(const FewImages& p, const FourBins& inputs, const RowBits& others, uint32_t quad,
                             uint64_t* core_times, uint64_t* busy) {
  if (p.config->skip == Skip::kBoth) return time_rows<true>(p, inputs, others, quad, core_times, busy);
  time_rows<false>(p, inputs, others, quad, core_times, busy);
}

template <uint32_t kChunk>
HWY_INLINE void time_columns_of(const FewImages& p, const StepCounts* bins, const StepCounts& all,
                                const StepCounts* groups, uint32_t group_count, uint64_t* core_times, uint64_t* busy) {
  if (p.config->skip == Skip::kBoth) {
    time_columns<kChunk, true>(p, bins, all, groups, group_count, core_times, busy);
  } else {
    time_columns<kChunk, false>(p, bins, all, groups, group_count, core_times, busy);
  }
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
