// Times of few images in bytes: sums over steps and over windows that span steps. Compiled once per Highway target.
#if defined(BACKBOARD_NPU_ENGINE_LNPU_BYTE_TIMES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_ENGINE_LNPU_BYTE_TIMES_INL_H_
#undef BACKBOARD_NPU_ENGINE_LNPU_BYTE_TIMES_INL_H_
#else
#define BACKBOARD_NPU_ENGINE_LNPU_BYTE_TIMES_INL_H_
#endif

#include <hwy/highway.h>

#include <bit>
#include <cstring>

#include "npu/engine/lnpu/count_rows.h"
#include "npu/engine/lnpu/lane_sum-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Half of even bytes: no bit gets into the neighbour.
template <class D>
HWY_INLINE hn::Vec<D> halve(D d8, hn::Vec<D> even) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Set(d8, static_cast<uint8_t>(hn::GetLane(even) / 2));
#else
  const hn::Repartition<uint16_t, D> d16;
  return hn::BitCast(d8, hn::ShiftRight<1>(hn::BitCast(d16, even)));
#endif
}

/// What Rounds gives, for n up to 255: a lane is at most 64 inputs wide, so the product of
/// (n + lanes - 1) with what the factor is too large stays below 2^16.
class ByteRounds {
 public:
  explicit ByteRounds(const LnpuConfig& config)
      : lanes_(config.ilb_window > 1 ? config.lanes : 1), factor_((65536u + lanes_ - 1) / lanes_) {}
  uint32_t of(uint32_t n) const { return (n + lanes_ - 1) * factor_ >> 16; }
#if HWY_TARGET == HWY_SCALAR
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d8, hn::Vec<D> n) const {
    return hn::Set(d8, static_cast<uint8_t>(of(hn::GetLane(n))));
  }
#else
  /// Of counts in 16 bits.
  template <class V>
  HWY_INLINE V of_pairs(V n) const {
    if (lanes_ == 1) return n;
    const hn::DFromV<V> d16;
    const auto raised = hn::Add(n, hn::Set(d16, static_cast<uint16_t>(lanes_ - 1)));
    return hn::MulHigh(raised, hn::Set(d16, static_cast<uint16_t>(factor_)));
  }
  /// Of bytes.
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d8, hn::Vec<D> n) const {
    if (lanes_ == 1) return n;
    const hn::Repartition<uint16_t, D> d16;
    const auto pairs = hn::BitCast(d16, n);
    const auto even = of_pairs(hn::And(pairs, hn::Set(d16, uint16_t{0xff}))), odd = of_pairs(hn::ShiftRight<8>(pairs));
    return hn::BitCast(d8, hn::Or(even, hn::ShiftLeft<8>(odd)));
  }
#endif

 private:
  uint32_t lanes_, factor_;
};

/// A sum of bytes.
class ByteSum {
 public:
  using D = hn::ScalableTag<uint8_t>;
#if HWY_TARGET == HWY_SCALAR
  HWY_INLINE void add(hn::Vec<D> bytes) {
    sum_ += hn::GetLane(bytes);
  }
  HWY_INLINE uint64_t total() const {
    return sum_;
  }

 private:
  uint64_t sum_ = 0;
#else
  HWY_INLINE ByteSum() : sums_(hn::Zero(Words())) {}
  HWY_INLINE void add(hn::Vec<D> bytes) {
    sums_ = hn::Add(sums_, hn::SumsOf8(bytes));
  }
  HWY_INLINE uint64_t total() const {
    return lane_sum(Words(), sums_);
  }

 private:
  using Words = hn::Repartition<uint64_t, D>;
  hn::Vec<Words> sums_;
#endif
};

/// Where one of a group's operands is high, and (with `skip_both`) where one is not zero.
struct GroupMasks {
  using D = hn::ScalableTag<uint8_t>;
  hn::Mask<D> high, any;
  HWY_INLINE explicit GroupMasks(const uint8_t* either)
      : high(hn::Ne(hn::And(hn::LoadU(D(), either), hn::Set(D(), uint8_t{2})), hn::Zero(D()))),
        any(hn::Ne(hn::LoadU(D(), either), hn::Zero(D()))) {}
};

