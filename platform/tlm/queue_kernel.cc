#include "platform/tlm/queue_kernel.h"

#include <algorithm>
#include <utility>

#include "platform/tlm/time.h"

namespace backboard {

QueueKernel::QueueKernel(const sc_core::sc_module_name& name, EventQueue& queue) : sc_module(name), queue_(queue) {
  check_resolution();
  SC_METHOD(wake);
  sensitive << wake_;
  dont_initialize();
}

QueueKernel::Outcome QueueKernel::run(uint64_t limit_ps) {
  BB_CHECK(limit_ps >= queue_.now_ps(), "limit {} ps, now {} ps", limit_ps, queue_.now_ps());
  limit_ps_ = limit_ps;
  queue_.set_horizon(limit_ps);
  stop_.store(false, std::memory_order_relaxed);
  wake_.notify(sc_core::SC_ZERO_TIME);
  sc_core::sc_start();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  return outcome_;
}

bool QueueKernel::step() {
  if (queue_.next_time_ps() == EventQueue::kNever) return false;
  single_step_ = true;
  run(EventQueue::kNever);
  single_step_ = false;
  return true;
}

void QueueKernel::advance_to(uint64_t time_ps) {
  BB_CHECK(time_ps >= kernel_time_ps(), "{} ps", time_ps);
  if (time_ps > kernel_time_ps()) sc_core::sc_start(time_of_ps(time_ps - kernel_time_ps()), sc_core::SC_RUN_TO_TIME);
}

/// The kernel must not see exceptions: it would turn them into reports of its own.
void QueueKernel::wake() {
  try {
    run_events();
  } catch (...) {
    failure_ = std::current_exception();
  }
}

void QueueKernel::run_events() {
  const uint64_t now_ps = kernel_time_ps();
  while (!stop_.load(std::memory_order_relaxed)) {
    const uint64_t next_ps = queue_.next_time_ps();
    if (next_ps <= now_ps) {
      queue_.run_one();
      if (single_step_) stop();
    } else if (limit_ps_ != EventQueue::kNever && next_ps > limit_ps_) {
      if (now_ps < limit_ps_) return next_trigger(time_of_ps(limit_ps_ - now_ps));
      queue_.run_until(limit_ps_);  // no event is left before it: only moves the queue's time
      outcome_ = Outcome::limit;
      return;
    } else if (next_ps == EventQueue::kNever) {
      outcome_ = Outcome::starved;
      return;
    } else {
      return next_trigger(time_of_ps(next_ps - now_ps));
    }
  }
  // Stopped on the way to the next event, the kernel has passed time that the queue has not. A limit may follow that
  // lies in between, and what was due behind it would run as if it were overdue.
  queue_.advance_to(std::max(now_ps, queue_.now_ps()));
  outcome_ = Outcome::stopped;
}

}  // namespace backboard
