// Counts of FF and BP: inputs of a reduction step are rows of positions.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/lnpu/count_rows.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "npu/engine/lnpu/class_bits-inl.h"
#include "npu/engine/lnpu/count_products.h"
#include "npu/engine/lnpu/lanes.h"
#include "npu/engine/lnpu/rounds-inl.h"

#ifndef BACKBOARD_NPU_ENGINE_LNPU_COUNT_ROWS_TYPES_
#define BACKBOARD_NPU_ENGINE_LNPU_COUNT_ROWS_TYPES_
namespace backboard::npu::lnpu {

/// Inputs of a bin's window: units [first, last) of the tile; a unit is a row of positions or a piece of one.
struct CountWindow {
  uint32_t first, last, bin;
};

/// What counting FF and BP has in common. A step is r = (q * kh + i) * kw + j.
struct CountRows {
  const LnpuConfig* config;
  const uint8_t* input;  ///< (n, q, in_rows, in_width)
  size_t input_stride_n, input_stride_q;
  uint32_t n, q, in_rows, in_width;
  const uint8_t* other;  ///< weights
  size_t other_stride_q, other_stride_j;
  uint32_t outputs;  ///< N side: output channels of the phase
  uint32_t kh, kw;
  uint32_t units, segments, words;  ///< units of the tile, pieces of a row, 64-bit words of an input row
  const uint32_t* unit_of;          ///< [kh][units]: unit of the input row that the tap reads, or the empty one
  const uint64_t* masks;            ///< [segments][kw][words]: columns that the tap reads
  const uint8_t* row_read;          ///< [in_rows]: some tap reads it
  const uint32_t* valid;            ///< [kh][kw]: positions of the tile that have the tap
  const CountWindow* windows;
  uint32_t window_count;
  uint32_t bins, lanes_per_bin, steps;  ///< bins: strips, or strips x lanes with the balancer off
  CoreGrid grid;
  const uint16_t* rounds;
  uint32_t* unit_counts;  ///< [input units + 1][kw][q]; the last unit is the empty one
  uint32_t* scratch;      ///< [2 bins + 2][padded_steps]: [kh][kw * q, rounded up to whole vectors]
  uint32_t padded_steps;
  uint32_t *low_time, *extra_time;
  uint8_t* group_classes;
  uint32_t *total_time, *total_extra;  ///< [steps]: half-cycles of all inputs at the low rate; what a high group adds
  uint32_t chunk;                      ///< steps in one window
};

}  // namespace backboard::npu::lnpu
#endif

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Counts one row of one channel for the pieces and column taps that read it.
HWY_INLINE void count_row(const CountRows& p, const uint8_t* line, uint32_t* counts) {
  for (uint32_t word = 0; word < p.words; ++word) {
    const ClassWord bits = line_word(line + 64 * word, std::min(64u, p.in_width - 64 * word));
    const uint64_t* mask = p.masks + word;
    for (uint32_t s = 0; s < p.segments; ++s) {
      uint32_t* to = counts + size_t{s} * p.kw * p.q;
      for (uint32_t tap = 0; tap < p.kw; ++tap, mask += p.words, to += p.q) {
        const uint32_t packed = static_cast<uint32_t>(__builtin_popcountll(bits.nonzero & *mask)) |
                                static_cast<uint32_t>(__builtin_popcountll(bits.high & *mask)) << 16;
        *to = word == 0 ? packed : *to + packed;
      }
    }
  }
}

/// Inputs of each unit, [unit][kw][q]: non-zero in the low half of a word, high in the upper. Channels go by sixteen,
/// so that few pages are read at a time and whole lines of counts are written.
void count_units(const CountRows& p) {
  constexpr uint32_t kTogether = 16, kAhead = 6;  // channels; rows that are fetched ahead
  const size_t row_counts = size_t{p.segments} * p.kw * p.q;
  for (uint32_t n = 0; n < p.n; ++n) {
    for (uint32_t q0 = 0; q0 < p.q; q0 += kTogether) {
      const uint32_t q1 = std::min(q0 + kTogether, p.q);
      for (uint32_t row = 0; row < p.in_rows; ++row) {
        if (p.row_read[row] == 0) continue;
        const uint8_t* line = p.input + n * p.input_stride_n + q0 * p.input_stride_q + size_t{row} * p.in_width;
        uint32_t* const counts = p.unit_counts + size_t{n * p.in_rows + row} * row_counts;
        for (uint32_t q = q0; q < q1; ++q, line += p.input_stride_q) {
          hwy::Prefetch(line + size_t{kAhead} * p.in_width);
          count_row(p, line, counts + q);
        }
      }
    }
  }
}

