// Watchdog: an interrupt when the firmware forgets it once, a reset when it forgets it twice.
#pragma once

#include <cstdint>

#include "platform/bus/access.h"
#include "platform/bus/end_sink.h"
#include "platform/config/fields.h"
#include "platform/events/event_queue.h"
#include "platform/findings/finding.h"
#include "platform/regs/reg_bank.h"

namespace backboard {

struct WatchdogConfig {
  uint64_t clock_hz = 1'000'000;  ///< of the counter; 2^32 ticks are 72 minutes
  template <class V>
  void fields(V& v) {
    v("clock", clock_hz, Hertz{1, 1'000'000'000}, "Rate at which the counter runs down");
  }
};

/// Why the board started last, as WATCHDOG_CAUSE says it.
enum class ResetCause : uint8_t { power_on = 0, software = 1, watchdog = 2 };

/// The watchdog (drivers/watchdog/watchdog.def). The counter is no number that is stepped but a start time; an expiry
/// is one event. Loading restarts the prescaler, so that LOAD ticks pass exactly. Off after power-on.
class Watchdog final : public BusTarget, public EventClient, public Saved {
 public:
  static constexpr uint32_t kKey = 0x4B49434B;

  Watchdog(const WatchdogConfig& config, EventQueue& queue, IrqSink& irq, uint32_t line, EndSink& end,
           FindingSink& findings);

  BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
  void on_event(uint64_t tag, uint64_t now_ps) override;
  void state(StateArchive& archive) override;

  /// The board is reset at `now_ps`: off, unlocked, all registers but the cause as after power-on.
  void reset(ResetCause cause, uint64_t now_ps);

 private:
  bool enabled() const;
  void write_control(const RegisterWrite& write);
  void write_load(const RegisterWrite& write);
  void kick(uint32_t key);
  void start();
  uint32_t value() const;
  uint32_t ticks_left() const;
  void update_irq();
  void report(const char* reg, std::string reason);

  WatchdogConfig config_;
  EventQueue& queue_;
  IrqSink& irq_;
  uint32_t line_;
  EndSink& end_;
  FindingSink& findings_;
  EventQueue::ClientId client_;
  RegBank bank_;
  BusAccess* access_ = nullptr;   ///< being served, for findings; not state
  uint64_t now_ps_ = 0;           ///< of the access or event that is being served
  uint64_t started_ps_ = 0;       ///< when the counter was loaded
  uint32_t loaded_ = UINT32_MAX;  ///< ticks it was loaded with
  bool expired_once_ = false;     ///< since the last kick
  bool locked_ = false;
  bool level_ = false;
};

}  // namespace backboard
