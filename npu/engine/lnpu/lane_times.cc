#define HWY_WANT_AVX3_DL  // counting bits of words
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/lnpu/lane_times.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include "npu/engine/lnpu/lane_times.h"
#include "npu/engine/lnpu/rounds-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// What is counted of a window: all inputs; those at the FP16 rate; both, of the inputs that meet a non-zero.
enum class Counted { kInputs, kHighRate, kMeeting };

/// kOneWord: windows have no more.
template <Counted kCounted, bool kOneActivation, bool kOneWord>
void add_words_times(const WindowBits& p, uint64_t* times, uint64_t* busy) {
  const hn::CappedTag<uint64_t, kWindowMultiple> du;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  const uint32_t words = kOneWord ? 1 : p.words;
  const Rounds rounds(*p.config);
  auto all = hn::Zero(du);
  for (uint32_t strip = 0; strip < p.strips; ++strip) {
    for (uint32_t lane = 0; lane < p.lanes; ++lane) {
      auto time = hn::Zero(du);
      for (uint32_t outer = p.strip_begin[strip]; outer < p.strip_begin[strip + 1]; ++outer) {
        const size_t first = size_t{outer} * words * p.inner;
        const size_t window = kOneActivation ? size_t{outer - p.strip_begin[strip]} * words : 0;
        const auto activation = [&](const uint64_t* from, uint32_t word, uint32_t i) HWY_ATTR {
          return kOneActivation ? hn::Set(du, from[window + word]) : hn::Load(du, from + word * p.inner + i);
        };
        for (uint32_t i = p.lane_begin[lane]; i < p.lane_begin[lane + 1]; i += lanes) {
          auto inputs = hn::Zero(du), slow = hn::Zero(du);
          for (uint32_t word = 0; word < words; ++word) {
            const size_t at = first + word * p.inner + i;
            const auto error = hn::Load(du, p.error_nonzero + at);
            if constexpr (kCounted == Counted::kInputs) {
              inputs = hn::Add(inputs, hn::PopulationCount(error));
            } else if constexpr (kCounted == Counted::kHighRate) {
              const auto met = hn::And(error, activation(p.high, word, i));
              slow = hn::Add(slow, hn::PopulationCount(hn::Or(met, hn::Load(du, p.error_high + at))));
            } else {
              const auto issued = hn::And(error, activation(p.nonzero, word, i));
              const auto high = hn::Or(activation(p.high, word, i), hn::Load(du, p.error_high + at));
              inputs = hn::Add(inputs, hn::PopulationCount(issued));
              slow = hn::Add(slow, hn::PopulationCount(hn::And(issued, high)));
            }
          }
          if constexpr (kCounted != Counted::kHighRate) {
            time = hn::Add(time, rounds.of_words(inputs));
            all = hn::Add(all, inputs);
          }
          if constexpr (kCounted != Counted::kInputs) {
            time = hn::Add(time, rounds.of_words(slow));
            all = hn::Add(all, slow);
          }
        }
      }
      times[strip * p.lanes + lane] += hn::GetLane(hn::SumOfLanes(du, time));
    }
  }
  *busy += hn::GetLane(hn::SumOfLanes(du, all));
}

template <Counted kCounted, bool kOneActivation>
void add_times(const WindowBits& p, uint64_t* times, uint64_t* busy) {
  if (p.words == 1) return add_words_times<kCounted, kOneActivation, true>(p, times, busy);
  add_words_times<kCounted, kOneActivation, false>(p, times, busy);
}

void add_input_times_vector(const WindowBits& p, uint64_t* times, uint64_t* busy) {
  add_times<Counted::kInputs, false>(p, times, busy);
}

void add_group_times_vector(const WindowBits& p, uint64_t* times, uint64_t* busy) {
  const bool both = p.config->skip == Skip::kBoth;
  if (p.one_activation) {
    if (both) return add_times<Counted::kMeeting, true>(p, times, busy);
    return add_times<Counted::kHighRate, true>(p, times, busy);
  }
  if (both) return add_times<Counted::kMeeting, false>(p, times, busy);
  return add_times<Counted::kHighRate, false>(p, times, busy);
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::lnpu {

HWY_EXPORT(add_input_times_vector);
HWY_EXPORT(add_group_times_vector);

void add_input_times(const WindowBits& bits, uint64_t* times, uint64_t* busy) {
  if (bits.config->skip == Skip::kBoth) return;
  HWY_DYNAMIC_DISPATCH(add_input_times_vector)(bits, times, busy);
}

void add_group_times(const WindowBits& bits, uint64_t* times, uint64_t* busy) {
  HWY_DYNAMIC_DISPATCH(add_group_times_vector)(bits, times, busy);
}

}  // namespace backboard::npu::lnpu
#endif
