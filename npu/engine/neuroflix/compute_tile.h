// Arithmetic of the neuroflix engine: operands aligned to integers by groups, products by bricks of 4 bits.
//
// A reduction's terms in the written order (FF: c, kh, kw; BP: k, kh, kw as far as the stride lets them through; WG: n,
// oh, ow), taps on padding among them, form groups of 16. Tiles hold whole groups (Offer::reduction_group). A unit cuts
// integers into bricks and adds the products of each pair of bricks in an accumulator of its own; merged with their
// shifts, the accumulators are the sum of the integers' products, exactly (docs/engines/neuroflix.md). So the values
// are computed on whole integers here, and by bricks in the tests.
#pragma once

#include "npu/engine/facts.h"
#include "npu/engine/gemm_tile.h"
#include "npu/engine/neuroflix/config.h"

namespace backboard::npu::neuroflix {

/// Adds the products of a tile to `acc`. Operands: FF (x, w), BP (dy, w), WG (x, dy).
void multiply_tile(const NeuroflixConfig& config, Pass pass, const ConvTile& tile, const Operand& first,
                   const Operand& second, float* acc, Workspace& workspace);

/// What multiply_tile() of the whole tile means; adds to `facts`. Classes: low are activations and weights, high
/// errors.
void count_tile(const NeuroflixConfig& config, Pass pass, const ConvTile& tile, Facts& facts);

}  // namespace backboard::npu::neuroflix
