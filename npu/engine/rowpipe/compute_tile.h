// Arithmetic of the rowpipe engine.
//
// Convolutions in FF are made of 4-bit codes: a row of x, all its channels together, has a step of its own, a power of
// two; so has an output channel of the weights. Products are exact; sums are binary32 in the written order, exact as
// long as they fit 24 bits of the smallest product of steps; a complete sum is dequantised to FP16, before bias and
// ReLU. Errors go back in FP16 through the dequantised weights. FC layers (one position, one tap) and weight gradients
// are FP16 products, exact in binary32, summed in binary32 in the written order.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "npu/engine/facts.h"
#include "npu/engine/gemm_tile.h"
#include "npu/engine/layer_shape.h"
#include "npu/engine/rowpipe/config.h"

namespace backboard::npu::rowpipe {

/// Whether a layer runs on the FP16 units alone: it has one position and one tap, as FC layers do.
bool is_float_layer(const ConvTile& tile);

/// Operands as the multipliers take them. Those of all input channels, since a step belongs to all of them; they may be
/// split over output channels later. Uses workspace slots 12 to 14; the result lies there.
std::pair<Operand, Operand> prepare_tile(const RowpipeConfig& config, Pass pass, const ConvTile& tile,
                                         const Operand& first, const Operand& second, Workspace& workspace);

/// Adds the products of a tile of prepared operands to `acc`.
void multiply_tile(Pass pass, const ConvTile& tile, const Operand& first, const Operand& second, float* acc,
                   Workspace& workspace);

/// What the whole tile means for the units; adds to `facts`. Output rows follow each other; row r of x lies in bank r.
void count_tile(const RowpipeConfig& config, Pass pass, const ConvTile& tile, Facts& facts);

/// Rounds complete sums: outputs of a forward pass to FP16, nothing else.
void finish_sums(Pass pass, std::span<float> sums);

}  // namespace backboard::npu::rowpipe
