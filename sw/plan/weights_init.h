// How first weights are drawn when no file gives them.
#pragma once

#include "platform/config/fields.h"

namespace backboard {

/// First weights for training from scratch, u uniform in [-1, 1), in binary32.
enum class WeightsInit {
  he,       ///< weight = u * sqrt(6 / fan_in), biases zero (He et al., ICCV 2015, eq. 10, uniform)
  pytorch,  ///< weight and bias = u / sqrt(fan_in), what PyTorch's Conv2d and Linear start from
};

inline const Choices<WeightsInit>& weights_inits() {
  static const Choices<WeightsInit> choices{{"he", WeightsInit::he}, {"pytorch", WeightsInit::pytorch}};
  return choices;
}

inline constexpr const char* kWeightsInitHelp =
    "How first weights are drawn: he: uniform within sqrt(6 / fan_in), biases 0; pytorch: within 1 / sqrt(fan_in), "
    "biases "
    "too";

}  // namespace backboard
