// FC layers: inputs of the windows, at each step.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/lnpu/image_times.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "npu/engine/lnpu/byte_times-inl.h"
#include "npu/engine/lnpu/class_bits-inl.h"
#include "npu/engine/lnpu/count_rows.h"
#include "npu/engine/lnpu/rounds-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Class bytes of an image from channel r on, as 32-bit words; zero beyond the last channel.
template <class D>
HWY_INLINE hn::Vec<D> load_channels(D du, const uint8_t* from, uint32_t count) {
  const hn::Rebind<uint8_t, D> d8;
  if (count >= hn::Lanes(du)) return hn::PromoteTo(du, hn::LoadU(d8, from));
  HWY_ALIGN uint8_t rest[HWY_MAX_BYTES] = {};
  std::memcpy(rest, from, count);
  return hn::PromoteTo(du, hn::LoadU(d8, rest));
}

void time_images_vector(const CountRows& p) {
  const hn::ScalableTag<uint32_t> du;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  const Rounds rounds(*p.config);
  const auto one = hn::Set(du, 1u);
  std::memset(p.low_time, 0, (size_t{p.bins} * p.steps + lanes) * sizeof(uint32_t));
  std::memset(p.extra_time, 0, (size_t{p.bins} * p.steps + lanes) * sizeof(uint32_t));
  std::memset(p.total_time, 0, (p.steps + lanes) * sizeof(uint32_t));
  std::memset(p.total_extra, 0, (p.steps + lanes) * sizeof(uint32_t));
  const auto add = [du](uint32_t* to, auto value) HWY_ATTR { hn::StoreU(hn::Add(hn::LoadU(du, to), value), du, to); };
  for (uint32_t w = 0; w < p.window_count; ++w) {
    const CountWindow& window = p.windows[w];
    const size_t at = size_t{window.bin} * p.steps;
    // What lies behind the last step gets zeros added.
    for (uint32_t r = 0; r < p.steps; r += lanes) {
      auto n = hn::Zero(du), high = n;
      for (uint32_t image = window.first; image < window.last; ++image) {
        const auto c = load_channels(du, p.input + image * p.input_stride_n + r, p.steps - r);
        const auto wide = hn::ShiftRight<1>(c);
        high = hn::Add(high, wide);
        n = hn::Add(n, hn::And(hn::Or(c, wide), one));
      }
      add(p.total_time + r, hn::Add(n, high));
      add(p.total_extra + r, hn::Sub(n, high));
      if (p.chunk > 1) {
        add(p.low_time + at + r, n);
        add(p.extra_time + at + r, high);
      } else {
        const auto rounds_n = rounds(n), rounds_high = rounds(high);
        add(p.low_time + at + r, hn::Add(rounds_n, rounds_high));
        add(p.extra_time + at + r, hn::Sub(rounds_n, rounds_high));
      }
    }
  }
}

using Bytes = hn::ScalableTag<uint8_t>;
using BytesVec = hn::Vec<Bytes>;

/// Inputs of a window at a vector of steps: non-zero, and high.
struct WindowCounts {
  BytesVec nonzero, high;
};

HWY_INLINE WindowCounts count_window(const CountRows& p, const CountWindow& window, uint32_t r, uint32_t count) {
  const Bytes d8;
  const auto two = hn::Set(d8, uint8_t{2});
  const uint8_t* from = p.input + window.first * p.input_stride_n + r;
  const uint8_t* const end = p.input + (p.n - 1) * p.input_stride_n + p.steps;
  // Low inputs count one, high ones two.
  auto sum = hn::Zero(d8), twice_high = hn::Zero(d8);
  for (uint32_t image = window.first; image < window.last; ++image, from += p.input_stride_n) {
    const auto c = load_line(d8, from, count, static_cast<size_t>(end - from));
    sum = hn::Add(sum, c);
    twice_high = hn::Add(twice_high, hn::And(c, two));
  }
  const auto high = halve(d8, twice_high);
  return {hn::Sub(sum, high), high};
}

/// Writes counts in bytes as words.
HWY_INLINE void store_words(BytesVec bytes, uint32_t* to) {
  const Bytes d8;
  const hn::CappedTag<uint32_t, hn::MaxLanes(d8)> du;
  const hn::Rebind<uint8_t, decltype(du)> part;
  HWY_ALIGN uint8_t all[HWY_MAX_BYTES];
  hn::Store(bytes, d8, all);
  for (size_t i = 0; i < hn::Lanes(d8); i += hn::Lanes(du)) {
    hn::StoreU(hn::PromoteTo(du, hn::Load(part, all + i)), du, to + i);
  }
}

void time_few_images_vector(const CountRows& p) {
  const Bytes d8;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d8));
  const ByteRounds rounds(*p.config);
  const ByteTimes& to = *p.byte_times;
  const size_t totals = size_t{p.bins} * to.pitch;
  for (uint32_t r = 0; r < p.steps; r += lanes) {
    const uint32_t count = std::min(lanes, p.steps - r);
    auto total_time = hn::Zero(d8), total_extra = total_time;
    uint32_t w = 0;
    for (uint32_t bin = 0; bin < p.bins; ++bin) {
      auto time = hn::Zero(d8), extra = time;
      for (; w < p.window_count && p.windows[w].bin == bin; ++w) {
        const WindowCounts counts = count_window(p, p.windows[w], r, count);
        total_time = hn::Add(total_time, hn::Add(counts.nonzero, counts.high));
        total_extra = hn::Add(total_extra, hn::Sub(counts.nonzero, counts.high));
        if (p.chunk > 1) {
          // Windows span steps: keep the counts, they are dealt later.
          time = hn::Add(time, counts.nonzero);
          extra = hn::Add(extra, counts.high);
        } else {
          const auto all = rounds(d8, counts.nonzero), high = rounds(d8, counts.high);
          time = hn::Add(time, hn::Add(all, high));
          extra = hn::Add(extra, hn::Sub(all, high));
        }
      }
      hn::Store(time, d8, to.time + bin * to.pitch + r);
      hn::Store(extra, d8, to.extra + bin * to.pitch + r);
    }
    hn::Store(total_time, d8, to.time + totals + r);
    hn::Store(total_extra, d8, to.extra + totals + r);
    store_words(total_time, p.total_time + r);
    store_words(total_extra, p.total_extra + r);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::lnpu {

HWY_EXPORT(time_images_vector);
HWY_EXPORT(time_few_images_vector);

void time_images(const CountRows& problem) {
  if (problem.byte_times != nullptr) {
    HWY_DYNAMIC_DISPATCH(time_few_images_vector)(problem);
  } else {
    HWY_DYNAMIC_DISPATCH(time_images_vector)(problem);
  }
}

}  // namespace backboard::npu::lnpu
#endif