/// One tap: `count` = kw * q counts side by side; adds a window's time to the bin's, and its inputs to the totals.
HWY_INLINE void time_window(const CountRows& p, const CountWindow& window, const uint32_t* unit_of, uint32_t* time,
                            uint32_t* extra, uint32_t* total_time, uint32_t* total_extra) {
  const hn::ScalableTag<uint32_t> du;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du)), count = p.kw * p.q;
  const Rounds rounds(*p.config);
  const auto low_half = hn::Set(du, 0xffffu);
  // Rows of taps have room for whole vectors; what lies behind the last count is never read.
  for (uint32_t i = 0; i < count; i += lanes) {
    auto sum = hn::Zero(du);
    for (uint32_t u = window.first; u < window.last; ++u) {
      sum = hn::Add(sum, hn::LoadU(du, p.unit_counts + size_t{unit_of[u]} * count + i));
    }
    const auto n = hn::And(sum, low_half), high = hn::ShiftRight<16>(sum);
    const auto add = [du](uint32_t* to, auto value) HWY_ATTR { hn::StoreU(hn::Add(hn::LoadU(du, to), value), du, to); };
    add(total_time + i, hn::Add(n, high));
    add(total_extra + i, hn::Sub(n, high));
    if (p.chunk > 1) {
      // Windows span steps: keep the counts, they are dealt later.
      add(time + i, n);
      add(extra + i, high);
    } else {
      const auto rounds_n = rounds(n), rounds_high = rounds(high);
      add(time + i, hn::Add(rounds_n, rounds_high));
      add(extra + i, hn::Sub(rounds_n, rounds_high));
    }
  }
}

/// Adds up windows of every step: time at the low rate, what a high group adds, and the totals. Scratch arrays are in
/// the order (kh, kw, q) while this runs.
void time_windows(const CountRows& p) {
  count_units(p);
  const size_t padded = p.padded_steps, tap_row = padded / p.kh;
  // Rows of the scratch: bins' time, bins' extra, total time, total extra.
  std::memset(p.scratch, 0, (2 * size_t{p.bins} + 2) * padded * sizeof(uint32_t));
  uint32_t* const totals = p.scratch + 2 * p.bins * padded;
  for (uint32_t i = 0; i < p.kh; ++i) {
    for (uint32_t w = 0; w < p.window_count; ++w) {
      const CountWindow& window = p.windows[w];
      uint32_t* const time = p.scratch + window.bin * padded + i * tap_row;
      time_window(p, window, p.unit_of + size_t{i} * p.units, time, time + p.bins * padded, totals + i * tap_row,
                  totals + padded + i * tap_row);
    }
  }
  const auto reorder = [&](const uint32_t* from, uint32_t* to) {
    for (uint32_t q = 0; q < p.q; ++q) {
      for (uint32_t i = 0; i < p.kh; ++i) {
        for (uint32_t j = 0; j < p.kw; ++j) *to++ = from[i * tap_row + size_t{j} * p.q + q];
      }
    }
  };
  for (uint32_t bin = 0; bin < p.bins; ++bin) {
    reorder(p.scratch + bin * padded, p.low_time + size_t{bin} * p.steps);
    reorder(p.scratch + (p.bins + bin) * padded, p.extra_time + size_t{bin} * p.steps);
  }
  reorder(totals, p.total_time);
  reorder(totals + padded, p.total_extra);
}

