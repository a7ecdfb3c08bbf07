// Running compiled blocks, and what they call back for.
#include <algorithm>
#include <bit>
#include <cstring>

#include "platform/check/check.h"
#include "platform/cpu/fast_float.h"
#include "platform/cpu/riscv_core.h"
#include "platform/cpu/usual_line.h"

namespace backboard {

using softfloat::Binary32;
using softfloat::Rounding;

/// Only code of RV32 is compiled.
template <class Xlen>
void RiscvCore<Xlen>::start_tier() {
  if constexpr (Xlen::kBits == 32) {
    if (config_.jit == JitUse::off || !config_.use_direct_memory) return;
    CompiledPlaces places;
    places.core = this;
    places.x = x_.data();
    places.f = f_.data();
    places.pc = &pc_;
    places.retired = &retired_;
    places.limit = &block_limit_;
    places.quantum = &quantum_cycles_;
    places.last = &last_limit_;
    places.stop = &stop_requested_;
    places.fs = &fs_;
    places.frm = &frm_;
    places.fflags = &fflags_;
    places.load = [](void* core, const CompiledSite* site, uint32_t address, uint64_t clock) {
      return static_cast<RiscvCore*>(core)->template bring_compiled<BusOp::read>(*site, address, clock);
    };
    places.store = [](void* core, const CompiledSite* site, uint32_t address, uint64_t clock) {
      return static_cast<RiscvCore*>(core)->template bring_compiled<BusOp::write>(*site, address, clock);
    };
    places.atomic = [](void* core, const CompiledSite* site, uint32_t address, uint64_t clock) {
      return static_cast<RiscvCore*>(core)->access_compiled(*site, address, clock);
    };
    places.floating = [](void* core, const CompiledSite* site, uint32_t, uint64_t clock) {
      return static_cast<RiscvCore*>(core)->floating_compiled(*site, clock);
    };
    places.csr = [](void* core, const CompiledSite* site, uint32_t, uint64_t clock) {
      return static_cast<RiscvCore*>(core)->csr_compiled(*site, clock);
    };
    places.system = [](void* core, const CompiledSite* site, uint32_t, uint64_t clock) {
      return static_cast<RiscvCore*>(core)->system_compiled(*site, clock);
    };
    compiled_ = CompiledCode::create(places);
  }
}

/// Like execute: `block` and those that follow it. Blocks that are not compiled yet run one by one in the interpreter,
/// until they have run often enough. Goes on quantum by quantum until `last_clock`; `limit_clock` ends the first.
template <class Xlen>
void RiscvCore<Xlen>::run_compiled(Block* block, uint64_t limit_clock, uint64_t last_clock) {
  block_limit_ = limit_clock;
  last_limit_ = std::min(last_clock, ahead_clock());
  bool granted = true;  // the block at pc_ may run, whatever block_limit_ says
  for (;;) {
    if (compiled_stale_) {
      compiled_->clear();
      compiled_stale_ = false;
    }
    CompiledBlock* compiled = compiled_->find(pc_ | user_bit());
    if (compiled && !is_there(compiled->block)) {
      if (!granted) return;  // its lines are to be fetched first; then `block` is in them
      if (!follow_lines(*compiled, *block)) continue;
    }
    if (!compiled) {
      if (!granted) {
        // To find a block is to use its lines, so one that may not run yet is not looked for: an interrupt may come
        // first.
        if (path_.code_cache() && !(fetched(pc_ | user_bit()) && may_run(blocks_.slot(pc_ | user_bit())))) return;
        block = find_block();
      }
      if (!block || block == &breakpoint_block_ || compiled_stale_) return;
      if (!granted && !may_run(*block)) return;
      if (compiled_->is_hot(block->key, config_.jit_after)) {
        if (!compile(*block)) return;
        compiled = compiled_->find(pc_ | user_bit());
      }
    }
    if (compiled) {
      const void* start = compiled->entry;
      if (granted) {
        start = compiled->body;
        if (compiled->block.cached()) use_lines(compiled->block);
      }
      const void* const table = path_.data_cache() ? static_cast<const void*>(path_.table(data_machine_).granules())
                                                   : path_.home_pages(data_machine_);
      const CompiledReturn back = compiled_->run(start, home_, table, clock_);
      granted = false;
      if (back.exit == CompiledExit::left) {
        if (!carries_on()) return;  // left_early_ is set
        continue;
      }
      clock_ = back.clock;
      if (back.exit != CompiledExit::limit) continue;
      compiled = compiled_->find(pc_ | user_bit());
      granted = compiled && is_there(compiled->block) && next_quantum(compiled->block.worst_cycles, last_clock);
      if (!granted) return;
    } else {
      left_early_ = false;
      chain_limit_ = 0;  // this block alone
      run_interpreter(block);
      if (left_early_ && !carries_on()) return;
      granted = false;
    }
  }
}

/// Behind a block that was left in the middle, or by a system instruction: whether another may follow at once. Takes an
/// interrupt that is due. What `run` looks at beyond that cannot have changed: nobody sets breakpoints or steps here.
template <class Xlen>
bool RiscvCore<Xlen>::carries_on() {
  if (stop_requested_.load(std::memory_order_relaxed) || stop_reason_ != StopReason::none || waiting_ || blocked_ ||
      compiled_stale_ || path_.watch_was_hit() || path_.largest_latency_cycles() != bounded_latency_ ||
      retired_ >= instruction_limit_) {
    return false;
  }
  lower_limits();
  if (clock_ >= block_limit_) return false;
  if (pending_interrupts()) take_interrupt();
  return !stop_requested_.load(std::memory_order_relaxed);  // the observer may have asked for it
}

/// Whether the decoded block of `key` is known, and in lines that are there.
template <class Xlen>
bool RiscvCore<Xlen>::fetched(uint64_t key) {
  const Block& known = blocks_.slot(key);
  return known.key == key && is_there(known);
}

template <class Xlen>
void RiscvCore<Xlen>::use_lines(const Block& block) {
  for (const uint32_t slot : block.slots) path_.code_cache()->use(slot, clock_);
}

/// The lines of a compiled block have been fetched anew, where `decoded`, of the same pc, has found them. False: they
/// hold other code now, and nothing compiled is trusted any more.
template <class Xlen>
bool RiscvCore<Xlen>::follow_lines(CompiledBlock& compiled, const Block& decoded) {
  if (!holds_its_lines(compiled.block)) {
    forget_compiled();
    return false;
  }
  std::copy(std::begin(decoded.slots), std::end(decoded.slots), compiled.block.slots);
  std::copy(std::begin(decoded.fills), std::end(decoded.fills), compiled.block.fills);
  place_lines(compiled);
  return true;
}

/// Tells compiled code where its lines are.
template <class Xlen>
void RiscvCore<Xlen>::place_lines(CompiledBlock& compiled) {
  if (!compiled.block.cached()) return;
  Cache& cache = *path_.code_cache();
  for (unsigned i = 0; i < 2; ++i) {
    compiled.lines.number_place[i] = cache.fill_numbers() + compiled.block.slots[i];
    compiled.lines.age_place[i] = cache.ages() + compiled.block.slots[i];
    compiled.lines.number[i] = compiled.block.fills[i];
  }
}

/// Starts another quantum in compiled code: nobody asked for a stop, and a block of `worst_cycles` ends before anything
/// is due.
template <class Xlen>
bool RiscvCore<Xlen>::next_quantum(uint32_t worst_cycles, uint64_t last_clock) {
  last_limit_ = std::min(last_clock, ahead_clock());
  if (stop_requested_.load(std::memory_order_relaxed) || clock_ + worst_cycles > last_limit_) return false;
  block_limit_ = std::min(last_limit_, clock_ + quantum_cycles_);
  return true;
}

/// False when nothing was compiled; blocks may then have been dropped.
template <class Xlen>
bool RiscvCore<Xlen>::compile(const Block& block) {
  CompiledData data{.home = home_, .misaligned = !config_.misaligned_traps};
  if (home_.region != DataPath::kNoRegion) {
    static constexpr uint64_t kLargestOffset = 4096, kAddresses = uint64_t{1} << 32;
    const DataPath::Region& region = path_.region(home_.region);
    data.no_wrap = region.first >= kLargestOffset && region.last + kLargestOffset < kAddresses;
  }
  if (const Cache* cache = path_.data_cache()) {
    data.by_lines = true;
    data.line_shift = path_.granule_shift();
    data.lines = cache->slots();
    data.in_place = !cache->has_data();
    data.hit_cycles = config_.data_cache.hit_cycles;
    BB_CHECK(cache->line_bytes() == 1u << data.line_shift);
    BB_CHECK(data.in_place || home_.host_minus_guest != 0);
  }
  if (CompiledBlock* compiled = compiled_->compile(block, data, config_.costs.branch_taken)) {
    place_lines(*compiled);
    return true;
  }
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
    for (unsigned i = 0; i < 2; ++i) block.executions[i] = std::exchange(compiled.executions[i], 0);
    count_block(block);
  });
}

