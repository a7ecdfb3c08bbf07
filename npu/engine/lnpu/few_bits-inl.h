// FF of FC layers of few images whose windows span eight steps or more: a bit a step, strips of cores in lanes.
// Compiled once per Highway target.
#if defined(BACKBOARD_NPU_ENGINE_LNPU_FEW_BITS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_ENGINE_LNPU_FEW_BITS_INL_H_
#undef BACKBOARD_NPU_ENGINE_LNPU_FEW_BITS_INL_H_
#else
#define BACKBOARD_NPU_ENGINE_LNPU_FEW_BITS_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "npu/engine/lnpu/few_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR

/// Bitmaps of the inputs' rows by bin: row j of bin b at j * pitch + b; zero where there is none.
struct BinBits {
  // (Windows of eight steps and more have at most 31 rows of a bin: most words where bins are fewer than lanes.)
  static constexpr uint32_t kWords = 256;
  alignas(64) uint64_t nonzero[kWords], high[kWords];
  size_t end, pitch;  ///< words; bins, rounded up to whole vectors
};

HWY_INLINE CountVectors lay_bin_bits(const FewImages& p, BinBits& bits) {
  constexpr size_t kLanes = hn::MaxLanes(Words());
  const size_t bins = p.bins, pitch = (bins + kLanes - 1) / kLanes * kLanes, end = p.most * pitch;
  for (size_t i = 0; i < end; i += kLanes) {
    hn::Store(hn::Zero(Words()), Words(), bits.nonzero + i);
    hn::Store(hn::Zero(Words()), Words(), bits.high + i);
  }
  bits.end = end;
  bits.pitch = pitch;
  RowReader read(p.inputs);
  ColumnSums sums;
  const uint8_t* const begin = p.begin;
  for (size_t bin = 0; bin < bins; ++bin) {
    uint64_t* to = bits.nonzero + bin;
    for (uint32_t left = begin[bin + 1] - begin[bin]; left > 0; --left, to += pitch) {
      Row classes;
      read(classes);
      sums.add(classes);
      store_bits(classes, to, to + (bits.high - bits.nonzero));
    }
  }
  return sums.counts();
}

/// Steps at which one of a group's operands is not zero, and high.
struct GroupBits {
  uint64_t any[kMostFew], high[kMostFew];
};

HWY_INLINE CountVectors lay_group_bits(const FewRows& p, uint32_t width, GroupBits& bits) {
  RowReader read(p);
  ColumnSums sums;
  uint64_t* to = bits.any;
  for (uint32_t rows = p.rows; rows > 0; ++to) {
    Row either;
    HWY_UNROLL(4)
    for (uint32_t v = 0; v < kRowVectors; ++v) either[v] = hn::Zero(Bytes());
    const uint32_t together = std::min(width, rows);
    rows -= together;
    for (uint32_t left = together; left > 0; --left) {
      Row classes;
      read(classes);
      sums.add(classes);
      HWY_UNROLL(4)
      for (uint32_t v = 0; v < kRowVectors; ++v) either[v] = hn::Or(either[v], classes[v]);
    }
    store_bits(either, to, to + (bits.high - bits.any));
  }
  return sums.counts();
}

/// Adds the times of all groups to the cores.
template <uint32_t kChunk, bool kBoth>
HWY_INLINE void time_bits(const FewImages& p, const BinBits& inputs, const GroupBits& groups, Facts& facts) {
  const Bytes d8;
  const Words d64;
  constexpr uint32_t kLanes = hn::MaxLanes(Words());
  const ByteRounds rounds(*p.config);
  // Of the inputs in each eight steps of a bin: rounds of its windows, all together.
  const auto dealt = [&](auto bytes) HWY_ATTR {
    if constexpr (kChunk == 8) bytes = rounds(d8, bytes);
    if constexpr (kChunk == 16) bytes = hn::BitCast(d8, rounds.of_pairs(sum_byte_pairs(Halves(), bytes)));
    if constexpr (kChunk == 32) bytes = hn::BitCast(d8, rounds.of_pairs(hn::BitCast(Halves(), sum_byte_fours(bytes))));
    if constexpr (kChunk == 64) bytes = hn::BitCast(d8, rounds.of_pairs(hn::BitCast(Halves(), hn::SumsOf8(bytes))));
    return hn::SumsOf8(bytes);
  };
  const size_t columns = p.grid.columns, pitch = inputs.pitch, group_count = p.groups;
  alignas(64) uint64_t times[kMaxCores * kLanes];  // [column][bin]
  auto worked = hn::Zero(d64), most = worked;
  uint64_t* to = times;
  for (size_t group = 0, column = 0; group < group_count; ++group) {
    const auto group_any = hn::Set(d64, groups.any[group]), group_high = hn::Set(d64, groups.high[group]);
    for (size_t bin = 0; bin < pitch; bin += kLanes, to += kLanes) {
      auto issued = hn::Zero(d8), slow = issued;
      for (size_t at = bin; at < inputs.end; at += pitch) {
        auto nonzero = hn::Load(d64, inputs.nonzero + at), high = hn::Load(d64, inputs.high + at);
        if constexpr (kBoth) {
          nonzero = hn::And(nonzero, group_any);
          high = hn::And(high, group_any);
        }
        issued = hn::Add(issued, hn::PopulationCount(hn::BitCast(d8, nonzero)));
        slow = hn::Add(slow, hn::PopulationCount(hn::BitCast(d8, hn::Or(high, hn::And(nonzero, group_high)))));
      }
      worked = hn::Add(worked, hn::Add(hn::SumsOf8(issued), hn::SumsOf8(slow)));
      auto time = hn::Add(dealt(issued), dealt(slow));
      if (group >= columns) time = hn::Add(time, hn::Load(d64, to));
      hn::Store(time, d64, to);
      most = hn::Max(most, time);
    }
    if (++column == columns) {
      column = 0;
      to = times;
    }
  }
  uint64_t* core = facts.core_half_cycles.data();
  for (size_t column = 0; column < columns; ++column, ++core) {
    const uint64_t *from = times + column * pitch, *const end = from + p.bins;
    for (uint64_t* add = core; from < end; ++from, add += columns) *add += *from;
  }
  facts.busy_half_cycles += lane_sum(d64, worked);
  facts.slowest_half_cycles += hn::GetLane(hn::MaxOfLanes(d64, most));
}

/// Counts of FF with windows of at least eight steps: a strip is a bin.
HWY_INLINE void count_ff_bits(const FewImages& p, PairSums* sums, Facts& facts) {
  BinBits bits;
  GroupBits groups;
  const CountVectors inputs = lay_bin_bits(p, bits);
  const CountVectors others = lay_group_bits(p.others, p.config->multipliers_per_lane, groups);
  sum_steps(inputs, others, sums);
  const auto time = [&](auto chunk) HWY_ATTR {
    if (p.config->skip == Skip::kBoth) return time_bits<chunk(), true>(p, bits, groups, facts);
    time_bits<chunk(), false>(p, bits, groups, facts);
  };
  if (p.chunk == 8) return time(std::integral_constant<uint32_t, 8>());
  if (p.chunk == 16) return time(std::integral_constant<uint32_t, 16>());
  if (p.chunk == 32) return time(std::integral_constant<uint32_t, 32>());
  time(std::integral_constant<uint32_t, 64>());  // or more: all steps
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
