// WG of 3x3 convolutions of one or two input channels, whose gradient fits in registers.
#pragma once

#include "npu/engine/gemm_tile.h"
#include "npu/engine/strided_gemm.h"

namespace backboard::npu {

/// Whether thin_wg() can take a tile: 3x3 taps, stride 1 or 2, no dilation, one or two input channels; binary32 sums.
bool is_thin(Arithmetic arithmetic, const ConvTile& tile);

/// acc (w strides) += dy * x over (n, oh, ow), as conv_gemm() has it; nothing is packed. Returns false, and has changed
/// nothing, when a sum is not finite (a zero may have met an infinity or NaN), or on a vector unit that has too few
/// registers. Uses workspace slots 0 to 3.
bool thin_wg(Arithmetic arithmetic, const ConvTile& tile, const float* x, const Operand& dy, float* acc,
             Workspace& workspace);

}  // namespace backboard::npu
