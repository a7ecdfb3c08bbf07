// How many products a tile has, from its geometry alone.
#pragma once

#include "npu/engine/facts.h"
#include "npu/engine/gemm_tile.h"
#include "npu/engine/layer_shape.h"

namespace backboard::npu {

/// Products whose operands both lie inside their tensors, and taps that fall on padding.
struct ProductCounts {
  uint64_t inside = 0;
  uint64_t padding = 0;  ///< FF and WG; in BP every position has inside products only
};

/// Of FF and WG over the output rows of the tile, of BP over its input rows.
ProductCounts products_of(Pass pass, const ConvTile& tile);

/// Adds a tile to the facts: its products, its outputs and itself. Returns the products.
ProductCounts count_products(Pass pass, const ConvTile& tile, Facts& facts);

}  // namespace backboard::npu
