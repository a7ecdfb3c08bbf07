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
#include "npu/engine/lnpu/few_images.h"
#include "npu/engine/lnpu/few_times-inl.h"
#include "npu/engine/lnpu/lane_sum-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR

bool count_few_vector(const FewImages&, uint64_t*, uint64_t*, PairSums*) {
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

/// Sums over the steps of both operands' counts and of their products.
HWY_INLINE void sum_steps(const StepCounts& inputs, const StepCounts& others, uint32_t steps, PairSums* sums) {
  const Bytes d8;
  const hn::Repartition<int16_t, Bytes> d16;
  const hn::Repartition<int32_t, Bytes> d32;
  const hn::Rebind<uint8_t, decltype(d16)> half;
  const Words d64;
  auto counted = hn::Zero(d64);  // of 16 bits each
  for (uint32_t r = 0, end = step_end(steps, hn::Lanes(d8)); r < end; r += static_cast<uint32_t>(hn::Lanes(d8))) {
    const auto sum = [&](const uint8_t* from) HWY_ATTR { return hn::SumsOf8(hn::Load(d8, from + r)); };
    const auto low = hn::Add(sum(inputs.nonzero), hn::ShiftLeft<16>(sum(inputs.high)));
    const auto upper = hn::Add(sum(others.nonzero), hn::ShiftLeft<16>(sum(others.high)));
    counted = hn::Add(counted, hn::Add(low, hn::ShiftLeft<32>(upper)));
  }
  auto nn = hn::Zero(d32), nh = nn, hn_ = nn, hh = nn, unused = nn;
  for (uint32_t r = 0; r < steps; r += static_cast<uint32_t>(hn::Lanes(d16))) {
    const auto load = [&](const uint8_t* from) HWY_ATTR { return hn::PromoteTo(d16, hn::Load(half, from + r)); };
    const auto in = load(inputs.nonzero), ih = load(inputs.high), on = load(others.nonzero), oh = load(others.high);
    nn = hn::ReorderWidenMulAccumulate(d32, in, on, nn, unused);
    nh = hn::ReorderWidenMulAccumulate(d32, in, oh, nh, unused);
    hn_ = hn::ReorderWidenMulAccumulate(d32, ih, on, hn_, unused);
    hh = hn::ReorderWidenMulAccumulate(d32, ih, oh, hh, unused);
  }
  // Two sums in the halves of a word.
  const auto two_sums = [&](auto a, auto b) HWY_ATTR {
    const auto lower = hn::Set(d64, uint64_t{0xffffffff});
    const auto x = hn::BitCast(d64, a), y = hn::BitCast(d64, b);
    const auto even = hn::Add(hn::And(x, lower), hn::ShiftRight<32>(x));
    return lane_sum(d64, hn::Add(even, hn::ShiftLeft<32>(hn::Add(y, hn::ShiftRight<32>(y)))));
  };
  const uint64_t of_nonzero = two_sums(nn, nh), of_high = two_sums(hn_, hh), all = lane_sum(d64, counted);
  const uint64_t other_high = all >> 48;
  sums->inputs[0] = all & 0xffff;
  sums->inputs[1] = all >> 16 & 0xffff;
  sums->others[0] = (all >> 32 & 0xffff) - other_high;
  sums->others[1] = other_high;
  sums->both[0][1] = of_nonzero >> 32;
  sums->both[0][0] = (of_nonzero & 0xffffffff) - (of_nonzero >> 32);
  sums->both[1][1] = of_high >> 32;
  sums->both[1][0] = (of_high & 0xffffffff) - (of_high >> 32);
}

void count_ff_vector(const FewImages& p, uint64_t* core_times, uint64_t* busy, PairSums* sums) {
  const uint32_t width = p.config->multipliers_per_lane, group_count = (p.outputs + width - 1) / width;
  StepCounts bins[kMostFew], groups[kMostFew], inputs, others;
  uint8_t begin[kMostFew + 1];
  for (uint32_t g = 0; g <= group_count; ++g) begin[g] = static_cast<uint8_t>(std::min(g * width, p.outputs));
  const uint32_t whole = (p.bins + kTogether - 1) / kTogether * kTogether;
  count_columns(p.inputs, p.begin, p.bins, bins, inputs);
  for (uint32_t i = p.bins; i < whole; ++i) bins[i] = {};
  count_columns(p.others, begin, group_count, groups, others);
  sum_steps(inputs, others, p.steps, sums);
  const auto time = [&](auto chunk)
                        HWY_ATTR { time_columns_of<chunk()>(p, bins, inputs, groups, group_count, core_times, busy); };
  if (p.chunk == 1) return time(std::integral_constant<uint32_t, 1>());
  if (p.chunk == 2) return time(std::integral_constant<uint32_t, 2>());
  if (p.chunk == 4) return time(std::integral_constant<uint32_t, 4>());
  time(std::integral_constant<uint32_t, 8>());
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
  sum_steps(inputs, others, p.steps, sums);
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
  sum_steps(inputs, others, p.steps, sums);
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

bool count_few_vector(const FewImages& p, uint64_t* core_times, uint64_t* busy, PairSums* sums) {
  if (!p.others.by_step) {
    if (p.chunk > hn::Lanes(Bytes())) return false;
    count_ff_vector(p, core_times, busy, sums);
  } else if (p.inputs.by_step) {
    count_wg_vector(p, core_times, busy, sums);
  } else {
    count_bp_vector(p, core_times, busy, sums);
  }
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
constexpr uint32_t kSlack = 8;       // times of cores that a vector goes beyond the last

/// Cuts the inputs of a step into bins of up to `together` inputs that do not cross strips.
void lay_bins(FewImages& p, uint32_t inputs, uint32_t together) {
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
  const FewRows x{first, t.x_stride_n, t.n, t.c, pass == Pass::wg};
  const FewRows y{pass == Pass::bp ? first : second, t.y_stride_n, t.n, t.k, pass == Pass::wg};
  const FewRows w{second, t.w_stride_k, t.k, t.c, pass == Pass::bp};
  p.inputs = pass == Pass::ff ? x : y;
  p.others = pass == Pass::wg ? x : w;
  p.steps = pass == Pass::ff ? t.c : pass == Pass::bp ? t.k : t.n;
  p.outputs = pass == Pass::ff ? t.k : t.c;
  const uint32_t inputs = pass == Pass::wg ? t.k : t.n, width = config.multipliers_per_lane;
  if (pass != Pass::ff && width != 8) return false;
  p.grid = core_grid(config, (p.outputs + width - 1) / width);
  if (pass == Pass::wg) {
    p.chunk = window;
    const uint32_t together = t.n <= window ? channels_per_window(config, t.n) : 1;
    if (inputs > kMostBlocks * together) return false;
    lay_bins(p, inputs, together);
  } else {
    const uint32_t widest = (inputs + p.grid.strips - 1) / p.grid.strips;
    if (widest > window) return false;
    p.chunk = steps_per_window(config, widest);
    lay_bins(p, inputs, widest);
  }
  uint64_t core_times[kMaxCores + kSlack];
  std::fill_n(core_times, config.cores + kSlack, uint64_t{0});
  PairSums sums;
  if (!HWY_DYNAMIC_DISPATCH(count_few_vector)(p, core_times, &facts.busy_half_cycles, &sums)) return false;
  for (uint64_t& others : sums.others) others *= inputs;
  add_class_pairs(sums, uint64_t{inputs} * p.steps, p.outputs, facts);
  add_core_times(core_times, p.grid, 1, facts);
  return true;
}

}  // namespace backboard::npu::lnpu
#endif
