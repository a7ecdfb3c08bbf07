#define HWY_WANT_AVX3_DL  // counting bits of words
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/lnpu/few_images.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "npu/engine/fully_connected.h"
#include "npu/engine/lnpu/class_bits-inl.h"
#include "npu/engine/lnpu/count_rows.h"
#include "npu/engine/lnpu/few_bits-inl.h"
#include "npu/engine/lnpu/few_images.h"
#include "npu/engine/lnpu/few_rows-inl.h"
#include "npu/engine/lnpu/few_times-inl.h"
#include "npu/engine/lnpu/lane_sum-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR

bool count_few_vector(const FewImages&, PairSums*, Facts&) {
  return false;
}

#else

/// Counts the columns of rows [begin[i], begin[i + 1]) to parts[i], and of all of them.
HWY_INLINE void count_columns(const FewRows& p, const uint8_t* begin, uint32_t count, StepCounts* parts,
                              StepCounts& all) {
  const Bytes d8;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d8));
  const auto two = hn::Set(d8, uint8_t{2});
  const uint8_t* const end = p.classes + (p.rows - 1) * p.pitch + p.columns;
  for (uint32_t r = 0; r < kMostFew; r += lanes) {
    const uint32_t columns = p.columns - std::min(r, p.columns), rows = columns == 0 ? 0 : p.rows;
    auto all_nonzero = hn::Zero(d8), all_high = all_nonzero;
    const uint8_t* from = p.classes + r;
#if HWY_TARGET <= HWY_AVX3
    const auto inside = hn::FirstN(d8, std::min(columns, lanes));
    const auto load = [&]() HWY_ATTR { return hn::MaskedLoad(inside, d8, from); };
#else
    const auto load = [&]() HWY_ATTR { return load_line(d8, from, columns, static_cast<size_t>(end - from)); };
#endif
    for (uint32_t i = 0; i < count; ++i) {
      // Low elements count one, high ones two.
      auto sum = hn::Zero(d8), twice_high = sum;
      for (uint32_t left = std::min<uint32_t>(rows, begin[i + 1] - begin[i]); left > 0; --left, from += p.pitch) {
        const auto c = load();
        sum = hn::Add(sum, c);
        twice_high = hn::Add(twice_high, hn::And(c, two));
      }
      const auto high = halve(d8, twice_high), nonzero = hn::Sub(sum, high);
      hn::Store(nonzero, d8, parts[i].nonzero + r);
      hn::Store(high, d8, parts[i].high + r);
      all_nonzero = hn::Add(all_nonzero, nonzero);
      all_high = hn::Add(all_high, high);
    }
    hn::Store(all_nonzero, d8, all.nonzero + r);
    hn::Store(all_high, d8, all.high + r);
  }
}

inline constexpr uint32_t kSlack = 8;  // times of cores that a vector goes beyond the last

/// Bitmaps of rows, and how many bits of each are set.
HWY_INLINE void count_rows(const FewRows& p, RowBits& bits, StepCounts& counts) {
  const Words d;
  const hn::Rebind<uint8_t, Words> part;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  const uint8_t* from = p.classes;
  uint32_t row = 0;
  for (; row < p.rows; ++row, from += p.pitch) store_line_word(from, p.columns, bits.nonzero + row, bits.high + row);
  for (; row % 8 != 0; ++row) bits.nonzero[row] = bits.high[row] = 0;
  const Bytes d8;
  for (uint32_t i = 0; i < kMostFew; i += static_cast<uint32_t>(hn::Lanes(d8))) {
    hn::Store(hn::Zero(d8), d8, counts.nonzero + i);
    hn::Store(hn::Zero(d8), d8, counts.high + i);
  }
  for (uint32_t i = 0; i < p.rows; i += lanes) {
    hn::StoreU(hn::TruncateTo(part, hn::PopulationCount(hn::Load(d, bits.nonzero + i))), part, counts.nonzero + i);
    hn::StoreU(hn::TruncateTo(part, hn::PopulationCount(hn::Load(d, bits.high + i))), part, counts.high + i);
  }
}

HWY_INLINE CountVectors load_counts(const StepCounts& counts) {
  CountVectors all;
  HWY_UNROLL(4)
  for (uint32_t v = 0; v < kRowVectors; ++v) {
    all.nonzero[v] = hn::Load(Bytes(), counts.nonzero + v * kRowLanes);
    all.high[v] = hn::Load(Bytes(), counts.high + v * kRowLanes);
  }
  return all;
}

