#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/daa/pair_gemm.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <utility>

#include "npu/engine/daa/pair_gemm.h"
#include "npu/engine/daa/pair_layout.h"
#include "npu/engine/gemm_pack.h"
#include "npu/numerics/rounding-inl.h"
#include "npu/sgd/random_stream.h"
#include "platform/check/check.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::daa {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using npu::HWY_NAMESPACE::round_bits;

template <class D, class V>
HWY_INLINE void derive(D df, const Derivation& rule, V value, V& high, V& low, V& key) {
  const hn::RebindToUnsigned<D> du;
  const hn::RebindToSigned<D> di;
  const auto bits = hn::BitCast(du, value);
  low = hn::BitCast(df, round_bits(du, rule.low, bits).bits);
  high = rule.all_low ? low : value;
  const auto zero = hn::Eq(value, hn::Zero(df));
  const auto field = hn::BitCast(di, hn::ShiftRight<23>(hn::And(bits, hn::Set(du, 0x7f800000u))));
  const V exponent = rule.by_exponent ? hn::ConvertTo(df, field) : hn::Zero(df);
  key = hn::IfThenElse(zero, hn::Set(df, kZeroKey), exponent);
}

/// `count` elements of A, side by side, kFields floats each; writes up to a vector more.
void derive_span(const Derivation& rule, const float* in, size_t count, float* out) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  using V = hn::Vec<decltype(d)>;
  V high, low, key;
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    derive(d, rule, hn::LoadU(d, in + i), high, low, key);
    hn::StoreInterleaved4(high, low, key, key, d, out + i * kFields);
  }
  if (i == count) return;
  HWY_ALIGN float rest[HWY_MAX_BYTES / sizeof(float)] = {};
  std::copy(in + i, in + count, rest);
  derive(d, rule, hn::Load(d, rest), high, low, key);
  hn::StoreInterleaved4(high, low, key, key, d, out + i * kFields);
}

/// The pairs of `packed`, steps of B as vectors: high, low and key of each. An odd last step has zeros beside it.
template <class D>
void pack_pairs(D d, const Derivation& rule, uint32_t steps, const float* HWY_RESTRICT packed, const float* coins,
                float* HWY_RESTRICT panel) {
  using V = hn::Vec<D>;
  const size_t width = hn::Lanes(d);
  for (uint32_t i = 0; 2 * i < steps; ++i) {
    const V second = 2 * i + 1 < steps ? hn::Load(d, packed + (2 * i + 1) * width) : hn::Zero(d);
    V high0, low0, key0, high1, low1, key1;
    derive(d, rule, hn::Load(d, packed + 2 * i * width), high0, low0, key0);
    derive(d, rule, second, high1, low1, key1);
    V difference = hn::Sub(key1, key0);
    if (coins != nullptr) difference = hn::Add(difference, hn::LoadU(d, coins + i * width));
    float* to = panel + i * kPairVectors * width;
    hn::Store(high0, d, to);
    hn::Store(low0, d, to + width);
    hn::Store(high1, d, to + 2 * width);
    hn::Store(low1, d, to + 3 * width);
    hn::Store(difference, d, to + 4 * width);
  }
}

/// The pairs of one block of rows: `steps` are offsets of floats of derived A, two a pair; `coins` kRows rows of pairs.
struct PairBlock {
  const ptrdiff_t* steps;
  uint32_t pairs;
  const float* panel;
  const float* coins;
  size_t coin_pitch;
};

/// kSpecial: non-finite operands, or coins; slower.
template <bool kSpecial, uint32_t kRows, class D>
HWY_NOINLINE void pair_kernel(D d, const float* HWY_RESTRICT a, const ptrdiff_t* a_row, const PairBlock& block,
                              float* HWY_RESTRICT c) {
  using V = hn::Vec<D>;
  const size_t lanes = hn::Lanes(d);
  const float* rows[kRows];
  V sums[kRows];
  HWY_UNROLL(8)
  for (uint32_t m = 0; m < kRows; ++m) {
    rows[m] = a + a_row[m] * kFields;
    sums[m] = hn::Load(d, c + m * lanes);
  }
  const float* b = block.panel;
  for (uint32_t i = 0; i < block.pairs; ++i, b += kPairVectors * lanes) {
    const ptrdiff_t step0 = block.steps[2 * i], step1 = block.steps[2 * i + 1];
    const V high0 = hn::Load(d, b), low0 = hn::Load(d, b + lanes);
    const V high1 = hn::Load(d, b + 2 * lanes), low1 = hn::Load(d, b + 3 * lanes);
    const V difference = hn::Load(d, b + 4 * lanes);
    HWY_UNROLL(8)
    for (uint32_t m = 0; m < kRows; ++m) {
      const float* a0 = rows[m] + step0;
      const float* a1 = rows[m] + step1;
      V weigh = hn::Sub(hn::Set(d, a0[2]), hn::Set(d, a1[2]));
      if constexpr (kSpecial) {
        if (block.coins != nullptr) weigh = hn::Add(weigh, hn::Set(d, block.coins[m * block.coin_pitch + i]));
      }
      const auto first = hn::Ge(weigh, difference);
      const V x0 = hn::IfThenElse(first, hn::Set(d, a0[0]), hn::Set(d, a0[1])), y0 = hn::IfThenElse(first, high0, low0);
      const V x1 = hn::IfThenElse(first, hn::Set(d, a1[1]), hn::Set(d, a1[0])), y1 = hn::IfThenElse(first, low1, high1);
      V p0 = hn::Mul(x0, y0), p1 = hn::Mul(x1, y1);
      if constexpr (kSpecial) {
        const V zero = hn::Zero(d);
        p0 = hn::IfThenZeroElse(hn::Or(hn::Eq(x0, zero), hn::Eq(y0, zero)), p0);
        p1 = hn::IfThenZeroElse(hn::Or(hn::Eq(x1, zero), hn::Eq(y1, zero)), p1);
      }
      sums[m] = hn::Add(hn::Add(sums[m], p0), p1);
    }
  }
  HWY_UNROLL(8)
  for (uint32_t m = 0; m < kRows; ++m) hn::Store(sums[m], d, c + m * lanes);
}

