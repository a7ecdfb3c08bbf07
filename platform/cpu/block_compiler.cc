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
  } else if (held(x)) {
    a_.mov(to, home_of(x));
  } else if (known(x)) {
    a_.mov(to, places_now_.value(x));
  } else {
    a_.mov(to, x_place(x));
  }
}

void BlockCompiler::store_x(unsigned x, Gp from) {
  if (x == kDiscardRegister) return;
  held(x) ? a_.mov(home_of(x), from) : a_.mov(x_place(x), from);
}

void BlockCompiler::fetch_x(Gp to, unsigned x) {
  if (!at_hand(x)) return load_x(to, x);
  if (to != x86::eax) a_.mov(to, x86::eax);
}

void BlockCompiler::keep_x(unsigned x) {
  store_x(x, x86::eax);
  if (x != kDiscardRegister && !held(x)) kept_ = x;
}

/// Emits nothing: the value is part of who uses it, until somebody else looks.
void BlockCompiler::set_x(unsigned x, uint32_t value) {
  made_constant_ = true;
  if (x == kDiscardRegister) return;
  places_now_.drop(x);
  places_now_.make_known(x, value);
  places_now_.set_stale(x, true);
}

const CompiledSite* BlockCompiler::site_of(const Operation& op) {
  const InstructionKind kind = kind_of(op.id);
  CompiledSite site{.block = &block_,
                    .operation = &block_.block.operations[now_],
                    .latency_before = latency_,
                    .latency_own = latency_own_};
  site.load = kind == InstructionKind::load;
  site.store = kind == InstructionKind::store;
  site.sign_extends = op.id == InstructionId::LB || op.id == InstructionId::LH;
  site.floating = op.id == InstructionId::FLW || op.id == InstructionId::FSW;
  site.size_bytes = moved_bytes(op.id);
  site.cycles_before = op.cycles_before;
  site.worst_cycles = block_.block.worst_cycles;
  code_.sites_.push_back(site);
  return &code_.sites_.back();
}

void BlockCompiler::emit() {
  entry = a_.newLabel();
  body = a_.newLabel();
  for (End& end : ends) end.out = a_.newLabel();
  const Block& block = block_.block;
  late_ = a_.newLabel();
  in_time_ = a_.newLabel();
  gone_ = a_.newLabel();
  turn_ = a_.newLabel();
  choose_registers();
  a_.bind(entry);
  check_time(late_);
  a_.bind(in_time_);
  if (block.cached()) check_lines(gone_);
  a_.bind(body);
  if (loops_) {
    settle(wanted_);
    places_now_ = at_turn();
    restart_turns();
    a_.bind(turn_);
  }
  if (!data_.by_lines && data_.no_wrap) groups_ = group_accesses(operations_);
  const RegisterPlaces start = places_now_;
  if (!groups_.groups.empty()) {
    plain_ = a_.newLabel();
    for (unsigned i = 0; i < block.count; ++i) plain_behind_.push_back(a_.newLabel());
    check_groups();
    in_groups_ = true;
    emit_operations();
    in_groups_ = false;
    a_.bind(plain_);
    places_now_ = start;
  }
  emit_operations();
  at_hand_ = kept_ = 0;
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
  a_.bind(late_);
  const Label out = a_.newLabel();
  start_quantum(out);
  go_back(out, CompiledExit::limit);
  if (block.cached()) go_back(gone_, CompiledExit::unknown);
}

/// One form of the block, from its first operation to its ends.
void BlockCompiler::emit_operations() {
  const Block& block = block_.block;
  at_hand_ = kept_ = 0;
  latency_ = 0;
  floating_checked_ = floating_dirty_ = false;
  for (now_ = 0; now_ < block.count; ++now_) {
    const unsigned more = add_carry() || multiply_whole() ? 1 : funnel_shift() ? 2 : 0;
    if (more == 0) operation(operations_[now_]);
    now_ += more;
  }
  const InstructionKind last = kind_of(block.operations[block.count - 1].id);
  const bool ended = last == InstructionKind::branch || last == InstructionKind::jump || last == InstructionKind::csr ||
                     last == InstructionKind::system ||
                     (last == InstructionKind::fence && block.operations[block.count - 1].id != InstructionId::FENCE);
  if (!ended) finish(0, block.cycles, static_cast<uint32_t>(block.pc()) + block.bytes);
}

/// Whether the block must end in time.
void BlockCompiler::check_time(Label late) {
  compare_time();
  a_.ja(late);
}

void BlockCompiler::compare_time() {
  a_.lea(x86::rax, x86::ptr(host::kClock, static_cast<int32_t>(block_.block.worst_cycles)));
  a_.cmp(x86::rax, x86::qword_ptr(host::kX, displacement(places_.limit)));
}

/// RiscvCore::next_quantum, for the block itself: it starts another quantum if it ends before anything else is due and
/// nobody asked for a stop. Uses eax.
void BlockCompiler::start_quantum(Label late) {
  const auto place = [&](const void* member, uint32_t size_bytes) {
    return x86::ptr(host::kX, displacement(member), size_bytes);
  };
  a_.lea(x86::rax, x86::ptr(host::kClock, static_cast<int32_t>(block_.block.worst_cycles)));
  a_.cmp(x86::rax, place(places_.last, sizeof *places_.last));
  a_.ja(late);
  a_.cmp(place(places_.stop, sizeof *places_.stop), 0);
  a_.jne(late);
  a_.mov(x86::rax, place(places_.quantum, sizeof *places_.quantum));
  a_.add(x86::rax, host::kClock);
  a_.cmp(x86::rax, place(places_.last, sizeof *places_.last));
  a_.cmova(x86::rax, place(places_.last, sizeof *places_.last));
  a_.mov(place(places_.limit, sizeof *places_.limit), x86::rax);
  a_.jmp(in_time_);
}

