// The kernel of daa for thin layers: positions in lanes, as they lie in lines of the image.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/daa/pair_lines.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>

#include "npu/engine/column_vectors-inl.h"
#include "npu/engine/daa/add_pairs-inl.h"
#include "npu/engine/daa/pair_gemm.h"
#include "npu/engine/daa/pair_layout.h"
#include "npu/engine/daa/pair_pack-inl.h"
#include "npu/engine/first_lanes-inl.h"
#include "npu/engine/kernel_table.h"
#include "npu/engine/row_passes.h"
#include "platform/check/check.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::daa {
namespace HWY_NAMESPACE {
using npu::HWY_NAMESPACE::for_column_vectors;
using npu::HWY_NAMESPACE::load_first;
using npu::HWY_NAMESPACE::store_first;

/// kRows rows of C at `count` positions of a line.
template <uint32_t kRows, class D>
HWY_NOINLINE void line_kernel(D d, const float* weights, const float* positions, uint32_t pairs, float* c,
                              ptrdiff_t c_row, size_t count) {
  hn::Vec<D> sums[kRows];
  HWY_UNROLL(8)
  for (uint32_t m = 0; m < kRows; ++m) sums[m] = load_first(d, c + m * c_row, count);
  add_pairs<false>(d, weights, positions, pairs, sums);
  HWY_UNROLL(8)
  for (uint32_t m = 0; m < kRows; ++m) store_first(d, sums[m], c + m * c_row, count);
}

/// Elements of a line: places of the steps count from these.
struct LineElements {
  const float *high, *low, *key;
};

/// line_kernel() over all steps, of elements whose low value and key are known.
template <uint32_t kRows, class D>
HWY_NOINLINE void element_kernel(D d, const float* HWY_RESTRICT a, const LineElements& from, const ptrdiff_t* step,
                                 uint32_t steps, float* c, ptrdiff_t c_row, size_t count) {
  using V = hn::Vec<D>;
  V sums[kRows];
  HWY_UNROLL(8)
  for (uint32_t m = 0; m < kRows; ++m) sums[m] = load_first(d, c + m * c_row, count);
  const auto add = [&](const PairColumns<D>& columns) HWY_ATTR {
    HWY_UNROLL(8)
    for (uint32_t m = 0; m < kRows; ++m) {
      const auto field = [&](uint32_t j) HWY_ATTR { return hn::Set(d, a[j * kPassRows + m]); };
      sums[m] = add_pair<false>(d, sums[m], field(0), field(1), field(2), field(3), field(4), columns);
    }
    a += kPairFields * kPassRows;
  };
  const auto load = [&](const float* values, uint32_t r) HWY_ATTR { return hn::LoadU(d, values + step[r]); };
  uint32_t r = 0;
  for (; r + 1 < steps; r += 2) {
    add({load(from.high, r), load(from.high, r + 1), load(from.low, r), load(from.low, r + 1),
         hn::Sub(load(from.key, r + 1), load(from.key, r))});
  }
  if (r < steps) {
    const V zero = hn::Zero(d);
    add({load(from.high, r), zero, load(from.low, r), zero, hn::Sub(hn::Set(d, kZeroKey), load(from.key, r))});
  }
  HWY_UNROLL(8)
  for (uint32_t m = 0; m < kRows; ++m) store_first(d, sums[m], c + m * c_row, count);
}

/// run_columns() where the elements are worked out.
template <class D>
HWY_INLINE void run_elements(D d, const Derivation& rule, const LineGemm& p, const LineRoom& room,
                             const RowPasses& passes, uint32_t line, uint32_t n0, uint32_t count) {
  static constexpr auto kKernels = kernel_table<kPassRows>([](auto rows) { return &element_kernel<rows, D>; });
  const ptrdiff_t at = p.b_line[line] + n0;
  const float* const low = room.low + (at - room.first);
  const LineElements from{rule.all_low ? low : p.b + at, low, room.key + (at - room.first)};
  float* const c = p.c + p.c_line[line] + n0;
  const size_t pass_floats = (size_t{p.steps} + 1) / 2 * kPairFields * kPassRows;
  for (uint32_t pass = 0; pass < passes.count; ++pass) {
    const auto kernel = kKernels[passes.height(pass) - 1];
    kernel(d, room.weights + pass * pass_floats, from, p.b_step, p.steps, c + passes.first(pass) * p.c_row, p.c_row,
           count);
  }
}

/// What the rule makes of all elements that lines read, and of up to two vectors behind them.
void derive_line_elements(const Derivation& rule, const LineGemm& p, const LineRoom& room) {
  const hn::ScalableTag<float> d;
  const Deriver<true, decltype(d)> derive(rule);
  for (size_t i = 0; i < room.count; i += hn::Lanes(d)) {
    hn::Vec<decltype(d)> high, low, key;
    derive(hn::LoadU(d, p.b + room.first + i), high, low, key);
    hn::Store(low, d, room.low + i);
    hn::Store(key, d, room.key + i);
  }
}

/// Columns [n0, n0 + count) of a line, a vector of them at most, and all rows.
template <class D>
HWY_INLINE void run_columns(D d, const Derivation& rule, const LineGemm& p, const LineRoom& room,
                            const RowPasses& passes, uint32_t line, uint32_t n0, uint32_t count) {
  static constexpr auto kKernels = kernel_table<kPassRows>([](auto rows) { return &line_kernel<rows, D>; });
  const float* const base = p.b + p.b_line[line] + n0;
  float* const c = p.c + p.c_line[line] + n0;
  const uint32_t pairs = (p.steps + 1) / 2;
  for (uint32_t pair = 0, some; pair < pairs; pair += some) {
    some = std::min(kPairBlock, pairs - pair);
    const ptrdiff_t* const steps = p.b_step + 2 * pair;
    // Up to kLineSlack elements behind a line may be read; what is beyond `count` goes nowhere.
    const auto load = [&](uint32_t r) HWY_ATTR { return hn::LoadU(d, base + steps[r]); };
    pack_columns<true>(d, rule, std::min(2 * some, p.steps - 2 * pair), load, nullptr, room.positions);
    for (uint32_t pass = 0; pass < passes.count; ++pass) {
      const auto kernel = kKernels[passes.height(pass) - 1];
      const float* const weights = room.weights + (size_t{pass} * pairs + pair) * kPairFields * kPassRows;
      kernel(d, weights, room.positions, some, c + passes.first(pass) * p.c_row, p.c_row, count);
    }
  }
}

void run_lines(const Derivation& rule, const LineGemm& p, const LineRoom& room) {
  const RowPasses passes(p.rows, kPassRows);
  const uint32_t pairs = (p.steps + 1) / 2;
  for (uint32_t pass = 0; pass < passes.count; ++pass) {
    const RawRows from{p.a, p.a_row + passes.first(pass), passes.height(pass), p.a_step, p.steps};
    pack_pass<true>(rule, from, room.raw, room.weights + size_t{pass} * pairs * kPairFields * kPassRows);
  }
  if (room.count > 0) derive_line_elements(rule, p, room);
  for (uint32_t line = 0; line < p.lines; ++line) {
    for_column_vectors(p.columns, [&](auto d, uint32_t n0, uint32_t count) HWY_ATTR {
      if (room.count > 0) return run_elements(d, rule, p, room, passes, line, n0, count);
      run_columns(d, rule, p, room, passes, line, n0, count);
    });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::daa
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::daa {

HWY_EXPORT(run_lines);

namespace {

/// Passes over a position's elements that take less time where they lie than packed, which takes a pass itself.
constexpr uint32_t kFewPasses = 2;

}  // namespace

void pair_lines(const PairRule& rule, const LineGemm& p, Workspace& workspace) {
  BB_CHECK(rule.arbiter != Arbiter::kRandom);
  if (p.rows == 0 || p.columns == 0 || p.steps == 0 || p.lines == 0) return;
  const size_t pairs = (size_t{p.steps} + 1) / 2, passes = RowPasses(p.rows, kPassRows).count;
  LineRoom room{};
  room.weights = workspace.array<float>(1, passes * pairs * kPairFields * kPassRows);
  room.raw = workspace.array<float>(13, (p.steps + kPassRows) * kPassRows);
  room.positions = workspace.array<float>(0, size_t{kPairBlock} * kPairFields * kWidest);
  if (passes <= kFewPasses) {
    const auto lines = std::minmax_element(p.b_line, p.b_line + p.lines);
    const auto steps = std::minmax_element(p.b_step, p.b_step + p.steps);
    room.first = *lines.first + *steps.first;
    room.count = static_cast<size_t>(*lines.second + *steps.second - room.first) + p.columns;
    // What lies behind the last element is read, and goes nowhere.
    const size_t padded = (room.count + 3 * kWidest - 1) / kWidest * kWidest;
    room.low = workspace.array<float>(8, 2 * padded);
    room.key = room.low + padded;
    std::fill_n(room.low + room.count, padded - room.count, 0.0f);
    std::fill_n(room.key + room.count, padded - room.count, 0.0f);
  }
  HWY_DYNAMIC_DISPATCH(run_lines)(derivation_of(rule), p, room);
}

}  // namespace backboard::npu::daa
#endif
