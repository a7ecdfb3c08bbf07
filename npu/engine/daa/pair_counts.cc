#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/daa/pair_counts.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <bit>

#include "npu/engine/daa/pair_counts.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::daa {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// flags[i] = 1 where from[i] is not zero.
void flag_run(const float* from, uint32_t count, uint32_t* flags) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  uint32_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto zero = hn::RebindMask(du, hn::Eq(hn::LoadU(d, from + i), hn::Zero(d)));
    hn::StoreU(hn::IfThenZeroElse(zero, hn::Set(du, 1u)), du, flags + i);
  }
  for (; i < count; ++i) flags[i] = from[i] != 0.0f;
}

/// single[i] += flags[i]; both[i] += flags[i] & flags[i + 1]. All three have room for a vector and one more.
void add_flags(const uint32_t* flags, uint32_t count, uint32_t* single, uint32_t* both) {
  const hn::ScalableTag<uint32_t> d;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  for (uint32_t i = 0; i < count; i += lanes) {
    const auto here = hn::LoadU(d, flags + i), next = hn::LoadU(d, flags + i + 1);
    hn::StoreU(hn::Add(hn::LoadU(d, single + i), here), d, single + i);
    hn::StoreU(hn::Add(hn::LoadU(d, both + i), hn::And(here, next)), d, both + i);
  }
}

/// Sums of flags, and of a flag with the one of the same place in `others`.
void sum_flags(const uint32_t* flags, const uint32_t* others, uint32_t count, uint32_t& single, uint32_t& both) {
  const hn::ScalableTag<uint32_t> d;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  auto ones = hn::Zero(d), pairs = hn::Zero(d);
  uint32_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto here = hn::LoadU(d, flags + i);
    ones = hn::Add(ones, here);
    pairs = hn::Add(pairs, hn::And(here, hn::LoadU(d, others + i)));
  }
  single = hn::GetLane(hn::SumOfLanes(d, ones));
  both = hn::GetLane(hn::SumOfLanes(d, pairs));
  for (; i < count; ++i) {
    single += flags[i];
    both += flags[i] & others[i];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::daa
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::daa {

HWY_EXPORT(flag_run);
HWY_EXPORT(add_flags);
HWY_EXPORT(sum_flags);

namespace {

constexpr size_t kSlack = 17;  // a vector and one more
enum Slot : unsigned {
  kSlotFlags = 0,
  kSlotPlaces = 1,
  kSlotSingleA = 8,
  kSlotBothA,
  kSlotSingleB,
  kSlotBothB,
  kSlotRuns
};

/// One side of the GEMM: rows of A or columns of B, each with the same steps.
struct Side {
  const float* values;
  const ptrdiff_t *row, *step;
  uint32_t rows, steps;
};

/// Places that follow each other by one.
struct Run {
  ptrdiff_t first;
  uint32_t count;
};

/// Cuts places into runs; `runs` has room for as many.
uint32_t cut_runs(const ptrdiff_t* places, uint32_t count, Run* runs) {
  uint32_t used = 0;
  for (uint32_t i = 0; i < count; ++used) {
    uint32_t length = 1;
    while (i + length < count && places[i + length] == places[i] + length) ++length;
    runs[used] = {places[i], length};
    i += length;
  }
  return used;
}

/// Flags of the elements of all runs, one after the other.
void flag_runs(const float* base, const Run* runs, uint32_t count, uint32_t* flags) {
  constexpr uint32_t kLongRun = 6;
  for (uint32_t i = 0; i < count; ++i) {
    const float* from = base + runs[i].first;
    if (runs[i].count >= kLongRun) {
      HWY_DYNAMIC_DISPATCH(flag_run)(from, runs[i].count, flags);
    } else {
      for (uint32_t j = 0; j < runs[i].count; ++j) flags[j] = from[j] != 0.0f;
    }
    flags += runs[i].count;
  }
}

/// Non-zeros of each step over all rows, and rows that have one at a step and at the next.
struct SideCounts {
  uint32_t *single, *both;
};

SideCounts count_side(const Side& side, unsigned slot, Workspace& workspace) {
  const SideCounts counts{workspace.array<uint32_t>(slot, side.steps + kSlack),
                          workspace.array<uint32_t>(slot + 1, side.steps + kSlack)};
  std::fill_n(counts.single, side.steps + kSlack, 0u);
  std::fill_n(counts.both, side.steps + kSlack, 0u);
  // Along whichever goes through memory in longer runs.
  Run* const step_runs = workspace.array<Run>(kSlotRuns, size_t{side.steps} + side.rows);
  Run* const row_runs = step_runs + side.steps;
  const uint32_t steps_cut = cut_runs(side.step, side.steps, step_runs);
  const uint32_t rows_cut = cut_runs(side.row, side.rows, row_runs);
  if (uint64_t{steps_cut} * side.rows <= uint64_t{rows_cut} * side.steps) {
    uint32_t* flags = workspace.array<uint32_t>(kSlotFlags, side.steps + kSlack);
    std::fill_n(flags + side.steps, kSlack, 0u);
    for (uint32_t m = 0; m < side.rows; ++m) {
      flag_runs(side.values + side.row[m], step_runs, steps_cut, flags);
      HWY_DYNAMIC_DISPATCH(add_flags)(flags, side.steps, counts.single, counts.both);
    }
    return counts;
  }
  uint32_t* flags[2] = {workspace.array<uint32_t>(kSlotFlags, size_t{side.rows} * 2), nullptr};
  flags[1] = flags[0] + side.rows;
  std::fill_n(flags[1], side.rows, 0u);
  for (uint32_t r = 0; r < side.steps; ++r) {
    flag_runs(side.values + side.step[r], row_runs, rows_cut, flags[r % 2]);
    uint32_t both = 0;
    HWY_DYNAMIC_DISPATCH(sum_flags)(flags[r % 2], flags[1 - r % 2], side.rows, counts.single[r], both);
    if (r > 0) counts.both[r - 1] = both;
  }
  return counts;
}

}  // namespace

PairCounts count_pairs(const StridedGemm& p, Workspace& workspace) {
  PairCounts counts;
  if (p.rows == 0 || p.columns == 0 || p.steps == 0) return counts;
  const SideCounts a = count_side({p.a, p.a_row, p.a_step, p.rows, p.steps}, kSlotSingleA, workspace);
  ptrdiff_t* columns = workspace.array<ptrdiff_t>(kSlotPlaces, p.columns);
  for (uint32_t n = 0; n < p.columns; ++n) columns[n] = n * p.b_column;
  const SideCounts b = count_side({p.b, columns, p.b_step, p.columns, p.steps}, kSlotSingleB, workspace);
  for (uint32_t r = 0; r < p.steps; ++r) counts.products += uint64_t{a.single[r]} * b.single[r];
  for (uint32_t r = 0; r + 1 < p.steps; r += 2) counts.collisions += uint64_t{a.both[r]} * b.both[r];
  return counts;
}

}  // namespace backboard::npu::daa
#endif