void BlockCompiler::operation(const Operation& op) {
  at_hand_ = std::exchange(kept_, 0);
  made_constant_ = false;
  if (constant(op)) return;
  switch (kind_of(op.id)) {
    case InstructionKind::fence:
    case InstructionKind::atomic:
    case InstructionKind::csr:
    case InstructionKind::system:
      break;
    default:
      prepare(op);
      break;
  }
  if (integer(op) || bit_manipulation(op) || floating(op)) return wrote(op);
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
  if (kind_of(op.id) == InstructionKind::atomic) {
    call(code_.call_atomic_, op);
    return wrote(op);
  }
  if (kind_of(op.id) == InstructionKind::csr) {
    call(code_.call_csr_, op);
    wrote(op);
    return finish(0, block_.block.cycles, pc_of(op) + op.length_bytes);
  }
  leave(op);  // sees the whole core, or is illegal
}

/// Calls back at an instruction that may leave the block.
void BlockCompiler::call(uint64_t thunk, const Operation& op) {
  write_all_back();
  hold_nothing();
  a_.mov(x86::rcx, reinterpret_cast<uint64_t>(site_of(op)));
  a_.call(imm(thunk));
  restart_turns();
}

/// The same where it always does.
void BlockCompiler::leave(const Operation& op) {
  write_all_back();
  a_.mov(x86::rcx, reinterpret_cast<uint64_t>(site_of(op)));
  a_.call(imm(code_.call_system_));
}

void BlockCompiler::branch(const Operation& op, CondCode condition) {
  const Label apart = a_.newLabel();
  condition = compare(op.rs1, op.rs2, condition);
  const RegisterPlaces here = places_now_;
  const auto in_order = [&] { finish(0, block_.block.cycles, pc_of(op) + op.length_bytes); };
  const auto elsewhere = [&] {
    finish(1, block_.block.cycles + block_.taken_cycles, pc_of(op) + static_cast<uint32_t>(op.immediate));
  };
  // A loop's turn comes first: one jump for each.
  a_.j(loops_ ? x86::negateCond(condition) : condition, apart);
  loops_ ? elsewhere() : in_order();
  a_.bind(apart);
  places_now_ = here;
  loops_ ? in_order() : elsewhere();
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
  const uint64_t key = next | (block_.block.key & 1);
  const bool turns = loops_ && key == block_.block.key;
  if (turns) {
    leave_dead_behind();
    settle(wanted_);
    return turn(cycles);
  }
  add_turns();
  settle_usually();
  account(end, cycles);
  if (const CompiledBlock* following = code_.find(key)) {
    a_.jmp(imm(reinterpret_cast<uint64_t>(following->entry)));
  } else {
    a_.jmp(x86::qword_ptr(x86::rax, static_cast<int32_t>(offsetof(CompiledBlock, next) + sizeof(void*) * end)));
  }
}

/// The block follows itself: as at its entry, but for what is kept in registers.
void BlockCompiler::turn(uint32_t cycles) {
  if (turns_) {
    a_.inc(*turns_);
    a_.add(host::kClock, cycles + latency_);
  } else {
    account(turning_end(), cycles);
  }
  if (!block_.block.cached()) {
    compare_time();
    a_.jbe(turn_);
    return leave_turn(late_);
  }
  const Label late = a_.newLabel(), gone = a_.newLabel();
  check_time(late);
  check_lines(gone);
  a_.jmp(turn_);
  a_.bind(late);
  leave_turn(late_);
  a_.bind(gone);
  leave_turn(gone_);
}

void BlockCompiler::leave_turn(Label to) {
  places_now_ = at_turn();
  for (unsigned x = 1; x < kDiscardRegister; ++x) {
    if ((left_behind_ >> x & 1) == 0) continue;
    if (before_turn_.held(x)) {
      places_now_.put(x, before_turn_.host(x));
    } else {
      places_now_.make_known(x, before_turn_.value(x));
    }
    places_now_.set_stale(x, true);
  }
  add_turns();
  settle_usually();
  a_.jmp(to);
}

void BlockCompiler::jump_register(const Operation& op) {
  load_x(x86::eax, op.rs1);
  if (op.immediate != 0) a_.add(x86::eax, op.immediate);
  a_.and_(x86::eax, ~1);
  set_x(op.rd, pc_of(op) + op.length_bytes);
  settle_usually();
  a_.mov(x86::edx, x86::eax);
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
  later([this, unknown] {
    a_.bind(unknown);
    a_.and_(x86::edx, ~1);
    a_.mov(x86::dword_ptr(host::kX, displacement(places_.pc)), x86::edx);
    a_.mov(x86::edx, static_cast<uint32_t>(CompiledExit::unknown));
    a_.jmp(imm(code_.leave_));
  });
}

}  // namespace backboard
