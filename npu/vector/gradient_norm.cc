#include "npu/vector/gradient_norm.h"

#include <array>
#include <cmath>

#include "npu/vector/canonical.h"
#include "platform/check/check.h"

namespace backboard::npu {

VectorFacts add_norm(const ConstTile& gradient, LossSums& sums) {
  constexpr size_t kLanes = 16;
  BB_CHECK(gradient.image_is_dense(), "a norm wants dense images");
  const size_t count = size_t{gradient.c} * gradient.h * gradient.w;
  for (uint32_t n = 0; n < gradient.n; ++n) {
    const float* values = gradient.data + n * gradient.stride_n;
    std::array<float, kLanes> lanes{};
    for (size_t i = 0; i < count; ++i) {
      const bool finite = std::isfinite(values[i]);
      sums.correct += !finite;
      lanes[i % kLanes] += finite ? values[i] * values[i] : 0.0f;
    }
    float sum = 0.0f;
    for (const float lane : lanes) sum += lane;
    sums.loss_sum = canonical(sums.loss_sum + sum);
  }
  return {.adds = gradient.elements(), .multiplies = gradient.elements(), .compares = gradient.elements()};
}

}  // namespace backboard::npu