/// `loaded`: what the load has read, in its low bytes.
template <class Xlen>
inline void RiscvCore<Xlen>::finish_load(const CompiledSite& site, uint32_t loaded) {
  const Operation& op = *site.operation;
  const unsigned above = 32 - 8 * site.size_bytes;
  const uint32_t value = loaded << above;
  if (site.floating) {
    f_[op.rd] = value;
    fs_ = 3;
  } else {
    x_[op.rd] = site.sign_extends ? static_cast<U>(static_cast<int32_t>(value) >> above) : value >> above;
  }
}

/// A load or store. If it misses and nobody could notice that (DataPath::bring_at_once), nothing has been scheduled or
/// raised, so that of goes_on only the time is left to ask for.
template <class Xlen>
template <BusOp kOp>
CompiledReturn RiscvCore<Xlen>::bring_compiled(const CompiledSite& site, U address, uint64_t clock) {
  const uint32_t size_bytes = site.size_bytes;
  const bool aligned = (address & (size_bytes - 1)) == 0;
  uint64_t now = clock + site.latency_before;
  if (!aligned) [[unlikely]]
    return access_compiled(site, address, clock);
  const auto [place, cycles, kind] = path_.bring_usual_line<kOp>(address, data_machine_, now + site.cycles_before);
  if (place == nullptr) [[unlikely]]
    return access_compiled(site, address, clock);
  const Operation& op = *site.operation;
  now += cycles;
  if constexpr (kOp == BusOp::write) {
    const uint32_t word = static_cast<uint32_t>(site.floating ? f_[op.rs2] : x_[op.rs2]);
    size_bytes == 4 ? std::memcpy(place, &word, 4) : std::memcpy(place, &word, size_bytes);
    now -= home_.write_cycles;
    elsewhere_write_bytes_ += size_bytes;
  } else {
    uint32_t word = 0;
    if (size_bytes == 4 && !site.floating) [[likely]] {
      std::memcpy(&word, place, 4);
      x_[op.rd] = word;
    } else {
      std::memcpy(&word, place, size_bytes);
      finish_load(site, word);
    }
    now -= home_.read_cycles;
    elsewhere_read_bytes_ += size_bytes;
  }
  if (now + site.worst_cycles <= block_limit_ || kind == AccessKind::direct) [[likely]] {
    return {now - site.latency_before - site.latency_own, CompiledExit::goes_on};
  }
  leave(site.block->block, op, now, true);
  return {0, CompiledExit::left};
}

