#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/lnpu/row_groups.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "npu/engine/lnpu/byte_times-inl.h"
#include "npu/engine/lnpu/class_bits-inl.h"
#include "npu/engine/lnpu/count_rows.h"
#include "npu/engine/lnpu/lane_sum-inl.h"
#include "npu/engine/lnpu/rounds-inl.h"
#include "npu/engine/lnpu/step_times-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// group_classes() for FC layers, where the outputs of a step lie side by side.
void group_neighbours(const CountRows& p, uint32_t j0, uint32_t j1, uint8_t* either, uint32_t* low, uint32_t* high) {
  constexpr uint64_t kOnes = 0x0101010101010101u;
  for (uint32_t r = 0; r < p.steps; ++r) {
    const uint8_t* from = p.other + r * p.other_stride_q;
    uint64_t any = 0, lows = 0, highs = 0;
    for (uint32_t j = j0; j < j1; j += 8) {
      const uint64_t bytes = load_classes(from + j, j1 - j);
      any |= bytes;
      lows += ((bytes & kOnes) * kOnes) >> 56;
      highs += ((bytes >> 1 & kOnes) * kOnes) >> 56;
    }
    either[r] = static_cast<uint8_t>(((any & kOnes) != 0 ? 1 : 0) | ((any & 2 * kOnes) != 0 ? 2 : 0));
    low[r] += static_cast<uint32_t>(lows);
    high[r] += static_cast<uint32_t>(highs);
  }
}

/// Adds byte counts of a vector's steps to words: low = sum of classes - twice the high ones.
template <class D8>
HWY_INLINE void add_byte_counts(D8 d8, hn::Vec<D8> sum, hn::Vec<D8> twice_high, uint32_t* low, uint32_t* high) {
  const hn::CappedTag<uint32_t, hn::MaxLanes(d8)> du;
  const hn::Rebind<uint8_t, decltype(du)> part;
  HWY_ALIGN uint8_t lows[HWY_MAX_BYTES], highs[HWY_MAX_BYTES];
  hn::Store(hn::Sub(sum, twice_high), d8, lows);
  hn::Store(twice_high, d8, highs);
  for (size_t i = 0; i < hn::Lanes(d8); i += hn::Lanes(du)) {
    const auto wide = hn::ShiftRight<1>(hn::PromoteTo(du, hn::Load(part, highs + i)));
    hn::StoreU(hn::Add(hn::LoadU(du, low + i), hn::PromoteTo(du, hn::Load(part, lows + i))), du, low + i);
    hn::StoreU(hn::Add(hn::LoadU(du, high + i), wide), du, high + i);
  }
}

/// group_classes() of whole byte vectors, for up to 64 outputs: their sums of classes fit in bytes. Returns how many of
/// the steps are done.
HWY_INLINE uint32_t group_byte_vectors(const uint8_t* base, size_t stride, uint32_t outputs, uint32_t steps,
                                       uint8_t* either, uint32_t* low, uint32_t* high) {
  const hn::ScalableTag<uint8_t> d8;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d8));
  const auto two = hn::Set(d8, uint8_t{2});
  uint32_t r = 0;
  for (; r + lanes <= steps; r += lanes) {
    auto any = hn::Zero(d8), sum = any, twice_high = any;
    const uint8_t* from = base + r;
    for (uint32_t j = 0; j < outputs; ++j, from += stride) {
      const auto c = hn::LoadU(d8, from);
      any = hn::Or(any, c);
      sum = hn::Add(sum, c);
      twice_high = hn::Add(twice_high, hn::And(c, two));
    }
    hn::StoreU(any, d8, either + r);
    add_byte_counts(d8, sum, twice_high, low + r, high + r);
  }
  return r;
}

