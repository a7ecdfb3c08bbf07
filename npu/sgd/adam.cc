#include "npu/sgd/adam.h"

#include <cmath>

#include "npu/numerics/elementary.h"
#include "npu/vector/canonical.h"
#include "platform/check/check.h"

namespace backboard::npu {

AdamParameters adam_parameters(const npu_hyper& hyper, const npu_adam& adam) {
  return {hyper.learning_rate, hyper.momentum, hyper.weight_decay, hyper.gradient_scale,
          adam.beta2,          adam.epsilon,   adam.correction1,   adam.correction2};
}

SgdFacts adam_update(const AdamParameters& p, const AdamSpan& span) {
  const size_t count = span.weights.size();
  BB_CHECK(span.first.size() == count && span.second.size() == count && span.gradient.size() == count, "{} elements",
           count);
  const float keep1 = 1.0f - p.beta1, keep2 = 1.0f - p.beta2;
  SgdFacts facts;
  for (size_t i = 0; i < count; ++i) {
    if (!std::isfinite(span.gradient[i])) {
      ++facts.skipped_nonfinite;
      continue;
    }
    const float w = span.weights[i];
    const float g = span.gradient[i] * p.gradient_scale + p.weight_decay * w;
    const float m = p.beta1 * span.first[i] + keep1 * g;
    const float v = p.beta2 * span.second[i] + keep2 * (g * g);
    span.first[i] = canonical(m);
    span.second[i] = canonical(v);
    const float step = (m * p.correction1) / (sqrt_f32(v * p.correction2) + p.epsilon);
    span.weights[i] = canonical(w - p.learning_rate * step);
  }
  facts += adam_operations(count);
  return facts;
}

SgdFacts adam_operations(uint64_t elements) {
  // Those of the formula, element by element; the complements of the betas are made once.
  SgdFacts facts;
  facts.elements = facts.adam_elements = elements;
  facts.multiplies = 10 * elements;
  facts.adds = 5 * elements;
  facts.divisions = facts.roots = elements;
  return facts;
}

}  // namespace backboard::npu