/// Sum over steps of time[r], with extra[r] where the group has a high operand, and nothing (`skip_both`) where it has
/// none but zeros. Whole vectors are read; times are zero behind the last step, and stay below 256 together.
HWY_INLINE uint64_t sum_byte_steps(const uint8_t* time, const uint8_t* extra, const uint8_t* either, uint32_t steps,
                                   bool skip_both) {
  const hn::ScalableTag<uint8_t> d8;
  ByteSum sum;
  for (uint32_t r = 0; r < steps; r += static_cast<uint32_t>(hn::Lanes(d8))) {
    const GroupMasks group(either + r);
    auto term = hn::Add(hn::Load(d8, time + r), hn::IfThenElseZero(group.high, hn::Load(d8, extra + r)));
    if (skip_both) term = hn::IfThenElseZero(group.any, term);
    sum.add(term);
  }
  return sum.total();
}

#if HWY_TARGET != HWY_SCALAR
/// Sums of bytes in pairs.
template <class D, class V>
HWY_INLINE hn::Vec<D> sum_byte_pairs(D d16, V bytes) {
#if HWY_TARGET <= HWY_AVX3
  (void)d16;
  return hn::Vec<D>{_mm512_maddubs_epi16(bytes.raw, _mm512_set1_epi8(1))};
#elif HWY_TARGET <= HWY_AVX2
  (void)d16;
  return hn::Vec<D>{_mm256_maddubs_epi16(bytes.raw, _mm256_set1_epi8(1))};
#else
  const auto words = hn::BitCast(d16, bytes);
  return hn::Add(hn::And(words, hn::Set(d16, uint16_t{0xff})), hn::ShiftRight<8>(words));
#endif
}
#endif

/// Inputs at a vector of steps, and those of them at the high rate.
struct ChunkInputs {
  hn::Vec<hn::ScalableTag<uint8_t>> all, slow;
  HWY_INLINE ChunkInputs(const uint8_t* inputs, const uint8_t* high, const uint8_t* either, bool skip_both) {
    const hn::ScalableTag<uint8_t> d8;
    const GroupMasks group(either);
    all = hn::Load(d8, inputs);
    slow = hn::IfThenElse(group.high, all, hn::Load(d8, high));
    if (!skip_both) return;
    all = hn::IfThenElseZero(group.any, all);
    slow = hn::IfThenElseZero(group.any, slow);
  }
};

#if HWY_TARGET <= HWY_AVX2
/// sum_byte_chunks() for windows that a vector holds.
HWY_INLINE uint64_t sum_closed_chunks(const CountRows& p, const ByteRounds& rounds, const uint8_t* inputs,
                                      const uint8_t* high, const uint8_t* either) {
  const bool skip_both = p.config->skip == Skip::kBoth;
  const hn::ScalableTag<uint8_t> d8;
  const hn::Repartition<uint16_t, decltype(d8)> d16;
  const hn::Repartition<uint32_t, decltype(d8)> d32;
  const hn::Repartition<uint64_t, decltype(d8)> d64;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d8)), chunk = p.chunk;
  const auto low_half = hn::Set(d32, 0xffffu);
  auto total = hn::Zero(d32);
  // Two rounds in a word.
  const auto add_rounds = [&](auto both) HWY_ATTR {
    const auto dealt = hn::BitCast(d32, rounds.of_pairs(hn::BitCast(d16, both)));
    total = hn::Add(total, hn::Add(hn::And(dealt, low_half), hn::ShiftRight<16>(dealt)));
  };
  for (uint32_t r = 0; r < p.steps; r += lanes) {
    const ChunkInputs at(inputs + r, high + r, either + r, skip_both);
    if (chunk <= 4) {
      const auto all_pairs = hn::BitCast(d32, sum_byte_pairs(d16, at.all));
      const auto slow_pairs = hn::BitCast(d32, sum_byte_pairs(d16, at.slow));
      if (chunk == 2) {
        add_rounds(all_pairs);
        add_rounds(slow_pairs);
        continue;
      }
      const auto all_fours = hn::Add(hn::And(all_pairs, low_half), hn::ShiftRight<16>(all_pairs));
      const auto slow_fours = hn::Add(hn::And(slow_pairs, low_half), hn::ShiftRight<16>(slow_pairs));
      add_rounds(hn::Or(all_fours, hn::ShiftLeft<16>(slow_fours)));
      continue;
    }
    auto words = hn::Or(hn::SumsOf8(at.all), hn::ShiftLeft<32>(hn::SumsOf8(at.slow)));
    // A window of several words: each of these gets the sum of all, and counts as one of them.
    if (chunk >= 16) words = hn::Add(words, hn::Shuffle01(words));
    if (chunk >= 32) words = hn::Add(words, hn::SwapAdjacentBlocks(words));
    if (chunk >= 64) words = hn::Add(words, hn::ReverseBlocks(d64, words));
    add_rounds(words);
  }
  // How often a window is in the total. (Steps in a window are a power of two.)
  const int times_log2 = chunk <= 4 ? 0 : std::countr_zero(chunk) - 3;
  return lane_sum(d32, total) >> times_log2;
}
#endif

