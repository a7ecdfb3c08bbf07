// What is left of a block of RV32 for its compiler: fewer operations with the same effect.
#pragma once

#include <span>
#include <vector>

#include "platform/cpu/decode.h"

namespace backboard {

/// The block's operations, one for one, where two are spared:
/// - rotations that are spelt out (RV32 without Zbb has no other way): a register shifted left, the same shifted right
/// by
///   the rest of 32 bits, and an OR, ADD or XOR of the two, which becomes an RORI; or the second shift does, when the
///   other overwrites it unseen;
/// - results that are overwritten before anybody could look.
/// What is spared becomes an ADDI to nowhere. Each register holds what it should wherever an instruction may leave the
/// block or call the core, and at its end.
std::vector<Operation> plan_operations(std::span<const Operation> operations);

}  // namespace backboard
