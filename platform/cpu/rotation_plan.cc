#include "platform/cpu/rotation_plan.h"

#include <algorithm>
#include <optional>

#include "platform/cpu/block_registers.h"

namespace backboard {
namespace {

constexpr uint32_t kBits = 32;

bool reads(const Operation& op, unsigned x) {
  const IntegerOperands operands = integer_operands(op.id);
  return (operands.rs1 && op.rs1 == x) || (operands.rs2 && op.rs2 == x);
}
bool writes(const Operation& op, unsigned x) {
  return integer_operands(op.id).rd && op.rd == x;
}

/// The last operation before `at` that writes x.
std::optional<size_t> written_before(std::span<const Operation> operations, size_t at, unsigned x) {
  while (at-- > 0) {
    if (writes(operations[at], x)) return at;
  }
  return std::nullopt;
}

/// Nobody looks at what `at` writes before operation `end`, which overwrites it.
bool unseen(std::span<const Operation> operations, size_t at, size_t end) {
  const unsigned x = operations[at].rd;
  return operations[end].rd == x && std::none_of(operations.begin() + static_cast<ptrdiff_t>(at) + 1,
                                                 operations.begin() + static_cast<ptrdiff_t>(end),
                                                 [x](const Operation& op) { return reads(op, x) || may_leave(op.id); });
}

bool changes(std::span<const Operation> operations, size_t first, size_t end, unsigned x) {
  for (size_t i = first; i < end; ++i) {
    if (writes(operations[i], x)) return true;
  }
  return false;
}

void leave_out(Operation& op) {
  op.id = InstructionId::ADDI;
  op.rd = kDiscardRegister;
  op.rs1 = op.rs2 = 0;
  op.immediate = 0;
}

/// Makes a rotation of the operation `at`, if it is one.
void rotate(std::span<Operation> operations, size_t at) {
  Operation& join = operations[at];
  const bool joins = join.id == InstructionId::OR || join.id == InstructionId::XOR || join.id == InstructionId::ADD;
  if (!joins || join.rd == kDiscardRegister || join.rs1 == join.rs2) return;
  const auto one = written_before(operations, at, join.rs1), other = written_before(operations, at, join.rs2);
  if (!one || !other) return;
  const bool one_is_left = operations[*one].id == InstructionId::SLLI;
  const Operation& left = operations[one_is_left ? *one : *other];
  const Operation& right = operations[one_is_left ? *other : *one];
  const unsigned from = left.rs1;
  if (left.id != InstructionId::SLLI || right.id != InstructionId::SRLI || right.rs1 != from || from == 0) return;
  if (left.immediate == 0 || static_cast<uint32_t>(left.immediate + right.immediate) != kBits) return;
  const auto by = right.immediate;
  const size_t first = std::min(*one, *other), second = std::max(*one, *other);
  const bool leaves_second_out = unseen(operations, second, at);
  if (changes(operations, first, second, from) || changes(operations, second + 1, at, from)) return;
  if (operations[second].rd == from && !leaves_second_out) return;  // what is to be rotated is gone
  if (unseen(operations, first, at)) leave_out(operations[first]);
  if (leaves_second_out) leave_out(operations[second]);
  join.id = InstructionId::RORI;
  join.rs1 = static_cast<uint8_t>(from);
  join.rs2 = 0;
  join.immediate = by;
}

}  // namespace

std::vector<Operation> with_rotations(std::span<const Operation> operations) {
  std::vector<Operation> result(operations.begin(), operations.end());
  for (size_t i = 0; i < result.size(); ++i) rotate(result, i);
  return result;
}

}  // namespace backboard
