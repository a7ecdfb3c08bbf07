// Prices the facts of the rowpipe engine. Pure.
#pragma once

#include "npu/area/area.h"
#include "npu/engine/cost.h"
#include "npu/engine/energy_constants.h"
#include "npu/engine/facts.h"
#include "npu/engine/rowpipe/config.h"

namespace backboard::npu::rowpipe {

/// Fixed-point array, FP16 units and banks work side by side; a step takes as long as the slowest of them.
Price price(const Facts& facts, const RowpipeConfig& config, const EnergyConstants& energy);

/// What the two arrays are built of.
Inventory inventory(const RowpipeConfig& config);

}  // namespace backboard::npu::rowpipe
