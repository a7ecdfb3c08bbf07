#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/lnpu/row_times.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "npu/engine/lnpu/class_bits-inl.h"
#include "npu/engine/lnpu/count_rows.h"
#include "npu/engine/lnpu/rounds-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

HWY_INLINE uint32_t packed_count(const ClassWord& bits, uint64_t mask) {
  return static_cast<uint32_t>(__builtin_popcountll(bits.nonzero & mask)) |
         static_cast<uint32_t>(__builtin_popcountll(bits.high & mask)) << 16;
}

/// Counts one row of one channel for the pieces and column taps that read it.
HWY_INLINE void count_row(const CountRows& p, const uint8_t* line, uint32_t* counts) {
  if (p.words == 1 && p.segments == 1) {
    const ClassWord bits = line_word(line, p.in_width);
    for (uint32_t tap = 0; tap < p.kw; ++tap, counts += p.q) *counts = packed_count(bits, p.masks[tap]);
    return;
  }
  for (uint32_t word = 0; word < p.words; ++word) {
    const ClassWord bits = line_word(line + 64 * word, std::min(64u, p.in_width - 64 * word));
    const uint64_t* mask = p.masks + word;
    for (uint32_t s = 0; s < p.segments; ++s) {
      uint32_t* to = counts + size_t{s} * p.kw * p.q;
      for (uint32_t tap = 0; tap < p.kw; ++tap, mask += p.words, to += p.q) {
        const uint32_t packed = packed_count(bits, *mask);
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
  if (row_counts == 3 && p.kw == 3 && p.words == 1) {
    // One channel and three columns: masks stay in registers.
    const uint64_t left = p.masks[0], middle = p.masks[1], right = p.masks[2];
    for (uint32_t n = 0; n < p.n; ++n) {
      const uint8_t* line = p.input + n * p.input_stride_n;
      uint32_t* counts = p.unit_counts + size_t{n} * p.in_rows * 3;
      for (uint32_t row = 0; row < p.in_rows; ++row, line += p.in_width, counts += 3) {
        if (p.row_read[row] == 0) continue;
        const ClassWord bits = line_word(line, p.in_width);
        counts[0] = packed_count(bits, left);
        counts[1] = packed_count(bits, middle);
        counts[2] = packed_count(bits, right);
      }
    }
    return;
  }
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

/// One tap of all windows, for counts of few channels: the sums of a bin's windows stay in registers.
HWY_INLINE void time_few(const CountRows& p, const uint32_t* unit_of, uint32_t* time, uint32_t* extra,
                         uint32_t* total_time, uint32_t* total_extra) {
  const hn::ScalableTag<uint32_t> du;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du)), count = p.kw * p.q;
  const Rounds rounds(*p.config);
  const auto low_half = hn::Set(du, 0xffffu);
  const auto add = [du](uint32_t* to, auto value) HWY_ATTR { hn::StoreU(hn::Add(hn::LoadU(du, to), value), du, to); };
  for (uint32_t i = 0; i < count; i += lanes) {
    const uint32_t* const counts = p.unit_counts + i;
    for (uint32_t w = 0; w < p.window_count;) {
      const uint32_t bin = p.windows[w].bin;
      auto all = hn::Zero(du), all_high = all, slow = all, slow_extra = all;
      for (; w < p.window_count && p.windows[w].bin == bin; ++w) {
        auto sum = hn::Zero(du);
        for (uint32_t u = p.windows[w].first; u < p.windows[w].last; ++u) {
          sum = hn::Add(sum, hn::LoadU(du, counts + size_t{unit_of[u]} * count));
        }
        const auto n = hn::And(sum, low_half), high = hn::ShiftRight<16>(sum);
        all = hn::Add(all, n);
        all_high = hn::Add(all_high, high);
        slow = hn::Add(slow, rounds(n));
        slow_extra = hn::Add(slow_extra, rounds(high));
      }
      const size_t at = size_t{bin} * p.padded_steps + i;
      add(total_time + i, hn::Add(all, all_high));
      add(total_extra + i, hn::Sub(all, all_high));
      // Windows that span steps keep the counts, which are dealt later.
      add(time + at, p.chunk > 1 ? all : hn::Add(slow, slow_extra));
      add(extra + at, p.chunk > 1 ? all_high : hn::Sub(slow, slow_extra));
    }
  }
}

/// Scratch arrays are in the order (kh, kw, q) while this runs.
void time_windows_vector(const CountRows& p) {
  count_units(p);
  const size_t padded = p.padded_steps, tap_row = padded / p.kh;
  // Rows of the scratch: bins' time, bins' extra, total time, total extra.
  std::memset(p.scratch, 0, (2 * size_t{p.bins} + 2) * padded * sizeof(uint32_t));
  uint32_t* const totals = p.scratch + 2 * p.bins * padded;
  const bool few = p.kw * p.q <= 2 * hn::Lanes(hn::ScalableTag<uint32_t>());
  for (uint32_t i = 0; i < p.kh; ++i) {
    if (few) {
      uint32_t* const time = p.scratch + i * tap_row;
      time_few(p, p.unit_of + size_t{i} * p.units, time, time + p.bins * padded, totals + i * tap_row,
               totals + padded + i * tap_row);
      continue;
    }
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

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::lnpu {

HWY_EXPORT(time_windows_vector);

void time_windows(const CountRows& problem) {
  HWY_DYNAMIC_DISPATCH(time_windows_vector)(problem);
}

}  // namespace backboard::npu::lnpu
#endif
