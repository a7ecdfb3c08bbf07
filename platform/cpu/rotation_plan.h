// Rotations that a block spells out as two shifts and an OR: RV32 without Zbb has no other way.
#pragma once

#include <span>
#include <vector>

#include "platform/cpu/decode.h"

namespace backboard {

/// The block's operations with an RORI in place of each OR (or ADD, or XOR) of a register shifted left and the same
/// shifted right by the rest of 32 bits. A shift whose result the rotation overwrites before anybody could look becomes
/// an ADDI to nowhere. What each register holds where an instruction may leave the block or call the core is the same.
std::vector<Operation> with_rotations(std::span<const Operation> operations);

}  // namespace backboard
