#include "platform/cpu/division_plan.h"

namespace backboard {
namespace {

bool divides(const Operation& op) {
  return kind_of(op.id) == InstructionKind::divide && op.rd != kDiscardRegister;
}

bool is_signed(const Operation& op) {
  return op.id == InstructionId::DIV || op.id == InstructionId::REM;
}

/// Whether x registers change, as far as anybody has to know: that of rd, which an FP instruction's may only look like.
bool may_write_x(const Operation& op) {
  const InstructionKind kind = kind_of(op.id);
  return kind != InstructionKind::store && kind != InstructionKind::branch && op.rd != kDiscardRegister;
}

/// The next division behind `at` with the same operands, as long as they are what they were; 0: none.
size_t same_division(std::span<const Operation> operations, size_t at) {
  const Operation& first = operations[at];
  const auto changes = [&](const Operation& op) {
    return may_write_x(op) && (op.rd == first.rs1 || op.rd == first.rs2);
  };
  for (size_t i = at + 1; i < operations.size() && !changes(operations[i - 1]); ++i) {
    const Operation& op = operations[i];
    if (divides(op) && op.rs1 == first.rs1 && op.rs2 == first.rs2 && is_signed(op) == is_signed(first)) return i;
  }
  return 0;
}

/// Whether the division's result reaches its own operands when the block is run again, and again.
bool waits_for_itself(std::span<const Operation> operations, size_t at) {
  constexpr unsigned kTurns = 2;
  uint64_t reached = uint64_t{1} << operations[at].rd;
  const auto is_reached = [&](unsigned x) { return (reached >> x & 1) != 0; };
  for (size_t step = 1; step <= kTurns * operations.size(); ++step) {
    const size_t i = (at + step) % operations.size();
    const Operation& op = operations[i];
    const bool by_two = op.immediate == 0;  // else the bits of rs2 are a part of the immediate
    const bool by_none = op.id == InstructionId::LUI || op.id == InstructionId::AUIPC;
    const bool depends = !by_none && (is_reached(op.rs1) || (by_two && is_reached(op.rs2)));
    if (i == at && depends) return true;
    if (!may_write_x(op) || i == at) continue;
    reached = (reached & ~(uint64_t{1} << op.rd)) | uint64_t{depends} << op.rd;
  }
  return false;
}

}  // namespace

std::vector<Division> plan_divisions(std::span<const Operation> operations) {
  std::vector<Division> plan(operations.size());
  size_t kept_for = 0;  // the one that a kept quotient is for
  unsigned by_integers = 0, by_floating = 0;
  for (size_t i = 0; i < operations.size(); ++i) {
    if (!divides(operations[i])) continue;
    plan[i].takes_quotient = kept_for == i && i != 0;
    const size_t same = same_division(operations, i);
    if (same != 0 && (kept_for <= i || plan[i].takes_quotient)) {
      kept_for = same;
      plan[i].keeps_quotient = true;
    }
    if (!plan[i].takes_quotient && waits_for_itself(operations, i)) ++by_integers;
  }
  for (size_t i = 0; i < operations.size(); ++i) {
    if (!divides(operations[i]) || plan[i].takes_quotient || waits_for_itself(operations, i)) continue;
    plan[i].floating = by_floating < by_integers;
    ++(plan[i].floating ? by_floating : by_integers);
  }
  return plan;
}

}  // namespace backboard
