// Adam (Kingma and Ba, ICLR 2015) as an operation of the SGD unit; the formula stands in drivers/npu/npu_records.h.
#pragma once

#include <cstdint>
#include <span>

#include "drivers/npu/npu_records.h"
#include "npu/sgd/sgd_unit.h"

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

/// Updates a span in place. An element depends on nothing but its own operands; one whose gradient is Inf or NaN is
/// left as it is. Stores are canonical.
SgdFacts adam_update(const AdamParameters& parameters, const AdamSpan& span);

/// The operations of updating `elements` weights (sgd_operations).
SgdFacts adam_operations(uint64_t elements);

}  // namespace backboard::npu
