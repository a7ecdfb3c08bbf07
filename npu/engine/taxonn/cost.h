// Prices the facts of the taxonn engine. Pure.
#pragma once

#include "npu/engine/cost.h"
#include "npu/engine/energy_constants.h"
#include "npu/engine/facts.h"
#include "npu/engine/taxonn/config.h"

namespace backboard::npu::taxonn {

/// A tile takes ceil(products / P) + L cycles, and those of a mode switch on a shared array.
Price price(const Facts& facts, const TaxonnConfig& config, const EnergyConstants& energy);

}  // namespace backboard::npu::taxonn
