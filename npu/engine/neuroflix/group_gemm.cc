#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/neuroflix/group_gemm.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <numeric>

#include "npu/engine/column_vectors-inl.h"
#include "npu/engine/gemm_pack.h"
#include "npu/engine/kernel_table.h"
#include "npu/engine/neuroflix/group_align-inl.h"
#include "npu/engine/neuroflix/group_gemm.h"
#include "npu/engine/neuroflix/group_layout.h"
#include "npu/engine/neuroflix/group_thin.h"
#include "npu/engine/row_passes.h"
#include "npu/engine/transpose-inl.h"
#include "platform/check/check.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::neuroflix {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using npu::HWY_NAMESPACE::for_column_vectors;
using npu::HWY_NAMESPACE::transpose_8x8;

#if HWY_TARGET <= HWY_AVX2
/// How many rows from m on lie side by side, at most a vector of them.
HWY_INLINE uint32_t neighbours(const StridedGemm& p, uint32_t m, uint32_t rows) {
  const uint32_t most = std::min(rows, static_cast<uint32_t>(hn::Lanes(hn::ScalableTag<float>())));
  uint32_t count = 1;
  while (count < most && p.a_row[m + count] == p.a_row[m + count - 1] + 1) ++count;
  return count;
}

/// pack_rows() of `rows` rows from m0 + m on that lie side by side, at most a vector of them: each lane aligns one.
HWY_INLINE void pack_row_lanes(const StridedGemm& p, const GroupRoom& room, uint32_t bits, uint32_t m0, uint32_t m,
                               uint32_t rows, uint32_t g0, uint32_t groups) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d), pitch = room.row_groups * kGroup;
  const auto inside = hn::FirstN(d, rows);
  const float* const base = p.a + p.a_row[m0 + m];
  HWY_ALIGN float columns[kGroup * kWidest], units[kWidest];
  for (uint32_t g = 0; g < groups; ++g) {
    const ptrdiff_t* const steps = room.a_steps + size_t{g0 + g} * kGroup;
    const uint32_t count = std::min(kGroup, p.steps - (g0 + g) * kGroup);
    const auto load = [&](uint32_t i) HWY_ATTR { return hn::MaskedLoad(inside, d, base + steps[i]); };
    hn::Store(align_lanes(d, bits, count, columns, lanes, load), d, units);
    for (uint32_t i = count; i % 8 != 0; ++i) hn::Store(hn::Zero(d), d, columns + i * lanes);
    float* const to = room.rows + m * pitch + g * kGroup;
    for (uint32_t l = 0; l < rows; l += 8) {
      for (uint32_t i = 0; i < count; i += 8) transpose_8x8(columns + i * lanes + l, lanes, to + l * pitch + i, pitch);
    }
    for (uint32_t l = 0; l < rows; ++l) room.row_units[(m + l) * room.row_groups + g] = units[l];
  }
}
#endif

/// Rows [m0, m0 + rows) of groups [g0, g0 + groups): integers [row][group][kGroup], units [row][group].
void pack_rows(const StridedGemm& p, const GroupRoom& room, uint32_t bits, uint32_t m0, uint32_t rows, uint32_t g0,
               uint32_t groups) {
  for (uint32_t m = 0; m < rows;) {
#if HWY_TARGET <= HWY_AVX2
    constexpr uint32_t kFewest = 4;  // rows that are worth a vector
    const uint32_t together = neighbours(p, m0 + m, rows - m);
    if (together >= kFewest) {
      pack_row_lanes(p, room, bits, m0, m, together, g0, groups);
      m += together;
      continue;
    }
#endif
    const float* base = p.a + p.a_row[m0 + m];
    for (uint32_t g = 0; g < groups; ++g) {
      const size_t place = size_t{m} * room.row_groups + g;
      room.row_units[place] = gather(base, room.a_runs, g0 + g, bits, room.rows + place * kGroup);
    }
    ++m;
  }
}

/// Columns [n0, n0 + columns) of all groups: a unit vector and kGroup vectors of integers a group, `width` wide.
void pack_columns(const StridedGemm& p, const StepRuns& steps, uint32_t bits, uint32_t n0, uint32_t columns,
                  uint32_t width, float* panel) {
  const uint32_t groups = (p.steps + kGroup - 1) / kGroup;
  HWY_ALIGN float all[kWidest * kGroup] = {};
  for (uint32_t g = 0; g < groups; ++g, panel += size_t{kGroup + 1} * width) {
    std::fill_n(panel + columns, width - columns, 0.0f);
    for (uint32_t n = 0; n < columns; ++n) {
      panel[n] = gather(p.b + (n0 + n) * p.b_column, steps, g, bits, all + n * kGroup);
    }
    float* const to = panel + width;
    if (width % 8 == 0) {
      for (uint32_t n = 0; n < width; n += 8) {
        for (uint32_t i = 0; i < kGroup; i += 8) transpose_8x8(all + n * kGroup + i, kGroup, to + i * width + n, width);
      }
      continue;
    }
    for (uint32_t n = 0; n < width; ++n) {
      for (uint32_t i = 0; i < kGroup; ++i) to[i * width + n] = all[n * kGroup + i];
    }
  }
}

