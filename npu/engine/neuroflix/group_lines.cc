// The kernel of neuroflix for thin layers: positions in lanes, as they lie in lines of the image.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/neuroflix/group_lines.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>

#include "npu/engine/column_vectors-inl.h"
#include "npu/engine/first_lanes-inl.h"
#include "npu/engine/kernel_table.h"
#include "npu/engine/neuroflix/group_align-inl.h"
#include "npu/engine/neuroflix/group_gemm.h"
#include "npu/engine/neuroflix/group_layout.h"
#include "npu/engine/row_passes.h"
#include "platform/check/check.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::neuroflix {
namespace HWY_NAMESPACE {
using npu::HWY_NAMESPACE::for_column_vectors;
using npu::HWY_NAMESPACE::load_first;
using npu::HWY_NAMESPACE::store_first;

/// Some weights of all groups: integers [step][row of a pass], units [group][row of a pass].
struct LineWeights {
  const float *integers, *units;
};

/// kRows rows of C at `count` positions of a line: the sums go through `groups` groups, of which the last one has
/// `last` steps. `positions`: a vector of units, then kGroup vectors of integers, for each group.
template <uint32_t kRows, class D>
HWY_NOINLINE void line_kernel(D d, const LineWeights& w, const float* HWY_RESTRICT positions, uint32_t groups,
                              uint32_t last, float* HWY_RESTRICT c, ptrdiff_t c_row, size_t count) {
  using V = hn::Vec<D>;
  const size_t lanes = hn::Lanes(d);
  V sums[kRows];
  HWY_UNROLL(8)
  for (uint32_t m = 0; m < kRows; ++m) sums[m] = load_first(d, c + m * c_row, count);
  const float *HWY_RESTRICT integer = w.integers, *HWY_RESTRICT unit = w.units;
  for (uint32_t g = 0; g < groups; ++g, positions += (kGroup + 1) * lanes, unit += kLineRows) {
    V integers[kRows];
    HWY_UNROLL(8)
    for (uint32_t m = 0; m < kRows; ++m) integers[m] = hn::Zero(d);
    const uint32_t steps = g + 1 < groups ? kGroup : last;
    for (uint32_t i = 0; i < steps; ++i, integer += kLineRows) {
      const V x = hn::Load(d, positions + (i + 1) * lanes);
      // Whole numbers below 2^24: exact, fused or not.
      HWY_UNROLL(8)
      for (uint32_t m = 0; m < kRows; ++m) integers[m] = hn::MulAdd(hn::Set(d, integer[m]), x, integers[m]);
    }
    const V units = hn::Load(d, positions);
    HWY_UNROLL(8)
    for (uint32_t m = 0; m < kRows; ++m) {
      sums[m] = hn::Add(sums[m], hn::Mul(hn::Mul(integers[m], units), hn::Set(d, unit[m])));
    }
  }
  HWY_UNROLL(8)
  for (uint32_t m = 0; m < kRows; ++m) store_first(d, sums[m], c + m * c_row, count);
}

/// Columns [n0, n0 + count) of a line, a vector of them at most, and all rows.
template <class D>
HWY_INLINE void run_columns(D d, uint32_t position_bits, const LineGemm& p, const LineRoom& room, uint32_t line,
                            uint32_t n0, uint32_t count) {
  static constexpr auto kKernels = kernel_table<kLineRows>([](auto rows) { return &line_kernel<rows, D>; });
  const size_t lanes = hn::Lanes(d);
  const uint32_t groups = (p.steps + kGroup - 1) / kGroup;
  const float* const base = p.b + p.b_line[line] + n0;
  float* to = room.positions;
  for (uint32_t g = 0; g < groups; ++g, to += (kGroup + 1) * lanes) {
    const ptrdiff_t* const steps = p.b_step + size_t{g} * kGroup;
    // Up to kLineSlack elements behind a line may be read; what is beyond `count` goes nowhere.
    const auto load = [&](uint32_t i) HWY_ATTR { return hn::LoadU(d, base + steps[i]); };
    hn::Store(align_lanes(d, position_bits, std::min(kGroup, p.steps - g * kGroup), to + lanes, lanes, load), d, to);
  }
  float* const c = p.c + p.c_line[line] + n0;
  const RowPasses passes(p.rows, kLineRows);
  for (uint32_t pass = 0; pass < passes.count; ++pass) {
    const auto kernel = kKernels[passes.height(pass) - 1];
    const LineWeights w{room.weights + size_t{pass} * p.steps * kLineRows,
                        room.units + size_t{pass} * groups * kLineRows};
    kernel(d, w, room.positions, groups, p.steps - (groups - 1) * kGroup, c + passes.first(pass) * p.c_row, p.c_row,
           count);
  }
}

/// All weights, [pass][step][row of the pass]: the rows of a pass as lanes.
void pack_weights(uint32_t bits, const LineGemm& p, const LineRoom& room) {
  const hn::CappedTag<float, kGroup> d;
  constexpr uint32_t kVectors = kGroup / hn::MaxLanes(d);
  const uint32_t groups = (p.steps + kGroup - 1) / kGroup;
  const RowPasses passes(p.rows, kLineRows);
  HWY_ALIGN float integers[kGroup];
  for (uint32_t pass = 0; pass < passes.count; ++pass) {
    const uint32_t m0 = passes.first(pass), end = passes.first(pass + 1);
    float* const to = room.weights + size_t{pass} * p.steps * kLineRows;
    float* const units = room.units + size_t{pass} * groups * kLineRows;
    for (uint32_t m = m0; m < end; ++m) {
      const float* const row = p.a + p.a_row[m];
      for (uint32_t g = 0; g < groups; ++g) {
        const uint32_t r = g * kGroup, count = std::min(kGroup, p.steps - r);
        std::fill_n(integers, kGroup, 0.0f);
        for (uint32_t i = 0; i < count; ++i) integers[i] = row[p.a_step[r + i]];
        hn::Vec<decltype(d)> values[kVectors];
        for (uint32_t v = 0; v < kVectors; ++v) values[v] = hn::Load(d, integers + v * hn::Lanes(d));
        units[g * kLineRows + m - m0] = align<kVectors>(d, values, bits, integers);
        for (uint32_t i = 0; i < count; ++i) to[(r + i) * kLineRows + m - m0] = integers[i];
      }
    }
  }
}

void run_lines(uint32_t weight_bits, uint32_t position_bits, const LineGemm& p, const LineRoom& room) {
  pack_weights(weight_bits, p, room);
  for (uint32_t line = 0; line < p.lines; ++line) {
    for_column_vectors(p.columns, [&](auto d, uint32_t n0, uint32_t count)
                                      HWY_ATTR { run_columns(d, position_bits, p, room, line, n0, count); });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::neuroflix
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::neuroflix {

HWY_EXPORT(run_lines);

void group_lines(uint32_t weight_bits, uint32_t position_bits, const LineGemm& p, Workspace& workspace) {
  BB_CHECK(weight_bits >= 4 && position_bits >= 4 && weight_bits + position_bits <= 20, "{} and {} bits", weight_bits,
           position_bits);
  if (p.rows == 0 || p.columns == 0 || p.steps == 0) return;
  const size_t groups = (p.steps + kGroup - 1) / kGroup, passes = RowPasses(p.rows, kLineRows).count;
  LineRoom room{};
  room.positions = workspace.array<float>(0, groups * (kGroup + 1) * kWidest);
  room.weights = workspace.array<float>(1, passes * p.steps * kLineRows);
  room.units = workspace.array<float>(8, passes * groups * kLineRows);
  HWY_DYNAMIC_DISPATCH(run_lines)(weight_bits, position_bits, p, room);
}

}  // namespace backboard::npu::neuroflix
#endif