void count_ff_vector(const FewImages& p, uint64_t* core_times, uint64_t* busy, PairSums* sums) {
  const uint32_t width = p.config->multipliers_per_lane, group_count = p.groups;
  StepCounts bins[kMostFew], groups[kMostFew], inputs, others;
  uint8_t begin[kMostFew + 1];
  for (uint32_t g = 0; g <= group_count; ++g) begin[g] = static_cast<uint8_t>(std::min(g * width, p.outputs));
  const uint32_t whole = (p.bins + kTogether - 1) / kTogether * kTogether;
  count_columns(p.inputs, p.begin, p.bins, bins, inputs);
  for (uint32_t i = p.bins; i < whole; ++i) bins[i] = {};
  count_columns(p.others, begin, group_count, groups, others);
  sum_steps(load_counts(inputs), load_counts(others), sums);
  const auto time = [&](auto chunk)
                        HWY_ATTR { time_columns_of<chunk()>(p, bins, inputs, groups, group_count, core_times, busy); };
  if (p.chunk == 1) return time(std::integral_constant<uint32_t, 1>());
  if (p.chunk == 2) return time(std::integral_constant<uint32_t, 2>());
  time(std::integral_constant<uint32_t, 4>());
}

void count_bp_vector(const FewImages& p, uint64_t* core_times, uint64_t* busy, PairSums* sums) {
  const Words d;
  const hn::Rebind<uint8_t, Words> d8;
  const hn::Rebind<uint32_t, Words> d32;
  StepCounts bins[kMostFew], inputs, others;
  RowBits bits;
  FourBins four;
  count_columns(p.inputs, p.begin, p.bins, bins, inputs);
  count_rows(p.others, bits, others);
  sum_steps(load_counts(inputs), load_counts(others), sums);
  for (uint32_t quad = 0; kTogether * quad < p.bins; ++quad) {
    const StepCounts* const first = bins + kTogether * quad;
    const auto load = [&](const uint8_t* from)
                          HWY_ATTR { return hn::PromoteTo(d, hn::PromoteTo(d32, hn::LoadU(d8, from))); };
    four.fill(
        p.steps, std::min(kTogether, p.bins - kTogether * quad),
        [&](uint32_t i, uint32_t r) HWY_ATTR { return load(first[i].nonzero + r); },
        [&](uint32_t i, uint32_t r) HWY_ATTR { return load(first[i].high + r); });
    time_rows_of(p, four, bits, quad, core_times, busy);
  }
}

void count_wg_vector(const FewImages& p, uint64_t* core_times, uint64_t* busy, PairSums* sums) {
  const Words d;
  StepCounts inputs, others;
  RowBits input_bits, bits;
  FourBins four;
  count_rows(p.inputs, input_bits, inputs);
  count_rows(p.others, bits, others);
  sum_steps(load_counts(inputs), load_counts(others), sums);
  for (uint32_t quad = 0; kTogether * quad < p.bins; ++quad) {
    uint64_t own[kTogether];  // the bin's bits of a row
    const uint32_t bins = std::min(kTogether, p.bins - kTogether * quad);
    for (uint32_t i = 0; i < bins; ++i) {
      const uint8_t* const begin = p.begin + kTogether * quad + i;
      own[i] = ~uint64_t{0} >> (64 - (begin[1] - begin[0])) << begin[0];
    }
    const auto count = [&](const uint64_t* from, uint64_t mask)
                           HWY_ATTR { return hn::PopulationCount(hn::And(hn::Load(d, from), hn::Set(d, mask))); };
    four.fill(
        p.steps, bins, [&](uint32_t i, uint32_t r) HWY_ATTR { return count(input_bits.nonzero + r, own[i]); },
        [&](uint32_t i, uint32_t r) HWY_ATTR { return count(input_bits.high + r, own[i]); });
    time_rows_of(p, four, bits, quad, core_times, busy);
  }
}

/// Adds the times of the cores; zero behind the last one.
HWY_INLINE void add_times(const uint64_t* core_times, uint32_t cores, Facts& facts) {
  const Words d;
  auto most = hn::Zero(d);
  for (uint32_t core = 0; core < cores; core += static_cast<uint32_t>(hn::Lanes(d))) {
    uint64_t* const to = facts.core_half_cycles.data() + core;
    const auto times = hn::Load(d, core_times + core);
    hn::StoreU(hn::Add(hn::LoadU(d, to), times), d, to);
    most = hn::Max(most, times);
  }
  facts.slowest_half_cycles += hn::GetLane(hn::MaxOfLanes(d, most));
}