/// pack_columns() of columns that lie side by side: each lane aligns one.
template <class D>
void pack_neighbours(D d, const StridedGemm& p, const ptrdiff_t* steps, uint32_t bits, uint32_t n0, uint32_t columns,
                     float* panel) {
  const uint32_t width = static_cast<uint32_t>(hn::Lanes(d)), groups = (p.steps + kGroup - 1) / kGroup;
  HWY_ALIGN float rest[HWY_MAX_BYTES / sizeof(float)] = {};
  for (uint32_t g = 0; g < groups; ++g, panel += (kGroup + 1) * width) {
    const uint32_t count = std::min(kGroup, p.steps - g * kGroup);
    const auto load = [&](uint32_t i) HWY_ATTR {
      const float* from = p.b + steps[size_t{g} * kGroup + i] + n0;
      if (columns < width) from = std::copy_n(from, columns, rest) - columns;
      return hn::LoadU(d, from);
    };
    hn::Store(align_lanes(d, bits, count, panel + width, width, load), d, panel);
  }
}

// Rows in registers, twice: sums, and sums of integers.
#if HWY_TARGET <= HWY_AVX3
inline constexpr uint32_t kPassRows = 9;  // a plane of 3 x 3 taps at once
#else
inline constexpr uint32_t kPassRows = 8;
#endif

/// kRows rows of a panel over `groups` groups, of which the last one has `last` steps.
template <uint32_t kRows, class D>
HWY_NOINLINE void group_kernel(D d, const float* HWY_RESTRICT a, const float* HWY_RESTRICT a_units, size_t row_groups,
                               const float* HWY_RESTRICT panel, uint32_t groups, uint32_t last, float* HWY_RESTRICT c,
                               size_t pitch) {
  using V = hn::Vec<D>;
  const size_t lanes = hn::Lanes(d);
  V sums[kRows];
  HWY_UNROLL(9)
  for (uint32_t m = 0; m < kRows; ++m) sums[m] = hn::Load(d, c + m * pitch);
  for (uint32_t g = 0; g < groups; ++g, panel += (kGroup + 1) * lanes) {
    V integers[kRows];
    HWY_UNROLL(9)
    for (uint32_t m = 0; m < kRows; ++m) integers[m] = hn::Zero(d);
    const uint32_t steps = g + 1 < groups ? kGroup : last;
    for (uint32_t i = 0; i < steps; ++i) {
      const V b = hn::Load(d, panel + (i + 1) * lanes);
      // Whole numbers below 2^24: exact, fused or not.
      HWY_UNROLL(9)
      for (uint32_t m = 0; m < kRows; ++m) {
        const float* row = a + (m * row_groups + g) * kGroup;
        integers[m] = hn::MulAdd(hn::Set(d, row[i]), b, integers[m]);
      }
    }
    const V unit = hn::Load(d, panel);
    HWY_UNROLL(9)
    for (uint32_t m = 0; m < kRows; ++m) {
      const V value = hn::Mul(hn::Mul(integers[m], hn::Set(d, a_units[m * row_groups + g])), unit);
      sums[m] = hn::Add(sums[m], value);
    }
  }
  HWY_UNROLL(9)
  for (uint32_t m = 0; m < kRows; ++m) hn::Store(sums[m], d, c + m * pitch);
}

/// Adds to a block of rows the groups of a panel.
template <class D>
void run_panel(D d, const GroupRoom& room, uint32_t rows, uint32_t groups, uint32_t last, const float* panel, float* c,
               size_t pitch) {
  static constexpr auto kKernels = kernel_table<kPassRows>([](auto height) { return &group_kernel<height, D>; });
  const RowPasses passes(rows, kPassRows);
  for (uint32_t pass = 0; pass < passes.count; ++pass) {
    const uint32_t m = passes.first(pass);
    const size_t place = m * room.row_groups;
    const auto kernel = kKernels[passes.height(pass) - 1];
    kernel(d, room.rows + place * kGroup, room.row_units + place, room.row_groups, panel, groups, last, c + m * pitch,
           pitch);
  }
}