/// ORs the classes of outputs [j0, j1) at each step, and adds their low and high counts to `low` and `high`.
void group_classes(const CountRows& p, uint32_t j0, uint32_t j1, uint8_t* either, uint32_t* low, uint32_t* high) {
  const uint32_t taps = p.kh * p.kw;
  const hn::ScalableTag<uint32_t> du;
  const hn::Rebind<uint8_t, decltype(du)> d8;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  const bool dense = p.other_stride_q == taps;
  const uint32_t run = dense ? p.q * taps : taps;
  const uint32_t runs = dense ? 1 : p.q;
  for (uint32_t o = 0; o < runs; ++o) {
    const uint8_t* base = p.other + o * p.other_stride_q;
    const uint32_t r0 = o * run;
    uint32_t r = group_byte_vectors(base + j0 * p.other_stride_j, p.other_stride_j, j1 - j0, run, either + r0, low + r0,
                                    high + r0);
    for (; r + lanes <= run; r += lanes) {
      auto any = hn::Zero(du);
      auto sum_low = hn::LoadU(du, low + r0 + r), sum_high = hn::LoadU(du, high + r0 + r);
      for (uint32_t j = j0; j < j1; ++j) {
        const auto c = hn::PromoteTo(du, hn::LoadU(d8, base + j * p.other_stride_j + r));
        any = hn::Or(any, c);
        sum_low = hn::Add(sum_low, hn::And(c, hn::Set(du, 1u)));
        sum_high = hn::Add(sum_high, hn::ShiftRight<1>(c));
      }
      hn::StoreU(sum_low, du, low + r0 + r);
      hn::StoreU(sum_high, du, high + r0 + r);
      const hn::RebindToSigned<decltype(du)> di;
      hn::StoreU(hn::DemoteTo(d8, hn::BitCast(di, any)), d8, either + r0 + r);
    }
    for (; r < run; ++r) {
      uint8_t any = 0;
      for (uint32_t j = j0; j < j1; ++j) {
        const uint8_t c = base[j * p.other_stride_j + r];
        any = static_cast<uint8_t>(any | c);
        low[r0 + r] += c & 1u;
        high[r0 + r] += c >> 1;
      }
      either[r0 + r] = any;
    }
  }
}

/// Transposes 8 x 8 bytes: byte j of row i goes to byte i of row j.
HWY_INLINE void transpose_bytes(uint64_t* rows) {
  const auto swap = [rows](uint32_t distance, uint64_t mask) HWY_ATTR {
    for (uint32_t i = 0; i < 8; ++i) {
      if ((i & distance) != 0) continue;
      uint64_t &a = rows[i], &b = rows[i + distance];
      const uint64_t change = (a >> (8 * distance) ^ b) & mask;
      a ^= change << (8 * distance);
      b ^= change;
    }
  };
  swap(4, 0x00000000ffffffffu);
  swap(2, 0x0000ffff0000ffffu);
  swap(1, 0x00ff00ff00ff00ffu);
}

#if HWY_TARGET != HWY_SCALAR
/// group_eights() of eight steps from r on, for as many outputs as whole vectors hold; returns how many these are.
HWY_INLINE uint32_t group_eight_steps(const CountRows& p, uint32_t r, uint32_t* low, uint32_t* high) {
  const hn::ScalableTag<uint64_t> du;
  const hn::Repartition<uint8_t, decltype(du)> d8;
  using V = hn::Vec<decltype(du)>;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  const auto two = hn::Set(d8, uint8_t{2});
  const V first_byte = hn::Set(du, uint64_t{0xff});
  V sums[8], twice_high[8];
  for (uint32_t i = 0; i < 8; ++i) sums[i] = twice_high[i] = hn::Zero(du);
  uint32_t j = 0;
  for (; j + 8 * lanes <= p.outputs; j += 8 * lanes) {
    // A lane has a group. Its classes are gathered in the first byte, which goes to the byte of the step.
    V together = hn::Zero(du);
    HWY_UNROLL(8)
    for (int i = 0; i < 8; ++i) {
      const auto c = hn::LoadU(d8, p.other + (r + static_cast<uint32_t>(i)) * p.other_stride_q + j);
      sums[i] = hn::Add(sums[i], hn::SumsOf8(c));
      twice_high[i] = hn::Add(twice_high[i], hn::SumsOf8(hn::And(c, two)));
      V any = hn::BitCast(du, c);
      any = hn::Or(any, hn::ShiftRight<32>(any));
      any = hn::Or(any, hn::ShiftRight<16>(any));
      any = hn::Or(any, hn::ShiftRight<8>(any));
      together = hn::Or(together, hn::ShiftLeftSame(hn::And(any, first_byte), 8 * i));
    }
    HWY_ALIGN uint64_t groups[HWY_MAX_BYTES / 8];
    hn::Store(together, du, groups);
    uint8_t* to = p.group_classes + size_t{j / 8} * p.steps + r;
    for (uint32_t g = 0; g < lanes; ++g, to += p.steps) std::memcpy(to, groups + g, 8);
  }
  for (uint32_t i = 0; i < 8; ++i) {
    const auto all = static_cast<uint32_t>(lane_sum(du, sums[i]));
    const auto twice = static_cast<uint32_t>(lane_sum(du, twice_high[i]));
    low[r + i] += all - twice;
    high[r + i] += twice / 2;
  }
  return j;
}
#else
HWY_INLINE uint32_t group_eight_steps(const CountRows&, uint32_t, uint32_t*, uint32_t*) {
  return 0;
}
#endif

