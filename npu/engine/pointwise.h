// 1x1 convolutions without padding: their taps read every stride-th position and no other, so the positions are put
// side by side first and the rest is a plain GEMM over whole planes.
#pragma once

#include "npu/engine/gemm_tile.h"
#include "npu/engine/padded_image.h"
#include "npu/engine/strided_gemm.h"

namespace backboard::npu {

/// Whether the tile is one, with planes that fill vectors.
bool is_pointwise(const ConvTile& tile);

/// FF and BP as conv_gemm() has them. False, and nothing done, when an operand is not finite. Use
/// workspace slots 2 to 9.
bool pointwise_ff(Arithmetic arithmetic, const ConvTile& tile, const float* x, const float* w, float* acc,
                  Workspace& workspace);
bool pointwise_bp(Arithmetic arithmetic, const ConvTile& tile, const float* dy, const float* w, float* acc,
                  Workspace& workspace);

/// The positions of x that the tile's outputs read, side by side (workspace slot 2), and the tile that has them as its
/// input: for WG, at strides above one.
Padded pointwise_input(const ConvTile& tile, const float* x, ConvTile& dense, Workspace& workspace);

}  // namespace backboard::npu
