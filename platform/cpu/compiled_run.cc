// Running compiled blocks, and what they call back for.
#include <algorithm>
#include <bit>

#include "platform/cpu/fast_float.h"
#include "platform/cpu/riscv_core.h"

namespace backboard {

using softfloat::Binary32;
using softfloat::Rounding;

/// Only code of RV32 is compiled.
template <class Xlen>
void RiscvCore<Xlen>::start_tier() {
  if constexpr (Xlen::kBits == 32) {
    if (config_.jit == JitUse::off || path_.has_caches() || !config_.use_direct_memory) return;
    CompiledPlaces places;
    places.core = this;
    places.x = x_.data();
    places.f = f_.data();
    places.pc = &pc_;
    places.retired = &retired_;
    places.fs = &fs_;
    places.frm = &frm_;
    places.fflags = &fflags_;
    places.access = [](void* core, const CompiledSite* site, uint32_t address, int64_t budget) {
      return static_cast<RiscvCore*>(core)->access_compiled(*site, address, budget);
    };
    places.floating = [](void* core, const CompiledSite* site, uint32_t, int64_t budget) {
      return static_cast<RiscvCore*>(core)->floating_compiled(*site, budget);
    };
    places.system = [](void* core, const CompiledSite* site, uint32_t, int64_t budget) {
      return static_cast<RiscvCore*>(core)->system_compiled(*site, budget);
    };
    compiled_ = CompiledCode::create(places);
  }
}

/// Like execute: `block` and those that follow it. Blocks that are not compiled yet run one by one in the interpreter,
/// until they have run often enough. Goes on quantum by quantum until `last_clock`; `limit_clock` ends the first.
template <class Xlen>
void RiscvCore<Xlen>::run_compiled(Block* block, uint64_t limit_clock, uint64_t last_clock) {
  static constexpr uint64_t kLongestRun = uint64_t{1} << 62;  // cycles; the budget is signed
  block_limit_ = std::min(limit_clock, clock_ + kLongestRun);
  bool granted = true;  // the block at pc_ may run, whatever block_limit_ says
  for (;;) {
    if (compiled_stale_) {
      compiled_->clear();
      compiled_stale_ = false;
    }
    const CompiledBlock* compiled = compiled_->find(pc_ | user_bit());
    if (!compiled) {
      if (!granted) block = find_block();
      if (!block || block == &breakpoint_block_ || compiled_stale_) return;
      if (!granted && clock_ + block->worst_cycles > block_limit_) return;
      if (compiled_->is_hot(block->key, config_.jit_after)) {
        if (!compile(*block)) return;
        compiled = compiled_->find(pc_ | user_bit());
      }
    }
    if (compiled) {
      const void* start = granted ? compiled->body : compiled->entry;
      const auto budget = static_cast<int64_t>(block_limit_ - clock_);
      const CompiledReturn back = compiled_->run(start, home_, path_.home_pages(data_machine_), budget);
      if (back.exit == CompiledExit::left) return;  // left_early_ says so
      clock_ = block_limit_ - static_cast<uint64_t>(back.budget);
      granted = false;
      if (back.exit != CompiledExit::limit) continue;
      compiled = compiled_->find(pc_ | user_bit());
      granted = compiled && next_quantum(compiled->block.worst_cycles, last_clock);
      if (!granted) return;
    } else {
      left_early_ = false;
      chain_limit_ = 0;  // this block alone
      interpret<false>(block);
      if (left_early_) return;
      granted = false;
    }
  }
}

/// Starts another quantum in compiled code: nobody asked for a stop, and a block of `worst_cycles` ends before anything
/// is due.
template <class Xlen>
bool RiscvCore<Xlen>::next_quantum(uint32_t worst_cycles, uint64_t last_clock) {
  const uint64_t last = std::min(last_clock, ahead_clock());
  if (stop_requested_.load(std::memory_order_relaxed) || clock_ + worst_cycles > last) return false;
  block_limit_ = std::min(last, clock_ + quantum_cycles_);
  return true;
}

/// False when nothing was compiled; blocks may then have been dropped.
template <class Xlen>
bool RiscvCore<Xlen>::compile(const Block& block) {
  if (compiled_->empty()) {
    home_ = {};
    home_.region = path_.largest_region();
    if (home_.region == DataPath::kNoRegion || !path_.set_home(home_.region)) {
      compiled_.reset();
      return false;
    }
    const DataPath::Region& region = path_.region(home_.region);
    home_.host_minus_guest = reinterpret_cast<uintptr_t>(region.bytes) - static_cast<uintptr_t>(region.first);
    home_.read_cycles = region.read_cycles;
    home_.write_cycles = region.write_cycles;
  }
  if (compiled_->compile(block, home_, config_.costs.branch_taken)) return true;
  if (compiled_->full()) {
    drop_blocks();
  } else {
    count_compiled();
    compiled_.reset();  // the host lets no code be made
  }
  return false;
}

template <class Xlen>
void RiscvCore<Xlen>::forget_compiled() {
  if (!compiled_ || compiled_->empty()) return;
  count_compiled();
  compiled_stale_ = true;
}

template <class Xlen>
void RiscvCore<Xlen>::count_compiled() {
  if (!compiled_) return;
  compiled_->for_each([this](CompiledBlock& compiled) {
    Block& block = compiled.block;
    block.executions = compiled.executions[0] + compiled.executions[1];
    block.taken = compiled.executions[1];
    compiled.executions[0] = compiled.executions[1] = 0;
    DataPath::Region& home = path_.region(home_.region);
    home.data_read_bytes += block.executions * compiled.load_bytes;
    home.data_write_bytes += block.executions * compiled.store_bytes;
    count_block(block);
  });
}

/// Leaves the block at `site`, with clock_ as in `leave`: what its loads and stores did in home memory was not counted
/// yet.
template <class Xlen>
void RiscvCore<Xlen>::leave_compiled(const CompiledSite& site, bool completed) {
  const Block& block = site.block->block;
  DataPath::Region& home = path_.region(home_.region);
  for (const Operation* op = block.operations; op != site.operation; ++op) {
    (kind_of(op->id) == InstructionKind::load ? home.data_read_bytes : home.data_write_bytes) += moved_bytes(op->id);
  }
  leave(block, *site.operation, clock_, completed);
}

template <class Xlen>
CompiledReturn RiscvCore<Xlen>::access_compiled(const CompiledSite& site, U address, int64_t budget) {
  const Operation& op = *site.operation;
  clock_ = block_limit_ - static_cast<uint64_t>(budget) + site.latency_before;
  pc_ = static_cast<U>(site.block->block.pc()) + op.pc_offset;
  AccessKind kind = AccessKind::fault;
  if (site.load) {
    kind = load(address, site.size_bytes, op.cycles_before);
  } else if (site.store) {
    transfer_ = site.floating ? f_[op.rs2] : x_[op.rs2];
    kind = store(address, site.size_bytes, op.cycles_before);
  } else {
    kind = atomic(op);
  }
  if (kind == AccessKind::fault) {
    leave_compiled(site, false);
    take_pending_trap();
    return {0, CompiledExit::left};
  }
  if (site.load) {
    const unsigned above = 32 - 8 * site.size_bytes;
    const auto value = static_cast<uint32_t>(transfer_) << above;
    if (site.floating) {
      f_[op.rd] = value;
      fs_ = 3;
    } else {
      x_[op.rd] = site.sign_extends ? static_cast<U>(static_cast<int32_t>(value) >> above) : value >> above;
    }
  }
  if (kind == AccessKind::bus && !goes_on(site.block->block.worst_cycles)) {
    leave_compiled(site, true);
    return {0, CompiledExit::left};
  }
  // The block's end will count the access as one of home memory, with its bytes and its latency.
  DataPath::Region& home = path_.region(home_.region);
  (site.load ? home.data_read_bytes : home.data_write_bytes) -= site.size_bytes;
  const uint64_t start = clock_ - site.latency_before - site.latency_own;
  return {static_cast<int64_t>(block_limit_ - start), CompiledExit::goes_on};
}

template <class Xlen>
CompiledReturn RiscvCore<Xlen>::floating_compiled(const CompiledSite& site, int64_t budget) {
  if (!execute_floating(*site.operation)) return system_compiled(site, budget);
  return {budget, CompiledExit::goes_on};
}

template <class Xlen>
CompiledReturn RiscvCore<Xlen>::system_compiled(const CompiledSite& site, int64_t budget) {
  const Operation operation = *site.operation;  // the block may be dropped
  clock_ = block_limit_ - static_cast<uint64_t>(budget) + site.latency_before;
  leave_compiled(site, false);
  execute_system(operation);
  return {0, CompiledExit::left};
}

/// False for what is illegal: FS = Off, or a reserved rounding mode.
template <class Xlen>
bool RiscvCore<Xlen>::execute_floating(const Operation& operation) {
  const Operation* const op = &operation;
  U* const x = x_.data();
  if (fs_ == 0) return false;
#define RS1 x[op->rs1]
#define F1 f_[op->rs1]
#define F2 f_[op->rs2]
#define F3 f_[op->rs3]
#define BITS1 f_[op->rs1]
#define FP_TO_x(value) x[op->rd] = value
#define FP_TO_s(value) f_[op->rd] = value
#define FP_ROUNDED(id, result, expression)                              \
  case InstructionId::id: {                                             \
    const uint32_t mode = op->rounding == 7 ? frm_ : op->rounding;      \
    if (mode > 4) return false;                                         \
    [[maybe_unused]] const auto rounding = static_cast<Rounding>(mode); \
    FP_TO_##result(expression);                                         \
    break;                                                              \
  }
#define FP_PLAIN(id, result, expression) \
  case InstructionId::id:                \
    FP_TO_##result(expression);          \
    break;
#define FP_ROUNDED64(id, result, expression)
#define FP_PLAIN64(id, result, expression)
  switch (op->id) {
#include "platform/cpu/fp_instructions.def"
    default:
      return false;
  }
#undef RS1
#undef F1
#undef F2
#undef F3
#undef BITS1
#undef FP_TO_x
#undef FP_TO_s
  fs_ = 3;
  return true;
}

template void RiscvCore<Rv32>::start_tier();
template void RiscvCore<Rv32>::run_compiled(Block*, uint64_t, uint64_t);
template void RiscvCore<Rv32>::forget_compiled();
template void RiscvCore<Rv32>::count_compiled();
template void RiscvCore<Rv64>::start_tier();
template void RiscvCore<Rv64>::run_compiled(Block*, uint64_t, uint64_t);
template void RiscvCore<Rv64>::forget_compiled();
template void RiscvCore<Rv64>::count_compiled();

}  // namespace backboard
