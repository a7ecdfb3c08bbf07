// Traps, interrupts and the instructions that see the whole core.
#include <cstring>

#include "platform/cpu/riscv_core.h"

namespace backboard {

template <class Xlen>
void RiscvCore<Xlen>::privilege_changed() {
  data_machine_ = machine_;
  if (machine_ && (mstatus_ & kMstatusMprv)) data_machine_ = (mstatus_ & kMstatusMpp) == kMstatusMpp;
}

template <class Xlen>
void RiscvCore<Xlen>::enter_trap(U cause_bits, bool interrupt, U value, BusResponse response) {
  if (observer_) {
    observer_->on_trap(
        {pc_, value, clock_time_.time_ps(clock_), static_cast<uint8_t>(cause_bits), interrupt, response});
  }
  mepc_ = pc_;
  mcause_ = cause_bits | (interrupt ? U{1} << (Xlen::kBits - 1) : 0);
  mtval_ = value;
  U status = mstatus_ & ~(kMstatusMie | kMstatusMpie | kMstatusMpp);
  if (mstatus_ & kMstatusMie) status |= kMstatusMpie;
  if (machine_) status |= kMstatusMpp;
  mstatus_ = status;
  machine_ = true;
  privilege_changed();
  const bool vectored = (mtvec_ & 1) && interrupt;
  pc_ = (mtvec_ & ~U{3}) + (vectored ? 4 * cause_bits : 0);
  clock_ += cost_[static_cast<unsigned>(InstructionKind::system)];
  left_early_ = true;
}

template <class Xlen>
void RiscvCore<Xlen>::take_trap(TrapCause cause, U value, BusResponse response) {
  const U trapped = pc_;
  exceptions_++;
  // Fetches of instructions that retire are counted where they do.
  const bool fetched = cause != TrapCause::instruction_access && left_.cached;
  if (fetched) path_.code_cache()->counters.reads += left_.lines;
  enter_trap(static_cast<U>(cause), false, value, response);
  // The same instruction twice with none retired between: the trap handler itself cannot be executed.
  if (last_trap_retired_ == retired_ && last_trap_pc_ == trapped) stop(StopReason::lockup);
  last_trap_retired_ = retired_;
  last_trap_pc_ = trapped;
}

template <class Xlen>
bool RiscvCore<Xlen>::take_interrupt() {
  if (!interrupt_is_due()) return false;
  const U pending = pins_ & mie_;
  for (const unsigned cause : {11u, 3u, 7u}) {  // external, software, timer: the order of the manual
    if (!(pending >> cause & 1)) continue;
    interrupts_++;
    enter_trap(cause, true, 0, BusResponse::ok);
    return true;
  }
  return false;
}

template <class Xlen>
void RiscvCore<Xlen>::illegal_instruction() {
  uint8_t bytes[4] = {};
  uint32_t bits = 0;
  // Half by half: a 16-bit instruction may be the last of its memory.
  const bool low = peek(pc_, std::span(bytes, 2));
  if (low && is_long_instruction(bytes[0])) peek(pc_ + U{2}, std::span(bytes + 2, 2));
  std::memcpy(&bits, bytes, sizeof bits);
  take_trap(TrapCause::illegal_instruction, static_cast<U>(bits));
}

template <class Xlen>
void RiscvCore<Xlen>::retire(const Operation& operation) {
  count_operation(operation, left_);
  retired_++;
  clock_ += cost_[static_cast<unsigned>(kind_of(operation.id))];
  pc_ += operation.length_bytes;
}

template <class Xlen>
void RiscvCore<Xlen>::execute_system(const Operation& in_block) {
  const Operation operation = in_block;  // the block may be dropped below
  switch (operation.id) {
    case InstructionId::CSRRW:
    case InstructionId::CSRRS:
    case InstructionId::CSRRC:
    case InstructionId::CSRRWI:
    case InstructionId::CSRRSI:
    case InstructionId::CSRRCI:
      return execute_csr(operation);
    case InstructionId::CBO_INVAL:
    case InstructionId::CBO_CLEAN:
    case InstructionId::CBO_FLUSH:
      return execute_cache(operation);
    case InstructionId::ECALL:
      return take_trap(machine_ ? TrapCause::ecall_machine : TrapCause::ecall_user, 0);
    case InstructionId::EBREAK:
      return execute_ebreak(operation);
    case InstructionId::MRET:
      return execute_mret(operation);
    case InstructionId::WFI:
      if (!machine_ && (mstatus_ & kMstatusTw)) return illegal_instruction();
      retire(operation);
      waiting_ = !pending_interrupts();
      return;
    case InstructionId::FENCE_I: {
      const AccessResult result = path_.synchronize_code(clock_ + cost_[static_cast<unsigned>(InstructionKind::fence)]);
      blocked_ = result.kind == AccessKind::wait;
      if (blocked_) return;
      retire(operation);
      clock_ += result.cycles;
      drop_blocks();
      return;
    }
    default:
      return illegal_instruction();
  }
}

/// What a CSR instruction does to the CSR and to rd, at clock_ and retired_. False when it is illegal.
template <class Xlen>
bool RiscvCore<Xlen>::exchange_csr(const Operation& operation) {
  const auto number = static_cast<unsigned>(operation.immediate);
  const bool immediate = operation.id >= InstructionId::CSRRWI;
  const U source = immediate ? U{operation.rs1} : x_[operation.rs1];
  const bool exchange = operation.id == InstructionId::CSRRW || operation.id == InstructionId::CSRRWI;
  const bool write = exchange || operation.rs1 != 0;
  U old = 0;
  if (!csr_exists(number, write) || !read_csr(number, old)) return false;
  if (write) {
    const bool set = operation.id == InstructionId::CSRRS || operation.id == InstructionId::CSRRSI;
    const U value = exchange ? source : set ? old | source : old & ~source;
    const uint64_t cycles = cost_[static_cast<unsigned>(InstructionKind::csr)];
    write_csr(number, value, {clock_ + cycles, retired_ + 1});
  }
  x_[operation.rd] = old;
  return true;
}

template <class Xlen>
void RiscvCore<Xlen>::execute_csr(const Operation& operation) {
  exchange_csr(operation) ? retire(operation) : illegal_instruction();
}

/// Carries a CSR instruction out as the last of `block`, which has started at `clock` as for `leave`. True when the
/// block may end as others do: nothing that who runs blocks has looked at is another now. Otherwise the core is at the
/// boundary behind the instruction, or behind the trap that it was.
template <class Xlen>
bool RiscvCore<Xlen>::csr_ends_block(const Block& block, const Operation& operation, uint64_t clock) {
  const auto number = static_cast<unsigned>(operation.immediate);
  const auto before = static_cast<uint64_t>(&operation - block.operations);
  const bool drops_blocks = number >= csr::kPMPCFG0 && number < csr::kPMPADDR0 + 64;
  const bool data_machine = data_machine_;
  clock_ = clock + operation.cycles_before;
  retired_ += before;
  const bool done = !drops_blocks && exchange_csr(operation);
  retired_ -= before;
  if (done && data_machine == data_machine_ && !interrupt_is_due()) return true;
  leave(block, operation, clock, done);
  if (!done) execute_csr(Operation(operation));  // the block may be dropped
  return false;
}

template <class Xlen>
void RiscvCore<Xlen>::execute_mret(const Operation& operation) {
  if (!machine_) return illegal_instruction();
  retire(operation);
  machine_ = (mstatus_ & kMstatusMpp) == kMstatusMpp;
  U status = mstatus_ & ~(kMstatusMie | kMstatusMpp);
  if (mstatus_ & kMstatusMpie) status |= kMstatusMie;
  status |= kMstatusMpie;
  if (!machine_) status &= ~U{kMstatusMprv};
  mstatus_ = status;
  privilege_changed();
  pc_ = mepc_;
}

template <class Xlen>
bool RiscvCore<Xlen>::semihosting_sequence() {
  // slli x0,x0,0x1f before and srai x0,x0,7 behind, all three uncompressed (RISC-V Semihosting, "Entry sequence").
  uint8_t bytes[12];
  if (!peek(pc_ - U{4}, bytes)) return false;
  uint32_t words[3];
  std::memcpy(words, bytes, sizeof words);
  return words[0] == 0x01f01013 && words[1] == 0x00100073 && words[2] == 0x40705013;
}

template <class Xlen>
void RiscvCore<Xlen>::execute_ebreak(const Operation& operation) {
  if (!semihosting_ || operation.length_bytes != 4 || !semihosting_sequence()) {
    return take_trap(TrapCause::breakpoint, pc_);
  }
  const SemihostingReply reply =
      semihosting_->call(x_[10], x_[11], Xlen::kBits / 8, clock_time_.time_ps(clock_), memory());
  x_[10] = static_cast<U>(reply.result);
  retire(operation);
  if (reply.stop) request_stop();
}

template <class Xlen>
void RiscvCore<Xlen>::execute_cache(const Operation& operation) {
  // CMO specification: in user mode menvcfg allows the operations; CBIE = 1 makes invalidate a flush.
  const unsigned invalidate_mode = menvcfg_ >> 4 & 3;
  CacheOperation what = CacheOperation::invalidate;
  if (operation.id == InstructionId::CBO_INVAL) {
    if (!machine_ && invalidate_mode == 0) return illegal_instruction();
    if (!machine_ && invalidate_mode == 1) what = CacheOperation::flush;
  } else {
    if (!machine_ && !(menvcfg_ & 0x40)) return illegal_instruction();
    what = operation.id == InstructionId::CBO_CLEAN ? CacheOperation::clean : CacheOperation::flush;
  }
  const U address = x_[operation.rs1];
  const uint64_t first = address & ~uint64_t{CacheConfig::kBlockBytes - 1};
  const bool allowed = pmp_.allows(first, CacheConfig::kBlockBytes, PmpAccess::read, data_machine_) ||
                       pmp_.allows(first, CacheConfig::kBlockBytes, PmpAccess::write, data_machine_);
  if (!allowed) return take_trap(TrapCause::store_access, address);
  if (observer_ && !again_) observer_->on_cache_operation(what, address, pc_);
  const AccessResult result = path_.maintain(what, first, clock_);
  blocked_ = result.kind == AccessKind::wait;
  if (blocked_) return;
  clock_ += result.cycles;
  retire(operation);
}

template void RiscvCore<Rv32>::privilege_changed();
template void RiscvCore<Rv32>::take_trap(TrapCause, uint32_t, BusResponse);
template bool RiscvCore<Rv32>::take_interrupt();
template void RiscvCore<Rv32>::illegal_instruction();
template void RiscvCore<Rv32>::execute_system(const Operation&);
template bool RiscvCore<Rv32>::csr_ends_block(const Block&, const Operation&, uint64_t);
template void RiscvCore<Rv64>::privilege_changed();
template void RiscvCore<Rv64>::take_trap(TrapCause, uint64_t, BusResponse);
template bool RiscvCore<Rv64>::take_interrupt();
template void RiscvCore<Rv64>::illegal_instruction();
template void RiscvCore<Rv64>::execute_system(const Operation&);
template bool RiscvCore<Rv64>::csr_ends_block(const Block&, const Operation&, uint64_t);

}  // namespace backboard
