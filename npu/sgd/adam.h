// Adam (Kingma and Ba, ICLR 2015) as an operation of the vector unit; the formula stands in drivers/npu/npu_records.h.
#pragma once

#include <cstdint>
#include <span>

#include "drivers/npu/npu_records.h"

namespace backboard::npu {

struct AdamParameters {
  float learning_rate = 0, beta1 = 0, weight_decay = 0, gradient_scale = 1;
  float beta2 = 0, epsilon = 1e-8f, correction1 = 1, correction2 = 1;
};

AdamParameters adam_parameters(const npu_hyper& hyper, const npu_adam& adam);

/// Elements of one tensor that are updated together; all of one length.
struct AdamSpan {
  std::span<float> weights, first, second;
  std::span<const float> gradient;
};

struct AdamFacts {
  uint64_t operations = 0;         ///< binary32 operations of the elements that were updated
  uint64_t skipped_nonfinite = 0;  ///< gradient Inf or NaN: weight and moments left as they were
};

/// Updates a span in place. An element depends on nothing but its own operands. Stores are canonical.
AdamFacts adam_update(const AdamParameters& parameters, const AdamSpan& span);

}  // namespace backboard::npu