/// The long way of any access.
template <class Xlen>
CompiledReturn RiscvCore<Xlen>::access_compiled(const CompiledSite& site, U address, uint64_t clock) {
  const Operation& op = *site.operation;
  clock_ = clock + site.latency_before;
  pc_ = static_cast<U>(site.block->block.pc()) + op.pc_offset;
  AccessKind kind = AccessKind::fault;
  if (site.load) [[likely]] {
    kind = load(address, site.size_bytes, op.cycles_before);
  } else if (site.store) {
    transfer_ = site.floating ? f_[op.rs2] : x_[op.rs2];
    kind = store(address, site.size_bytes, op.cycles_before);
  } else {
    kind = atomic(op);
  }
  if (kind == AccessKind::fault) {
    leave(site.block->block, op, clock_, false);
    take_pending_trap();
    return {0, CompiledExit::left};
  }
  if (site.load) finish_load(site, static_cast<uint32_t>(transfer_));
  if (kind == AccessKind::bus && !goes_on(site.block->block.worst_cycles)) {
    leave(site.block->block, op, clock_, true);
    return {0, CompiledExit::left};
  }
  return {clock_ - site.latency_before - site.latency_own, CompiledExit::goes_on};
}

template <class Xlen>
CompiledReturn RiscvCore<Xlen>::floating_compiled(const CompiledSite& site, uint64_t clock) {
  if (!execute_floating(*site.operation)) return system_compiled(site, clock);
  return {clock, CompiledExit::goes_on};
}

template <class Xlen>
CompiledReturn RiscvCore<Xlen>::csr_compiled(const CompiledSite& site, uint64_t clock) {
  const bool goes_on = csr_ends_block(site.block->block, *site.operation, clock + site.latency_before);
  return {clock, goes_on ? CompiledExit::goes_on : CompiledExit::left};
}

template <class Xlen>
CompiledReturn RiscvCore<Xlen>::system_compiled(const CompiledSite& site, uint64_t clock) {
  const Operation operation = *site.operation;  // the block may be dropped
  clock_ = clock + site.latency_before;
  leave(site.block->block, *site.operation, clock_, false);
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
