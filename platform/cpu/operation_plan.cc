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

/// Moves a comparison to where its result is added or subtracted and ends: that is the host's addition with carry.
void bring_carry(std::span<Operation> operations, size_t at) {
  const Operation compare = operations[at];
  if (!makes_carry(compare)) return;
  size_t by = at + 1;
  for (; by < operations.size() && !reads(operations[by], compare.rd); ++by) {
    const Operation& op = operations[by];
    if (may_leave(op.id) || writes(op, compare.rd) || writes(op, compare.rs1)) return;
    if (compare.id == InstructionId::SLTU && writes(op, compare.rs2)) return;
  }
  if (by == at + 1 || by == operations.size() || !takes_carry(operations[by], compare.rd)) return;
  if (operations[by].rd != compare.rd && !RegisterUses(operations).is_dead(compare.rd, static_cast<unsigned>(by) + 1)) {
    return;
  }
  const auto first = operations.begin() + static_cast<ptrdiff_t>(at);
  std::rotate(first, first + 1, first + static_cast<ptrdiff_t>(by - at));
}

/// Moves one half of a product to the other.
void bring_half(std::span<Operation> operations, size_t at) {
  for (size_t i = at + 1; i < operations.size() && !may_leave(operations[i].id); ++i) {
    if (are_halves(operations[at], operations[i])) {
      const auto moved = operations.begin() + static_cast<ptrdiff_t>(i);
      const unsigned rd = moved->rd;
      const auto meets = [rd](const Operation& op) { return reads(op, rd) || writes(op, rd); };
      if (std::any_of(operations.begin() + static_cast<ptrdiff_t>(at) + 1, moved, meets)) return;
      std::rotate(operations.begin() + static_cast<ptrdiff_t>(at) + 1, moved, moved + 1);
      return;
    }
    if (writes(operations[i], operations[at].rs1) || writes(operations[i], operations[at].rs2)) return;
  }
}

/// Moves two shifts that are joined in operation `at` right before it, if they end there.
void bring_shifts(std::span<Operation> operations, size_t at) {
  const Operation join = operations[at];
  const auto one = written_before(operations, at, join.rs1), other = written_before(operations, at, join.rs2);
  if (!one || !other || *one == *other) return;
  const size_t first = std::min(*one, *other), second = std::max(*one, *other);
  if (!are_shifts_joined(operations[first], operations[second], join)) return;
  const auto stays = [&](size_t i, const Operation& shift) {
    const Operation& op = operations[i];
    return may_leave(op.id) || writes(op, shift.rs1) || reads(op, shift.rd) || writes(op, shift.rd);
  };
  for (size_t i = first + 1; i < at; ++i) {
    if (i != second && stays(i, operations[first])) return;
    if (i > second && stays(i, operations[second])) return;
  }
  const RegisterUses uses(operations);
  for (const size_t i : {first, second}) {
    const unsigned rd = operations[i].rd;
    if (rd != join.rd && !uses.is_dead(rd, static_cast<unsigned>(at) + 1)) return;
  }
  const auto place = [&](size_t i) { return operations.begin() + static_cast<ptrdiff_t>(i); };
  std::rotate(place(second), place(second) + 1, place(at));
  std::rotate(place(first), place(first) + 1, place(at) - 1);
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

bool makes_carry(const Operation& op) {
  return (op.id == InstructionId::SLTU || op.id == InstructionId::SLTIU) && op.rd != kDiscardRegister;
}

bool takes_carry(const Operation& op, unsigned carry) {
  if (op.rd == kDiscardRegister || op.rs1 == op.rs2) return false;
  return (op.id == InstructionId::ADD && op.rs1 == carry) ||
         ((op.id == InstructionId::ADD || op.id == InstructionId::SUB) && op.rs2 == carry);
}

bool are_halves(const Operation& first, const Operation& second) {
  const auto upper = [](const Operation& op) { return op.id == InstructionId::MULH || op.id == InstructionId::MULHU; };
  const bool one_each =
      (first.id == InstructionId::MUL && upper(second)) || (upper(first) && second.id == InstructionId::MUL);
  const bool same =
      (first.rs1 == second.rs1 && first.rs2 == second.rs2) || (first.rs1 == second.rs2 && first.rs2 == second.rs1);
  return one_each && same && first.rd != second.rd && first.rd != first.rs1 && first.rd != first.rs2 &&
         first.rd != kDiscardRegister && second.rd != kDiscardRegister;
}

bool are_shifts_joined(const Operation& first, const Operation& second, const Operation& join) {
  const bool joins = join.id == InstructionId::OR || join.id == InstructionId::XOR || join.id == InstructionId::ADD;
  const bool shifts = (first.id == InstructionId::SLLI && second.id == InstructionId::SRLI) ||
                      (first.id == InstructionId::SRLI && second.id == InstructionId::SLLI);
  if (!joins || !shifts || join.rd == kDiscardRegister) return false;
  const bool both = (join.rs1 == first.rd && join.rs2 == second.rd) || (join.rs1 == second.rd && join.rs2 == first.rd);
  return both && first.rd != second.rd && second.rs1 != first.rd && first.immediate != 0 && second.immediate != 0 &&
         static_cast<uint32_t>(first.immediate + second.immediate) == kBits;
}

std::vector<Operation> plan_operations(std::span<const Operation> operations) {
  std::vector<Operation> result(operations.begin(), operations.end());
  for (size_t i = 0; i < result.size(); ++i) rotate(result, i);
  leave_dead_out(result);
  for (size_t i = result.size(); i-- > 0;) bring_carry(result, i);
  for (size_t i = 0; i < result.size(); ++i) bring_half(result, i);
  for (size_t i = 0; i < result.size(); ++i) bring_shifts(result, i);
  return result;
}

}  // namespace backboard
