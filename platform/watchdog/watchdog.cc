#include "platform/watchdog/watchdog.h"

#include <fmt/format.h>

#include "platform/bus/serve_registers.h"
#include "platform/events/clock_time.h"
#include "platform/regs/watchdog_regs.h"

namespace backboard {

using watchdog_regs::Field;
using watchdog_regs::Reg;

Watchdog::Watchdog(const WatchdogConfig& config, EventQueue& queue, IrqSink& irq, uint32_t line, EndSink& end,
                   FindingSink& findings)
    : config_(config),
      queue_(queue),
      irq_(irq),
      line_(line),
      end_(end),
      findings_(findings),
      client_(queue.add_client("watchdog", EventRank::device, *this)),
      bank_(watchdog_regs::kBlock) {
  bank_.on_write(Reg::WATCHDOG_CTRL, [this](const RegisterWrite& w) { write_control(w); });
  bank_.on_write(Reg::WATCHDOG_LOAD, [this](const RegisterWrite& w) { write_load(w); });
  bank_.source(Reg::WATCHDOG_VALUE, [this](uint32_t) { return value(); });
  bank_.on_write(Reg::WATCHDOG_KICK, [this](const RegisterWrite& w) { kick(w.written); });
  bank_.on_write(Reg::WATCHDOG_STATUS, [this](const RegisterWrite&) { update_irq(); });
  bank_.source(Reg::WATCHDOG_HZ, [this](uint32_t) { return static_cast<uint32_t>(config_.clock_hz); });
}

BusResponse Watchdog::access(BusAccess& access, uint64_t&) {
  now_ps_ = access.time_ps;
  access_ = &access;
  return serve_registers(bank_, access, findings_);
}

bool Watchdog::enabled() const {
  return bank_.get(Field::WATCHDOG_CTRL_ENABLE) != 0;
}

void Watchdog::report(const char* reg, std::string reason) {
  findings_.report(finding_of("watchdog", reg, *access_, std::move(reason)));
}

void Watchdog::write_control(const RegisterWrite& write) {
  if (locked_) {
    bank_.set(Reg::WATCHDOG_CTRL, write.old);
    return report("WATCHDOG_CTRL", "the watchdog is locked: the write is ignored");
  }
  locked_ = bank_.get(Field::WATCHDOG_CTRL_LOCK) != 0;
  const uint32_t enable = info_of(Field::WATCHDOG_CTRL_ENABLE).mask();
  if ((write.stored & ~write.old & enable) != 0) {
    expired_once_ = false;
    start();
  } else if ((write.old & ~write.stored & enable) != 0) {
    loaded_ = ticks_left();
    queue_.cancel(client_);
  }
  update_irq();
}

void Watchdog::write_load(const RegisterWrite& write) {
  if (locked_ || write.written == 0) {
    bank_.set(Reg::WATCHDOG_LOAD, write.old);
    report("WATCHDOG_LOAD", locked_ ? "the watchdog is locked: the write is ignored"
                                    : "0 ticks cannot be counted: the write is ignored");
  }
}

void Watchdog::kick(uint32_t key) {
  if (key != kKey) return report("WATCHDOG_KICK", fmt::format("{:#x} is not the key: the write is ignored", key));
  if (!enabled()) return;
  expired_once_ = false;
  start();
}

void Watchdog::start() {
  queue_.cancel(client_);
  started_ps_ = now_ps_;
  loaded_ = bank_.get(Reg::WATCHDOG_LOAD);
  queue_.schedule(started_ps_ + time_of_cycle(loaded_, config_.clock_hz), client_);
}

/// What the register shows: while it is off, where it stopped.
uint32_t Watchdog::value() const {
  return enabled() ? ticks_left() : loaded_;
}

uint32_t Watchdog::ticks_left() const {
  const uint64_t passed = cycles_until(now_ps_ - started_ps_, config_.clock_hz);
  return passed >= loaded_ ? 0 : loaded_ - static_cast<uint32_t>(passed);
}

void Watchdog::update_irq() {
  const bool level = bank_.get(Field::WATCHDOG_STATUS_EXPIRED) != 0 && bank_.get(Field::WATCHDOG_CTRL_IRQ) != 0;
  if (level == level_) return;
  level_ = level;
  irq_.set_level(line_, level);
}

void Watchdog::on_event(uint64_t, uint64_t now_ps) {
  now_ps_ = now_ps;
  if (expired_once_) {
    Finding finding;
    finding.time_ps = now_ps;
    finding.block = "watchdog";
    finding.reason = "second expiry without a kick: the watchdog resets the board";
    findings_.report(std::move(finding));
    return end_.end(EndCause::watchdog_reset, 1, now_ps);
  }
  expired_once_ = true;
  bank_.set(Field::WATCHDOG_STATUS_EXPIRED, 1);
  start();
  update_irq();
}

void Watchdog::reset(ResetCause cause, uint64_t now_ps) {
  now_ps_ = now_ps;
  queue_.cancel(client_);
  bank_.reset();
  bank_.set(Reg::WATCHDOG_CAUSE, static_cast<uint32_t>(cause));
  loaded_ = UINT32_MAX;
  expired_once_ = locked_ = false;
  update_irq();
}

void Watchdog::state(StateArchive& archive) {
  archive.section("watchdog");
  bank_.state(archive);
  archive.value("now_ps", now_ps_);
  archive.value("started_ps", started_ps_);
  archive.value("loaded", loaded_);
  archive.value("expired_once", expired_once_);
  archive.value("locked", locked_);
  archive.value("level", level_);
}

}  // namespace backboard
