// A tile of a convolution, in FF, BP or WG, as calls of the strided GEMM. Shared by the engines whose sums are
// sequential in the written order.
#pragma once

#include "npu/engine/gemm_tile.h"
#include "npu/engine/strided_gemm.h"

namespace backboard::npu {

/// acc (y strides) += x * w over (c, kh, kw). Uses workspace slots 0 to 7, as the others do.
void conv_ff(Arithmetic arithmetic, const ConvTile& tile, const float* x, const float* w, float* acc,
             Workspace& workspace);
/// acc (x strides) += dy * w over (k, kh, kw).
void conv_bp(Arithmetic arithmetic, const ConvTile& tile, const float* dy, const float* w, float* acc,
             Workspace& workspace);
/// acc (w strides) += dy * x over (n, oh, ow).
void conv_wg(Arithmetic arithmetic, const ConvTile& tile, const float* x, const float* dy, float* acc,
             Workspace& workspace);

}  // namespace backboard::npu