/// Classes of all groups of eight outputs that lie side by side (FC layers): [group][step].
void group_eights(const CountRows& p, uint32_t* low, uint32_t* high) {
  // One in each byte that is not zero.
  const auto any = [](uint64_t bytes) {
    constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7fu;
    return (((bytes & kLow) + kLow) | bytes) >> 7 & 0x0101010101010101u;
  };
  // Classes of the eight groups of 64 outputs at step r, one a byte.
  const auto groups_of = [&](uint32_t r, uint32_t j0, uint32_t count) HWY_ATTR {
    const ClassWord word = line_word(p.other + r * p.other_stride_q + j0, count);
    const uint32_t wide = static_cast<uint32_t>(__builtin_popcountll(word.high));
    low[r] += static_cast<uint32_t>(__builtin_popcountll(word.nonzero)) - wide;
    high[r] += wide;
    return any(word.nonzero) + 2 * any(word.high);
  };
  uint32_t r = 0;
  for (; r + 8 <= p.steps; r += 8) {
    for (uint32_t j0 = group_eight_steps(p, r, low, high); j0 < p.outputs; j0 += 64) {
      const uint32_t count = std::min(64u, p.outputs - j0);
      uint64_t rows[8];
      for (uint32_t i = 0; i < 8; ++i) rows[i] = groups_of(r + i, j0, count);
      transpose_bytes(rows);
      uint8_t* to = p.group_classes + size_t{j0 / 8} * p.steps + r;
      for (uint32_t g = 0; 8 * g < count; ++g, to += p.steps) std::memcpy(to, rows + g, 8);
    }
  }
  for (; r < p.steps; ++r) {
    for (uint32_t j0 = 0; j0 < p.outputs; j0 += 64) {
      const uint32_t count = std::min(64u, p.outputs - j0);
      uint64_t either = groups_of(r, j0, count);
      uint8_t* to = p.group_classes + size_t{j0 / 8} * p.steps + r;
      for (uint32_t j = 0; j < count; j += 8, either >>= 8, to += p.steps) *to = static_cast<uint8_t>(either);
    }
  }
}

