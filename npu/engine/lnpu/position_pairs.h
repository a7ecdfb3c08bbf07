// WG of convolutions: products by class, from counts of classes at each position.
#pragma once

#include "npu/engine/facts.h"
#include "npu/engine/gemm_tile.h"

namespace backboard::npu::lnpu {

/// Adds to facts.macs_by_class[error][activation]. At each position every error meets every activation that a tap reads
/// there. Uses workspace slots 14 to 20.
void add_position_pairs(const ConvTile& tile, const uint8_t* x, const uint8_t* dy, Facts& facts, Workspace& workspace);

}  // namespace backboard::npu::lnpu
