// Arithmetic of the daa engine: pairs of products on a high and a low unit, binary32 accumulators.
//
// A reduction's terms in the written order (FF: c, kh, kw; BP: k, kh, kw as far as the stride lets them through; WG: n,
// oh, ow) are numbered from 0, taps on padding among them; term 2i is stream 0, term 2i + 1 stream 1. Tiles hold whole
// pairs of channels, rows and images (Offer::reduction_group), so numbers within a tile keep their parity.
#pragma once

#include "npu/engine/daa/config.h"
#include "npu/engine/facts.h"
#include "npu/engine/gemm_tile.h"
#include "npu/engine/layer_shape.h"

namespace backboard::npu::daa {

/// Adds the products of a tile to `acc`. Operands: FF (x, w), BP (dy, w), WG (x, dy); bfloat16 values.
void multiply_tile(const DaaConfig& config, Pass pass, const ConvTile& tile, const Operand& first,
                   const Operand& second, float* acc, Workspace& workspace);

/// What multiply_tile() of the whole tile means; adds to `facts`. Classes: high and low are the units that took a
/// product.
void count_tile(const DaaConfig& config, Pass pass, const ConvTile& tile, const Operand& first, const Operand& second,
                Facts& facts, Workspace& workspace);

}  // namespace backboard::npu::daa
