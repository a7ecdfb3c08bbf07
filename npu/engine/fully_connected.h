// FC layers: matrices that are read as they lie, whichever operand is packed.
#pragma once

#include "npu/engine/gemm_tile.h"
#include "npu/engine/strided_gemm.h"

namespace backboard::npu {

/// One position an image, one tap, and channels that lie side by side.
bool is_fully_connected(const ConvTile& tile);

// Passes as conv_gemm() has them.
void fully_connected_ff(Arithmetic arithmetic, const ConvTile& tile, const float* x, const float* w, float* acc,
                        Workspace& workspace);
void fully_connected_bp(Arithmetic arithmetic, const ConvTile& tile, const float* dy, const float* w, float* acc,
                        Workspace& workspace);
void fully_connected_wg(Arithmetic arithmetic, const ConvTile& tile, const float* x, const float* dy, float* acc,
                        Workspace& workspace);

}  // namespace backboard::npu
