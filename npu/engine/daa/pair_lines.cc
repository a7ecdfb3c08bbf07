// The kernel of daa for thin layers: positions in lanes, as they lie in lines of the image.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/daa/pair_lines.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <utility>

#include "npu/engine/daa/add_pairs-inl.h"
#include "npu/engine/daa/pair_gemm.h"
#include "npu/engine/daa/pair_layout.h"
#include "npu/engine/daa/pair_pack-inl.h"
#include "npu/engine/first_lanes-inl.h"
#include "platform/check/check.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::daa {
namespace HWY_NAMESPACE {
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

template <class D, uint32_t... kRows>
HWY_INLINE auto pick_line(uint32_t rows, std::integer_sequence<uint32_t, kRows...>) {
  static constexpr decltype(&line_kernel<1, D>) kKernels[] = {line_kernel<kRows + 1, D>...};
  return kKernels[rows - 1];
}

/// Columns [n0, n0 + count) of a line, a vector of them at most, and all rows.
template <class D>
HWY_INLINE void run_columns(D d, const Derivation& rule, const LineGemm& p, const LineRoom& room, const Passes& passes,
                            uint32_t line, uint32_t n0, uint32_t count) {
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
      const auto kernel = pick_line<D>(passes.height(pass), std::make_integer_sequence<uint32_t, kPassRows>());
      const float* const weights = room.weights + (size_t{pass} * pairs + pair) * kPairFields * kPassRows;
      kernel(d, weights, room.positions, some, c + passes.first(pass) * p.c_row, p.c_row, count);
    }
  }
}

void run_lines(const Derivation& rule, const LineGemm& p, const LineRoom& room) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 8> half;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d)), half_lanes = static_cast<uint32_t>(hn::Lanes(half));
  const Passes passes(p.rows);
  const uint32_t pairs = (p.steps + 1) / 2;
  for (uint32_t pass = 0; pass < passes.count; ++pass) {
    const RawRows from{p.a, p.a_row + passes.first(pass), passes.height(pass), p.a_step, p.steps};
    pack_pass<true>(rule, from, room.raw, room.weights + size_t{pass} * pairs * kPairFields * kPassRows);
  }
  for (uint32_t line = 0; line < p.lines; ++line) {
    for (uint32_t n0 = 0, count; n0 < p.columns; n0 += count) {
      const uint32_t left = p.columns - n0;
      if (left > half_lanes) {
        count = std::min(left, lanes);
        run_columns(d, rule, p, room, passes, line, n0, count);
      } else {
        count = left;
        run_columns(half, rule, p, room, passes, line, n0, count);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::daa
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::daa {

HWY_EXPORT(run_lines);

void pair_lines(const PairRule& rule, const LineGemm& p, Workspace& workspace) {
  BB_CHECK(rule.arbiter != Arbiter::kRandom);
  if (p.rows == 0 || p.columns == 0 || p.steps == 0) return;
  const size_t pairs = (size_t{p.steps} + 1) / 2;
  LineRoom room{};
  room.weights = workspace.array<float>(1, Passes(p.rows).count * pairs * kPairFields * kPassRows);
  room.raw = workspace.array<float>(13, (p.steps + kPassRows) * kPassRows);
  room.positions = workspace.array<float>(0, size_t{kPairBlock} * kPairFields * kWidest);
  HWY_DYNAMIC_DISPATCH(run_lines)(derivation_of(rule), p, room);
}

}  // namespace backboard::npu::daa
#endif
