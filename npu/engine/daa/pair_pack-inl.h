// Packing the operands of daa's pairs, compiled once per Highway target.
#if defined(BACKBOARD_NPU_ENGINE_DAA_PAIR_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_ENGINE_DAA_PAIR_PACK_INL_H_
#undef BACKBOARD_NPU_ENGINE_DAA_PAIR_PACK_INL_H_
#else
#define BACKBOARD_NPU_ENGINE_DAA_PAIR_PACK_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "npu/engine/daa/pair_layout.h"
#include "npu/engine/strided_gemm.h"
#include "npu/engine/transpose-inl.h"
#include "npu/numerics/rounding-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::daa {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using npu::HWY_NAMESPACE::round_bits;
#if HWY_TARGET <= HWY_AVX2
using npu::HWY_NAMESPACE::transpose_8x8_of;
#endif

/// What a vector of operands becomes. kFinite: no operand is an infinity or NaN.
template <bool kFinite, class D>
class Deriver {
 public:
  using V = hn::Vec<D>;
  explicit Deriver(const Derivation& rule)
      : rule_(rule),
        half_(hn::Set(DU(), rule.low.half_minus_one)),
        keep_(hn::Set(DU(), rule.low.keep)),
        largest_(hn::Set(DU(), rule.low.max_finite)),
        field_(hn::Set(DU(), rule.by_exponent ? 0x7f800000u : 0u)),
        always_low_(hn::BitCast(D(), hn::Set(DU(), rule.all_low ? 0xffffffffu : 0u))) {}

  HWY_INLINE void operator()(V value, V& high, V& low, V& key) const {
    const D d;
    const DU du;
    const U bits = hn::BitCast(du, value);
    low = hn::BitCast(d, kFinite ? round_finite(bits) : round_bits(du, rule_.low, bits).bits);
    high = hn::IfVecThenElse(always_low_, low, value);
    const hn::RebindToSigned<D> di;
    const V exponent = hn::ConvertTo(d, hn::BitCast(di, hn::ShiftRight<23>(hn::And(bits, field_))));
    key = hn::IfThenElse(hn::Eq(value, hn::Zero(d)), hn::Set(d, kZeroKey), exponent);
  }

 private:
  using DU = hn::RebindToUnsigned<D>;
  using U = hn::Vec<DU>;

  /// Bits of finite values rounded to 1-8-m, nearest even, saturating. Such a format has the exponents of binary32, so
  /// subnormals lose the same bits as normal numbers. Keeps the sign of zeros.
  HWY_INLINE U round_finite(U bits) const {
    const DU du;
    const U odd = hn::And(hn::ShiftRightSame(bits, static_cast<int>(rule_.low.shift)), hn::Set(du, 1u));
    const U rounded = hn::And(hn::Add(hn::Add(bits, half_), odd), keep_);
    const U sign = hn::Set(du, 0x80000000u);
    return hn::OrAnd(hn::Min(hn::AndNot(sign, rounded), largest_), sign, bits);
  }

  Derivation rule_;
  U half_, keep_, largest_, field_;
  V always_low_;
};

/// Pairs of B, of which load(step) gives a vector of columns: high and low of each step, and E(b1) - E(b0). An odd last
/// step has zeros beside it.
template <bool kFinite, class D, class Load>
HWY_INLINE void pack_columns(D d, const Derivation& rule, uint32_t steps, const Load& load, const float* coins,
                             float* HWY_RESTRICT panel) {
  using V = hn::Vec<D>;
  const Deriver<kFinite, D> derive(rule);
  const size_t width = hn::Lanes(d);
  for (uint32_t i = 0; 2 * i < steps; ++i, panel += kPairFields * width) {
    const V second = 2 * i + 1 < steps ? load(2 * i + 1) : hn::Zero(d);
    V high0, low0, key0, high1, low1, key1;
    derive(load(2 * i), high0, low0, key0);
    derive(second, high1, low1, key1);
    V difference = hn::Sub(key1, key0);
    if (coins != nullptr) difference = hn::Add(difference, hn::LoadU(d, coins + i * width));
    hn::Store(high0, d, panel);
    hn::Store(high1, d, panel + width);
    hn::Store(low0, d, panel + 2 * width);
    hn::Store(low1, d, panel + 3 * width);
    hn::Store(difference, d, panel + 4 * width);
  }
}

