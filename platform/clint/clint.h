// CLINT: software interrupt and timer of the core, as in QEMU's virt machine.
#pragma once

#include <cstdint>

#include "platform/bus/access.h"
#include "platform/config/fields.h"
#include "platform/cpu/core.h"
#include "platform/events/event_queue.h"
#include "platform/findings/finding.h"
#include "platform/regs/reg_bank.h"

namespace backboard {

struct ClintConfig {
  uint64_t clock_hz = 10'000'000;  ///< of mtime, as in QEMU's virt machine
  template <class V>
  void fields(V& v) {
    v("clock", clock_hz, Hertz{1'000, 1'000'000'000}, "Rate of mtime");
  }
};

/// The core-local interruptor of one hart. mtime is no counter that is stepped but a function of simulated time; the
/// timer's rise is one event in the queue. Drives the pins CorePin::software and CorePin::timer of `core_pins`.
class Clint final : public BusTarget, public EventClient, public TimeSource, public Saved {
 public:
  Clint(const ClintConfig& config, EventQueue& queue, IrqSink& core_pins, FindingSink& findings);

  BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
  void on_event(uint64_t tag, uint64_t now_ps) override;
  void state(StateArchive& archive) override;

  /// The board is reset at `now_ps`: mtime counts from zero again, and no interrupt is pending.
  void reset(uint64_t now_ps);

  /// Ticks since power-on plus what a write of mtime added.
  uint64_t mtime_at(uint64_t time_ps) const override;

 private:
  uint64_t mtimecmp() const;
  void write_mtime(uint64_t value);
  void update_timer();
  void set_timer(bool level);

  ClintConfig config_;
  EventQueue& queue_;
  IrqSink& pins_;
  FindingSink& findings_;
  EventQueue::ClientId client_;
  RegBank bank_;
  uint64_t now_ps_ = 0;  ///< of the access or event that is being served
  uint64_t offset_ = 0;  ///< mtime less ticks since power-on, modulo 2^64
  bool timer_level_ = false;
};

}  // namespace backboard
