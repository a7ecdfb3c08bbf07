// Masters of weights in fixed point.
#pragma once

#include <cstdint>
#include <span>

#include "npu/engine/taxonn/config.h"
#include "npu/sgd/sgd_unit.h"

namespace backboard::npu::taxonn {

/// Rounds updated masters to values of `format`: to nearest, ties to even, or, when `parameters` are stochastic, up in
/// magnitude with the probability of the dropped part, by the upper 24 of random_bits(seed, step, element) (Gupta et
/// al., "Deep learning with limited numerical precision", ICML 2015). Values beyond the format are held at its largest
/// magnitude and counted; NaN gives zero. Elements whose gradient is Inf or NaN stay. The spans have equal size.
/// Returns how many were held.
uint64_t fix_masters(const FixedPoint& format, const SgdParameters& parameters, uint32_t first_element,
                     std::span<const float> gradient, std::span<float> masters);

}  // namespace backboard::npu::taxonn
