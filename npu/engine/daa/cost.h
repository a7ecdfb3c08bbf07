// Prices the facts of the daa engine. Pure.
#pragma once

#include "npu/area/area.h"
#include "npu/engine/cost.h"
#include "npu/engine/daa/config.h"
#include "npu/engine/energy_constants.h"
#include "npu/engine/facts.h"

namespace backboard::npu::daa {

/// A fold of r x c outputs and K terms takes K + r + c - 2 cycles in one stream, ceil(K / 2) + r + c - 2 + arbitration
/// in two. A step lasts longer when the buffer feeds fewer operand bytes a cycle than `streams` operands of 16 bits for
/// each row and column of the array.
Price price(const Facts& facts, const DaaConfig& config, const EnergyConstants& energy);

/// What the engine is built of. A unit that is never dual has one bfloat16 multiplier, one binary32 adder and registers
/// for its operands and sum; the second stream adds a low multiplier, an adder and operand registers, the arbiter two
/// adders of exponents and a comparison of 8 bits, and multiplexers that exchange the streams.
Inventory inventory(const DaaConfig& config);

}  // namespace backboard::npu::daa
