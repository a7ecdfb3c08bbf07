// Prices the facts of the lnpu engine. Pure.
#pragma once

#include "npu/area/area.h"
#include "npu/engine/cost.h"
#include "npu/engine/energy_constants.h"
#include "npu/engine/facts.h"
#include "npu/engine/lnpu/config.h"

namespace backboard::npu::lnpu {

/// Cycles and energy of the compute step(s) that `facts` are the sum of. A product of a mixed pair costs what an FP16
/// product costs; products with a zero operand that were not skipped cost as their issue rate says.
Price price(const Facts& facts, const LnpuConfig& config, const EnergyConstants& energy);

/// What the engine is built of. A multiplier does one FP16 or two FP8 products a cycle, so it has two accumulators; the
/// balancer holds `ilb_window` inputs of FP16 for each lane.
Inventory inventory(const LnpuConfig& config);

}  // namespace backboard::npu::lnpu
