// The kernel of daa where rows of A are windows of one image, as in WG: what the rule makes of an element is worked out
// once, however many taps read it.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/daa/pair_taps.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>

#include "npu/engine/column_vectors-inl.h"
#include "npu/engine/daa/add_pairs-inl.h"
#include "npu/engine/daa/pair_layout.h"
#include "npu/engine/daa/pair_pack-inl.h"
#include "npu/engine/daa/pair_taps.h"
#include "npu/engine/first_lanes-inl.h"
#include "npu/engine/gemm_pack.h"
#include "npu/engine/kernel_table.h"
#include "npu/engine/row_passes.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::daa {
namespace HWY_NAMESPACE {
using npu::HWY_NAMESPACE::for_column_vectors;
using npu::HWY_NAMESPACE::load_first;

// Rows whose sums are in registers.
#if HWY_TARGET <= HWY_AVX3
inline constexpr uint32_t kTapRows = 9;  // a plane of 3 x 3 taps at once
#else
inline constexpr uint32_t kTapRows = 5;
#endif

/// Elements as kElementFields: high, low, and E(a0) - E(a1) as if it began a pair.
void derive_elements(const Derivation& rule, const float* from, size_t count, float* HWY_RESTRICT to) {
  const hn::CappedTag<float, kPassRows> d;
  using V = hn::Vec<decltype(d)>;
  const Deriver<true, decltype(d)> derive(rule);
  const size_t lanes = hn::Lanes(d);
  const auto load = [&](size_t i) HWY_ATTR {
    return i + lanes <= count ? hn::LoadU(d, from + i) : load_first(d, from + i, i < count ? count - i : 0);
  };
  for (size_t i = 0; i < count; i += lanes, to += lanes * kElementFields) {
    V high, low, key, unused_high, unused_low, next;
    derive(load(i), high, low, key);
    derive(load(i + 1), unused_high, unused_low, next);
    hn::StoreInterleaved4(high, low, hn::Sub(key, next), key, d, to);
  }
}

/// kRows rows by a panel over `pairs` pairs, the elements of pair i from elements[step[2 i]] on.
template <uint32_t kRows, class D>
HWY_NOINLINE void tap_kernel(D d, const float* const* row, const ptrdiff_t* step, const float* HWY_RESTRICT panel,
                             uint32_t pairs, float* HWY_RESTRICT c) {
  const size_t lanes = hn::Lanes(d);
  hn::Vec<D> sums[kRows];
  const float* elements[kRows];
  HWY_UNROLL(9)
  for (uint32_t m = 0; m < kRows; ++m) {
    sums[m] = hn::Load(d, c + m * lanes);
    elements[m] = row[m];
  }
  for (uint32_t i = 0; i < pairs; ++i, panel += kPairFields * lanes) {
    const PairColumns<D> columns(d, panel);
    const ptrdiff_t at = step[2 * i] * static_cast<ptrdiff_t>(kElementFields);
    HWY_UNROLL(9)
    for (uint32_t m = 0; m < kRows; ++m) {
      const float* const e = elements[m] + at;
      const auto field = [&](size_t j) HWY_ATTR { return hn::Set(d, e[j]); };
      sums[m] = add_pair<false>(d, sums[m], field(0), field(kElementFields), field(1), field(kElementFields + 1),
                                field(2), columns);
    }
  }
  HWY_UNROLL(9)
  for (uint32_t m = 0; m < kRows; ++m) hn::Store(sums[m], d, c + m * lanes);
}

/// Columns [n0, n0 + columns), a vector at most.
template <class D>
void run_tap_panel(D d, const Derivation& rule, const StridedGemm& p, const TapRoom& room, uint32_t n0,
                   uint32_t columns) {
  static constexpr auto kKernels = kernel_table<kTapRows>([](auto rows) { return &tap_kernel<rows, D>; });
  const uint32_t width = static_cast<uint32_t>(hn::Lanes(d)), pairs = p.steps / 2;
  const RowPasses passes(p.rows, kTapRows);
  pack_panel(p, n0, columns, width, room.packed);
  if (columns < width) std::fill_n(room.block, size_t{p.rows} * width, 0.0f);
  load_sums(p, {0, p.rows, n0, columns}, width, room.block);
  for (uint32_t pair = 0, some; pair < pairs; pair += some) {
    some = std::min(kPairBlock, pairs - pair);
    const auto load = [&](uint32_t r) HWY_ATTR { return hn::Load(d, room.packed + (size_t{pair} * 2 + r) * width); };
    pack_columns<true>(d, rule, 2 * some, load, nullptr, room.panel);
    for (uint32_t pass = 0; pass < passes.count; ++pass) {
      const uint32_t m = passes.first(pass);
      const auto kernel = kKernels[passes.height(pass) - 1];
      kernel(d, room.row + m, p.a_step + 2 * pair, room.panel, some, room.block + size_t{m} * width);
    }
  }
  store_sums(p, {0, p.rows, n0, columns}, width, room.block);
}

void run_taps(const Derivation& rule, const StridedGemm& p, const TapRoom& room) {
  derive_elements(rule, p.a + room.first, room.count, room.elements);
  for_column_vectors(
      p.columns, [&](auto d, uint32_t n0, uint32_t columns) HWY_ATTR { run_tap_panel(d, rule, p, room, n0, columns); });
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::daa
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::daa {

HWY_EXPORT(run_taps);

bool pair_taps(const Derivation& derivation, const StridedGemm& p, Workspace& workspace) {
  constexpr size_t kMostElements = 1 << 14;  // that stay in the second-level cache
  constexpr size_t kLeastReads = 4;          // of an element that are worth a place of its own
  constexpr size_t kSlack = kWidest;
  if (p.masked || p.a_run == 0 || p.a_run % 2 != 0 || p.steps % p.a_run != 0 || p.rows < kLeastReads) return false;
  const auto rows = std::minmax_element(p.a_row, p.a_row + p.rows);
  ptrdiff_t first_step = p.a_step[0], last_step = first_step;
  for (uint32_t r = 0; r < p.steps; r += p.a_run) {
    first_step = std::min(first_step, p.a_step[r]);
    last_step = std::max(last_step, p.a_step[r] + p.a_run - 1);
  }
  TapRoom room{};
  room.first = *rows.first + first_step;
  room.count = static_cast<size_t>(*rows.second + last_step - room.first) + 1;
  if (room.count > kMostElements || room.count * kLeastReads > size_t{p.rows} * p.steps) return false;
  room.elements = workspace.array<float>(8, (room.count + kSlack) * kElementFields);
  room.row = workspace.array<const float*>(9, p.rows);
  for (uint32_t m = 0; m < p.rows; ++m) {
    room.row[m] = room.elements + (p.a_row[m] - room.first) * static_cast<ptrdiff_t>(kElementFields);
  }
  room.packed = workspace.array<float>(13, size_t{p.steps} * kWidest);
  room.panel = workspace.array<float>(0, size_t{kPairBlock} * kPairFields * kWidest);
  room.block = workspace.array<float>(1, size_t{p.rows} * kWidest);
  HWY_DYNAMIC_DISPATCH(run_taps)(derivation, p, room);
  return true;
}

}  // namespace backboard::npu::daa
#endif