/// Packs `steps` steps of kPassRows rows of A, of which load(step, d, lane) gives those from `lane` on:
/// [pair][field][kPassRows], the last field E(a0) - E(a1).
template <bool kFinite, class Load>
HWY_INLINE void derive_rows(const Derivation& rule, const Load& load, uint32_t steps, float* HWY_RESTRICT to) {
  const hn::CappedTag<float, kPassRows> d;
  using V = hn::Vec<decltype(d)>;
  const Deriver<kFinite, decltype(d)> derive(rule);
  for (uint32_t r = 0; r < steps; r += 2, to += kPairFields * kPassRows) {
    for (size_t l = 0; l < kPassRows; l += hn::Lanes(d)) {
      V high0, low0, key0, high1, low1, key1;
      derive(load(r, d, l), high0, low0, key0);
      derive(r + 1 < steps ? load(r + 1, d, l) : hn::Zero(d), high1, low1, key1);
      hn::Store(high0, d, to + l);
      hn::Store(high1, d, to + kPassRows + l);
      hn::Store(low0, d, to + 2 * kPassRows + l);
      hn::Store(low1, d, to + 3 * kPassRows + l);
      hn::Store(hn::Sub(key0, key1), d, to + 4 * kPassRows + l);
    }
  }
}

/// The rows of a pass, and their steps.
struct RawRows {
  const float* a;
  const ptrdiff_t* row;
  uint32_t rows;
  const ptrdiff_t* step;
  uint32_t steps;
};

/// Whether the first kPassRows of `count` places follow each other by one.
HWY_INLINE bool side_by_side(const ptrdiff_t* places, uint32_t count) {
  const hn::CappedTag<int64_t, kPassRows> d;
  if (count < kPassRows) return false;
  const auto* const place = reinterpret_cast<const int64_t*>(places);
  for (uint32_t i = 0; i < kPassRows; i += static_cast<uint32_t>(hn::Lanes(d))) {
    if (!hn::AllTrue(d, hn::Eq(hn::LoadU(d, place + i), hn::Iota(d, place[0] + i)))) return false;
  }
  return true;
}

#if HWY_TARGET <= HWY_AVX2

/// Rows of a pass that lie evenly apart.
struct RowRun {
  ptrdiff_t first;  ///< of row 0, were it in the run
  uint32_t row, rows;
};
inline constexpr uint32_t kMostRowRuns = 4;

/// Cuts the rows into runs of this spacing. Returns how many; kMostRowRuns + 1 when they are too many.
HWY_INLINE uint32_t cut_rows(const RawRows& from, ptrdiff_t spacing, RowRun* runs) {
  uint32_t used = 0;
  for (uint32_t m = 0; m < from.rows; ++m) {
    if (m > 0 && from.row[m] == from.row[m - 1] + spacing) {
      ++runs[used - 1].rows;
      continue;
    }
    if (used == kMostRowRuns) return kMostRowRuns + 1;
    runs[used++] = {from.row[m] - static_cast<ptrdiff_t>(m) * spacing, m, 1};
  }
  return used;
}

/// Steps whose rows are cut into kRuns runs of this spacing: a masked load of each, or two.
template <uint32_t kSpacing, uint32_t kRuns>
HWY_INLINE void gather_runs(const RawRows& from, const RowRun* runs, float* HWY_RESTRICT raw) {
  const hn::Full256<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  using M = hn::Mask<decltype(d)>;
  const float* base[kRuns];
  M low[kRuns], high[kRuns];
  HWY_UNROLL(4)
  for (uint32_t i = 0; i < kRuns; ++i) {
    base[i] = from.a + runs[i].first;
    const auto first = hn::Set(du, kSpacing * runs[i].row), span = hn::Set(du, kSpacing * (runs[i].rows - 1) + 1);
    low[i] = hn::RebindMask(d, hn::Lt(hn::Sub(hn::Iota(du, 0), first), span));
    high[i] = hn::RebindMask(d, hn::Lt(hn::Sub(hn::Iota(du, kPassRows), first), span));
  }
  for (uint32_t r = 0; r < from.steps; ++r, raw += kPassRows) {
    const ptrdiff_t step = from.step[r];
    auto values = hn::MaskedLoad(low[0], d, base[0] + step);
    HWY_UNROLL(4)
    for (uint32_t i = 1; i < kRuns; ++i) values = hn::Or(values, hn::MaskedLoad(low[i], d, base[i] + step));
    if constexpr (kSpacing == 2) {
      auto others = hn::MaskedLoad(high[0], d, base[0] + step + kPassRows);
      HWY_UNROLL(4)
      for (uint32_t i = 1; i < kRuns; ++i) {
        others = hn::Or(others, hn::MaskedLoad(high[i], d, base[i] + step + kPassRows));
      }
      values = hn::ConcatEven(d, others, values);
    }
    hn::Store(values, d, raw);
  }
}

