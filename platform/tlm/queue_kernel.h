// The one process that lets the SystemC kernel wake the event queue.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <systemc>

#include "platform/events/event_queue.h"

namespace backboard {

/// A method process that runs the queue's events at the kernel's time and comes back at the time of the next one.
/// Kernel time and queue time are the same whenever an event runs.
class QueueKernel final : public sc_core::sc_module {
 public:
  QueueKernel(const sc_core::sc_module_name& name, EventQueue& queue);
  SC_HAS_PROCESS(QueueKernel);

  /// Why `run` came back.
  enum class Outcome : uint8_t {
    stopped,  ///< `stop` was called
    starved,  ///< the queue is empty
    limit,    ///< all events up to the limit have run, and time stands there
  };
  /// Lets simulated time pass. With `limit_ps` kNever there is no limit; else it is the queue's horizon as well. Not to
  /// be called from within an event.
  /// What an event throws (bad input found late: a file that cannot be written) is thrown from here.
  Outcome run(uint64_t limit_ps);
  /// Ends `run` after the event that is running. Safe from signal handlers and other threads, though then it takes
  /// effect only at the next event.
  void stop() { stop_.store(true, std::memory_order_relaxed); }
  /// Runs the earliest event only. False when there is none.
  bool step();
  /// Moves the kernel to `time_ps` without running events: after the queue was restored.
  void advance_to(uint64_t time_ps);

 private:
  void wake();
  void run_events();

  EventQueue& queue_;
  sc_core::sc_event wake_;
  std::atomic<bool> stop_{false};
  uint64_t limit_ps_ = EventQueue::kNever;
  bool single_step_ = false;
  Outcome outcome_ = Outcome::starved;
  std::exception_ptr failure_;
};

}  // namespace backboard
