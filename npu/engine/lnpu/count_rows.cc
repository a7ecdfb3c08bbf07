// Counts of FF and BP: inputs of a reduction step are rows of positions.
#include "npu/engine/lnpu/count_rows.h"

#include <algorithm>

#include "npu/engine/lnpu/count_products.h"

namespace backboard::npu::lnpu {
namespace {

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
  if (stride == 1) return at < (rows ? t.oh : t.ow) ? std::max<int64_t>(at, -1) : -1;  // divisions take long
  if (at < 0 || at % stride != 0 || at / stride >= (rows ? t.oh : t.ow)) return -1;
  return at / stride;
}

/// The products by class: at each step, every input meets every output's operand.
void add_pairs(const CountRows& p, const uint32_t* low, const uint32_t* high, Facts& facts) {
  const uint32_t taps = p.kh * p.kw;
  PairSums sums;
  uint64_t all = 0;
  if (taps == 1) {
    sum_pairs(p, low, high, sums);
    for (uint64_t& others : sums.others) others *= p.valid[0];
    all = uint64_t{p.valid[0]} * p.q;
  }
  for (uint32_t r = 0, q = 0; taps > 1 && q < p.q; ++q) {
    for (uint32_t tap = 0; tap < taps; ++tap, ++r) {
      const uint64_t nonzero = (uint64_t{p.total_time[r]} + p.total_extra[r]) / 2, wide = p.total_time[r] - nonzero;
      const uint64_t valid = p.valid[tap];
      all += valid;
      sums.inputs[0] += nonzero;
      sums.inputs[1] += wide;
      sums.others[0] += valid * low[r];
      sums.others[1] += valid * high[r];
      sums.both[0][0] += nonzero * low[r];
      sums.both[0][1] += nonzero * high[r];
      sums.both[1][0] += wide * low[r];
      sums.both[1][1] += wide * high[r];
    }
  }
  add_class_pairs(sums, all, p.outputs, facts);
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
    // Images differ by the number of their first unit only.
    uint32_t* const units = unit_of + size_t{tap} * p.units;
    const uint32_t image_units = out.rows * p.segments, step = p.in_rows * p.segments;
    uint32_t* next = units;
    uint32_t rows = 0;
    for (uint32_t row = 0; row < out.rows; ++row) {
      const int64_t at = input_index(t, backward, true, out.row0 + row, tap);
      rows += at >= 0;
      if (at >= 0) row_read[static_cast<uint32_t>(at) - in_row0] = 1;
      const uint32_t first = at < 0 ? empty : (static_cast<uint32_t>(at) - in_row0) * p.segments;
      for (uint32_t s = 0; s < p.segments; ++s) *next++ = at < 0 ? empty : first + s;
    }
    rows *= p.n;
    for (uint32_t n = 1; n < p.n; ++n) {
      for (uint32_t i = 0; i < image_units; ++i) *next++ = units[i] == empty ? empty : units[i] + n * step;
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
  StripEnds ends(rows, p.grid.strips);
  for (uint32_t strip = 0, first = 0, end = 0; strip < p.grid.strips; ++strip, first = end) {
    end = ends.next();
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

/// Words and bytes of the widest vector.
constexpr uint32_t kMostWords = 16, kMostBytes = 64;

/// Times of bins at steps, in words.
void lay_times(CountRows& p, Workspace& workspace) {
  p.low_time = workspace.array<uint32_t>(kLowTime, size_t{p.bins} * p.steps + kMostWords);
  p.extra_time = workspace.array<uint32_t>(kExtraTime, size_t{p.bins} * p.steps + kMostWords);
}

/// Memory for time_windows().
void lay_unit_counts(CountRows& p, Workspace& workspace) {
  const size_t in_units = size_t{p.n} * p.in_rows * p.segments, unit_words = size_t{p.kw} * p.q;
  p.unit_counts = workspace.array<uint32_t>(kUnitCounts, (in_units + 1) * unit_words + kMostWords);
  std::fill_n(p.unit_counts + in_units * unit_words, unit_words + kMostWords, 0u);
  p.padded_steps = p.kh * ((p.kw * p.q + kMostWords - 1) / kMostWords * kMostWords);
  p.scratch = workspace.array<uint32_t>(kScratch, (2 * size_t{p.bins} + 2) * p.padded_steps);
  lay_times(p, workspace);
}

/// Memory for time_images(), and the one tap.
void lay_images(CountRows& p, ByteTimes& bytes, Workspace& workspace) {
  uint32_t* const valid = workspace.array<uint32_t>(kValid, 1);
  valid[0] = p.n;
  p.valid = valid;
  // With the balancer off, windows go to bins in turn.
  if (p.n > ByteTimes::kMostImages || p.lanes_per_bin > 1) return lay_times(p, workspace);
  bytes.pitch = (size_t{p.steps} + ByteTimes::kMultiple - 1) / ByteTimes::kMultiple * ByteTimes::kMultiple;
  const size_t rows = (size_t{p.bins} + 1) * bytes.pitch;
  bytes.time = workspace.array<uint8_t>(kLowTime, 2 * rows);
  bytes.extra = bytes.time + rows;
  p.byte_times = &bytes;
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
  const uint32_t groups = (p.outputs + config.multipliers_per_lane - 1) / config.multipliers_per_lane;
  p.grid = core_grid(config, groups);
  const bool images = t.h * t.w == 1 && t.oh * t.ow == 1 && t.kh * t.kw == 1 && t.pad_h + t.pad_w == 0;
  lay_windows(p, rows, out.width, plan, workspace);
  p.group_classes = workspace.array<uint8_t>(kGroup, size_t{t.kh * t.kw == 1 ? groups : 1} * p.steps + kMostBytes);
  p.total_time = workspace.array<uint32_t>(kTotals, 2 * (size_t{p.steps} + kMostBytes));
  p.total_extra = p.total_time + p.steps + kMostBytes;
  uint32_t* const low = workspace.array<uint32_t>(kOther, 2 * size_t{p.steps});
  uint32_t* const high = low + p.steps;
  std::fill_n(low, 2 * size_t{p.steps}, 0u);
  uint64_t* const bin_times = workspace.array<uint64_t>(kBins, size_t{p.bins} * p.grid.columns);
  std::fill_n(bin_times, size_t{p.bins} * p.grid.columns, uint64_t{0});
  ByteTimes byte_times{};
  if (images && p.input_stride_q == 1 && plan.segments == 1) {
    lay_images(p, byte_times, workspace);
    time_images(p);
  } else {
    lay_units(p, t, backward, out, plan, workspace);
    lay_unit_counts(p, workspace);
    time_windows(p);
  }
  time_groups(p, low, high, bin_times, &facts.busy_half_cycles);
  add_pairs(p, low, high, facts);
  add_core_times(bin_times, p.grid, p.lanes_per_bin, facts);
}

}  // namespace

void add_class_pairs(const PairSums& sums, uint64_t all, uint32_t outputs, Facts& facts) {
  const auto& [inputs, others, both] = sums;
  // Pairs of (zero, low, high) inputs with operand low or high, then with all operands: the rest is with zeros.
  uint64_t pairs[3][3];
  for (unsigned b = 0; b < 2; ++b) {
    pairs[kClassHigh][b + 1] = both[1][b];
    pairs[kClassLow][b + 1] = both[0][b] - both[1][b];
    pairs[kClassZero][b + 1] = others[b] - both[0][b];
  }
  const uint64_t with_all[3] = {(all - inputs[0]) * outputs, (inputs[0] - inputs[1]) * outputs, inputs[1] * outputs};
  for (unsigned a = 0; a < 3; ++a) {
    pairs[a][kClassZero] = with_all[a] - pairs[a][kClassLow] - pairs[a][kClassHigh];
    for (unsigned b = 0; b < 3; ++b) facts.macs_by_class[a][b] += pairs[a][b];
  }
}

void add_core_times(const uint64_t* bin_times, const CoreGrid& grid, uint32_t lanes_per_bin, Facts& facts) {
  uint64_t tile = 0;
  const uint32_t cores = grid.strips * grid.columns;
  for (uint32_t core = 0; core < cores && lanes_per_bin == 1; ++core) {
    facts.core_half_cycles[core] += bin_times[core];
    tile = std::max(tile, bin_times[core]);
  }
  for (uint32_t strip = 0; strip < grid.strips && lanes_per_bin > 1; ++strip) {
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