template <uint32_t kSpacing>
HWY_INLINE void gather_by_rows(const RawRows& from, const RowRun* runs, uint32_t count, float* HWY_RESTRICT raw) {
  static_assert(kMostRowRuns == 4);
  switch (count) {
    case 1:
      return gather_runs<kSpacing, 1>(from, runs, raw);
    case 2:
      return gather_runs<kSpacing, 2>(from, runs, raw);
    case 3:
      return gather_runs<kSpacing, 3>(from, runs, raw);
    default:
      return gather_runs<kSpacing, 4>(from, runs, raw);
  }
}

/// Steps that lie side by side in runs; kPassRows behind the last one are overwritten.
HWY_INLINE void gather_by_steps(const RawRows& from, float* HWY_RESTRICT raw) {
  const hn::Full128<float> half;
  constexpr uint32_t kFewest = 3;  // that are worth a transposition
  const float* rows[kPassRows];
  for (uint32_t m = 0; m < kPassRows; ++m) rows[m] = from.a + from.row[std::min(m, from.rows - 1)];
  for (uint32_t r = 0, run; r < from.steps; r += run) {
    const uint32_t left = std::min(from.steps - r, kPassRows);
    run = side_by_side(from.step + r, left) ? kPassRows : 1;
    while (run < left && from.step[r + run] == from.step[r + run - 1] + 1) ++run;
    const ptrdiff_t step = from.step[r];
    float* const to = raw + r * kPassRows;
    if (run == kPassRows) {
      transpose_8x8_of([&](int m, int i) HWY_ATTR { return hn::LoadU(half, rows[m] + step + i); }, to, kPassRows);
    } else if (run >= kFewest) {
      const hn::Mask<decltype(half)> inside[2] = {hn::FirstN(half, run), hn::FirstN(half, run > 4 ? run - 4 : 0)};
      const auto load = [&](int m, int i) HWY_ATTR { return hn::MaskedLoad(inside[i / 4], half, rows[m] + step + i); };
      transpose_8x8_of(load, to, kPassRows);
    } else {
      for (uint32_t i = 0; i < run; ++i) {
        for (uint32_t m = 0; m < kPassRows; ++m) to[i * kPassRows + m] = rows[m][step + static_cast<ptrdiff_t>(i)];
      }
    }
  }
}
#endif

/// raw[step * kPassRows + row]; reads no elements but those, writes up to kPassRows steps more.
HWY_INLINE void gather_rows(const RawRows& from, float* HWY_RESTRICT raw) {
#if HWY_TARGET <= HWY_AVX2
  // Where the first steps lie side by side, others do: a transposition of them is cheaper than many loads.
  const bool long_runs = from.steps > 4 && from.step[3] == from.step[0] + 3;
  RowRun runs[kMostRowRuns];
  uint32_t count = cut_rows(from, 1, runs);
  const uint32_t many = long_runs ? 3 : kMostRowRuns + 1;
  if (count < many) return gather_by_rows<1>(from, runs, count, raw);
  count = cut_rows(from, 2, runs);
  if (count < many) return gather_by_rows<2>(from, runs, count, raw);
  if (long_runs) return gather_by_steps(from, raw);
#endif
  for (uint32_t m = 0; m < kPassRows; ++m) {
    const float* const row = from.a + from.row[std::min(m, from.rows - 1)];
    for (uint32_t r = 0; r < from.steps; ++r) raw[r * kPassRows + m] = row[from.step[r]];
  }
}

/// Packs the rows of a pass as derive_rows() does. `raw` has room for kPassRows steps more than there are.
template <bool kFinite>
HWY_INLINE void pack_pass(const Derivation& rule, const RawRows& from, float* HWY_RESTRICT raw,
                          float* HWY_RESTRICT to) {
  if (side_by_side(from.row, from.rows)) {
    const float* const base = from.a + from.row[0];
    const auto load = [&](uint32_t r, auto d, size_t l) HWY_ATTR { return hn::LoadU(d, base + from.step[r] + l); };
    return derive_rows<kFinite>(rule, load, from.steps, to);
  }
  gather_rows(from, raw);
  const auto load = [&](uint32_t r, auto d, size_t l) HWY_ATTR { return hn::Load(d, raw + r * kPassRows + l); };
  derive_rows<kFinite>(rule, load, from.steps, to);
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::daa
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
