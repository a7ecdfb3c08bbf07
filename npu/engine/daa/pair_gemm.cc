#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/daa/pair_gemm.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>

#include "npu/engine/column_vectors-inl.h"
#include "npu/engine/daa/add_pairs-inl.h"
#include "npu/engine/daa/pair_gemm.h"
#include "npu/engine/daa/pair_layout.h"
#include "npu/engine/daa/pair_pack-inl.h"
#include "npu/engine/daa/pair_taps.h"
#include "npu/engine/gemm_pack.h"
#include "npu/engine/kernel_table.h"
#include "npu/engine/row_passes.h"
#include "npu/sgd/random_stream.h"
#include "platform/check/check.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::daa {
namespace HWY_NAMESPACE {
using npu::HWY_NAMESPACE::for_column_vectors;

/// kRows packed rows of A by the vectors of a panel; rows of C are `pitch` apart. kMasked: some operand is an infinity
/// or NaN; slower.
template <bool kMasked, uint32_t kRows, class D>
HWY_NOINLINE void pair_kernel(D d, const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, uint32_t pairs,
                              float* HWY_RESTRICT c, ptrdiff_t pitch) {
  hn::Vec<D> sums[kRows];
  HWY_UNROLL(8)
  for (uint32_t m = 0; m < kRows; ++m) sums[m] = hn::LoadU(d, c + m * pitch);
  add_pairs<kMasked>(d, a, b, pairs, sums);
  HWY_UNROLL(8)
  for (uint32_t m = 0; m < kRows; ++m) hn::StoreU(sums[m], d, c + m * pitch);
}

/// Rows [m0, m0 + passes.rows) at the pairs [pair, pair + pairs).
void pack_rows(const Derivation& rule, const Coins& coins, const StridedGemm& p, const Room& room, uint32_t m0,
               const RowPasses& passes, uint32_t pair, uint32_t pairs) {
  const uint32_t step = 2 * pair, steps = std::min(2 * pairs, p.steps - step);
  for (uint32_t pass = 0; pass < passes.count; ++pass) {
    const uint32_t m = m0 + passes.first(pass), rows = passes.height(pass);
    float* const to = room.rows + pass * kPassFloats;
    const RawRows from{p.a, p.a_row + m, rows, p.a_step + step, steps};
    if (p.masked) {
      pack_pass<false>(rule, from, room.packed, to);
    } else {
      pack_pass<true>(rule, from, room.packed, to);
    }
    if (coins.row_places == nullptr) continue;
    for (uint32_t i = 0; i < pairs; ++i) {
      float* const weigh = to + (i * kPairFields + kPairFields - 1) * kPassRows;
      for (uint32_t j = 0; j < rows; ++j) weigh[j] += coins.of_row(m + j, pair + i);
    }
  }
}

/// A panel of columns, packed.
template <class D>
void pack_panel_columns(D d, const Derivation& rule, const Coins& coins, const StridedGemm& p, const Room& room,
                        uint32_t n0, uint32_t columns, float* panel) {
  const uint32_t width = static_cast<uint32_t>(hn::Lanes(d)), pairs = (p.steps + 1) / 2;
  if (room.column_coins != nullptr) {
    for (uint32_t i = 0; i < pairs; ++i) {
      for (uint32_t n = 0; n < width; ++n) {
        room.column_coins[size_t{i} * width + n] = coins.of_column(n0 + n, i);
      }
    }
  }
  const auto pack = [&](const auto& load) HWY_ATTR {
    if (p.masked) {
      pack_columns<false>(d, rule, p.steps, load, room.column_coins, panel);
    } else {
      pack_columns<true>(d, rule, p.steps, load, room.column_coins, panel);
    }
  };
  if (p.b_column == 1 && columns == width) {
    const float* const base = p.b + n0;
    return pack([&](uint32_t r) HWY_ATTR { return hn::LoadU(d, base + p.b_step[r]); });
  }
  pack_panel(p, n0, columns, width, room.packed);
  pack([&](uint32_t r) HWY_ATTR { return hn::Load(d, room.packed + r * width); });
}

/// Where the sums of a panel and a block of rows are.
struct Sums {
  float* first;
  ptrdiff_t pitch;
};

template <class D>
void run_panel(D d, bool masked, const RowPasses& passes, const float* rows, const float* panel, uint32_t pairs,
               const Sums& sums) {
  static constexpr auto kKernels = kernel_table<kPassRows>([](auto height) { return &pair_kernel<false, height, D>; });
  static constexpr auto kMaskedKernels =
      kernel_table<kPassRows>([](auto height) { return &pair_kernel<true, height, D>; });
  for (uint32_t pass = 0; pass < passes.count; ++pass) {
    const auto kernel = (masked ? kMaskedKernels : kKernels)[passes.height(pass) - 1];
    kernel(d, rows + pass * kPassFloats, panel, pairs, sums.first + passes.first(pass) * sums.pitch, sums.pitch);
  }
}

/// Columns [n0, end), kPanelGroup panels at most: each block of rows is packed once for all of them.
void run_group(const Derivation& rule, const Coins& coins, const StridedGemm& p, const Room& room, uint32_t n0,
               uint32_t end) {
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(hn::ScalableTag<float>())), pairs = (p.steps + 1) / 2;
  const size_t panel_floats = size_t{pairs} * kPairFields * lanes, block_floats = size_t{kRowBlock} * lanes;
  const auto for_panels = [&](const auto& visit) HWY_ATTR {
    for_column_vectors(end - n0, [&](auto d, uint32_t n, uint32_t columns) HWY_ATTR {
      const uint32_t panel = n / lanes;
      visit(d, n0 + n, columns, room.panels + panel * panel_floats, room.block + panel * block_floats);
    });
  };
  for_panels([&](auto d, uint32_t n, uint32_t columns, float* panel, float*)
                 HWY_ATTR { pack_panel_columns(d, rule, coins, p, room, n, columns, panel); });
  for (uint32_t m0 = 0; m0 < p.rows; m0 += kRowBlock) {
    const RowPasses passes(std::min(kRowBlock, p.rows - m0), kPassRows);
    // Whole vectors of sums that lie evenly apart stay where they are.
    const bool even = p.c_column == 1 && is_even(p.c_row + m0, passes.rows);
    const auto in_place = [&](uint32_t columns, uint32_t width) { return even && columns == width; };
    for_panels([&](auto d, uint32_t n, uint32_t columns, float*, float* block) HWY_ATTR {
      const uint32_t width = static_cast<uint32_t>(hn::Lanes(d));
      if (in_place(columns, width)) return;
      if (columns < width) std::fill_n(block, size_t{passes.rows} * width, 0.0f);
      load_sums(p, {m0, passes.rows, n, columns}, width, block);
    });
    for (uint32_t i = 0; i < pairs; i += kPairBlock) {
      const uint32_t some = std::min(kPairBlock, pairs - i);
      pack_rows(rule, coins, p, room, m0, passes, i, some);
      for_panels([&](auto d, uint32_t n, uint32_t columns, const float* panel, float* block) HWY_ATTR {
        const uint32_t width = static_cast<uint32_t>(hn::Lanes(d));
        const float* const from = panel + size_t{i} * kPairFields * width;
        Sums sums{block, static_cast<ptrdiff_t>(width)};
        if (in_place(columns, width)) {
          sums = {p.c + p.c_row[m0] + n, passes.rows > 1 ? p.c_row[m0 + 1] - p.c_row[m0] : 0};
        }
        run_panel(d, p.masked, passes, room.rows, from, some, sums);
      });
    }
    for_panels([&](auto d, uint32_t n, uint32_t columns, float*, float* block) HWY_ATTR {
      const uint32_t width = static_cast<uint32_t>(hn::Lanes(d));
      if (!in_place(columns, width)) store_sums(p, {m0, passes.rows, n, columns}, width, block);
    });
  }
}