void sum_pairs_vector(const CountRows& p, const uint32_t* low, const uint32_t* high, PairSums* out) {
  const hn::ScalableTag<uint64_t> du;
  const hn::Rebind<uint32_t, decltype(du)> half;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  auto nonzeros = hn::Zero(du), wides = nonzeros, lows = nonzeros, highs = nonzeros;
  auto nl = nonzeros, nh = nonzeros, wl = nonzeros, wh = nonzeros;
  const auto add = [&](auto time, auto extra, auto l, auto h) HWY_ATTR {
    const auto nonzero = hn::ShiftRight<1>(hn::Add(time, extra)), wide = hn::Sub(time, nonzero);
    nonzeros = hn::Add(nonzeros, nonzero);
    wides = hn::Add(wides, wide);
    lows = hn::Add(lows, l);
    highs = hn::Add(highs, h);
    nl = hn::Add(nl, multiply_halves(nonzero, l));
    nh = hn::Add(nh, multiply_halves(nonzero, h));
    wl = hn::Add(wl, multiply_halves(wide, l));
    wh = hn::Add(wh, multiply_halves(wide, h));
  };
  const auto load = [&](const uint32_t* from) HWY_ATTR { return hn::PromoteTo(du, hn::LoadU(half, from)); };
  uint32_t r = 0;
  for (; r + lanes <= p.steps; r += lanes)
    add(load(p.total_time + r), load(p.total_extra + r), load(low + r), load(high + r));
  const auto total = [du](auto v) HWY_ATTR { return lane_sum(du, v); };
  out->inputs[0] = total(nonzeros);
  out->inputs[1] = total(wides);
  out->others[0] = total(lows);
  out->others[1] = total(highs);
  out->both[0][0] = total(nl);
  out->both[0][1] = total(nh);
  out->both[1][0] = total(wl);
  out->both[1][1] = total(wh);
  for (; r < p.steps; ++r) {
    const uint64_t nonzero = (uint64_t{p.total_time[r]} + p.total_extra[r]) / 2, wide = p.total_time[r] - nonzero;
    out->inputs[0] += nonzero;
    out->inputs[1] += wide;
    out->others[0] += low[r];
    out->others[1] += high[r];
    out->both[0][0] += nonzero * low[r];
    out->both[0][1] += nonzero * high[r];
    out->both[1][0] += wide * low[r];
    out->both[1][1] += wide * high[r];
  }
}

void time_groups_vector(const CountRows& p, uint32_t* other_low, uint32_t* other_high, uint64_t* bin_times,
                        uint64_t* busy) {
  const uint32_t width = p.config->multipliers_per_lane;
  const uint32_t groups = (p.outputs + width - 1) / width;
  const bool skip_both = p.config->skip == Skip::kBoth;
  const bool neighbours = p.kh * p.kw == 1 && p.other_stride_j == 1, eights = neighbours && width == 8;
  const ByteRounds rounds(*p.config);
  if (eights) group_eights(p, other_low, other_high);
  for (uint32_t g = 0; g < groups; ++g) {
    const uint32_t first = g * width, end = std::min(first + width, p.outputs);
    uint8_t* const classes = p.group_classes + (eights ? size_t{g} * p.steps : 0);
    if (neighbours && !eights) group_neighbours(p, first, end, classes, other_low, other_high);
    if (!neighbours) group_classes(p, first, end, classes, other_low, other_high);
    uint64_t* const column_times = bin_times + g % p.grid.columns;
    const auto add = [&](uint32_t bin, uint64_t time) { column_times[bin * p.grid.columns] += time; };
    if (p.byte_times != nullptr) {
      const ByteTimes& times = *p.byte_times;
      for (uint32_t bin = 0; bin < p.bins; ++bin) {
        const uint8_t *const time = times.time + bin * times.pitch, *const extra = times.extra + bin * times.pitch;
        add(bin, p.chunk > 1 ? sum_byte_chunks(p, rounds, time, extra, classes)
                             : sum_byte_steps(time, extra, classes, p.steps, skip_both));
      }
      const size_t totals = p.bins * times.pitch;
      *busy += sum_byte_steps(times.time + totals, times.extra + totals, classes, p.steps, skip_both);
      continue;
    }
    for (uint32_t bin = 0; bin < p.bins; ++bin) {
      const size_t at = size_t{bin} * p.steps;
      add(bin, p.chunk > 1 ? sum_chunks(p, p.low_time + at, p.extra_time + at, classes)
                           : sum_steps(p.low_time + at, p.extra_time + at, classes, p.steps, skip_both));
    }
    *busy += sum_steps(p.total_time, p.total_extra, classes, p.steps, skip_both);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::lnpu {

HWY_EXPORT(time_groups_vector);
HWY_EXPORT(sum_pairs_vector);

void time_groups(const CountRows& problem, uint32_t* other_low, uint32_t* other_high, uint64_t* bin_times,
                 uint64_t* busy) {
  HWY_DYNAMIC_DISPATCH(time_groups_vector)(problem, other_low, other_high, bin_times, busy);
}

void sum_pairs(const CountRows& problem, const uint32_t* other_low, const uint32_t* other_high, PairSums& sums) {
  HWY_DYNAMIC_DISPATCH(sum_pairs_vector)(problem, other_low, other_high, &sums);
}

}  // namespace backboard::npu::lnpu
#endif
