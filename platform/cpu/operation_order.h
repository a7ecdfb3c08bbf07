// The order in which the interpreter carries out what nobody can see the order of.
#pragma once

#include <span>
#include <vector>

#include "platform/cpu/decode.h"

namespace backboard {

/// Puts the operations of a block, which come in program order, into the interpreter's: between two that may leave the
/// block, integer arithmetic goes from a result to one that reads it, where it can. The handlers take that from a
/// register of the host (HandlerChoice); through the guest's registers, the host's memory, it takes five cycles and
/// more. What is counted up to a place, `cycles_before`, stays there; `pc_offset` goes with its instruction.
void put_results_at_hand(std::span<Operation> operations);

/// The operations of a block as the program has them.
std::vector<Operation> in_program_order(std::span<const Operation> operations);

/// The operation of a block that lies `pc_offset` bytes behind its start, where one does; `usual`: a place where it
/// mostly is.
const Operation& operation_at(std::span<const Operation> operations, unsigned pc_offset, size_t usual);

}  // namespace backboard
