// Prices the facts of the neuroflix engine. Pure.
#pragma once

#include "npu/area/area.h"
#include "npu/engine/cost.h"
#include "npu/engine/energy_constants.h"
#include "npu/engine/facts.h"
#include "npu/engine/neuroflix/config.h"

namespace backboard::npu::neuroflix {

/// A fold of r x c outputs and K terms takes ceil(K b / B) + r + c - 2 + b cycles: b brick products a term on B bricks,
/// the way in and out, and b cycles to drain the bricks' accumulators into the merged sum. The bfloat16 baseline takes
/// K + r + c - 2.
Price price(const Facts& facts, const NeuroflixConfig& config, const EnergyConstants& energy);

/// What the engine is built of. Bricks: a multiplier with an accumulator (4 by 4 bits: 13 bits); a unit merges them
/// with a 32-bit adder and adds the sum of a group in binary32. bfloat16: multiplier, binary32 adder, accumulator.
Inventory inventory(const NeuroflixConfig& config);

}  // namespace backboard::npu::neuroflix
