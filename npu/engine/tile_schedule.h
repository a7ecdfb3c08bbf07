// Schedules of engines that work tile by tile in one local buffer. Orders of sums are kept for every tile size: a
// reduction's tiles follow each other in its written order and continue the same accumulator.
#pragma once

#include "npu/engine/engine.h"
#include "npu/engine/tile_choice.h"

namespace backboard::npu {

/// Steps of any command but ring control. `rules`: those of the engine's offer.
Planned plan_tiles(const Job& job, uint32_t buffer_bytes, const TileRules& rules = {});

/// Steps of a convolution or FC layer.
Planned plan_layer(const Job& job, uint32_t buffer_bytes, const TileRules& rules);
/// Steps of everything else.
Planned plan_vector(const Job& job, uint32_t buffer_bytes);

}  // namespace backboard::npu
