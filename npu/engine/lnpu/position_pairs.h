// WG of convolutions: products by class, from counts of classes at each position.
#pragma once

#include "npu/engine/facts.h"
#include "npu/engine/gemm_tile.h"
#include "npu/engine/lnpu/position_grid.h"

namespace backboard::npu::lnpu {

/// Adds to facts.macs_by_class[error][activation]. At each position every error meets every activation that a tap reads
/// there. Uses workspace slots 14 to 20.
void add_position_pairs(const ConvTile& tile, const uint8_t* x, const uint8_t* dy, Facts& facts, Workspace& workspace);

/// Turns sums over the positions of `channels` input and `outputs` output channels into pairs. `valid`: taps inside the
/// input, summed over the positions.
void add_sums(const CountSums& sums, uint64_t channels, uint64_t outputs, uint64_t valid, Facts& facts);

}  // namespace backboard::npu::lnpu
