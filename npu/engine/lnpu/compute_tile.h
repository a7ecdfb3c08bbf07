// Arithmetic of the lnpu engine: FP8 and FP16 products, exact in binary32, added in the written order.
//
// Operands are values of FP8 (1-5-2), E4M3, FP16 or FP16A held as binary32, so every product is exact: at most 22
// significant bits and an exponent from -78 to 64. fma(x, w, sum) therefore equals sum + x * w rounded once, and the
// kernels use whichever the host has. A product with a zero operand contributes nothing, also against Inf and NaN:
// tiles with non-finite operands go through a masked path. Accumulators never are -0: they start at +0 or at a stored
// value (stores make -0 +0), x + (-x) is +0, and exact non-zero products cannot round to zero.
#pragma once

#include "npu/engine/facts.h"
#include "npu/engine/gemm_tile.h"
#include "npu/engine/layer_shape.h"
#include "npu/engine/lnpu/config.h"
#include "npu/engine/strided_gemm.h"

namespace backboard::npu::lnpu {

/// Forward: acc (y strides) += x * w. Adds what happened to `facts`. Classes are required.
void ff_tile(const LnpuConfig& config, const ConvTile& tile, const Operand& x, const Operand& w, float* acc,
             Facts& facts, Workspace& workspace);
/// Error: acc (x strides) += dy * w transposed.
void bp_tile(const LnpuConfig& config, const ConvTile& tile, const Operand& dy, const Operand& w, float* acc,
             Facts& facts, Workspace& workspace);
/// Weight gradient: acc (w strides) += x * dy over (n, oh, ow).
void wg_tile(const LnpuConfig& config, const ConvTile& tile, const Operand& x, const Operand& dy, float* acc,
             Facts& facts, Workspace& workspace);

/// The sum that a config asks for.
Arithmetic arithmetic_of(Accumulator accumulator);

/// The products and the facts of a tile in any pass, as TileFunctions (npu/engine/tile_functions.h) has them.
void multiply_tile(const LnpuConfig& config, Pass pass, const ConvTile& tile, const Operand& first,
                   const Operand& second, float* acc, Workspace& workspace);
void count_tile(const LnpuConfig& config, Pass pass, const ConvTile& tile, const Operand& first, const Operand& second,
                Facts& facts, Workspace& workspace);

namespace scalar {
// The definition of the values: naive loops. No facts.
void ff_tile(Accumulator accumulator, const ConvTile& tile, const float* x, const float* w, float* acc);
void bp_tile(Accumulator accumulator, const ConvTile& tile, const float* dy, const float* w, float* acc);
void wg_tile(Accumulator accumulator, const ConvTile& tile, const float* x, const float* dy, float* acc);
}  // namespace scalar

}  // namespace backboard::npu::lnpu
