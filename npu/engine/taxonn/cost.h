// Prices the facts of the taxonn engine. Pure.
#pragma once

#include "npu/area/area.h"
#include "npu/engine/cost.h"
#include "npu/engine/energy_constants.h"
#include "npu/engine/facts.h"
#include "npu/engine/taxonn/config.h"

namespace backboard::npu::taxonn {

/// A tile takes ceil(products / P) + L cycles, and those of a mode switch on a shared array.
Price price(const Facts& facts, const TaxonnConfig& config, const EnergyConstants& energy);

/// What the engine is built of: a fixed-point multiplier as wide as the widest operands of any layer, an adder and an
/// accumulator of 32 bits, operand registers; a shared array has a multiplexer of two in front of each operand and a
/// further one for the third product, a dedicated trainer three arrays without them.
Inventory inventory(const TaxonnConfig& config);

}  // namespace backboard::npu::taxonn
