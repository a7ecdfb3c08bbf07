#define HWY_WANT_AVX3_DL  // counting bits of words
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/lnpu/image_groups.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include "npu/engine/lnpu/image_groups.h"
#include "npu/engine/lnpu/lane_sum-inl.h"
#include "npu/engine/lnpu/rounds-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Words = hn::CappedTag<uint64_t, ImageCounts::kMultiple>;

void sum_images_vector(const ImageCounts& activations, const ImageCounts& errors, uint32_t images, ImageSums* sums) {
  const Words d;
  auto en = hn::Zero(d), eh = en, an = en, ah = en, enan = en, enah = en, ehan = en, ehah = en;
  for (uint32_t i = 0; i < images; i += static_cast<uint32_t>(hn::Lanes(d))) {
    const auto error = hn::Load(d, errors.nonzero + i), wide = hn::Load(d, errors.high + i);
    const auto activation = hn::Load(d, activations.nonzero + i), high = hn::Load(d, activations.high + i);
    en = hn::Add(en, error);
    eh = hn::Add(eh, wide);
    an = hn::Add(an, activation);
    ah = hn::Add(ah, high);
    enan = hn::Add(enan, multiply_halves(error, activation));
    enah = hn::Add(enah, multiply_halves(error, high));
    ehan = hn::Add(ehan, multiply_halves(wide, activation));
    ehah = hn::Add(ehah, multiply_halves(wide, high));
  }
  const auto total = [d](auto parts) HWY_ATTR { return lane_sum(d, parts); };
  *sums = {total(en), total(eh), total(an), total(ah), total(enan), total(enah), total(ehan), total(ehah)};
}

template <bool kBoth>
void time_groups_of(const GroupWindows& p, uint64_t* times, uint64_t* busy) {
  const Words d;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  const Rounds rounds(*p.config);
  for (uint32_t g = 0; g < p.groups; g += lanes) {
    auto all = hn::Zero(d);
    size_t at = 0;
    for (uint32_t strip = 0; strip < p.strips; ++strip) {
      auto time = hn::Zero(d);
      for (uint32_t window = 0; window < p.windows; ++window) {
        const auto high = hn::Load(d, p.high + size_t{window} * p.pitch + g);
        const auto nonzero = kBoth ? hn::Load(d, p.nonzero + size_t{window} * p.pitch + g) : high;
        for (uint32_t block = 0; block < p.blocks; ++block, ++at) {
          const auto error = hn::Set(d, p.error_nonzero[at]), wide = hn::Set(d, p.error_high[at]);
          const auto issued = kBoth ? hn::And(error, nonzero) : error;
          const auto slow = hn::PopulationCount(hn::And(issued, hn::Or(high, wide)));
          const auto inputs = hn::PopulationCount(issued);
          time = hn::Add(time, hn::Add(rounds.of_words(inputs), rounds.of_words(slow)));
          all = hn::Add(all, hn::Add(inputs, slow));
        }
      }
      hn::Store(time, d, times + size_t{strip} * p.pitch + g);
    }
    *busy += lane_sum(d, hn::IfThenElseZero(hn::FirstN(d, p.groups - g), all));
  }
}

void time_image_groups_vector(const GroupWindows& p, uint64_t* times, uint64_t* busy) {
  if (p.config->skip == Skip::kBoth) return time_groups_of<true>(p, times, busy);
  time_groups_of<false>(p, times, busy);
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::lnpu {

HWY_EXPORT(sum_images_vector);
HWY_EXPORT(time_image_groups_vector);

ImageSums sum_images(const ImageCounts& activations, const ImageCounts& errors, uint32_t images) {
  ImageSums sums;
  HWY_DYNAMIC_DISPATCH(sum_images_vector)(activations, errors, images, &sums);
  return sums;
}

void time_image_groups(const GroupWindows& windows, uint64_t* times, uint64_t* busy) {
  HWY_DYNAMIC_DISPATCH(time_image_groups_vector)(windows, times, busy);
}

}  // namespace backboard::npu::lnpu
#endif
