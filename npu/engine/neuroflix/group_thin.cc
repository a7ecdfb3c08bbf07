// The kernel of neuroflix for few sums of many terms, as WG of a first layer has them: groups in lanes.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/neuroflix/group_thin.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>

#include "npu/engine/first_lanes-inl.h"
#include "npu/engine/kernel_table.h"
#include "npu/engine/neuroflix/group_align-inl.h"
#include "npu/engine/neuroflix/group_thin.h"
#include "npu/engine/run_length-inl.h"
#include "npu/engine/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::neuroflix {
namespace HWY_NAMESPACE {
using npu::HWY_NAMESPACE::load_first;
using npu::HWY_NAMESPACE::run_length;
using npu::HWY_NAMESPACE::transpose_8x8;

using LaneTag = hn::CappedTag<float, kLaneGroups>;

/// Cuts the steps into runs, of `known` steps where that is not 0.
void cut_steps(const ptrdiff_t* steps, uint32_t count, uint32_t known, ThinRun* runs) {
  uint32_t used = 0;
  for (uint32_t i = 0; i < count; ++used) {
    const uint32_t length = known != 0 ? std::min(known, count - i) : run_length(steps + i, count - i);
    runs[used] = {steps[i] - static_cast<ptrdiff_t>(i), i + length};
    i += length;
  }
}

/// Copies `count` floats; writes up to a vector behind them, reads no others.
HWY_INLINE void copy_floats(const float* HWY_RESTRICT from, uint32_t count, float* HWY_RESTRICT to) {
  const hn::CappedTag<float, kGroup> d;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  uint32_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(hn::LoadU(d, from + i), d, to + i);
  if (i < count) hn::StoreU(load_first(d, from + i, count - i), d, to + i);
}

/// The values of the block's steps of one row or column, side by side: where they lie, when all are there and in one
/// run, or a copy with zeros behind.
HWY_INLINE const float* line_up(const float* base, const ThinRun* run, uint32_t first, uint32_t count,
                                float* HWY_RESTRICT stream) {
  if (count == kBlockSteps && run->end >= first + count) return base + run->offset + first;
  for (uint32_t step = first; step < first + count; ++run) {
    const uint32_t end = std::min(run->end, first + count);
    copy_floats(base + run->offset + step, end - step, stream + (step - first));
    step = end;
  }
  std::fill(stream + count, stream + kBlockSteps, 0.0f);
  return stream;
}

/// Aligns kLaneGroups groups that follow each other: [step of the group][lane], and the units behind.
HWY_INLINE void align_block(const float* values, uint32_t bits, float* HWY_RESTRICT to) {
  const LaneTag d;
  const size_t lanes = hn::Lanes(d);
  for (uint32_t i = 0; i < kGroup; i += 8) transpose_8x8(values + i, kGroup, to + i * kLaneGroups, kLaneGroups);
  for (size_t l = 0; l < kLaneGroups; l += lanes) {
    const auto load = [&](uint32_t i) HWY_ATTR { return hn::Load(d, to + i * kLaneGroups + l); };
    hn::Store(align_lanes(d, bits, kGroup, to + l, kLaneGroups, load), d, to + kGroup * kLaneGroups + l);
  }
}

/// What kM rows by kN columns add in each of the groups; `pitch` outputs a row.
template <uint32_t kM, uint32_t kN>
HWY_NOINLINE void thin_kernel(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, float* HWY_RESTRICT terms,
                              size_t pitch) {
  const LaneTag d;
  using V = hn::Vec<LaneTag>;
  for (size_t l = 0; l < kLaneGroups; l += hn::Lanes(d)) {
    V sums[kM][kN];
    HWY_UNROLL(3)
    for (uint32_t m = 0; m < kM; ++m) {
      HWY_UNROLL(4)
      for (uint32_t n = 0; n < kN; ++n) sums[m][n] = hn::Zero(d);
    }
    for (uint32_t i = 0; i < kGroup; ++i) {
      V column[kN];
      HWY_UNROLL(4)
      for (uint32_t n = 0; n < kN; ++n) column[n] = hn::Load(d, b + n * kAlignedFloats + i * kLaneGroups + l);
      HWY_UNROLL(3)
      for (uint32_t m = 0; m < kM; ++m) {
        const V row = hn::Load(d, a + m * kAlignedFloats + i * kLaneGroups + l);
        // Whole numbers below 2^24: exact, fused or not.
        HWY_UNROLL(4)
        for (uint32_t n = 0; n < kN; ++n) sums[m][n] = hn::MulAdd(row, column[n], sums[m][n]);
      }
    }
    constexpr uint32_t kUnits = kGroup * kLaneGroups;
    HWY_UNROLL(3)
    for (uint32_t m = 0; m < kM; ++m) {
      const V unit = hn::Load(d, a + m * kAlignedFloats + kUnits + l);
      HWY_UNROLL(4)
      for (uint32_t n = 0; n < kN; ++n) {
        const V column = hn::Load(d, b + n * kAlignedFloats + kUnits + l);
        hn::Store(hn::Mul(hn::Mul(sums[m][n], unit), column), d, terms + (m * pitch + n) * kLaneGroups + l);
      }
    }
  }
}

/// Adds the terms of `groups` groups to the sums in their order.
HWY_INLINE void add_terms(const float* HWY_RESTRICT terms, uint32_t outputs, uint32_t groups,
                          float* HWY_RESTRICT sums) {
  const LaneTag d;
  const size_t lanes = hn::Lanes(d);
  HWY_ALIGN float by_group[8 * kLaneGroups];
  for (uint32_t o = 0; o < outputs; o += 8) {
    transpose_8x8(terms + size_t{o} * kLaneGroups, kLaneGroups, by_group, kLaneGroups);
    for (size_t l = 0; l < 8; l += lanes) {
      auto sum = hn::Load(d, sums + o + l);
      for (uint32_t g = 0; g < groups; ++g) sum = hn::Add(sum, hn::Load(d, by_group + g * kLaneGroups + l));
      hn::Store(sum, d, sums + o + l);
    }
  }
}

void run_thin(uint32_t a_bits, uint32_t b_bits, const StridedGemm& p, const ThinRoom& room) {
  constexpr uint32_t kMostRows = 3, kMostColumns = 4;
  static constexpr auto kKernels = kernel_table<kMostRows>([](auto rows) {
    return kernel_table<kMostColumns>([rows](auto columns) { return &thin_kernel<rows, columns>; });
  });
  cut_steps(p.a_step, p.steps, p.a_run, room.a_runs);
  cut_steps(p.b_step, p.steps, p.b_run, room.b_runs);
  const ThinRun *a_run = room.a_runs, *b_run = room.b_runs;
  float* const b = room.aligned + size_t{p.rows} * kAlignedFloats;
  for (uint32_t first = 0; first < p.steps; first += kBlockSteps) {
    const uint32_t count = std::min(kBlockSteps, p.steps - first);
    while (a_run->end <= first) ++a_run;
    while (b_run->end <= first) ++b_run;
    for (uint32_t m = 0; m < p.rows; ++m) {
      const float* const values = line_up(p.a + p.a_row[m], a_run, first, count, room.stream);
      align_block(values, a_bits, room.aligned + m * kAlignedFloats);
    }
    for (uint32_t n = 0; n < p.columns; ++n) {
      const float* const values = line_up(p.b + n * p.b_column, b_run, first, count, room.stream);
      align_block(values, b_bits, b + n * kAlignedFloats);
    }
    for (uint32_t m = 0, height; m < p.rows; m += height) {
      height = std::min(kMostRows, p.rows - m);
      for (uint32_t n = 0, width; n < p.columns; n += width) {
        width = std::min(kMostColumns, p.columns - n);
        kKernels[height - 1][width - 1](room.aligned + m * kAlignedFloats, b + n * kAlignedFloats,
                                        room.terms + (size_t{m} * p.columns + n) * kLaneGroups, p.columns);
      }
    }
    add_terms(room.terms, p.rows * p.columns, (count + kGroup - 1) / kGroup, room.sums);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::neuroflix
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::neuroflix {

HWY_EXPORT(run_thin);

void group_thin(uint32_t a_bits, uint32_t b_bits, const StridedGemm& p, Workspace& workspace) {
  constexpr size_t kSlack = 32;  // whole vectors are stored
  const size_t outputs = size_t{p.rows} * p.columns, padded = (outputs + 7) / 8 * 8;
  ThinRoom room{};
  room.aligned = workspace.array<float>(0, (size_t{p.rows} + p.columns) * kAlignedFloats);
  room.terms = workspace.array<float>(1, padded * (kLaneGroups + 1));
  room.sums = room.terms + padded * kLaneGroups;
  room.stream = workspace.array<float>(8, kBlockSteps + kSlack);
  room.a_runs = workspace.array<ThinRun>(14, size_t{p.steps} * 2);
  room.b_runs = room.a_runs + p.steps;
  std::fill_n(room.terms + outputs * kLaneGroups, (padded - outputs) * kLaneGroups, 0.0f);
  std::fill_n(room.sums + outputs, padded - outputs, 0.0f);
  for (uint32_t m = 0; m < p.rows; ++m) {
    for (uint32_t n = 0; n < p.columns; ++n) room.sums[size_t{m} * p.columns + n] = p.c[p.c_row[m] + n * p.c_column];
  }
  HWY_DYNAMIC_DISPATCH(run_thin)(a_bits, b_bits, p, room);
  for (uint32_t m = 0; m < p.rows; ++m) {
    for (uint32_t n = 0; n < p.columns; ++n) p.c[p.c_row[m] + n * p.c_column] = room.sums[size_t{m} * p.columns + n];
  }
}

}  // namespace backboard::npu::neuroflix
#endif