/// The same for windows that span `chunk` steps: `inputs` and `high` are counts, whose sums over a window fit in a
/// byte.
HWY_INLINE uint64_t sum_byte_chunks(const CountRows& p, const ByteRounds& rounds, const uint8_t* inputs,
                                    const uint8_t* high, const uint8_t* either) {
  const hn::ScalableTag<uint8_t> d8;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d8));
#if HWY_TARGET <= HWY_AVX2
  if (p.chunk <= lanes) return sum_closed_chunks(p, rounds, inputs, high, either);
#endif
  const bool skip_both = p.config->skip == Skip::kBoth;
  uint64_t sum = 0;
  uint32_t open_inputs = 0, open_slow = 0, open = 0;  // of a window that goes on over words
  const auto add_to_open = [&](uint32_t more_inputs, uint32_t more_slow, uint32_t steps) {
    open_inputs += more_inputs;
    open_slow += more_slow;
    open += steps;
    if (open < p.chunk) return;
    sum += rounds.of(open_inputs) + rounds.of(open_slow);
    open_inputs = open_slow = open = 0;
  };
  for (uint32_t r = 0; r < p.steps; r += lanes) {
    const ChunkInputs at(inputs + r, high + r, either + r, skip_both);
#if HWY_TARGET == HWY_SCALAR
    add_to_open(hn::GetLane(at.all), hn::GetLane(at.slow), 1);
#else
    const hn::Repartition<uint16_t, decltype(d8)> d16;
    const hn::Repartition<uint64_t, decltype(d8)> d64;
    if (p.chunk < 8) {
      // Windows of two or four of the steps that a word has.
      HWY_ALIGN uint16_t pairs[2][HWY_MAX_BYTES / 2];
      hn::Store(sum_byte_pairs(d16, at.all), d16, pairs[0]);
      hn::Store(sum_byte_pairs(d16, at.slow), d16, pairs[1]);
      for (uint32_t i = 0; 2 * i < lanes && r + 2 * i < p.steps; ++i) add_to_open(pairs[0][i], pairs[1][i], 2);
      continue;
    }
    HWY_ALIGN uint64_t all[HWY_MAX_BYTES / 8], slow[HWY_MAX_BYTES / 8];
    hn::Store(hn::SumsOf8(at.all), d64, all);
    hn::Store(hn::SumsOf8(at.slow), d64, slow);
    for (uint32_t i = 0; 8 * i < lanes && r + 8 * i < p.steps; ++i) {
      add_to_open(static_cast<uint32_t>(all[i]), static_cast<uint32_t>(slow[i]), 8);
    }
#endif
  }
  open = p.chunk;
  add_to_open(0, 0, 0);
  return sum;
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
