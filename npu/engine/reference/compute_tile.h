// Arithmetic of the reference engine: binary32 throughout, each product rounded, then each addition rounded.
#pragma once

#include "npu/engine/facts.h"
#include "npu/engine/gemm_tile.h"
#include "npu/engine/layer_shape.h"
#include "npu/engine/reference/cost.h"

namespace backboard::npu::reference {

/// Forward: acc (y strides) += x * w. Multiply, then add: never fma. Operand classes are not read.
void ff_tile(const ConvTile& tile, const Operand& x, const Operand& w, float* acc, Facts& facts, Workspace& workspace);
/// Error: acc (x strides) += dy * w transposed.
void bp_tile(const ConvTile& tile, const Operand& dy, const Operand& w, float* acc, Facts& facts, Workspace& workspace);
/// Weight gradient: acc (w strides) += x * dy over (n, oh, ow).
void wg_tile(const ConvTile& tile, const Operand& x, const Operand& dy, float* acc, Facts& facts, Workspace& workspace);

/// The products and the facts of a tile in any pass, as TileFunctions (npu/engine/tile_functions.h) has them.
void multiply_tile(const ReferenceConfig& config, Pass pass, const ConvTile& tile, const Operand& first,
                   const Operand& second, float* acc, Workspace& workspace);
void count_tile(const ReferenceConfig& config, Pass pass, const ConvTile& tile, const Operand& first,
                const Operand& second, Facts& facts, Workspace& workspace);

namespace scalar {
// The definition: naive loops.
void ff_tile(const ConvTile& tile, const float* x, const float* w, float* acc);
void bp_tile(const ConvTile& tile, const float* dy, const float* w, float* acc);
void wg_tile(const ConvTile& tile, const float* x, const float* dy, float* acc);
}  // namespace scalar

}  // namespace backboard::npu::reference
