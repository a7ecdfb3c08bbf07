// Running: quanta, blocks, single instructions, and what is looked at between them.
#include <algorithm>
#include <cstring>

#include "platform/cpu/handlers.h"
#include "platform/cpu/operation_order.h"
#include "platform/cpu/riscv_core.h"

namespace backboard {

/// Quanta that end before anything else is due follow one another without a way through the queue, which costs more
/// than a short quantum does. Who waits for the core between two events (host links, Ctrl-C) waits for kLongestRunPs.
template <class Xlen>
void RiscvCore<Xlen>::run_quanta() {
  static constexpr uint64_t kLongestRunPs = 100'000'000;
  run_end_clock_ = clock_ + std::max(quantum_cycles_, clock_time_.cycles_covering(kLongestRunPs));
  do {
    run(clock_ + quantum_cycles_);
  } while (stop_reason_ == StopReason::none && !waiting_ && !blocked_ &&
           clock_ < std::min(run_end_clock_, ahead_clock()));
  path_.settle_lines();
}

template <class Xlen>
void RiscvCore<Xlen>::run(uint64_t quantum_clock) {
  for (;;) {
    if (stop_requested_.load(std::memory_order_relaxed)) {
      stop_requested_.store(false, std::memory_order_relaxed);
      return stop(StopReason::requested);
    }
    if (stop_reason_ != StopReason::none) return;
    // Devices may have scheduled something since the last look; an interrupt raised at t meets the instruction at t.
    const uint64_t limit_clock = ahead_clock();
    if (retired_ >= instruction_limit_) {
      // What is due by now is seen by who looks at the halted core, wherever its quanta ended.
      if (clock_ >= limit_clock && !waiting_ && !blocked_) return;
      return stop(StopReason::instruction_limit);
    }
    if ((stepping_ || path_.watch_was_hit()) && stop_behind_instruction()) return;
    if (waiting_ || blocked_ || clock_ >= std::min(limit_clock, quantum_clock)) return;
    if (!again_ && pending_interrupts()) {
      const TracedStep step = step_here(TracedStep::Kind::interrupt);
      if (take_interrupt()) {
        if (tracer_) tracer_->on_step(step);
        continue;
      }
    }
    if (!again_ && !breakpoints_.empty() && at_breakpoint()) {
      passed_ = progress();
      return stop(StopReason::breakpoint);
    }
    if (path_.largest_latency_cycles() != bounded_latency_ || path_.regions_have_changed()) drop_blocks();
    if (path_.code_cache() && !fetch_code()) {
      end_waiting();
      continue;
    }
    Block* block = find_block();
    if (!block) {
      run_uncached();
      end_waiting();
      continue;
    }
    // Every instruction takes a cycle at least: so many cycles cannot retire more than are left.
    const uint64_t left = instruction_limit_ - retired_;
    const uint64_t fast_limit = std::min(limit_clock, clock_ + std::min(left, UINT64_MAX - clock_));
    if (clock_ + block->worst_cycles <= fast_limit && !one_by_one() && !again_ && block != &breakpoint_block_) {
      const uint64_t end = std::min(fast_limit, quantum_clock);  // a quantum ends behind a block
      left_early_ = false;
      compiled_ ? run_compiled(block, end, std::min(fast_limit, run_end_clock_)) : execute(block, end);
      if (!left_early_ && clock_ + Block::kMaxOperations >= quantum_clock) return;
    } else {
      run_carefully(*block, limit_clock);
    }
  }
}

/// One instruction after the other, each with a look at the limits.
template <class Xlen>
void RiscvCore<Xlen>::run_carefully(const Block& block, uint64_t limit_clock) {
  left_early_ = false;
  unsigned pc_offset = 0;
  for (unsigned i = 0; i < block.count; ++i) {
    if (clock_ >= limit_clock || retired_ >= instruction_limit_) return;
    const TracedStep step = step_here(TracedStep::Kind::retired);
    const uint64_t exceptions_before = exceptions_;
    prepare_scratch(block, operation_at({block.operations, block.count}, pc_offset, i));
    pc_offset += scratch_operations_[0].length_bytes;
    execute(&scratch_, 0);
    count_block(scratch_);
    if (tracer_ && !blocked_) trace(step, exceptions_before);
    const bool waited = again_;
    end_waiting();
    if (left_early_ || stepping_ || waited) return;
  }
}

template <class Xlen>
void RiscvCore<Xlen>::prepare_scratch(const Block& home, const Operation& operation) {
  const InstructionKind kind = kind_of(operation.id);
  const auto cycles = static_cast<uint16_t>(cost_[static_cast<unsigned>(kind)] + home_cycles(kind));
  scratch_.key = home.key;
  scratch_.origin = home.origin;
  scratch_.cycles = cycles;
  scratch_.bytes = static_cast<uint16_t>(operation.pc_offset + operation.length_bytes);
  scratch_.crosses = home.crosses;
  for (unsigned i = 0; i < 2; ++i) {
    scratch_.slots[i] = home.slots[i];
    scratch_.fills[i] = home.fills[i];
  }
  find_exits(scratch_, operation);
  scratch_operations_[0] = operation;
  scratch_operations_[0].handler = plain_handler(operation.id);
  label({scratch_operations_.data(), 1});
  scratch_operations_[0].cycles_before = 0;
  scratch_operations_[1].cycles_before = cycles;
}

/// An instruction that no block can hold: fetched over the bus each time, or not to be fetched at all.
template <class Xlen>
void RiscvCore<Xlen>::run_uncached() {
  const uint64_t start = clock_;
  const TracedStep step = step_here(TracedStep::Kind::retired);
  const uint64_t exceptions_before = exceptions_;
  uint8_t bytes[4] = {};
  for (unsigned half = 0; half < 2; ++half) {
    if (half == 1 && !is_long_instruction(bytes[0])) break;
    const U address = pc_ + 2 * half;
    const AccessResult result = path_.fetch(address, 2, machine_, start, bytes + 2 * half);
    clock_ += result.cycles;
    if (result.kind == AccessKind::wait) {
      blocked_ = true;
      return;
    }
    if (result.kind == AccessKind::fault) {
      take_trap(TrapCause::instruction_access, address, result.response);
      if (tracer_) trace(step, exceptions_before);
      return;
    }
  }
  uint32_t bits = 0;
  std::memcpy(&bits, bytes, sizeof bits);
  Block home;
  home.key = pc_ | user_bit();
  home.origin.region = DataPath::kNoRegion;
  if (const Cache* cache = path_.code_cache()) home.slots[0] = home.slots[1] = cache->always_there();
  prepare_scratch(home, decode(bits, config_.isa));
  execute(&scratch_, 0);
  count_block(scratch_);
  if (tracer_ && !blocked_) trace(step, exceptions_before);
}

template void RiscvCore<Rv32>::run_quanta();
template void RiscvCore<Rv64>::run_quanta();

}  // namespace backboard
