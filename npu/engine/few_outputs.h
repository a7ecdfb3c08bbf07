// FF of dense FC layers with few outputs, whose sums stay in registers over all steps.
#pragma once

#include <cstdint>

#include "npu/engine/layer_shape.h"
#include "npu/engine/strided_gemm.h"

namespace backboard::npu {

/// acc(n, k) += sum over c of x(n, c) * w(k, c), in the order of c, for an FC layer with is_fully_connected(). Returns
/// how many images it did, from the first on: none where the shape, the arithmetic or the host does not suit it, and no
/// more when a sum comes out as an infinity or NaN, which may be due to zeros that meet one.
uint32_t few_outputs_ff(Arithmetic arithmetic, const ConvTile& tile, const float* x, const float* w, float* acc);

}  // namespace backboard::npu