/// The same as time_windows() for FC layers: a row is an image, a step an input channel, which lie side by side.
void time_images(const CountRows& p) {
  const hn::ScalableTag<uint32_t> du;
  const hn::Rebind<uint8_t, decltype(du)> d8;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  HWY_ALIGN uint32_t sums[HWY_MAX_BYTES / sizeof(uint32_t)];
  std::memset(p.low_time, 0, size_t{p.bins} * p.steps * sizeof(uint32_t));
  std::memset(p.extra_time, 0, size_t{p.bins} * p.steps * sizeof(uint32_t));
  std::memset(p.total_time, 0, p.steps * sizeof(uint32_t));
  std::memset(p.total_extra, 0, p.steps * sizeof(uint32_t));
  for (uint32_t w = 0; w < p.window_count; ++w) {
    const CountWindow& window = p.windows[w];
    const size_t at = size_t{window.bin} * p.steps;
    for (uint32_t r = 0; r < p.steps; r += lanes) {
      const uint32_t count = std::min(lanes, p.steps - r);
      auto packed = hn::Zero(du);
      for (uint32_t n = window.first; n < window.last; ++n) {
        const uint8_t* from = p.input + n * p.input_stride_n + r;
        HWY_ALIGN uint8_t rest[HWY_MAX_BYTES];
        if (count < lanes) {
          std::memset(rest, 0, lanes);
          std::memcpy(rest, from, count);
          from = rest;
        }
        const auto c = hn::PromoteTo(du, hn::LoadU(d8, from));
        const auto high = hn::ShiftRight<1>(c);
        const auto nonzero = hn::And(hn::Or(c, high), hn::Set(du, 1u));
        packed = hn::Add(packed, hn::Or(nonzero, hn::ShiftLeft<16>(high)));
      }
      hn::Store(packed, du, sums);
      for (uint32_t i = 0; i < count; ++i) {
        const uint32_t n = sums[i] & 0xffffu, high = sums[i] >> 16;
        p.total_time[r + i] += n + high;
        p.total_extra[r + i] += n - high;
        if (p.chunk > 1) {
          p.low_time[at + r + i] += n;
          p.extra_time[at + r + i] += high;
        } else {
          p.low_time[at + r + i] += uint32_t{p.rounds[n]} + p.rounds[high];
          p.extra_time[at + r + i] += uint32_t{p.rounds[n]} - p.rounds[high];
        }
      }
    }
  }
}

/// The same as group_classes() for FC layers, where the outputs of a step lie side by side.
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
    uint32_t r = 0;
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

/// Sum over steps of time[r], with extra[r] where the group has a high operand, and nothing (Skip::kBoth) where it has
/// none but zeros.
uint64_t sum_steps(const uint32_t* time, const uint32_t* extra, const uint8_t* either, uint32_t steps, bool skip_both) {
  const hn::ScalableTag<uint32_t> du;
  const hn::Rebind<uint8_t, decltype(du)> d8;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  const auto zero = hn::Zero(du), two = hn::Set(du, 2u);
  uint32_t r = 0;
  uint64_t total = 0;
  while (r + lanes <= steps) {
    // Short blocks, so that the lanes and their sum stay below 2^32 for up to 2^23 positions.
    auto sums = zero;
    for (const uint32_t end = std::min(r + 256, steps); r + lanes <= end; r += lanes) {
      const auto c = hn::PromoteTo(du, hn::LoadU(d8, either + r));
      auto term =
          hn::Add(hn::LoadU(du, time + r), hn::IfThenElseZero(hn::Ne(hn::And(c, two), zero), hn::LoadU(du, extra + r)));
      if (skip_both) term = hn::IfThenElseZero(hn::Ne(c, zero), term);
      sums = hn::Add(sums, term);
    }
    total += hn::GetLane(hn::SumOfLanes(du, sums));
  }
  for (; r < steps; ++r) {
    if (skip_both && either[r] == 0) continue;
    total += time[r] + ((either[r] & 2) != 0 ? extra[r] : 0);
  }
  return total;
}

/// The same for windows that span `chunk` steps (a power of two): `n` and `high` are counts, which fit in a byte.
uint64_t sum_chunks(const CountRows& p, const uint32_t* n, const uint32_t* high, const uint8_t* either) {
  const bool skip_both = p.config->skip == Skip::kBoth;
  const hn::ScalableTag<uint32_t> du;
  const hn::Rebind<uint8_t, decltype(du)> d8;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  const auto zero = hn::Zero(du), two = hn::Set(du, 2u);
  uint64_t total = 0;
  HWY_ALIGN uint32_t packed[256];
  for (uint32_t r0 = 0; r0 < p.steps; r0 += 256) {
    const uint32_t count = std::min(256u, p.steps - r0);
    uint32_t r = 0;
    // Inputs in the low half of a word, those at the high rate in the upper.
    for (; r + lanes <= count; r += lanes) {
      const auto c = hn::PromoteTo(du, hn::LoadU(d8, either + r0 + r));
      const auto inputs = hn::LoadU(du, n + r0 + r);
      const auto slow = hn::IfThenElse(hn::Ne(hn::And(c, two), zero), inputs, hn::LoadU(du, high + r0 + r));
      auto both = hn::Or(inputs, hn::ShiftLeft<16>(slow));
      if (skip_both) both = hn::IfThenElseZero(hn::Ne(c, zero), both);
      hn::Store(both, du, packed + r);
    }
    for (; r < count; ++r) {
      const uint32_t slow = (either[r0 + r] & 2) != 0 ? n[r0 + r] : high[r0 + r];
      packed[r] = skip_both && either[r0 + r] == 0 ? 0 : n[r0 + r] | slow << 16;
    }
    for (uint32_t first = 0; first < count; first += p.chunk) {
      uint32_t sum = 0;
      for (r = first; r < std::min(first + p.chunk, count); ++r) sum += packed[r];
      total += uint64_t{p.rounds[sum & 0xffffu]} + p.rounds[sum >> 16];
    }
  }
  return total;
}

