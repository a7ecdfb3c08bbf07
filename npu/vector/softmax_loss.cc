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

/// One image: writes its errors, gives its loss.
using ImageLoss = float (*)(const float* x, size_t stride, uint32_t classes, uint32_t label, uint32_t largest,
                            float factor, float* error, size_t error_stride);

float softmax_image(const float* x, size_t stride, uint32_t classes, uint32_t label, uint32_t largest, float factor,
                    float* error, size_t error_stride) {
  const float maximum = x[largest * stride];
  const float label_distance = x[label * stride] - maximum;
  float sum = 0.0f;
  for (uint32_t c = 0; c < classes; ++c) {
    const float exponential = exp_f32(x[c * stride] - maximum);
    sum += exponential;
    error[c * error_stride] = exponential;  // x[c] is not needed again: error may be the same tile
  }
  for (uint32_t c = 0; c < classes; ++c) {
    const float p = error[c * error_stride] / sum;
    error[c * error_stride] = canonical((p - (c == label ? 1.0f : 0.0f)) * factor);
  }
  return log_f32(sum) - label_distance;
}

float squared_image(const float* x, size_t stride, uint32_t classes, uint32_t label, uint32_t, float factor,
                    float* error, size_t error_stride) {
  float sum = 0.0f;
  for (uint32_t c = 0; c < classes; ++c) {
    const float distance = x[c * stride] - (c == label ? 1.0f : 0.0f);
    sum += distance * distance;
    error[c * error_stride] = canonical(distance * factor);
  }
  return sum / static_cast<float>(classes);
}

/// One byte an image, or two, the low one first.
uint32_t label_of(std::span<const uint8_t> labels, const ConstTile& logits, uint32_t image) {
  const size_t i = image - logits.n0;
  return labels.size() == logits.n ? labels[i] : labels[2 * i] | static_cast<uint32_t>(labels[2 * i + 1]) << 8;
}

TileLoss loss_of_tile(const ConstTile& logits, std::span<const uint8_t> labels, const LossParameters& parameters,
                      float factor, ImageLoss image_loss, const Tile& error, LossSums& sums) {
  BB_CHECK(same_box(logits, error) && logits.h == 1 && logits.w == 1 && logits.c0 == 0 && logits.c > 0,
           "a loss wants whole rows of logits");
  BB_CHECK(labels.size() == logits.n || labels.size() == size_t{2} * logits.n, "{} bytes of labels for {} images",
           labels.size(), logits.n);
  BB_CHECK(parameters.valid > 0, "no image counts");
  const uint32_t classes = logits.c;
  const uint32_t end = logits.n0 + logits.n;
  const uint32_t valid_end = std::clamp(parameters.valid, logits.n0, end);
  for (uint32_t image = logits.n0; image < valid_end; ++image)
    if (label_of(labels, logits, image) >= classes) return {{}, image};

  for (uint32_t image = logits.n0; image < valid_end; ++image) {
    const float* x = logits.row(image, 0, 0);
    const uint32_t label = label_of(labels, logits, image);
    const uint32_t largest = first_largest(x, logits.stride_c, classes);
    const float loss =
        image_loss(x, logits.stride_c, classes, label, largest, factor, error.row(image, 0, 0), error.stride_c);
    sums.loss_sum = canonical(sums.loss_sum + loss);
    if (largest == label) ++sums.correct;
  }
  for (uint32_t image = valid_end; image < end; ++image)
    for (uint32_t c = 0; c < classes; ++c) error.row(image, 0, 0)[c * error.stride_c] = 0.0f;
  return {};
}

/// Images of a tile that count.
uint64_t counted(const ConstTile& logits, uint32_t valid) {
  return std::clamp(valid, logits.n0, logits.n0 + logits.n) - logits.n0;
}

}  // namespace

TileLoss softmax_loss(const ConstTile& logits, std::span<const uint8_t> labels, const LossParameters& parameters,
                      const Tile& error, LossSums& sums) {
  const float factor = parameters.loss_scale / static_cast<float>(parameters.valid);
  TileLoss result = loss_of_tile(logits, labels, parameters, factor, softmax_image, error, sums);
  if (result.bad_label) return result;
  const uint64_t images = counted(logits, parameters.valid), values = images * logits.c;
  // A value: minus maximum, into the sum, minus one-hot. An image: label's distance, loss, into the loss sum.
  result.facts = {.adds = 3 * values + 3 * images,
                  .multiplies = values,
                  .compares = values,
                  .divides = values,
                  .exponentials = values,
                  .logarithms = images};
  return result;
}

TileLoss squared_loss(const ConstTile& logits, std::span<const uint8_t> labels, const LossParameters& parameters,
                      const Tile& error, LossSums& sums) {
  const auto terms = static_cast<float>(uint64_t{logits.c} * parameters.valid);
  const float factor = 2.0f * parameters.loss_scale / terms;
  TileLoss result = loss_of_tile(logits, labels, parameters, factor, squared_image, error, sums);
  if (result.bad_label) return result;
  const uint64_t images = counted(logits, parameters.valid), values = images * logits.c;
  result.facts = {.adds = 2 * values + images, .multiplies = 2 * values, .compares = values, .divides = images};
  return result;
}

}  // namespace backboard::npu
