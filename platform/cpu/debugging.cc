// What debuggers ask of the core: points, steps, traces. Nothing here changes results, times or counters.
#include <algorithm>

#include "platform/cpu/riscv_core.h"

namespace backboard {

template <class Xlen>
void RiscvCore<Xlen>::trace(TracedStep step, uint64_t exceptions_before) {
  if (exceptions_ != exceptions_before) step.kind = TracedStep::Kind::exception;
  tracer_->on_step(step);
}

template <class Xlen>
void RiscvCore<Xlen>::set_pc(uint64_t pc) {
  pc_ = static_cast<U>(pc) & ~U{1};
  passed_ = kNotPassed;
  if (!waiting_) return;
  waiting_ = false;  // it stood behind a WFI, and now stands elsewhere
  if (stop_reason_ == StopReason::none) schedule();
}

template <class Xlen>
bool RiscvCore<Xlen>::at_breakpoint() const {
  return !stepping_ && passed_ != progress() &&
         std::binary_search(breakpoints_.begin(), breakpoints_.end(), uint64_t{pc_});
}

template <class Xlen>
bool RiscvCore<Xlen>::stop_behind_instruction() {
  if (const auto hit = path_.take_watch_hit()) {
    watch_hit_ = *hit;
    stop(StopReason::watchpoint);
    return true;
  }
  if (!stepping_ || progress() == step_start_) return false;
  stop(StopReason::stepped);
  return true;
}

template <class Xlen>
void RiscvCore<Xlen>::set_breakpoints(const std::vector<uint64_t>& addresses) {
  breakpoints_ = addresses;
  std::sort(breakpoints_.begin(), breakpoints_.end());
  drop_blocks();
}

template void RiscvCore<Rv32>::trace(TracedStep, uint64_t);
template void RiscvCore<Rv32>::set_pc(uint64_t);
template bool RiscvCore<Rv32>::at_breakpoint() const;
template bool RiscvCore<Rv32>::stop_behind_instruction();
template void RiscvCore<Rv32>::set_breakpoints(const std::vector<uint64_t>&);
template void RiscvCore<Rv64>::trace(TracedStep, uint64_t);
template void RiscvCore<Rv64>::set_pc(uint64_t);
template bool RiscvCore<Rv64>::at_breakpoint() const;
template bool RiscvCore<Rv64>::stop_behind_instruction();
template void RiscvCore<Rv64>::set_breakpoints(const std::vector<uint64_t>&);

}  // namespace backboard
