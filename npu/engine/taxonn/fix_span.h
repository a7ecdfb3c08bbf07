// Rounding to fixed point.
#pragma once

#include <span>

#include "npu/engine/taxonn/config.h"

namespace backboard::npu::taxonn {

/// out[i] = the value of `format` nearest to in[i], ties to even, held at the largest magnitude with its sign; NaN
/// gives zero, and a zero result is +0. The spans have equal size and may be the same memory. Vectorised; the same
/// bytes on every vector unit.
void fix_span(const FixedPoint& format, std::span<const float> in, std::span<float> out);

}  // namespace backboard::npu::taxonn
