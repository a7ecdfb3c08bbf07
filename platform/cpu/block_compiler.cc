#include "platform/cpu/block_compiler.h"

#include <bit>
#include <utility>

#include "platform/cpu/decode.h"

namespace backboard {

using namespace asmjit;
using x86::CondCode;
namespace Inst = x86::Inst;

void BlockCompiler::load_x(Gp to, unsigned x) {
  if (x == 0) {
    a_.xor_(to, to);
  } else if (pinned(x)) {
    a_.mov(to, home_of(x));
  } else {
    a_.mov(to, x_place(x));
  }
}

void BlockCompiler::store_x(unsigned x, Gp from) {
  if (x == kDiscardRegister) return;
  pinned(x) ? a_.mov(home_of(x), from) : a_.mov(x_place(x), from);
}

void BlockCompiler::fetch_x(Gp to, unsigned x) {
  if (!at_hand(x)) return load_x(to, x);
  if (to != x86::eax) a_.mov(to, x86::eax);
}

void BlockCompiler::keep_x(unsigned x) {
  store_x(x, x86::eax);
  if (x != kDiscardRegister && !pinned(x)) kept_ = x;
}

void BlockCompiler::set_x(unsigned x, uint32_t value) {
  if (x == kDiscardRegister) return;
  pinned(x) ? a_.mov(home_of(x), value) : a_.mov(x_place(x), value);
}

const CompiledSite* BlockCompiler::site_of(const Operation& op) {
  const InstructionKind kind = kind_of(op.id);
  CompiledSite site{.block = &block_, .operation = &op, .latency_before = latency_, .latency_own = latency_own_};
  site.load = kind == InstructionKind::load;
  site.store = kind == InstructionKind::store;
  site.sign_extends = op.id == InstructionId::LB || op.id == InstructionId::LH;
  site.floating = op.id == InstructionId::FLW || op.id == InstructionId::FSW;
  site.size_bytes = moved_bytes(op.id);
  code_.sites_.push_back(site);
  return &code_.sites_.back();
}

void BlockCompiler::emit() {
  entry = a_.newLabel();
  body = a_.newLabel();
  for (End& end : ends) end.out = a_.newLabel();
  const Block& block = block_.block;
  const Label late = a_.newLabel(), gone = a_.newLabel();
  a_.bind(entry);
  a_.lea(x86::rcx, x86::ptr(host::kClock, static_cast<int32_t>(block.worst_cycles)));
  a_.cmp(x86::rcx, x86::qword_ptr(host::kX, displacement(places_.limit)));
  a_.ja(late);
  if (block.cached()) check_lines(gone);
  a_.bind(body);
  for (unsigned i = 0; i < block.count; ++i) operation(block.operations[i]);
  const InstructionKind last = kind_of(block.operations[block.count - 1].id);
  const bool ended = last == InstructionKind::branch || last == InstructionKind::jump || last == InstructionKind::csr ||
                     last == InstructionKind::system ||
                     (last == InstructionKind::fence && block.operations[block.count - 1].id != InstructionId::FENCE);
  if (!ended) finish(0, block.cycles, static_cast<uint32_t>(block.pc()) + block.bytes);
  for (size_t i = 0; i < apart_.size(); ++i) apart_[i]();

  const x86::Mem pc = x86::dword_ptr(host::kX, displacement(places_.pc));
  for (const End& end : ends) {
    if (!end.used) continue;
    a_.bind(end.out);
    a_.mov(pc, end.next);
    a_.mov(x86::edx, static_cast<uint32_t>(CompiledExit::unknown));
    a_.jmp(imm(code_.leave_));
  }
  const auto go_back = [&](const Label& label, CompiledExit exit) {
    a_.bind(label);
    a_.mov(pc, static_cast<uint32_t>(block.pc()));
    a_.mov(x86::edx, static_cast<uint32_t>(exit));
    a_.jmp(imm(code_.leave_));
  };
  go_back(late, CompiledExit::limit);
  if (block.cached()) go_back(gone, CompiledExit::unknown);
}

void BlockCompiler::operation(const Operation& op) {
  at_hand_ = std::exchange(kept_, 0);
  if (integer(op) || bit_manipulation(op) || floating(op)) return;
  switch (op.id) {
    case InstructionId::FENCE:  // one core and an in-order bus: everything is ordered already
      return;
    case InstructionId::BEQ:
      return branch(op, CondCode::kEqual);
    case InstructionId::BNE:
      return branch(op, CondCode::kNotEqual);
    case InstructionId::BLT:
      return branch(op, CondCode::kSignedLT);
    case InstructionId::BGE:
      return branch(op, CondCode::kSignedGE);
    case InstructionId::BLTU:
      return branch(op, CondCode::kUnsignedLT);
    case InstructionId::BGEU:
      return branch(op, CondCode::kUnsignedGE);
    case InstructionId::JAL:
      set_x(op.rd, pc_of(op) + op.length_bytes);
      return finish(0, block_.block.cycles, pc_of(op) + static_cast<uint32_t>(op.immediate));
    case InstructionId::JALR:
      return jump_register(op);
    default:
      break;
  }
  if (kind_of(op.id) == InstructionKind::atomic) return call(code_.call_access_, op);
  if (kind_of(op.id) == InstructionKind::csr) {
    call(code_.call_csr_, op);
    return finish(0, block_.block.cycles, pc_of(op) + op.length_bytes);
  }
  leave(op);  // sees the whole core, or is illegal
}

bool BlockCompiler::integer(const Operation& op) {
  switch (op.id) {
    case InstructionId::LUI:
      return set_x(op.rd, static_cast<uint32_t>(op.immediate)), true;
    case InstructionId::AUIPC:
      return set_x(op.rd, pc_of(op) + static_cast<uint32_t>(op.immediate)), true;
    case InstructionId::ADDI:
      return immediate(op, Inst::kIdAdd), true;
    case InstructionId::XORI:
      return immediate(op, Inst::kIdXor), true;
    case InstructionId::ORI:
      return immediate(op, Inst::kIdOr), true;
    case InstructionId::ANDI:
      return immediate(op, Inst::kIdAnd), true;
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
      return multiply_high(op, true, true), true;
    case InstructionId::MULHSU:
      return multiply_high(op, true, false), true;
    case InstructionId::MULHU:
      return multiply_high(op, false, false), true;
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

void BlockCompiler::immediate(const Operation& op, Inst::Id instruction) {
  if (op.rd == kDiscardRegister) return;
  if (op.rs1 == 0) {
    const auto value = static_cast<uint32_t>(op.immediate);
    return set_x(op.rd, instruction == Inst::kIdAnd ? 0 : value);
  }
  const Gp to = pinned(op.rd) ? home_of(op.rd) : Gp(x86::eax);
  if (instruction == Inst::kIdAdd && pinned(op.rs1) && op.rd != op.rs1) {
    a_.lea(to, x86::ptr(home_of(op.rs1).r64(), op.immediate));
  } else {
    if (!(pinned(op.rd) && op.rd == op.rs1)) fetch_x(to, op.rs1);
    const bool nothing = op.immediate == 0 && instruction != Inst::kIdAnd;
    if (!nothing) a_.emit(instruction, to, imm(op.immediate));
  }
  if (!pinned(op.rd)) keep_x(op.rd);
}

void BlockCompiler::binary(const Operation& op, Inst::Id instruction, bool commutes) {
  if (op.rd == kDiscardRegister) return;
  unsigned first = op.rs1, second = op.rs2;
  const bool in_place = pinned(op.rd);
  if (commutes && (in_place ? op.rd == second : at_hand(second))) std::swap(first, second);
  const Gp to = in_place && (op.rd != second || op.rd == first) ? home_of(op.rd) : Gp(x86::eax);
  const bool second_at_hand = at_hand(second), makes_way = second_at_hand && to == x86::eax && first != second;
  if (makes_way) a_.mov(x86::ecx, x86::eax);
  if (!(in_place && op.rd == first && to == home_of(op.rd))) fetch_x(to, first);
  if (second_at_hand) {
    a_.emit(instruction, to, makes_way ? x86::ecx : x86::eax);
  } else if (pinned(second)) {
    a_.emit(instruction, to, home_of(second));
  } else {
    a_.emit(instruction, to, x_place(second));  // x[0] is there, and zero
  }
  if (!in_place || to == x86::eax) keep_x(op.rd);
}

void BlockCompiler::shift(const Operation& op, Inst::Id instruction, bool by_register) {
  if (op.rd == kDiscardRegister) return;
  if (by_register) {
    fetch_x(x86::ecx, op.rs2);  // the host, too, looks at five bits
    fetch_x(x86::eax, op.rs1);
    a_.emit(instruction, x86::eax, x86::cl);
    return keep_x(op.rd);
  }
  const Gp to = pinned(op.rd) ? home_of(op.rd) : Gp(x86::eax);
  if (!(pinned(op.rd) && op.rd == op.rs1)) fetch_x(to, op.rs1);
  if (op.immediate != 0) a_.emit(instruction, to, imm(op.immediate));
  if (!pinned(op.rd)) keep_x(op.rd);
}

/// Leaves a comparison of two registers in the flags.
void BlockCompiler::compare(unsigned a, unsigned b) {
  if (at_hand(a)) {
    if (b == 0) {
      a_.test(x86::eax, x86::eax);
    } else {
      pinned(b) ? a_.cmp(x86::eax, home_of(b)) : a_.cmp(x86::eax, x_place(b));
    }
  } else if (at_hand(b)) {
    pinned(a) ? a_.cmp(home_of(a), x86::eax) : a_.cmp(x_place(a), x86::eax);
  } else if (pinned(a)) {
    if (b == 0) {
      a_.test(home_of(a), home_of(a));
    } else {
      pinned(b) ? a_.cmp(home_of(a), home_of(b)) : a_.cmp(home_of(a), x_place(b));
    }
  } else if (pinned(b)) {
    a_.cmp(x_place(a), home_of(b));
  } else if (b == 0) {
    a_.cmp(x_place(a), 0);
  } else {
    a_.mov(x86::eax, x_place(a));
    a_.cmp(x86::eax, x_place(b));
  }
}

void BlockCompiler::set_if(const Operation& op, CondCode condition, bool by_register) {
  if (op.rd == kDiscardRegister) return;
  if (by_register) {
    compare(op.rs1, op.rs2);
  } else {
    at_hand(op.rs1)  ? a_.cmp(x86::eax, op.immediate)
    : pinned(op.rs1) ? a_.cmp(home_of(op.rs1), op.immediate)
                     : a_.cmp(x_place(op.rs1), op.immediate);
  }
  a_.set(condition, x86::al);
  a_.movzx(x86::eax, x86::al);
  keep_x(op.rd);
}

void BlockCompiler::multiply_high(const Operation& op, bool signed_a, bool signed_b) {
  if (op.rd == kDiscardRegister) return;
  load_x(x86::eax, op.rs1);
  load_x(x86::ecx, op.rs2);
  if (signed_a) a_.movsxd(x86::rax, x86::eax);
  if (signed_b) a_.movsxd(x86::rcx, x86::ecx);
  a_.imul(x86::rax, x86::rcx);  // the product's low 64 bits are exact for each of the three
  a_.shr(x86::rax, 32);
  keep_x(op.rd);
}

/// Calls back at an instruction that may leave the block.
void BlockCompiler::call(uint64_t thunk, const Operation& op) {
  a_.mov(x86::rcx, reinterpret_cast<uint64_t>(site_of(op)));
  a_.call(imm(thunk));
}

/// The same where it always does.
void BlockCompiler::leave(const Operation& op) {
  a_.mov(x86::rcx, reinterpret_cast<uint64_t>(site_of(op)));
  a_.call(imm(code_.call_system_));
}

void BlockCompiler::branch(const Operation& op, CondCode condition) {
  const Label taken = a_.newLabel();
  compare(op.rs1, op.rs2);
  a_.j(condition, taken);
  finish(0, block_.block.cycles, pc_of(op) + op.length_bytes);
  a_.bind(taken);
  finish(1, block_.block.cycles + block_.taken_cycles, pc_of(op) + static_cast<uint32_t>(op.immediate));
}

/// Counts one execution of the whole block. Leaves the address of block_ in rax.
void BlockCompiler::account(unsigned end, uint32_t cycles) {
  a_.mov(x86::rax, reinterpret_cast<uint64_t>(&block_));
  a_.inc(x86::qword_ptr(x86::rax, static_cast<int32_t>(offsetof(CompiledBlock, executions) + 8 * end)));
  a_.add(x86::qword_ptr(host::kX, displacement(places_.retired)), block_.block.count);
  a_.add(host::kClock, cycles + latency_);
}

void BlockCompiler::finish(unsigned end, uint32_t cycles, uint32_t next) {
  ends[end].used = true;
  ends[end].next = next;
  account(end, cycles);
  const uint64_t key = next | (block_.block.key & 1);
  if (key == block_.block.key) {
    a_.jmp(entry);
  } else if (const CompiledBlock* following = code_.find(key)) {
    a_.jmp(imm(reinterpret_cast<uint64_t>(following->entry)));
  } else {
    a_.jmp(x86::qword_ptr(x86::rax, static_cast<int32_t>(offsetof(CompiledBlock, next) + sizeof(void*) * end)));
  }
}

void BlockCompiler::jump_register(const Operation& op) {
  load_x(x86::edx, op.rs1);
  if (op.immediate != 0) a_.add(x86::edx, op.immediate);
  a_.and_(x86::edx, ~1);
  set_x(op.rd, pc_of(op) + op.length_bytes);
  account(0, block_.block.cycles);
  const Label unknown = a_.newLabel();
  a_.mov(x86::ecx, x86::edx);
  a_.and_(x86::ecx, static_cast<uint32_t>((CompiledCode::kEntries - 1) << 1));
  a_.mov(x86::rax, reinterpret_cast<uint64_t>(code_.entries_.data()));
  a_.shl(x86::ecx, std::countr_zero(sizeof(CompiledCode::Entry)) - 1);
  a_.add(x86::rcx, x86::rax);
  if (block_.block.key & 1) a_.or_(x86::edx, 1);
  a_.cmp(x86::qword_ptr(x86::rcx, offsetof(CompiledCode::Entry, key)), x86::rdx);
  a_.jne(unknown);
  a_.jmp(x86::qword_ptr(x86::rcx, offsetof(CompiledCode::Entry, code)));
  apart_.emplace_back([this, unknown] {
    a_.bind(unknown);
    a_.and_(x86::edx, ~1);
    a_.mov(x86::dword_ptr(host::kX, displacement(places_.pc)), x86::edx);
    a_.mov(x86::edx, static_cast<uint32_t>(CompiledExit::unknown));
    a_.jmp(imm(code_.leave_));
  });
}

}  // namespace backboard