void run_groups(uint32_t a_bits, uint32_t b_bits, const StridedGemm& p, const GroupRoom& room) {
  const uint32_t groups = (p.steps + kGroup - 1) / kGroup;
  const size_t column_floats = size_t{groups} * (kGroup + 1);
  for_column_vectors(p.columns, [&](auto d, uint32_t n0, uint32_t columns) HWY_ATTR {
    float* const panel = room.panels + n0 * column_floats;
    if (p.b_column == 1) return pack_neighbours(d, p, room.b_steps, b_bits, n0, columns, panel);
    pack_columns(p, room.b_runs, b_bits, n0, columns, static_cast<uint32_t>(hn::Lanes(d)), panel);
  });
  const size_t pitch = room.pitch;
  for (uint32_t m0 = 0; m0 < p.rows; m0 += kRowBlock) {
    const uint32_t rows = std::min(kRowBlock, p.rows - m0);
    if (p.columns % 8 != 0) std::fill_n(room.block, rows * pitch, 0.0f);
    load_sums(p, {m0, rows, 0, p.columns}, static_cast<uint32_t>(pitch), room.block);
    for (uint32_t g0 = 0; g0 < groups; g0 += kGroupBlock) {
      const uint32_t count = std::min(kGroupBlock, groups - g0);
      const uint32_t last = std::min(kGroup, p.steps - (g0 + count - 1) * kGroup);
      pack_rows(p, room, a_bits, m0, rows, g0, count);
      for_column_vectors(p.columns, [&](auto d, uint32_t n0, uint32_t) HWY_ATTR {
        const float* panel = room.panels + n0 * column_floats + size_t{g0} * (kGroup + 1) * hn::Lanes(d);
        run_panel(d, room, rows, count, last, panel, room.block + n0, pitch);
      });
    }
    store_sums(p, {m0, rows, 0, p.columns}, static_cast<uint32_t>(pitch), room.block);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::neuroflix
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::neuroflix {

HWY_EXPORT(run_groups);

namespace {

StepRuns cut_runs(const ptrdiff_t* steps, uint32_t count, unsigned slot, Workspace& workspace) {
  const uint32_t groups = (count + kGroup - 1) / kGroup;
  const StepRuns cut{workspace.array<StepRun>(slot, count), workspace.array<uint32_t>(slot + 1, groups + 1)};
  uint32_t used = 0;
  for (uint32_t g = 0; g < groups; ++g) {
    cut.begin[g] = used;
    const ptrdiff_t* const from = steps + size_t{g} * kGroup;
    const uint32_t in_group = std::min(kGroup, count - g * kGroup);
    for (uint32_t first = 0, end; first < in_group; first = end) {
      end = first + 1;
      while (end < in_group && from[end] == from[end - 1] + 1) ++end;
      cut.runs[used++] = {from[first] - static_cast<ptrdiff_t>(first), first, end - first};
    }
  }
  cut.begin[groups] = used;
  return cut;
}

/// Where the operands of the steps lie.
struct Steps {
  const ptrdiff_t *a, *b;
};

/// The steps, within each group in the order in which A lies in memory. A group's sum of integers is exact, so the
/// order inside is free; BP reads its errors backwards.
Steps ascending_steps(const StridedGemm& p, Workspace& workspace) {
  if (std::is_sorted(p.a_step, p.a_step + p.steps)) return {p.a_step, p.b_step};
  ptrdiff_t* const a = workspace.array<ptrdiff_t>(18, size_t{p.steps} * 2);
  ptrdiff_t* const b = a + p.steps;
  for (uint32_t r = 0; r < p.steps; r += kGroup) {
    const uint32_t count = std::min(kGroup, p.steps - r);
    uint32_t order[kGroup];
    std::iota(order, order + count, r);
    std::sort(order, order + count, [&](uint32_t x, uint32_t y) { return p.a_step[x] < p.a_step[y]; });
    for (uint32_t i = 0; i < count; ++i) {
      a[r + i] = p.a_step[order[i]];
      b[r + i] = p.b_step[order[i]];
    }
  }
  return {a, b};
}

}  // namespace

void group_gemm(uint32_t a_bits, uint32_t b_bits, const StridedGemm& p, Workspace& workspace) {
  BB_CHECK(a_bits >= 4 && b_bits >= 4 && a_bits + b_bits <= 20, "{} and {} bits", a_bits, b_bits);
  if (p.rows == 0 || p.columns == 0 || p.steps == 0) return;
  if (is_thin(p)) return group_thin(a_bits, b_bits, p, workspace);
  const uint32_t groups = (p.steps + kGroup - 1) / kGroup;
  const size_t padded_columns = (size_t{p.columns} + kWidest - 1) / kWidest * kWidest;
  GroupRoom room{};
  room.pitch = padded_columns;
  room.panels = workspace.array<float>(0, padded_columns * groups * (kGroup + 1));
  room.block = workspace.array<float>(1, kRowBlock * padded_columns);
  room.row_groups = std::min(groups, kGroupBlock);
  room.rows = workspace.array<float>(8, (kRowBlock + kWidest) * room.row_groups * kGroup);
  room.row_units = workspace.array<float>(9, kRowBlock * room.row_groups);
  const Steps steps = ascending_steps(p, workspace);
  room.a_runs = cut_runs(steps.a, p.steps, 14, workspace);
  room.b_runs = cut_runs(steps.b, p.steps, 16, workspace);
  room.a_steps = steps.a;
  room.b_steps = steps.b;
  HWY_DYNAMIC_DISPATCH(run_groups)(a_bits, b_bits, p, room);
}

}  // namespace backboard::npu::neuroflix
#endif
