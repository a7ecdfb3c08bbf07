// How many products a tile has, from its geometry alone.
#pragma once

#include "npu/engine/gemm_tile.h"

namespace backboard::npu {

/// Products whose operands both lie inside their tensors, and taps that fall on padding.
struct ProductCounts {
  uint64_t inside = 0;
  uint64_t padding = 0;  ///< FF and WG; in BP every position has inside products only
};

/// FF and WG: over the output rows of the tile.
ProductCounts products_of_outputs(const ConvTile& tile);
/// BP: over the input rows of the tile.
ProductCounts products_of_inputs(const ConvTile& tile);

}  // namespace backboard::npu