template <class D>
using PairKernels = void (*)(D, const float*, const ptrdiff_t*, const PairBlock&, float*);

template <bool kSpecial, class D, uint32_t... kRows>
HWY_INLINE PairKernels<D> pick_rows(uint32_t rows, std::integer_sequence<uint32_t, kRows...>) {
  static constexpr PairKernels<D> kKernels[] = {pair_kernel<kSpecial, kRows + 1, D>...};
  return kKernels[rows - 1];
}

template <bool kSpecial, class D>
void run_rows(D d, const float* a, const ptrdiff_t* a_row, uint32_t rows, PairBlock block, float* c) {
  constexpr uint32_t kMostRows = 8;
  const size_t lanes = hn::Lanes(d);
  // Passes of equal height: a short last one would wait for the latency of its few additions.
  const uint32_t passes = (rows + kMostRows - 1) / kMostRows;
  for (uint32_t pass = 0, m = 0; pass < passes; ++pass) {
    const uint32_t end = (pass + 1) * rows / passes;
    PairBlock part = block;
    if (part.coins != nullptr) part.coins += m * part.coin_pitch;
    const auto kernel = pick_rows<kSpecial, D>(end - m, std::make_integer_sequence<uint32_t, kMostRows>());
    kernel(d, a, a_row + m, part, c + m * lanes);
    m = end;
  }
}

template <class D>
void run_columns(D d, const Derivation& rule, const Coins& coins, const StridedGemm& p, const Room& room, uint32_t n0,
                 uint32_t columns) {
  const uint32_t width = static_cast<uint32_t>(hn::Lanes(d)), pairs = (p.steps + 1) / 2;
  if (room.column_coins != nullptr) {
    for (uint32_t i = 0; i < pairs; ++i) {
      for (uint32_t n = 0; n < width; ++n) {
        room.column_coins[size_t{i} * width + n] = coins.of_column(n0 + n, i);
      }
    }
  }
  pack_panel(p, n0, columns, width, room.packed);
  pack_pairs(d, rule, p.steps, room.packed, room.column_coins, room.panel);
  const bool special = p.masked || room.row_coins != nullptr;
  for (uint32_t m0 = 0; m0 < p.rows; m0 += kRowBlock) {
    const uint32_t rows = std::min(kRowBlock, p.rows - m0);
    if (columns < width) std::fill_n(room.block, size_t{rows} * width, 0.0f);
    load_sums(p, {m0, rows, n0, columns}, width, room.block);
    for (uint32_t i = 0; i < pairs; i += kPairBlock) {
      PairBlock block{room.steps + 2 * i, std::min(kPairBlock, pairs - i),
                      room.panel + size_t{i} * kPairVectors * width, nullptr, kPairBlock};
      if (room.row_coins != nullptr) {
        block.coins = room.row_coins;
        for (uint32_t m = 0; m < rows; ++m) {
          for (uint32_t j = 0; j < block.pairs; ++j) {
            room.row_coins[m * kPairBlock + j] = coins.of_row(m0 + m, i + j);
          }
        }
      }
      if (special) {
        run_rows<true>(d, room.a, p.a_row + m0, rows, block, room.block);
      } else {
        run_rows<false>(d, room.a, p.a_row + m0, rows, block, room.block);
      }
    }
    store_sums(p, {m0, rows, n0, columns}, width, room.block);
  }
}

void run_pairs(const Derivation& rule, const Coins& coins, const StridedGemm& p, const Room& room) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 8> half;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d)), half_lanes = static_cast<uint32_t>(hn::Lanes(half));
  for (uint32_t n0 = 0; n0 < p.columns;) {
    const uint32_t left = p.columns - n0;
    if (left > half_lanes) {
      run_columns(d, rule, coins, p, room, n0, std::min(left, lanes));
      n0 += std::min(left, lanes);
    } else {
      run_columns(half, rule, coins, p, room, n0, left);
      n0 += left;
    }
  }
}