/// Times and busy half-cycles of all groups, and the class counts of the N side.
void time_groups(const CountRows& p, uint32_t* other_low, uint32_t* other_high, uint64_t* bin_times, uint64_t* busy) {
  const uint32_t width = p.config->multipliers_per_lane;
  const uint32_t groups = (p.outputs + width - 1) / width;
  const bool skip_both = p.config->skip == Skip::kBoth;
  for (uint32_t g = 0; g < groups; ++g) {
    const uint32_t first = g * width, end = std::min(first + width, p.outputs);
    if (p.kh * p.kw == 1 && p.other_stride_j == 1) {
      group_neighbours(p, first, end, p.group_classes, other_low, other_high);
    } else {
      group_classes(p, first, end, p.group_classes, other_low, other_high);
    }
    for (uint32_t bin = 0; bin < p.bins; ++bin) {
      const size_t at = size_t{bin} * p.steps;
      bin_times[bin * p.grid.columns + g % p.grid.columns] +=
          p.chunk > 1 ? sum_chunks(p, p.low_time + at, p.extra_time + at, p.group_classes)
                      : sum_steps(p.low_time + at, p.extra_time + at, p.group_classes, p.steps, skip_both);
    }
    *busy += sum_steps(p.total_time, p.total_extra, p.group_classes, p.steps, skip_both);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::lnpu {
namespace {

HWY_EXPORT(time_windows);
HWY_EXPORT(time_images);
HWY_EXPORT(time_groups);

enum Slot : unsigned {
  kUnitOf = 8,
  kMasks,
  kValid,
  kWindows,
  kUnitCounts,
  kLowTime,
  kExtraTime,
  kGroup,
  kTotals,
  kOther,
  kBins,
  kScratch,
  kRowRead
};

/// Where a tap of one dimension reads: the input index of output `out`, or -1.
int64_t input_index(const ConvTile& t, bool backward, bool rows, uint32_t out, uint32_t tap) {
  const int64_t stride = rows ? t.stride_h : t.stride_w, pad = rows ? t.pad_h : t.pad_w;
  const int64_t dilation = rows ? t.dilation_h : t.dilation_w;
  if (!backward) {
    const int64_t at = out * stride + tap * dilation - pad;
    return at < (rows ? t.h : t.w) ? at : -1;
  }
  const int64_t at = int64_t{out} + pad - tap * dilation;
  if (at < 0 || at % stride != 0 || at / stride >= (rows ? t.oh : t.ow)) return -1;
  return at / stride;
}

/// The products by class: at each step, every input meets every output's operand.
void add_pairs(const CountRows& p, const uint32_t* low, const uint32_t* high, const uint32_t* valid, Facts& facts) {
  const uint32_t taps = p.kh * p.kw;
  auto& pairs = facts.macs_by_class;
  for (uint32_t r = 0; r < p.steps; ++r) {
    const uint64_t in_nonzero = (uint64_t{p.total_time[r]} + p.total_extra[r]) / 2;
    const uint64_t in_high = p.total_time[r] - in_nonzero, all = valid[r % taps];
    const uint64_t in[3] = {all - in_nonzero, in_nonzero - in_high, in_high};
    const uint64_t other[3] = {uint64_t{p.outputs} - low[r] - high[r], low[r], high[r]};
    for (unsigned a = 0; a < 3; ++a) {
      for (unsigned b = 0; b < 3; ++b) pairs[a][b] += in[a] * other[b];
    }
  }
}

/// Geometry of the positions of one phase; FC layers have their images as the rows.
struct Positions {
  uint32_t rows, width, row0;
};

void lay_units(CountRows& p, const ConvTile& t, bool backward, const Positions& out, const RowPlan& plan,
               Workspace& workspace) {
  const uint32_t in_row0 = backward ? t.oh0 : t.ih0;
  const uint32_t empty = p.n * p.in_rows * p.segments;
  uint32_t* const unit_of = workspace.array<uint32_t>(kUnitOf, size_t{p.kh} * p.units);
  uint32_t* const valid = workspace.array<uint32_t>(kValid, size_t{p.kh} * p.kw + p.kw);
  uint64_t* const masks = workspace.array<uint64_t>(kMasks, size_t{p.kw} * p.segments * p.words);
  std::fill_n(masks, size_t{p.kw} * p.segments * p.words, uint64_t{0});
  uint8_t* const row_read = workspace.array<uint8_t>(kRowRead, p.in_rows);
  std::fill_n(row_read, p.in_rows, uint8_t{0});
  uint32_t* const columns = valid + size_t{p.kh} * p.kw;
  std::fill_n(columns, p.kw, 0u);
  for (uint32_t tap = 0; tap < p.kw; ++tap) {
    for (uint32_t s = 0; s < p.segments; ++s) {
      for (uint32_t out_column = plan.begin(out.width, s); out_column < plan.begin(out.width, s + 1); ++out_column) {
        const int64_t at = input_index(t, backward, false, out_column, tap);
        if (at < 0) continue;
        masks[(s * p.kw + tap) * p.words + static_cast<uint32_t>(at) / 64] |= uint64_t{1} << (at % 64);
        ++columns[tap];
      }
    }
  }
  for (uint32_t tap = 0; tap < p.kh; ++tap) {
    uint32_t* next = unit_of + size_t{tap} * p.units;
    uint32_t rows = 0;
    for (uint32_t n = 0; n < p.n; ++n) {
      for (uint32_t row = 0; row < out.rows; ++row) {
        const int64_t at = input_index(t, backward, true, out.row0 + row, tap);
        rows += at >= 0;
        if (at >= 0) row_read[static_cast<uint32_t>(at) - in_row0] = 1;
        const uint32_t first = at < 0 ? empty : (n * p.in_rows + static_cast<uint32_t>(at) - in_row0) * p.segments;
        for (uint32_t s = 0; s < p.segments; ++s) *next++ = at < 0 ? empty : first + s;
      }
    }
    for (uint32_t i = 0; i < p.kw; ++i) valid[tap * p.kw + i] = rows * columns[i];
  }
  p.unit_of = unit_of;
  p.masks = masks;
  p.row_read = row_read;
  p.valid = valid;
}

void lay_windows(CountRows& p, uint32_t rows, uint32_t width, const RowPlan& plan, Workspace& workspace) {
  CountWindow* const windows = workspace.array<CountWindow>(kWindows, p.units);
  p.windows = windows;
  p.window_count = 0;
  p.lanes_per_bin = plan.balanced ? 1 : p.config->lanes;
  p.bins = p.grid.strips * p.lanes_per_bin;
  uint32_t widest = 0;
  for (uint32_t strip = 0; strip < p.grid.strips; ++strip) {
    const uint32_t first = strip_begin(rows, p.grid.strips, strip), end = strip_begin(rows, p.grid.strips, strip + 1);
    widest = std::max(widest, end - first);
    for (uint32_t row = first; row < end;) {
      const uint32_t together = std::min(plan.rows_per_window, end - row);
      if (plan.segments == 1) {
        const uint32_t lane = plan.balanced ? 0 : (row - first) % p.config->lanes;
        windows[p.window_count++] = {row, row + together, strip * p.lanes_per_bin + lane};
      } else {
        for (uint32_t s = 0; s < plan.segments; ++s) {
          const uint32_t unit = row * plan.segments + s, lane = plan.balanced ? 0 : s;
          windows[p.window_count++] = {unit, unit + 1, strip * p.lanes_per_bin + lane};
        }
      }
      row += together;
    }
  }
  p.chunk = steps_per_window(*p.config, widest * width);
}

void count_rows(const LnpuConfig& config, const ConvTile& t, bool backward, const uint8_t* input, const uint8_t* other,
                Facts& facts, Workspace& workspace) {
  CountRows p{};
  p.config = &config;
  p.input = input;
  p.input_stride_n = backward ? t.y_stride_n : t.x_stride_n;
  p.input_stride_q = backward ? t.y_stride_k : t.x_stride_c;
  p.n = t.n;
  p.q = backward ? t.k : t.c;
  p.in_rows = backward ? t.oh_rows : t.ih_rows;
  p.in_width = backward ? t.ow : t.w;
  p.other = other;
  p.other_stride_q = backward ? t.w_stride_k : t.w_stride_c;
  p.other_stride_j = backward ? t.w_stride_c : t.w_stride_k;
  p.outputs = backward ? t.c : t.k;
  p.kh = t.kh;
  p.kw = t.kw;
  p.words = (p.in_width + 63) / 64;
  p.steps = p.q * p.kh * p.kw;
  const Positions out{backward ? t.ih_rows : t.oh_rows, backward ? t.w : t.ow, backward ? t.ih0 : t.oh0};
  const uint32_t rows = t.n * out.rows;
  if (rows == 0 || out.width == 0 || p.steps == 0 || p.outputs == 0) return;
  const RowPlan plan = row_plan(config, out.width);
  p.segments = plan.segments;
  p.units = rows * plan.segments;
  p.grid = core_grid(config, (p.outputs + config.multipliers_per_lane - 1) / config.multipliers_per_lane);
  lay_units(p, t, backward, out, plan, workspace);
  lay_windows(p, rows, out.width, plan, workspace);

  constexpr uint32_t kVector = 16;  // words of the widest vector
  const size_t in_units = size_t{p.n} * p.in_rows * p.segments, unit_words = size_t{p.kw} * p.q;
  p.unit_counts = workspace.array<uint32_t>(kUnitCounts, (in_units + 1) * unit_words + kVector);
  std::fill_n(p.unit_counts + in_units * unit_words, unit_words + kVector, 0u);
  p.padded_steps = p.kh * ((p.kw * p.q + kVector - 1) / kVector * kVector);
  p.scratch = workspace.array<uint32_t>(kScratch, (2 * size_t{p.bins} + 2) * p.padded_steps);
  p.low_time = workspace.array<uint32_t>(kLowTime, size_t{p.bins} * p.steps);
  p.extra_time = workspace.array<uint32_t>(kExtraTime, size_t{p.bins} * p.steps);
  p.group_classes = workspace.array<uint8_t>(kGroup, p.steps);
  p.total_time = workspace.array<uint32_t>(kTotals, 2 * size_t{p.steps});
  p.total_extra = p.total_time + p.steps;
  uint32_t* const low = workspace.array<uint32_t>(kOther, 2 * size_t{p.steps});
  uint32_t* const high = low + p.steps;
  std::fill_n(low, 2 * size_t{p.steps}, 0u);
  uint64_t* const bin_times = workspace.array<uint64_t>(kBins, size_t{p.bins} * p.grid.columns);
  std::fill_n(bin_times, size_t{p.bins} * p.grid.columns, uint64_t{0});
  const std::vector<uint16_t> rounds =
      rounds_table(config, std::max({config.ilb_window * config.lanes, out.width, 256u}));
  p.rounds = rounds.data();

  const bool images = t.h * t.w == 1 && t.oh * t.ow == 1 && t.kh * t.kw == 1 && t.pad_h + t.pad_w == 0;
  if (images && p.input_stride_q == 1 && plan.segments == 1) {
    HWY_DYNAMIC_DISPATCH(time_images)(p);
  } else {
    HWY_DYNAMIC_DISPATCH(time_windows)(p);
  }
  HWY_DYNAMIC_DISPATCH(time_groups)(p, low, high, bin_times, &facts.busy_half_cycles);
  add_pairs(p, low, high, p.valid, facts);
  add_core_times(bin_times, p.grid, p.lanes_per_bin, facts);
}

}  // namespace

void add_core_times(const uint64_t* bin_times, const CoreGrid& grid, uint32_t lanes_per_bin, Facts& facts) {
  uint64_t tile = 0;
  for (uint32_t strip = 0; strip < grid.strips; ++strip) {
    for (uint32_t column = 0; column < grid.columns; ++column) {
      uint64_t core = 0;
      for (uint32_t lane = 0; lane < lanes_per_bin; ++lane) {
        core = std::max(core, bin_times[(strip * lanes_per_bin + lane) * grid.columns + column]);
      }
      facts.core_half_cycles[strip * grid.columns + column] += core;
      tile = std::max(tile, core);
    }
  }
  facts.slowest_half_cycles += tile;
}

void count_ff(const LnpuConfig& config, const ConvTile& tile, const uint8_t* x, const uint8_t* w, Facts& facts,
              Workspace& workspace) {
  count_rows(config, tile, false, x, w, facts, workspace);
}

void count_bp(const LnpuConfig& config, const ConvTile& tile, const uint8_t* dy, const uint8_t* w, Facts& facts,
              Workspace& workspace) {
  count_rows(config, tile, true, dy, w, facts, workspace);
}

}  // namespace backboard::npu::lnpu
#endif