bool count_few_vector(const FewImages& p, PairSums* sums, Facts& facts) {
  if (!p.others.by_step && p.chunk >= 8) {
    count_ff_bits(p, sums, facts);
    return true;
  }
  alignas(64) uint64_t core_times[kMaxCores + kSlack];
  for (uint32_t core = 0; core < p.config->cores + kSlack; core += static_cast<uint32_t>(hn::Lanes(Words()))) {
    hn::Store(hn::Zero(Words()), Words(), core_times + core);
  }
  if (!p.others.by_step) {
    count_ff_vector(p, core_times, &facts.busy_half_cycles, sums);
  } else if (p.inputs.by_step) {
    count_wg_vector(p, core_times, &facts.busy_half_cycles, sums);
  } else {
    count_bp_vector(p, core_times, &facts.busy_half_cycles, sums);
  }
  add_times(core_times, p.config->cores, facts);
  return true;
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::lnpu {

HWY_EXPORT(count_few_vector);

namespace {

constexpr uint32_t kMostBlocks = 8;  // of channels (WG): with more, bitmaps of whole windows take less time

/// Makes each strip a bin (FF, BP).
void lay_strips(FewImages& p, uint32_t inputs) {
  StripEnds ends(inputs, p.grid.strips);
  const uint32_t bins = p.grid.strips, columns = p.grid.columns;
  p.bins = bins;
  p.most = ends.widest();
  // (In locals: bytes may be stored to anything.)
  p.begin[0] = 0;
  for (uint32_t bin = 0, core = 0; bin < bins; core += columns) {
    p.first_core[bin] = static_cast<uint8_t>(core);
    p.begin[++bin] = static_cast<uint8_t>(ends.next());
  }
}

/// Cuts the inputs of a step into bins of up to `together` inputs that do not cross strips (WG).
void lay_blocks(FewImages& p, uint32_t inputs, uint32_t together) {
  StripEnds ends(inputs, p.grid.strips);
  uint32_t first = 0;
  for (uint32_t strip = 0; strip < p.grid.strips; ++strip) {
    for (const uint32_t end = ends.next(); first < end; first = std::min(first + together, end)) {
      p.begin[p.bins] = static_cast<uint8_t>(first);
      p.first_core[p.bins++] = static_cast<uint8_t>(strip * p.grid.columns);
    }
  }
  p.begin[p.bins] = static_cast<uint8_t>(inputs);
}

}  // namespace

bool count_few_images(const LnpuConfig& config, Pass pass, const ConvTile& t, const uint8_t* first,
                      const uint8_t* second, Facts& facts) {
  const uint32_t window = config.ilb_window * config.lanes;
  if (t.n > kMostFew || t.c > kMostFew || t.k > kMostFew || t.n == 0 || t.c == 0 || t.k == 0) return false;
  if (config.ilb_window == 1 || window > 255 || !is_fully_connected(t)) return false;
  FewImages p;
  p.config = &config;
  switch (pass) {
    case Pass::ff:
      p.inputs = {first, t.x_stride_n, t.n, t.c, false};
      p.others = {second, t.w_stride_k, t.k, t.c, false};
      p.steps = t.c;
      p.outputs = t.k;
      break;
    case Pass::bp:
      p.inputs = {first, t.y_stride_n, t.n, t.k, false};
      p.others = {second, t.w_stride_k, t.k, t.c, true};
      p.steps = t.k;
      p.outputs = t.c;
      break;
    case Pass::wg:
      p.inputs = {second, t.y_stride_n, t.n, t.k, true};
      p.others = {first, t.x_stride_n, t.n, t.c, true};
      p.steps = t.n;
      p.outputs = t.c;
      break;
  }
  const uint32_t inputs = pass == Pass::wg ? t.k : t.n, width = config.multipliers_per_lane;
  if (pass != Pass::ff && width != 8) return false;
  p.groups = (p.outputs + width - 1) / width;
  p.grid = core_grid(config, p.groups);
  if (pass == Pass::wg) {
    p.chunk = window;
    const uint32_t together = t.n <= window ? channels_per_window(config, t.n) : 1;
    if (inputs > kMostBlocks * together) return false;
    lay_blocks(p, inputs, together);
  } else {
    lay_strips(p, inputs);
    if (p.most > window) return false;
    p.chunk = steps_per_window(config, p.most);
  }
  for (uint32_t bin = p.bins; bin % 4 != 0; ++bin) p.first_core[bin] = 0;
  PairSums sums;
  if (!HWY_DYNAMIC_DISPATCH(count_few_vector)(p, &sums, facts)) return false;
  for (uint64_t& others : sums.others) others *= inputs;
  add_class_pairs(sums, uint64_t{inputs} * p.steps, p.outputs, facts);
  return true;
}

}  // namespace backboard::npu::lnpu
#endif
