// Counts of daa's products over lines of positions, as bits.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/daa/line_counts.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "npu/engine/daa/pair_counts.h"
#include "npu/engine/first_lanes-inl.h"

#ifndef BACKBOARD_NPU_ENGINE_DAA_LINE_COUNTS_TYPES_
#define BACKBOARD_NPU_ENGINE_DAA_LINE_COUNTS_TYPES_
namespace backboard::npu::daa {

/// Of the weights: rows that have a non-zero at a step, and, at the first step of a pair, rows that have one at both.
struct StepCounts {
  const uint32_t *single, *both;
};

}  // namespace backboard::npu::daa
#endif

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::daa {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr uint32_t kPiece = 57;  // bits that lie in eight bytes wherever they begin

/// The bits from place `at` on, at least kPiece of them.
HWY_INLINE uint64_t bits_from(const uint8_t* bits, size_t at) {
  uint64_t word = 0;
  std::memcpy(&word, bits + at / 8, sizeof word);
  return word >> at % 8;
}

HWY_INLINE uint64_t lowest(uint32_t count) {
  return (uint64_t{1} << count) - 1;
}

/// Bit i says that from[i] is not zero. Writes up to two bytes more.
void set_bits(const float* from, size_t count, uint8_t* bits) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  if (lanes < 8) {
    std::fill_n(bits, (count + 7) / 8, uint8_t{0});
    for (size_t i = 0; i < count; ++i) bits[i / 8] |= static_cast<uint8_t>((from[i] != 0.0f) << i % 8);
    return;
  }
  for (size_t i = 0; i < count; i += lanes) {
    const auto values =
        i + lanes <= count ? hn::LoadU(d, from + i) : npu::HWY_NAMESPACE::load_first(d, from + i, count - i);
    hn::StoreMaskBits(d, hn::Not(hn::Eq(values, hn::Zero(d))), bits + i / 8);
  }
}

/// Adds what the positions of all lines have; `bits` are those from p.b + `first` on, with eight bytes behind.
void count_lines(const LineGemm& p, ptrdiff_t first, const uint8_t* bits, const StepCounts& weights,
                 PairCounts& counts) {
  for (uint32_t line = 0; line < p.lines; ++line) {
    for (uint32_t n0 = 0; n0 < p.columns; n0 += kPiece) {
      const uint64_t inside = lowest(std::min(kPiece, p.columns - n0));
      const ptrdiff_t base = p.b_line[line] + n0 - first;
      const auto load = [&](uint32_t r)
                            HWY_ATTR { return bits_from(bits, static_cast<size_t>(base + p.b_step[r])) & inside; };
      for (uint32_t r = 0; r < p.steps; r += 2) {
        const uint64_t here = load(r);
        counts.products += static_cast<uint64_t>(std::popcount(here)) * weights.single[r];
        if (r + 1 == p.steps) break;
        const uint64_t next = load(r + 1);
        counts.products += static_cast<uint64_t>(std::popcount(next)) * weights.single[r + 1];
        counts.collisions += static_cast<uint64_t>(std::popcount(here & next)) * weights.both[r];
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::daa
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::daa {

HWY_EXPORT(set_bits);
HWY_EXPORT(count_lines);

PairCounts count_pairs(const LineGemm& p, Workspace& workspace) {
  PairCounts counts;
  if (p.rows == 0 || p.columns == 0 || p.steps == 0 || p.lines == 0) return counts;
  uint32_t* const single = workspace.array<uint32_t>(8, size_t{p.steps} * 2);
  uint32_t* const both = single + p.steps;
  for (uint32_t r = 0; r < p.steps; ++r) {
    const ptrdiff_t second = r + 1 < p.steps ? p.a_step[r + 1] - p.a_step[r] : 0;
    single[r] = both[r] = 0;
    for (uint32_t m = 0; m < p.rows; ++m) {
      const float* const here = p.a + p.a_row[m] + p.a_step[r];
      single[r] += here[0] != 0.0f;
      both[r] += (here[0] != 0.0f) & (here[second] != 0.0f);
    }
  }
  const auto lines = std::minmax_element(p.b_line, p.b_line + p.lines);
  const auto steps = std::minmax_element(p.b_step, p.b_step + p.steps);
  const ptrdiff_t first = *lines.first + *steps.first;
  const auto count = static_cast<size_t>(*lines.second + *steps.second - first) + p.columns;
  uint8_t* const bits = workspace.array<uint8_t>(0, count / 8 + 64);
  HWY_DYNAMIC_DISPATCH(set_bits)(p.b + first, count, bits);
  HWY_DYNAMIC_DISPATCH(count_lines)(p, first, bits, {single, both}, counts);
  return counts;
}

}  // namespace backboard::npu::daa
#endif
