// Arithmetic of the taxonn engine: fixed-point operands, one product after the other.
//
// Operands are rounded to the layer's formats on their way to the multipliers (FF: x and W, BP: delta and W, WG: x and
// delta); gradients of weights when their sum is complete. Products are exact; sums are binary32 in the written order,
// so they are exact as long as they fit 24 bits of the products' last place.
#pragma once

#include <span>
#include <vector>

#include "npu/engine/facts.h"
#include "npu/engine/gemm_tile.h"
#include "npu/engine/layer_shape.h"
#include "npu/engine/taxonn/config.h"

namespace backboard::npu::taxonn {

/// Formats of the operands of a pass, in the order of TileArithmetic.
const FixedPoint& first_format(const Widths& widths, Pass pass);
const FixedPoint& second_format(const Widths& widths, Pass pass);

/// Adds the products of a tile to `acc`.
void multiply_tile(const TaxonnConfig& config, Pass pass, const ConvTile& tile, const Operand& first,
                   const Operand& second, float* acc, Workspace& workspace);

/// What multiply_tile() of the whole tile means; adds to `facts`.
void count_tile(const TaxonnConfig& config, Pass pass, const ConvTile& tile, Facts& facts);

/// Rounds complete sums of a layer: gradients to their format, nothing else.
void finish_sums(const TaxonnConfig& config, Pass pass, uint32_t layer, std::span<float> sums);

}  // namespace backboard::npu::taxonn