void run_pairs(const Derivation& rule, const Coins& coins, const StridedGemm& p, const Room& room) {
  const uint32_t group = kPanelGroup * static_cast<uint32_t>(hn::Lanes(hn::ScalableTag<float>()));
  for (uint32_t n0 = 0; n0 < p.columns; n0 += group) {
    run_group(rule, coins, p, room, n0, std::min(n0 + group, p.columns));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::daa
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::daa {

HWY_EXPORT(run_pairs);

namespace {

enum Slot : unsigned {
  kSlotPanels = 0,
  kSlotBlock = 1,
  kSlotRows = 8,
  kSlotColumnCoins,
  kSlotPacked = 13,
  kSlotSwapped
};

/// Steps that go together, so that packed columns stay in the caches: whole pairs and whole runs of B.
uint32_t block_of_steps(const StridedGemm& p) {
  constexpr uint32_t kLeast = 1024;
  const uint32_t run = p.b_run == 0 || p.b_run == p.steps ? 2 : 2 * p.b_run;
  return (kLeast + run - 1) / run * run;
}

/// All pairs of a problem of a few steps.
void run_block(const Derivation& derivation, const Coins& coins, const StridedGemm& p, Workspace& workspace) {
  const uint32_t pairs = (p.steps + 1) / 2;
  const size_t columns = std::min<size_t>(kPanelGroup * kWidest, (p.columns + kWidest - 1) / kWidest * kWidest);
  Room room{};
  room.panels = workspace.array<float>(kSlotPanels, columns * pairs * kPairFields);
  const size_t raw_steps = std::max<size_t>(p.steps, 2 * kPairBlock + kPassRows);
  room.packed = workspace.array<float>(kSlotPacked, raw_steps * kWidest);
  room.rows = workspace.array<float>(kSlotRows, (kRowBlock + kPassRows - 1) / kPassRows * kPassFloats);
  room.block = workspace.array<float>(kSlotBlock, columns * kRowBlock);
  if (coins.row_places != nullptr) {
    room.column_coins = workspace.array<float>(kSlotColumnCoins, size_t{pairs} * kWidest);
  }
  HWY_DYNAMIC_DISPATCH(run_pairs)(derivation, coins, p, room);
}

/// All steps, a block of them after the other.
void pair_blocks(const Derivation& derivation, const Coins& coins, const StridedGemm& p, Workspace& workspace) {
  const uint32_t block = block_of_steps(p);
  for (uint32_t r = 0; r < p.steps; r += block) {
    StridedGemm part = p;
    part.steps = std::min(block, p.steps - r);
    part.a_step += r;
    part.b_step += r;
    part.a_run = 0;  // a block may begin within one
    if (p.b_run == p.steps) part.b_run = part.steps;
    Coins drawn = coins;
    drawn.first_pair += r / 2;
    run_block(derivation, drawn, part, workspace);
  }
}

/// Elements of vectors that the columns of a row take.
uint64_t lanes_of(uint32_t columns) {
  constexpr uint32_t kHalf = kWidest / 2;
  const uint32_t rest = columns % kWidest;
  return columns - rest + (rest > kHalf ? kWidest : rest > 0 ? kHalf : 0);
}

/// The problem with its sides swapped: who is high does not depend on which side an operand is of.
StridedGemm swap_sides(const StridedGemm& p, Workspace& workspace) {
  StridedGemm s = p;
  s.rows = p.columns;
  s.columns = p.rows;
  ptrdiff_t* const a_row = workspace.array<ptrdiff_t>(kSlotSwapped, size_t{p.columns} * 2);
  ptrdiff_t* const c_row = a_row + p.columns;
  for (uint32_t n = 0; n < p.columns; ++n) {
    a_row[n] = n * p.b_column;
    c_row[n] = n * p.c_column;
  }
  s.a = p.b;
  s.a_row = a_row;
  s.a_step = p.b_step;
  s.a_run = p.b_run;
  s.b = p.a + p.a_row[0];
  s.b_step = p.a_step;
  s.b_column = p.rows > 1 ? p.a_row[1] - p.a_row[0] : 1;
  s.b_run = p.a_run;
  s.b_pitch = 0;
  s.c = p.c + p.c_row[0];
  s.c_row = c_row;
  s.c_column = p.rows > 1 ? p.c_row[1] - p.c_row[0] : 1;
  s.c_pitch = 0;
  return s;
}

/// Whether that fills vectors clearly better.
bool fits_swapped(const StridedGemm& p) {
  return p.columns < 2 * kWidest && p.columns * lanes_of(p.rows) * 5 <= p.rows * lanes_of(p.columns) * 4 &&
         is_even(p.a_row, p.rows) && is_even(p.c_row, p.rows);
}

}  // namespace

void pair_gemm(const PairRule& rule, const Coins& coins, const StridedGemm& p, Workspace& workspace) {
  if (p.rows == 0 || p.columns == 0 || p.steps == 0) return;
  const Derivation derivation = derivation_of(rule);
  const bool draws = rule.arbiter == Arbiter::kRandom && !rule.all_low;
  BB_CHECK(!draws || coins.row_places != nullptr);
  if (!draws && pair_taps(derivation, p, workspace)) return;
  if (!draws && fits_swapped(p)) return pair_blocks(derivation, {}, swap_sides(p, workspace), workspace);
  pair_blocks(derivation, draws ? coins : Coins{}, p, workspace);
}

namespace {

/// Stream 0 has even multiples of 2^-13, stream 1 odd ones, both within 1/2 of zero: no ties between them.
float coin(uint32_t seed, uint32_t stream, uint32_t place, uint32_t pair) {
  const uint64_t bits = random_bits(seed * 2 + stream, pair / 4, place);  // the coins of four pairs
  const auto part = static_cast<int32_t>(bits >> (pair % 4 * 16 + 4) & 0xfff);
  return static_cast<float>(2 * part - 4095 + static_cast<int32_t>(1 - stream)) * 0x1p-13f;
}

}  // namespace

float Coins::of_row(uint32_t row, uint32_t pair) const {
  const float drawn = coin(seed, swapped ? 1 : 0, row_places[row], first_pair + pair);
  return swapped ? -drawn : drawn;
}

float Coins::of_column(uint32_t column, uint32_t pair) const {
  const float drawn = coin(seed, swapped ? 0 : 1, first_column + column, first_pair + pair);
  return swapped ? -drawn : drawn;
}

Derivation derivation_of(const PairRule& rule) {
  return {row_constants(*rule.low), rule.all_low, rule.arbiter == Arbiter::kValue};
}

const FormatRow& low_format(uint32_t mantissa_bits) {
  BB_CHECK(mantissa_bits >= 2 && mantissa_bits <= 4, "{} bits", mantissa_bits);
  return format_row(mantissa_bits == 4   ? NumberFormat::kBf13
                    : mantissa_bits == 3 ? NumberFormat::kBf12
                                         : NumberFormat::kBf11);
}

}  // namespace backboard::npu::daa
#endif
