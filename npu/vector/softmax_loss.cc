#include "npu/vector/softmax_loss.h"

#include <algorithm>

#include "npu/numerics/elementary.h"
#include "npu/vector/canonical.h"
#include "platform/check/check.h"

namespace backboard::npu {
namespace {

/// First index of the largest of `count` values at distance `stride`; the first NaN, if any, counts as the largest.
uint32_t first_largest(const float* x, size_t stride, uint32_t count) {
  uint32_t place = 0;
  for (uint32_t c = 1; c < count; ++c) {
    const float best = x[place * stride];
    if (best != best) break;
    if (!(x[c * stride] <= best)) place = c;
  }
  return place;
}

}  // namespace

TileLoss softmax_loss(const ConstTile& logits, std::span<const uint8_t> labels, const LossParameters& parameters,
                      const Tile& error, LossSums& sums) {
  BB_CHECK(same_box(logits, error) && logits.h == 1 && logits.w == 1 && logits.c0 == 0 && logits.c > 0,
           "a loss wants whole rows of logits");
  BB_CHECK(labels.size() == logits.n, "{} labels for {} images", labels.size(), logits.n);
  BB_CHECK(parameters.valid > 0, "no image counts");
  const uint32_t classes = logits.c;
  const uint32_t end = logits.n0 + logits.n;
  const uint32_t valid_end = std::clamp(parameters.valid, logits.n0, end);
  for (uint32_t image = logits.n0; image < valid_end; ++image)
    if (labels[image - logits.n0] >= classes) return {{}, image};

  const float factor = parameters.loss_scale / static_cast<float>(parameters.valid);
  for (uint32_t image = logits.n0; image < valid_end; ++image) {
    const float* x = logits.row(image, 0, 0);
    float* out = error.row(image, 0, 0);
    const uint32_t label = labels[image - logits.n0];
    const uint32_t largest = first_largest(x, logits.stride_c, classes);
    const float maximum = x[largest * logits.stride_c];
    const float label_distance = x[label * logits.stride_c] - maximum;
    float sum = 0.0f;
    for (uint32_t c = 0; c < classes; ++c) {
      const float exponential = exp_f32(x[c * logits.stride_c] - maximum);
      sum += exponential;
      out[c * error.stride_c] = exponential;  // x[c] is not needed again: error may be the same tile
    }
    for (uint32_t c = 0; c < classes; ++c) {
      const float p = out[c * error.stride_c] / sum;
      out[c * error.stride_c] = canonical((p - (c == label ? 1.0f : 0.0f)) * factor);
    }
    sums.loss_sum = canonical(sums.loss_sum + (log_f32(sum) - label_distance));
    if (largest == label) ++sums.correct;
  }
  for (uint32_t image = valid_end; image < end; ++image)
    for (uint32_t c = 0; c < classes; ++c) error.row(image, 0, 0)[c * error.stride_c] = 0.0f;

  const uint64_t images = valid_end - logits.n0;
  const uint64_t values = images * classes;
  // A value: minus maximum, into the sum, minus one-hot. An image: label's distance, loss, into the loss sum.
  return {{.adds = 3 * values + 3 * images,
           .multiplies = values,
           .compares = values,
           .divides = values,
           .exponentials = values,
           .logarithms = images},
          std::nullopt};
}

}  // namespace backboard::npu