/// The smallest and the largest of `count` offsets.
void find_reach(const ptrdiff_t* offsets, uint32_t count, Reach* reach) {
  const hn::CappedTag<int64_t, 8> d;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  const auto* const from = reinterpret_cast<const int64_t*>(offsets);
  auto low = hn::Set(d, from[0]), high = low;
  uint32_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto next = hn::LoadU(d, from + i);
    low = hn::Min(low, next);
    high = hn::Max(high, next);
  }
  reach->first = static_cast<ptrdiff_t>(hn::GetLane(hn::MinOfLanes(d, low)));
  reach->last = static_cast<ptrdiff_t>(hn::GetLane(hn::MaxOfLanes(d, high)));
  for (; i < count; ++i) {
    reach->first = std::min(reach->first, offsets[i]);
    reach->last = std::max(reach->last, offsets[i]);
  }
}

/// to[i] = (from[i] - first) * kFields.
void scale_steps(const ptrdiff_t* from, uint32_t count, ptrdiff_t first, ptrdiff_t* to) {
  static_assert(kFields == 4);
  const hn::CappedTag<int64_t, 8> d;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  const auto origin = hn::Set(d, int64_t{first});
  uint32_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto step = hn::Sub(hn::LoadU(d, reinterpret_cast<const int64_t*>(from + i)), origin);
    hn::StoreU(hn::ShiftLeft<2>(step), d, reinterpret_cast<int64_t*>(to + i));
  }
  for (; i < count; ++i) to[i] = (from[i] - first) * kFields;
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::daa
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::daa {

HWY_EXPORT(derive_span);
HWY_EXPORT(run_pairs);
HWY_EXPORT(find_reach);
HWY_EXPORT(scale_steps);

namespace {

enum Slot : unsigned {
  kSlotPanel = 0,
  kSlotBlock = 1,
  kSlotDerived = 8,
  kSlotSteps,
  kSlotRowCoins,
  kSlotColumnCoins,
  kSlotPacked = 13
};

/// The places that rows and steps reach together.
Reach reach_of(const StridedGemm& p) {
  Reach rows, steps;
  HWY_DYNAMIC_DISPATCH(find_reach)(p.a_row, p.rows, &rows);
  HWY_DYNAMIC_DISPATCH(find_reach)(p.a_step, p.steps, &steps);
  return {rows.first + steps.first, rows.last + steps.last};
}

}  // namespace

void pair_gemm(const PairRule& rule, const Coins& coins, const StridedGemm& p, Workspace& workspace) {
  if (p.rows == 0 || p.columns == 0 || p.steps == 0) return;
  const uint32_t pairs = (p.steps + 1) / 2;
  const Derivation derivation{row_constants(*rule.low), rule.all_low, rule.arbiter == Arbiter::kValue};
  const Reach reach = reach_of(p);
  const size_t elements = static_cast<size_t>(reach.last - reach.first + 1);
  float* derived = workspace.array<float>(kSlotDerived, (elements + kWidest) * kFields);
  HWY_DYNAMIC_DISPATCH(derive_span)(derivation, p.a + reach.first, elements, derived);
  ptrdiff_t* steps = workspace.array<ptrdiff_t>(kSlotSteps, size_t{pairs} * 2);
  HWY_DYNAMIC_DISPATCH(scale_steps)(p.a_step, p.steps, reach.first, steps);
  // The partner of an odd last step: any element of A, against zeros of B.
  if (p.steps % 2 != 0) steps[p.steps] = steps[p.steps - 1];
  Room room{};
  room.a = derived;
  room.steps = steps;
  room.panel = workspace.array<float>(kSlotPanel, size_t{pairs} * kPairVectors * kWidest);
  room.packed = workspace.array<float>(kSlotPacked, size_t{p.steps} * kWidest);
  room.block = workspace.array<float>(kSlotBlock, kRowBlock * kWidest);
  if (rule.arbiter == Arbiter::kRandom && !rule.all_low) {
    BB_CHECK(coins.row_places != nullptr);
    room.row_coins = workspace.array<float>(kSlotRowCoins, size_t{kRowBlock} * kPairBlock);
    room.column_coins = workspace.array<float>(kSlotColumnCoins, size_t{pairs} * kWidest);
  }
  HWY_DYNAMIC_DISPATCH(run_pairs)(derivation, coins, p, room);
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

const FormatRow& low_format(uint32_t mantissa_bits) {
  BB_CHECK(mantissa_bits >= 2 && mantissa_bits <= 4, "{} bits", mantissa_bits);
  return format_row(mantissa_bits == 4   ? NumberFormat::kBf13
                    : mantissa_bits == 3 ? NumberFormat::kBf12
                                         : NumberFormat::kBf11);
}

}  // namespace backboard::npu::daa
#endif
