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
    case InstructionId::MULHSU:
    case InstructionId::MULHU:
      return multiply_high(op, kDiscardRegister), true;
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

/// Two shifts that are joined, where nobody else looks at them: one shift of two registers, as numbers of 64 bits are
/// shifted and rotated. False, and nothing done, for all others.
bool BlockCompiler::funnel_shift() {
  if (now_ + 2 >= operations_.size()) return false;
  const Operation &first = operations_[now_], &second = operations_[now_ + 1], &join = operations_[now_ + 2];
  if (!are_shifts_joined(first, second, join)) return false;
  for (const unsigned rd : {first.rd, second.rd}) {
    if (rd != join.rd && !uses_.is_dead(rd, now_ + 3)) return false;
  }
  const bool left_first = first.id == InstructionId::SLLI;
  const Operation &left = left_first ? first : second, &right = left_first ? second : first;
  const unsigned upper = left.rs1, lower = right.rs1;
  if (known(upper) || known(lower)) return false;
  at_hand_ = std::exchange(kept_, 0);
  made_constant_ = false;
  Operation both = join;
  both.rs1 = static_cast<uint8_t>(upper);
  both.rs2 = static_cast<uint8_t>(lower);
  prepare(both, 0, true);
  const Gp to = held(join.rd) ? home_of(join.rd) : Gp(x86::eax);
  const Gp spare = held(join.rd) ? x86::eax : x86::ecx;
  const auto other = [&](unsigned x) {
    if (held(x)) return home_of(x);
    fetch_x(spare, x);
    return spare;
  };
  const auto is_there = [&](unsigned x) { return held(x) && home_of(x) == to; };
  if (is_there(lower) && upper != lower) {
    a_.shrd(to, other(upper), right.immediate);
  } else if (to == x86::eax) {
    const Gp from = other(lower);
    fetch_x(to, upper);
    a_.shld(to, from, left.immediate);
  } else {
    if (!is_there(upper)) fetch_x(to, upper);
    a_.shld(to, other(lower), left.immediate);
  }
  if (!held(join.rd)) keep_x(join.rd);
  wrote(join);
  return true;
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

/// A comparison and the addition or subtraction of its result behind it, where nobody else looks at that: one with
/// carry. False, and nothing done, for all others.
bool BlockCompiler::add_carry() {
  const Operation& less = operations_[now_];
  if (!makes_carry(less) || now_ + 1 >= operations_.size() || known(less.rs1)) return false;
  const Operation& sum = operations_[now_ + 1];
  if (!takes_carry(sum, less.rd) || (sum.rd != less.rd && !uses_.is_dead(less.rd, now_ + 2))) return false;
  const unsigned other = sum.rs1 == less.rd ? sum.rs2 : sum.rs1;
  at_hand_ = std::exchange(kept_, 0);
  made_constant_ = false;
  Operation compared = less, added = sum;
  compared.rd = kDiscardRegister;
  added.rs1 = static_cast<uint8_t>(other);
  added.rs2 = 0;
  const unsigned busy = prepare(compared);
  // A register that is compared must not get a place without its value.
  const bool compared_too = sum.rd == less.rs1 || (less.id == InstructionId::SLTU && sum.rd == less.rs2);
  if (compared_too && !held(sum.rd)) added.rd = kDiscardRegister;
  prepare(added, busy);
  const bool by_register = less.id == InstructionId::SLTU;
  const bool through_eax =
      !held(less.rs1) && !at_hand(less.rs1) && by_register && !known(less.rs2) && !held(less.rs2) && !at_hand(less.rs2);
  by_register ? void(compare(less.rs1, less.rs2, CondCode::kUnsignedLT)) : compare_with(less.rs1, less.immediate);
  // From here on the flags stay as they are.
  const Gp to = held(sum.rd) ? home_of(sum.rd) : Gp(x86::eax);
  if (known(other)) {
    a_.mov(to, places_now_.value(other));
  } else if (held(other)) {
    if (to != home_of(other)) a_.mov(to, home_of(other));
  } else if (!at_hand(other) || through_eax) {
    a_.mov(to, x_place(other));
  } else if (to != x86::eax) {
    a_.mov(to, x86::eax);
  }
  sum.id == InstructionId::ADD ? a_.adc(to, 0) : a_.sbb(to, 0);
  if (!held(sum.rd)) keep_x(sum.rd);
  wrote(sum);
  return true;
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

/// The upper half of a product, whose lower half goes to register `low`, or nowhere (kDiscardRegister): the product of
/// two registers of the host that hold 64 bits each is exact.
void BlockCompiler::multiply_high(const Operation& op, unsigned low) {
  if (op.rd == kDiscardRegister) return;
  struct Factor {
    unsigned x;
    bool is_signed;
  };
  Factor a{op.rs1, op.id != InstructionId::MULHU}, b{op.rs2, op.id == InstructionId::MULH};
  const auto is_immediate = [&](Factor f) { return known(f.x) && (f.is_signed || value_of(f.x) >= 0); };
  const auto whole = [&](Factor f) { return held(f.x) && !f.is_signed; };  // as it is, its upper half zero
  const auto extend = [&](Gp to, Factor f) {
    const bool in_eax = at_hand(f.x) && !held(f.x);
    if (known(f.x)) {
      f.is_signed ? a_.mov(to, value_of(f.x)) : a_.mov(to.r32(), places_now_.value(f.x));
    } else if (held(f.x) || in_eax) {
      const Gp from = held(f.x) ? home_of(f.x) : Gp(x86::eax);
      if (f.is_signed) {
        a_.movsxd(to, from);
      } else if (to.r32() != from) {
        a_.mov(to.r32(), from);
      }
    } else {
      f.is_signed ? a_.movsxd(to, x_place(f.x)) : a_.mov(to.r32(), x_place(f.x));
    }
  };
  Gp product = held(op.rd) ? home_of(op.rd).r64() : Gp(x86::rax);
  const auto in_product = [&](Factor f) { return held(f.x) && home_of(f.x).r64() == product; };
  if (is_immediate(a) || (whole(a) && (!whole(b) || in_product(b)))) std::swap(a, b);
  if (is_immediate(b)) {
    extend(product, a);
    a_.imul(product, product, value_of(b.x));
  } else if (whole(b) && !in_product(b)) {
    extend(product, a);
    a_.imul(product, home_of(b.x).r64());
  } else {
    if (at_hand(b.x) && !held(b.x)) std::swap(a, b);
    extend(x86::rax, a);
    at_hand_ = 0;
    const Gp other = held(op.rd) ? product : Gp(x86::rcx);
    extend(other, b);
    a_.imul(product, other == product ? Gp(x86::rax) : other);
  }
  if (low != kDiscardRegister) store_x(low, product.r32());
  a_.shr(product, 32);
  if (!held(op.rd)) keep_x(op.rd);
}

/// Both halves of a product by one multiplication. False, and nothing done, for all other operations.
bool BlockCompiler::multiply_whole() {
  if (now_ + 1 >= operations_.size()) return false;
  const Operation &first = operations_[now_], &second = operations_[now_ + 1];
  if (!are_halves(first, second)) return false;
  at_hand_ = std::exchange(kept_, 0);
  made_constant_ = false;
  const bool low_first = first.id == InstructionId::MUL;
  const Operation &low = low_first ? first : second, &high = low_first ? second : first;
  prepare(low, prepare(high));
  multiply_high(high, low.rd);
  wrote(high);
  wrote(low);
  return true;
}

}  // namespace backboard
