// Prices the facts of the reference engine: a plain binary32 multiplier array without skipping. Pure.
#pragma once

#include <cstdint>

#include "npu/area/area.h"
#include "npu/engine/cost.h"
#include "npu/engine/energy_constants.h"
#include "npu/engine/facts.h"
#include "platform/config/fields.h"

namespace backboard::npu::reference {

struct ReferenceConfig {
  uint32_t multipliers = 768;  ///< binary32 products a cycle
  uint32_t tile_startup_cycles = 8;
  uint32_t elementwise_per_cycle = 16;

  template <class V>
  void fields(V& v) {
    v("multipliers", multipliers, Range{1, 65536}, "Binary32 products a cycle");
    v("tile_startup", tile_startup_cycles, Range{0, 1024}, "Cycles to fill the pipeline at the start of a tile");
    v("elementwise_per_cycle", elementwise_per_cycle, Range{1, 1024}, "Element operations of the vector unit a cycle");
  }
};

Price price(const Facts& facts, const ReferenceConfig& config, const EnergyConstants& energy);

/// What the engine is built of: a binary32 multiplier, adder, accumulator and two operand registers a product.
Inventory inventory(const ReferenceConfig& config);

}  // namespace backboard::npu::reference
