// What is left of a block of RV32 for its compiler: fewer operations with the same effect.
#pragma once

#include <span>
#include <vector>

#include "platform/cpu/decode.h"

namespace backboard {

/// The block's operations, one for one, where those are spared:
/// - rotations that are spelt out (RV32 without Zbb has no other way): a register shifted left, the same shifted right
/// by
///   the rest of 32 bits, and an OR, ADD or XOR of the two, which becomes an RORI; or the second shift does, when the
///   other overwrites it unseen;
/// - results that are overwritten before anybody could look.
/// What is spared becomes an ADDI to nowhere. A comparison (makes_carry) whose result is looked at by one addition or
/// subtraction alone (takes_carry) comes right before it, and the halves of a product (are_halves) come together. Each
/// register holds what it should wherever an instruction may leave the block or call the core, and at its end.
std::vector<Operation> plan_operations(std::span<const Operation> operations);

/// The lower and the upper half of one product, in any order, which the first leaves its factors to.
bool are_halves(const Operation& first, const Operation& second);
/// A shift to the left and one to the right by the rest of 32 bits, of any registers, which `join` makes one word of.
bool are_shifts_joined(const Operation& first, const Operation& second, const Operation& join);
/// SLTU and SLTIU: whether a sum of unsigned numbers has a carry, or a difference a borrow, is found so.
bool makes_carry(const Operation& op);
/// ADD and SUB that add or subtract `carry`, once.
bool takes_carry(const Operation& op, unsigned carry);

}  // namespace backboard
