#include "platform/cpu/operation_plan.h"

#include <algorithm>
#include <cstdint>
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
  if (changes(operations, first, second, from)) return;
  const auto turn = [&](Operation& op) {
    op.id = InstructionId::RORI;
    op.rs1 = static_cast<uint8_t>(from);
    op.rs2 = 0;
    op.immediate = by;
  };
  if (unseen(operations, second, at)) {  // then the result may be there early
    turn(operations[second]);
    leave_out(join);
  } else if (!changes(operations, second, at, from)) {
    turn(join);
  }
}

/// Leaves out what computes a value that is overwritten before anybody could look.
void leave_dead_out(std::span<Operation> operations) {
  constexpr uint64_t kAll = ~uint64_t{0};
  uint64_t seen = kAll;  // registers whose value behind the operation matters
  for (size_t i = operations.size(); i-- > 0;) {
    Operation& op = operations[i];
    if (may_leave(op.id)) {
      seen = kAll;
      continue;
    }
    const IntegerOperands operands = integer_operands(op.id);
    const uint64_t result = operands.rd ? uint64_t{1} << op.rd : 0;
    if (result != 0 && (seen & result) == 0) {
      leave_out(op);
      continue;
    }
    seen &= ~result;
    if (operands.rs1) seen |= uint64_t{1} << op.rs1;
    if (operands.rs2) seen |= uint64_t{1} << op.rs2;
  }
}

}  // namespace

std::vector<Operation> plan_operations(std::span<const Operation> operations) {
  std::vector<Operation> result(operations.begin(), operations.end());
  for (size_t i = 0; i < result.size(); ++i) rotate(result, i);
  leave_dead_out(result);
  return result;
}

}  // namespace backboard
