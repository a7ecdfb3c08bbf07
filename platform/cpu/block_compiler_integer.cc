// Integer arithmetic in compiled blocks. Each operand is in a register of the host, a known constant, or in memory.
#include <utility>

#include "platform/cpu/block_compiler.h"
#include "platform/cpu/decode.h"

namespace backboard {

using namespace asmjit;
using x86::CondCode;
namespace Inst = x86::Inst;

/// Instructions whose result is known here. False, and nothing done, for all others.
bool BlockCompiler::constant(const Operation& op) {
  const auto immediate = static_cast<uint32_t>(op.immediate);
  const uint32_t a = places_now_.value(op.rs1), b = places_now_.value(op.rs2);
  const auto if_known = [&](bool is_known, uint32_t value) {
    if (is_known) set_x(op.rd, value);
    return is_known;
  };
  const IntegerOperands operands = integer_operands(op.id);
  const bool one = operands.rs1 && known(op.rs1), both = one && operands.rs2 && known(op.rs2);
  switch (op.id) {
    case InstructionId::LUI:
      return if_known(true, immediate);
    case InstructionId::AUIPC:
      return if_known(true, pc_of(op) + immediate);
    case InstructionId::ADDI:
      return if_known(one, a + immediate);
    case InstructionId::XORI:
      return if_known(one, a ^ immediate);
    case InstructionId::ORI:
      return if_known(one, a | immediate);
    case InstructionId::ANDI:
      return if_known(one, a & immediate);
    case InstructionId::SLLI:
      return if_known(one, a << immediate);
    case InstructionId::SRLI:
      return if_known(one, a >> immediate);
    case InstructionId::ADD:
      return if_known(both, a + b);
    case InstructionId::SUB:
      return if_known(both, a - b);
    case InstructionId::MULH:
    case InstructionId::MULHSU:
    case InstructionId::MULHU:
      return if_known(op.rs2 == 0, 0);
    default:
      return false;
  }
}

bool BlockCompiler::integer(const Operation& op) {
  switch (op.id) {
    case InstructionId::ADDI:
      return immediate(op, op.rs1, Inst::kIdAdd, op.immediate), true;
    case InstructionId::XORI:
      return immediate(op, op.rs1, Inst::kIdXor, op.immediate), true;
    case InstructionId::ORI:
      return immediate(op, op.rs1, Inst::kIdOr, op.immediate), true;
    case InstructionId::ANDI:
      return immediate(op, op.rs1, Inst::kIdAnd, op.immediate), true;
    case InstructionId::SLTI:
      return set_if(op, CondCode::kSignedLT, false), true;
    case InstructionId::SLTIU:
      return set_if(op, CondCode::kUnsignedLT, false), true;
    case InstructionId::SLLI:
      return shift(op, Inst::kIdShl, false), true;
    case InstructionId::SRLI:
      return shift(op, Inst::kIdShr, false), true;
    case InstructionId::SRAI:
      return shift(op, Inst::kIdSar, false), true;
    case InstructionId::ADD:
      return binary(op, Inst::kIdAdd, true), true;
    case InstructionId::SUB:
      return binary(op, Inst::kIdSub, false), true;
    case InstructionId::XOR:
      return binary(op, Inst::kIdXor, true), true;
    case InstructionId::OR:
      return binary(op, Inst::kIdOr, true), true;
    case InstructionId::AND:
      return binary(op, Inst::kIdAnd, true), true;
    case InstructionId::MUL:
      return binary(op, Inst::kIdImul, true), true;
    case InstructionId::SLL:
      return shift(op, Inst::kIdShl, true), true;
    case InstructionId::SRL:
      return shift(op, Inst::kIdShr, true), true;
    case InstructionId::SRA:
      return shift(op, Inst::kIdSar, true), true;
    case InstructionId::SLT:
      return set_if(op, CondCode::kSignedLT, true), true;
    case InstructionId::SLTU:
      return set_if(op, CondCode::kUnsignedLT, true), true;
    case InstructionId::MULH:
      return multiply_high(op), true;
    case InstructionId::MULHSU:
      return multiply_high_with_sign(op, true), true;
    case InstructionId::MULHU:
      return multiply_high_with_sign(op, false), true;
    case InstructionId::DIV:
      return divide(op, true, false), true;
    case InstructionId::DIVU:
      return divide(op, false, false), true;
    case InstructionId::REM:
      return divide(op, true, true), true;
    case InstructionId::REMU:
      return divide(op, false, true), true;
    case InstructionId::LB:
    case InstructionId::LBU:
    case InstructionId::LH:
    case InstructionId::LHU:
    case InstructionId::LW:
      return memory(op, moved_bytes(op.id), false), true;
    case InstructionId::SB:
    case InstructionId::SH:
    case InstructionId::SW:
      return memory(op, moved_bytes(op.id), true), true;
    default:
      return false;
  }
}

/// rd = from `instruction` value
void BlockCompiler::immediate(const Operation& op, unsigned from, Inst::Id instruction, int32_t value) {
  if (op.rd == kDiscardRegister) return;
  const bool nothing = value == 0 && instruction != Inst::kIdAnd;
  if (nothing && held(from) && !held(op.rd)) return store_x(op.rd, home_of(from));
  const Gp to = held(op.rd) ? home_of(op.rd) : Gp(x86::eax);
  if (instruction == Inst::kIdAdd && held(from) && op.rd != from && !nothing) {
    a_.lea(to, x86::ptr(home_of(from).r64(), value));
  } else {
    if (!(held(op.rd) && op.rd == from)) fetch_x(to, from);
    if (!nothing) a_.emit(instruction, to, imm(value));
  }
  if (!held(op.rd)) keep_x(op.rd);
}

void BlockCompiler::binary(const Operation& op, Inst::Id instruction, bool commutes) {
  if (op.rd == kDiscardRegister) return;
  unsigned first = op.rs1, second = op.rs2;
  const bool in_place = held(op.rd);
  if (commutes && (in_place ? op.rd == second : at_hand(second))) std::swap(first, second);
  if (commutes && known(first) && !known(second)) std::swap(first, second);
  if (!known(second)) return binary_in_registers(op, instruction, first, second);
  const int32_t value = value_of(second);
  if (instruction == Inst::kIdSub) {
    return immediate(op, first, Inst::kIdAdd, static_cast<int32_t>(-static_cast<uint32_t>(value)));
  }
  if (instruction != Inst::kIdImul) return immediate(op, first, instruction, value);
  const Gp to = in_place ? home_of(op.rd) : Gp(x86::eax);
  if (!held(first)) fetch_x(to, first);
  a_.imul(to, held(first) ? home_of(first) : to, value);
  if (!in_place) keep_x(op.rd);
}

/// The same where the second operand is no constant.
void BlockCompiler::binary_in_registers(const Operation& op, Inst::Id instruction, unsigned first, unsigned second) {
  const bool in_place = held(op.rd);
  const Gp to = in_place && (op.rd != second || op.rd == first) ? home_of(op.rd) : Gp(x86::eax);
  if (instruction == Inst::kIdAdd && held(first) && held(second) &&
      (!in_place || (op.rd != first && op.rd != second))) {
    a_.lea(to, x86::ptr(home_of(first).r64(), home_of(second).r64()));
    if (!in_place) keep_x(op.rd);
    return;
  }
  if (instruction == Inst::kIdSub && first == 0 && in_place && op.rd == second) return void(a_.neg(home_of(op.rd)));
  const bool second_at_hand = at_hand(second) && !held(second);
  if (second_at_hand && to == x86::eax && first != second) {  // a subtraction: the others were turned round
    a_.neg(x86::eax);
    held(first)    ? a_.add(x86::eax, home_of(first))
    : known(first) ? a_.add(x86::eax, value_of(first))
                   : a_.add(x86::eax, x_place(first));
    return keep_x(op.rd);
  }
  if (!(in_place && op.rd == first && to == home_of(op.rd))) fetch_x(to, first);
  if (second_at_hand) {
    a_.emit(instruction, to, x86::eax);
  } else if (held(second)) {
    a_.emit(instruction, to, home_of(second));
  } else {
    a_.emit(instruction, to, x_place(second));
  }
  if (!in_place || to == x86::eax) keep_x(op.rd);
}

void BlockCompiler::shift(const Operation& op, Inst::Id instruction, bool by_register) {
  if (op.rd == kDiscardRegister) return;
  if (by_register && !known(op.rs2)) return shift_by_register(op, instruction);
  const int32_t by = by_register ? value_of(op.rs2) & 31 : op.immediate;
  const Gp to = held(op.rd) ? home_of(op.rd) : Gp(x86::eax);
  if (instruction == Inst::kIdRor && held(op.rs1) && op.rd != op.rs1 && host_has_bmi2()) {
    a_.rorx(to, home_of(op.rs1), by);
    if (!held(op.rd)) keep_x(op.rd);
    return;
  }
  if (!(held(op.rd) && op.rd == op.rs1)) fetch_x(to, op.rs1);
  if (by != 0) a_.emit(instruction, to, imm(by));
  if (!held(op.rd)) keep_x(op.rd);
}

/// The host, too, looks at five bits.
void BlockCompiler::shift_by_register(const Operation& op, Inst::Id instruction) {
  const Inst::Id plain = instruction == Inst::kIdShl   ? Inst::kIdShlx
                         : instruction == Inst::kIdShr ? Inst::kIdShrx
                         : instruction == Inst::kIdSar ? Inst::kIdSarx
                                                       : Inst::kIdNone;
  if (plain == Inst::kIdNone || !host_has_bmi2()) {
    fetch_x(x86::ecx, op.rs2);
    fetch_x(x86::eax, op.rs1);
    a_.emit(instruction, x86::eax, x86::cl);
    return keep_x(op.rd);
  }
  const Gp to = held(op.rd) ? home_of(op.rd) : Gp(x86::eax);
  const Gp by = held(op.rs2) ? home_of(op.rs2) : Gp(x86::eax);
  if (!held(op.rs1)) write_back(op.rs1);  // x[0] is there, and zero
  if (!held(op.rs2)) fetch_x(x86::eax, op.rs2);
  held(op.rs1) ? a_.emit(plain, to, home_of(op.rs1), by) : a_.emit(plain, to, x_place(op.rs1), by);
  if (!held(op.rd)) keep_x(op.rd);
}

void BlockCompiler::compare_with(unsigned x, int32_t value) {
  if (!held(x) && !at_hand(x) && known(x)) {
    a_.mov(x86::eax, places_now_.value(x));
    a_.cmp(x86::eax, value);
  } else if (!held(x) && !at_hand(x)) {
    a_.cmp(x_place(x), value);
  } else {
    const Gp in = held(x) ? home_of(x) : Gp(x86::eax);
    value == 0 ? a_.test(in, in) : a_.cmp(in, value);
  }
}

/// Leaves a comparison of two registers in the flags: the condition that says whether `condition` holds of a and b.
CondCode BlockCompiler::compare(unsigned a, unsigned b, CondCode condition) {
  if (known(b)) return compare_with(a, value_of(b)), condition;
  if (known(a)) return compare_with(b, value_of(a)), x86::reverseCond(condition);
  const auto in = [&](unsigned x) { return held(x) ? home_of(x) : Gp(x86::eax); };
  const bool a_there = held(a) || at_hand(a), b_there = held(b) || at_hand(b);
  if (a_there) {
    b_there ? a_.cmp(in(a), in(b)) : a_.cmp(in(a), x_place(b));
  } else if (b_there) {
    a_.cmp(x_place(a), in(b));
  } else {
    a_.mov(x86::eax, x_place(a));
    a_.cmp(x86::eax, x_place(b));
  }
  return condition;
}

void BlockCompiler::set_if(const Operation& op, CondCode condition, bool by_register) {
  if (op.rd == kDiscardRegister) return;
  const bool apart = held(op.rd) && op.rd != op.rs1 && !(by_register && op.rd == op.rs2);
  if (apart) a_.xor_(home_of(op.rd), home_of(op.rd));
  if (by_register) {
    condition = compare(op.rs1, op.rs2, condition);
  } else {
    compare_with(op.rs1, op.immediate);
  }
  if (apart) return void(a_.set(condition, home_of(op.rd).r8()));
  a_.set(condition, x86::al);
  a_.movzx(held(op.rd) ? home_of(op.rd) : Gp(x86::eax), x86::al);
  if (!held(op.rd)) keep_x(op.rd);
}

/// Of two signed factors: into edx.
void BlockCompiler::multiply_high(const Operation& op) {
  if (op.rd == kDiscardRegister) return;
  const bool first_at_hand = at_hand(op.rs1) && !held(op.rs1);
  const unsigned first = first_at_hand || !held(op.rs1) ? op.rs1 : op.rs2, second = first == op.rs1 ? op.rs2 : op.rs1;
  if (!held(second)) write_back(second);
  fetch_x(x86::eax, first);
  held(second) ? a_.imul(home_of(second)) : a_.imul(x_place(second));
  store_x(op.rd, x86::edx);
}

/// Of an unsigned second factor: the product's low 64 bits are exact.
void BlockCompiler::multiply_high_with_sign(const Operation& op, bool signed_a) {
  if (op.rd == kDiscardRegister) return;
  if (signed_a && held(op.rs1)) {
    a_.movsxd(x86::rax, home_of(op.rs1));
  } else {
    fetch_x(x86::eax, op.rs1);
    if (signed_a) a_.movsxd(x86::rax, x86::eax);
  }
  if (!held(op.rs2)) load_x(x86::ecx, op.rs2);
  a_.imul(x86::rax, held(op.rs2) ? home_of(op.rs2).r64() : Gp(x86::rcx));
  a_.shr(x86::rax, 32);
  keep_x(op.rd);
}

}  // namespace backboard
