// Prices the facts of the reference engine: a plain binary32 multiplier array without skipping. Pure.
#pragma once

#include <cstdint>

#include "npu/engine/cost.h"
#include "npu/engine/energy_constants.h"
#include "npu/engine/facts.h"

namespace backboard::npu::reference {

struct ReferenceConfig {
  uint32_t multipliers = 768;  ///< binary32 products a cycle
  uint32_t tile_startup_cycles = 8;
  uint32_t elementwise_per_cycle = 16;
};

Price price(const Facts& facts, const ReferenceConfig& config, const EnergyConstants& energy);

}  // namespace backboard::npu::reference
