#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/daa/pair_counts.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>

#include "npu/engine/daa/flag_runs-inl.h"
#include "npu/engine/daa/pair_counts.h"
#include "npu/engine/run_length-inl.h"

#ifndef BACKBOARD_NPU_ENGINE_DAA_PAIR_COUNTS_TYPES_
#define BACKBOARD_NPU_ENGINE_DAA_PAIR_COUNTS_TYPES_
namespace backboard::npu::daa {

/// Non-zeros of each step over all rows, and, at the first step of a pair, rows that have one at both.
struct SideCounts {
  uint32_t *single, *both;
};

inline constexpr size_t kSlack = 65;  ///< a vector of bytes and one more

}  // namespace backboard::npu::daa
#endif

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::daa {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// single[i] += flags[i]; both[i] += flags[i] & flags[i + 1]. All have room for a vector and one more.
void add_flags(const uint8_t* flags, uint32_t count, uint8_t* single, uint8_t* both) {
  const hn::ScalableTag<uint8_t> d;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  for (uint32_t i = 0; i < count; i += lanes) {
    const auto here = hn::LoadU(d, flags + i), next = hn::LoadU(d, flags + i + 1);
    hn::StoreU(hn::Add(hn::LoadU(d, single + i), here), d, single + i);
    hn::StoreU(hn::Add(hn::LoadU(d, both + i), hn::And(here, next)), d, both + i);
  }
}

#if HWY_TARGET <= HWY_AVX3
/// The first `count` lanes; none or all beyond what there are.
HWY_INLINE __mmask16 first_lanes(int64_t count) {
  return static_cast<__mmask16>(count >= 16 ? 0xffff : count <= 0 ? 0 : (1 << count) - 1);
}

/// Lanes inside in which there is something else than a zero; reads no others.
HWY_INLINE __mmask16 nonzero(const float* from, __mmask16 inside) {
  return _mm512_cmp_ps_mask(_mm512_maskz_loadu_ps(inside, from), _mm512_setzero_ps(), _CMP_NEQ_UQ);
}

/// Counts of at most 16 kParts steps that follow each other, the first one the first of a pair, over all rows.
/// `behind`: the second step of the pair that the last of these begins, or null where none is begun.
template <uint32_t kParts>
HWY_INLINE void count_chunk(const float* from, const float* behind, const ptrdiff_t* row, uint32_t rows, uint32_t count,
                            uint32_t* single, uint32_t* both) {
  const __m512i one = _mm512_set1_epi32(1);
  __mmask16 inside[kParts];
  __m512i singles[kParts], pairs[kParts];
  HWY_UNROLL(4)
  for (uint32_t i = 0; i < kParts; ++i) {
    inside[i] = first_lanes(int64_t{count} - 16 * i);
    singles[i] = pairs[i] = _mm512_setzero_si512();
  }
  uint32_t last = 0;
  for (uint32_t m = 0; m < rows; ++m) {
    const float* const at = from + row[m];
    HWY_UNROLL(4)
    for (uint32_t i = 0; i < kParts; ++i) {
      const __mmask16 here = nonzero(at + 16 * i, inside[i]);
      singles[i] = _mm512_mask_add_epi32(singles[i], here, singles[i], one);
      pairs[i] = _mm512_mask_add_epi32(pairs[i], _kand_mask16(here, _kshiftri_mask16(here, 1)), pairs[i], one);
    }
    if (behind != nullptr) last += (at[count - 1] != 0.0f) & (behind[row[m]] != 0.0f);
  }
  HWY_UNROLL(4)
  for (uint32_t i = 0; i < kParts; ++i) {
    _mm512_mask_storeu_epi32(single + 16 * i, inside[i], singles[i]);
    _mm512_mask_storeu_epi32(both + 16 * i, inside[i], pairs[i]);
  }
  both[count - 1] = last;
}
#endif

/// Counts of all rows, whose steps lie in `cut` runs. False where the vector unit has no masks.
bool count_steps(const float* values, const ptrdiff_t* row, uint32_t rows, const Run* runs, uint32_t cut,
                 const SideCounts* counts) {
#if HWY_TARGET <= HWY_AVX3
  uint32_t step = 0;
  for (uint32_t i = 0; i < cut; ++i) {
    for (uint32_t done = 0, count; done < runs[i].count; done += count, step += count) {
      // Pairs lie within a vector: a run that begins within one gives its first step away.
      count = step % 2 != 0 ? 1 : std::min(64u, runs[i].count - done);
      const float* const from = values + runs[i].first + done;
      const bool goes_on = done + count < runs[i].count, last = !goes_on && i + 1 == cut;
      const float* behind = goes_on ? from + count : last ? nullptr : values + runs[i + 1].first;
      if ((step + count) % 2 == 0) behind = nullptr;  // the last step is the second of its pair
      const auto chunk = count <= 16 ? count_chunk<1> : count <= 32 ? count_chunk<2> : count_chunk<4>;
      chunk(from, behind, row, rows, count, counts->single + step, counts->both + step);
    }
  }
  return true;
#else
  (void)values, (void)row, (void)rows, (void)runs, (void)cut, (void)counts;
  return false;
#endif
}

/// Counts of `steps` steps, whose rows lie in `cut` runs. False where the vector unit has no masks.
bool count_rows(const float* values, const ptrdiff_t* step, uint32_t steps, const Run* runs, uint32_t cut,
                const SideCounts* counts) {
#if HWY_TARGET <= HWY_AVX3
  const __m512i one = _mm512_set1_epi32(1);
  for (uint32_t r = 0; r < steps; r += 2) {
    // A last step without a partner is its own, whose counts nobody reads.
    const ptrdiff_t second = r + 1 < steps ? step[r + 1] - step[r] : 0;
    __m512i singles[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()}, pairs = singles[0];
    for (uint32_t i = 0; i < cut; ++i) {
      const float* from = values + step[r] + runs[i].first;
      for (uint32_t done = 0; done < runs[i].count; done += 16, from += 16) {
        const __mmask16 inside = first_lanes(int64_t{runs[i].count} - done);
        const __mmask16 here = nonzero(from, inside), next = nonzero(from + second, inside);
        singles[0] = _mm512_mask_add_epi32(singles[0], here, singles[0], one);
        singles[1] = _mm512_mask_add_epi32(singles[1], next, singles[1], one);
        pairs = _mm512_mask_add_epi32(pairs, _kand_mask16(here, next), pairs, one);
      }
    }
    counts->single[r] = static_cast<uint32_t>(_mm512_reduce_add_epi32(singles[0]));
    counts->both[r] = static_cast<uint32_t>(_mm512_reduce_add_epi32(pairs));
    if (r + 1 < steps) counts->single[r + 1] = static_cast<uint32_t>(_mm512_reduce_add_epi32(singles[1]));
  }
  return true;
#else
  (void)values, (void)step, (void)steps, (void)runs, (void)cut, (void)counts;
  return false;
#endif
}

/// Counts of rows that are windows of an image: each of its `count` elements from values[0] on is looked at once. Rows
/// and runs are places from there; flags have room for `count` and kSlack, twice. No more rows than a byte counts.
void count_windows(const float* values, size_t count, const ptrdiff_t* row, uint32_t rows, const Run* runs,
                   uint32_t cut, uint8_t* flags, const SideCounts* counts) {
  const Run all{0, static_cast<uint32_t>(count)};
  uint8_t* const both = flags + count + kSlack;
  flag_runs(values, &all, 1, flags);
  std::fill_n(flags + count, kSlack, uint8_t{0});
  std::fill_n(both + count, kSlack, uint8_t{0});
  const hn::ScalableTag<uint8_t> wide;
  for (size_t i = 0; i < count; i += hn::Lanes(wide)) {
    hn::StoreU(hn::And(hn::LoadU(wide, flags + i), hn::LoadU(wide, flags + i + 1)), wide, both + i);
  }
  const hn::CappedTag<uint8_t, 32> d;
  const hn::CappedTag<uint32_t, hn::MaxLanes(d)> du;
  const hn::Rebind<uint8_t, decltype(du)> part;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  HWY_ALIGN uint8_t sums[32];
  uint32_t step = 0;
  for (uint32_t i = 0; i < cut; ++i) {
    for (uint32_t done = 0; done < runs[i].count; done += lanes) {
      const uint32_t some = std::min(lanes, runs[i].count - done);
      auto singles = hn::Zero(d), pairs = singles;
      for (uint32_t m = 0; m < rows; ++m) {
        const size_t at = static_cast<size_t>(row[m] + runs[i].first) + done;
        singles = hn::Add(singles, hn::LoadU(d, flags + at));
        pairs = hn::Add(pairs, hn::LoadU(d, both + at));
      }
      // What is written behind the run is the next one's.
      const auto store = [&](auto bytes, uint32_t* to) HWY_ATTR {
        hn::Store(bytes, d, sums);
        for (uint32_t j = 0; j < some; j += static_cast<uint32_t>(hn::Lanes(du))) {
          hn::StoreU(hn::PromoteTo(du, hn::Load(part, sums + j)), du, to + j);
        }
      };
      store(singles, counts->single + step);
      store(pairs, counts->both + step);
      step += some;
    }
  }
}

/// to[i] += from[i], and from[i] = 0; both have room for a vector.
void flush_counts(uint8_t* from, uint32_t count, uint32_t* to) {
  const hn::ScalableTag<uint32_t> du;
  const hn::Rebind<uint8_t, decltype(du)> d8;
  for (uint32_t i = 0; i < count; i += static_cast<uint32_t>(hn::Lanes(du))) {
    hn::StoreU(hn::Add(hn::LoadU(du, to + i), hn::PromoteTo(du, hn::LoadU(d8, from + i))), du, to + i);
    hn::StoreU(hn::Zero(d8), d8, from + i);
  }
}

/// Sums of flags, and of a flag with the one of the same place in `others`. Zeros follow, for a vector.
void sum_flags(const uint8_t* flags, const uint8_t* others, uint32_t count, uint32_t& single, uint32_t& both) {
  single = both = 0;
#if HWY_TARGET == HWY_SCALAR
  for (uint32_t i = 0; i < count; ++i) {
    single += flags[i];
    both += flags[i] & others[i];
  }
#else
  const hn::ScalableTag<uint8_t> d;
  const hn::ScalableTag<uint64_t> du;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  auto ones = hn::Zero(du), pairs = hn::Zero(du);
  for (uint32_t i = 0; i < count; i += lanes) {
    const auto here = hn::LoadU(d, flags + i);
    ones = hn::Add(ones, hn::SumsOf8(here));
    pairs = hn::Add(pairs, hn::SumsOf8(hn::And(here, hn::LoadU(d, others + i))));
  }
  single = static_cast<uint32_t>(hn::GetLane(hn::SumOfLanes(du, ones)));
  both = static_cast<uint32_t>(hn::GetLane(hn::SumOfLanes(du, pairs)));
#endif
}

uint32_t length_of_run(const ptrdiff_t* places, uint32_t count) {
  return npu::HWY_NAMESPACE::run_length(places, count);
}

/// Sums of products of counts: of all steps of a.single and b.single, and of the first of two steps of the others.
void multiply_counts(const SideCounts& a, const SideCounts& b, uint32_t steps, uint64_t* products,
                     uint64_t* collisions) {
  uint32_t r = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<uint32_t> du;
  const hn::Repartition<uint64_t, decltype(du)> dw;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  const auto odd = [&](auto v) HWY_ATTR { return hn::BitCast(du, hn::ShiftRight<32>(hn::BitCast(dw, v))); };
  auto singles = hn::Zero(dw), both = singles;
  // With a step behind the last one: it has no partner.
  for (; r + lanes < steps; r += lanes) {
    const auto x = hn::LoadU(du, a.single + r), y = hn::LoadU(du, b.single + r);
    singles = hn::Add(singles, hn::Add(hn::MulEven(x, y), hn::MulEven(odd(x), odd(y))));
    both = hn::Add(both, hn::MulEven(hn::LoadU(du, a.both + r), hn::LoadU(du, b.both + r)));
  }
  *products += hn::GetLane(hn::SumOfLanes(dw, singles));
  *collisions += hn::GetLane(hn::SumOfLanes(dw, both));
#endif
  for (; r < steps; ++r) {
    *products += uint64_t{a.single[r]} * b.single[r];
    if (r % 2 == 0 && r + 1 < steps) *collisions += uint64_t{a.both[r]} * b.both[r];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::daa
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::daa {

HWY_EXPORT(flag_runs);
HWY_EXPORT(add_flags);
HWY_EXPORT(count_steps);
HWY_EXPORT(count_rows);
HWY_EXPORT(count_windows);
HWY_EXPORT(flush_counts);
HWY_EXPORT(sum_flags);
HWY_EXPORT(length_of_run);
HWY_EXPORT(multiply_counts);

namespace {

enum Slot : unsigned {
  kSlotFlags = 0,
  kSlotPlaces = 1,
  kSlotSingleA = 8,
  kSlotBothA,
  kSlotSingleB,
  kSlotBothB,
  kSlotRuns
};

/// One side of the GEMM: rows of A or columns of B, each with the same steps.
struct Side {
  const float* values;
  const ptrdiff_t *row, *step;
  uint32_t rows, steps;
  uint32_t step_run;  ///< steps with the same r / step_run lie next to each other; 0: not known
};

/// Cuts places into runs, of `known` places where that is not 0; `runs` has room for as many.
uint32_t cut_runs(const ptrdiff_t* places, uint32_t count, uint32_t known, Run* runs) {
  uint32_t used = 0;
  for (uint32_t i = 0; i < count; ++used) {
    const ptrdiff_t first = places[i];
    const bool alone = i + 1 == count || places[i + 1] != first + 1;
    const uint32_t length = known != 0 ? std::min(known, count - i)
                            : alone    ? 1
                                       : HWY_DYNAMIC_DISPATCH(length_of_run)(places + i, count - i);
    runs[used] = {first, length};
    i += length;
  }
  return used;
}

/// count_windows() where several rows read each element and no pair begins in one run and ends in another. False, and
/// nothing done, elsewhere.
bool count_shared(const Side& side, Run* runs, uint32_t cut, const SideCounts& counts, Workspace& workspace) {
  constexpr size_t kLeastReads = 4;
  constexpr uint32_t kMostRows = 255;
  if (side.step_run == 0 || side.step_run % 2 != 0 || side.steps % side.step_run != 0) return false;
  if (side.rows < kLeastReads || side.rows > kMostRows) return false;
  const auto [low, high] = std::minmax_element(side.row, side.row + side.rows);
  ptrdiff_t first = runs[0].first, last = first;
  for (uint32_t i = 0; i < cut; ++i) {
    first = std::min(first, runs[i].first);
    last = std::max(last, runs[i].first + runs[i].count - 1);
  }
  const auto count = static_cast<size_t>(*high - *low + last - first) + 1;
  if (count * kLeastReads > size_t{side.rows} * side.steps || count < kSlack) return false;
  for (uint32_t i = 0; i < cut; ++i) runs[i].first -= first + *low;
  uint8_t* const flags = workspace.array<uint8_t>(kSlotFlags, 2 * (count + 2 * kSlack));
  HWY_DYNAMIC_DISPATCH(count_windows)
  (side.values + first + *low, count, side.row, side.rows, runs, cut, flags, &counts);
  return true;
}

SideCounts count_side(const Side& side, unsigned slot, Workspace& workspace) {
  const SideCounts counts{workspace.array<uint32_t>(slot, side.steps + kSlack),
                          workspace.array<uint32_t>(slot + 1, side.steps + kSlack)};
  std::fill_n(counts.single, side.steps + kSlack, 0u);
  std::fill_n(counts.both, side.steps + kSlack, 0u);
  // Along whichever goes through memory in longer runs.
  Run* const step_runs = workspace.array<Run>(kSlotRuns, size_t{side.steps} + side.rows);
  Run* const row_runs = step_runs + side.steps;
  const uint32_t steps_cut = cut_runs(side.step, side.steps, side.step_run, step_runs);
  const uint32_t rows_cut = cut_runs(side.row, side.rows, 0, row_runs);
  if (uint64_t{steps_cut} * side.rows <= uint64_t{rows_cut} * side.steps) {
    if (count_shared(side, step_runs, steps_cut, counts, workspace)) return counts;
    const auto count = HWY_DYNAMIC_DISPATCH(count_steps);
    if (count(side.values, side.row, side.rows, step_runs, steps_cut, &counts)) return counts;
    constexpr uint32_t kMostRows = 255;  // that counts in bytes hold
    uint8_t* const flags = workspace.array<uint8_t>(kSlotFlags, 3 * (side.steps + kSlack));
    uint8_t *const single = flags + side.steps + kSlack, *const both = single + side.steps + kSlack;
    std::fill_n(flags, 3 * (side.steps + kSlack), uint8_t{0});
    for (uint32_t m = 0; m < side.rows; ++m) {
      HWY_DYNAMIC_DISPATCH(flag_runs)(side.values + side.row[m], step_runs, steps_cut, flags);
      HWY_DYNAMIC_DISPATCH(add_flags)(flags, side.steps, single, both);
      if (m % kMostRows != kMostRows - 1 && m + 1 < side.rows) continue;
      HWY_DYNAMIC_DISPATCH(flush_counts)(single, side.steps, counts.single);
      HWY_DYNAMIC_DISPATCH(flush_counts)(both, side.steps, counts.both);
    }
    return counts;
  }
  const auto count = HWY_DYNAMIC_DISPATCH(count_rows);
  if (count(side.values, side.step, side.steps, row_runs, rows_cut, &counts)) return counts;
  uint8_t* flags[2] = {workspace.array<uint8_t>(kSlotFlags, (side.rows + kSlack) * 2), nullptr};
  flags[1] = flags[0] + side.rows + kSlack;
  std::fill_n(flags[0], (side.rows + kSlack) * 2, uint8_t{0});
  for (uint32_t r = 0; r < side.steps; ++r) {
    HWY_DYNAMIC_DISPATCH(flag_runs)(side.values + side.step[r], row_runs, rows_cut, flags[r % 2]);
    uint32_t both = 0;
    HWY_DYNAMIC_DISPATCH(sum_flags)(flags[r % 2], flags[1 - r % 2], side.rows, counts.single[r], both);
    if (r > 0) counts.both[r - 1] = both;
  }
  return counts;
}

}  // namespace

PairCounts count_pairs(const StridedGemm& p, Workspace& workspace) {
  PairCounts counts;
  if (p.rows == 0 || p.columns == 0 || p.steps == 0) return counts;
  ptrdiff_t* columns = workspace.array<ptrdiff_t>(kSlotPlaces, p.columns);
  for (uint32_t n = 0; n < p.columns; ++n) columns[n] = n * p.b_column;
  const SideCounts a = count_side({p.a, p.a_row, p.a_step, p.rows, p.steps, p.a_run}, kSlotSingleA, workspace);
  const SideCounts b = count_side({p.b, columns, p.b_step, p.columns, p.steps, p.b_run}, kSlotSingleB, workspace);
  HWY_DYNAMIC_DISPATCH(multiply_counts)(a, b, p.steps, &counts.products, &counts.collisions);
  return counts;
}

}  // namespace backboard::npu::daa
#endif
