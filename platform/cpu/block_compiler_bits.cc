// Zba, Zbb and Zbs for x86-64: by instructions that every such host has, so that nothing depends on which it is.
#include "platform/cpu/block_compiler.h"
#include "platform/cpu/decode.h"

namespace backboard {

using namespace asmjit;
using x86::CondCode;
namespace Inst = x86::Inst;

/// False, and nothing emitted, for all other instructions.
bool BlockCompiler::bit_manipulation(const Operation& op) {
  const Gp a = x86::eax;
  switch (op.id) {
    case InstructionId::SH1ADD:
    case InstructionId::SH2ADD:
    case InstructionId::SH3ADD: {
      const unsigned shift = op.id == InstructionId::SH1ADD ? 1 : op.id == InstructionId::SH2ADD ? 2 : 3;
      load_x(a, op.rs1);
      load_x(x86::ecx, op.rs2);
      a_.lea(a, x86::ptr(x86::rcx, x86::rax, shift));
      break;
    }
    case InstructionId::ANDN:
      logic_with_inverse(op, Inst::kIdAnd);
      break;
    case InstructionId::ORN:
      logic_with_inverse(op, Inst::kIdOr);
      break;
    case InstructionId::XNOR:
      logic_with_inverse(op, Inst::kIdXor);
      break;
    case InstructionId::MIN:
      select(op, CondCode::kSignedGT);
      break;
    case InstructionId::MINU:
      select(op, CondCode::kUnsignedGT);
      break;
    case InstructionId::MAX:
      select(op, CondCode::kSignedLT);
      break;
    case InstructionId::MAXU:
      select(op, CondCode::kUnsignedLT);
      break;
    case InstructionId::CLZ:  // 2a + 1 has its highest bit at 32 minus the count, and has one
      load_x(a, op.rs1);
      a_.lea(x86::rax, x86::ptr(x86::rax, x86::rax, 0, 1));
      a_.bsr(x86::rax, x86::rax);
      a_.neg(a);
      a_.add(a, 32);
      break;
    case InstructionId::CTZ:  // bit 32 ends the search
      load_x(a, op.rs1);
      a_.bts(x86::rax, 32);
      a_.bsf(x86::rax, x86::rax);
      break;
    case InstructionId::CPOP:
      load_x(a, op.rs1);
      count_ones(a);
      break;
    case InstructionId::SEXT_B:
      load_x(a, op.rs1);
      a_.movsx(a, x86::al);
      break;
    case InstructionId::SEXT_H:
      load_x(a, op.rs1);
      a_.movsx(a, x86::ax);
      break;
    case InstructionId::ZEXT_H_RV32:
      load_x(a, op.rs1);
      a_.movzx(a, x86::ax);
      break;
    case InstructionId::ROL:
      return shift(op, Inst::kIdRol, true), true;
    case InstructionId::ROR:
      return shift(op, Inst::kIdRor, true), true;
    case InstructionId::RORI:
      return shift(op, Inst::kIdRor, false), true;
    case InstructionId::ORC_B:  // integer_ops::combine_in_bytes
      load_x(a, op.rs1);
      a_.mov(x86::ecx, a);
      a_.and_(x86::ecx, 0x7f7f7f7f);
      a_.add(x86::ecx, 0x7f7f7f7f);
      a_.or_(a, x86::ecx);
      a_.shr(a, 7);
      a_.and_(a, 0x01010101);
      a_.imul(a, a, 0xff);
      break;
    case InstructionId::REV8_RV32:
      load_x(a, op.rs1);
      a_.bswap(a);
      break;
    default:
      return single_bit(op);
  }
  store_x(op.rd, a);
  return true;
}

bool BlockCompiler::single_bit(const Operation& op) {
  Inst::Id instruction = Inst::kIdBt;
  bool by_register = true;
  switch (op.id) {
    case InstructionId::BCLR:
    case InstructionId::BCLRI:
      instruction = Inst::kIdBtr;
      by_register = op.id == InstructionId::BCLR;
      break;
    case InstructionId::BEXT:
    case InstructionId::BEXTI:
      by_register = op.id == InstructionId::BEXT;
      break;
    case InstructionId::BINV:
    case InstructionId::BINVI:
      instruction = Inst::kIdBtc;
      by_register = op.id == InstructionId::BINV;
      break;
    case InstructionId::BSET:
    case InstructionId::BSETI:
      instruction = Inst::kIdBts;
      by_register = op.id == InstructionId::BSET;
      break;
    default:
      return false;
  }
  load_x(x86::eax, op.rs1);
  if (by_register) {
    load_x(x86::ecx, op.rs2);  // the host, too, looks at five bits where a register has the bit
    a_.emit(instruction, x86::eax, x86::ecx);
  } else {
    a_.emit(instruction, x86::eax, imm(op.immediate));
  }
  if (instruction == Inst::kIdBt) {
    a_.setc(x86::al);
    a_.movzx(x86::eax, x86::al);
  }
  store_x(op.rd, x86::eax);
  return true;
}

/// eax = rs1 `instruction` ~rs2
void BlockCompiler::logic_with_inverse(const Operation& op, Inst::Id instruction) {
  load_x(x86::ecx, op.rs2);
  a_.not_(x86::ecx);
  load_x(x86::eax, op.rs1);
  a_.emit(instruction, x86::eax, x86::ecx);
}

/// eax = rs2 if rs1 compares so with it, else rs1
void BlockCompiler::select(const Operation& op, CondCode second_if) {
  load_x(x86::eax, op.rs1);
  load_x(x86::ecx, op.rs2);
  a_.cmp(x86::eax, x86::ecx);
  a_.emit(Inst::cmovccFromCond(second_if), x86::eax, x86::ecx);
}

/// In parallel, in pairs of bits, in fours, in bytes (H. S. Warren, Hacker's Delight, "Counting 1-Bits"): POPCNT is
/// newer than x86-64. Uses ecx.
void BlockCompiler::count_ones(Gp value) {
  const auto copy_shifted = [&](unsigned shift) {
    a_.mov(x86::ecx, value);
    a_.shr(x86::ecx, shift);
  };
  copy_shifted(1);
  a_.and_(x86::ecx, 0x55555555);
  a_.sub(value, x86::ecx);
  copy_shifted(2);
  a_.and_(x86::ecx, 0x33333333);
  a_.and_(value, 0x33333333);
  a_.add(value, x86::ecx);
  copy_shifted(4);
  a_.add(value, x86::ecx);
  a_.and_(value, 0x0f0f0f0f);
  a_.imul(value, value, 0x01010101);
  a_.shr(value, 24);
}

}  // namespace backboard
