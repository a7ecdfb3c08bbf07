#include "platform/clint/clint.h"

#include "platform/bus/register_value.h"
#include "platform/bus/serve_registers.h"
#include "platform/events/clock_time.h"
#include "platform/regs/clint_regs.h"

namespace backboard {

using clint_regs::Reg;

Clint::Clint(const ClintConfig& config, EventQueue& queue, IrqSink& core_pins, FindingSink& findings)
    : config_(config),
      queue_(queue),
      pins_(core_pins),
      findings_(findings),
      client_(queue.add_client("clint", EventRank::device, *this)),
      bank_(clint_regs::kBlock) {
  bank_.on_write(Reg::CLINT_MSIP, [this](const RegisterWrite& w) {
    if (w.old != w.stored) pins_.set_level(static_cast<uint32_t>(CorePin::software), w.stored != 0);
  });
  for (const Reg reg : {Reg::CLINT_MTIMECMP_LO, Reg::CLINT_MTIMECMP_HI}) {
    bank_.on_write(reg, [this](const RegisterWrite&) { update_timer(); });
  }
  bank_.source(Reg::CLINT_MTIME_LO, [this](uint32_t) { return static_cast<uint32_t>(mtime_at(now_ps_)); });
  bank_.source(Reg::CLINT_MTIME_HI, [this](uint32_t) { return static_cast<uint32_t>(mtime_at(now_ps_) >> 32); });
  bank_.on_write(Reg::CLINT_MTIME_LO, [this](const RegisterWrite& w) {
    write_mtime((mtime_at(now_ps_) & ~uint64_t{UINT32_MAX}) | w.written);
  });
  bank_.on_write(Reg::CLINT_MTIME_HI, [this](const RegisterWrite& w) {
    write_mtime((mtime_at(now_ps_) & UINT32_MAX) | uint64_t{w.written} << 32);
  });
}

uint64_t Clint::mtime_at(uint64_t time_ps) const {
  // A product of 64 bits lasts for seconds, and dividing it takes a fraction of the time that one of 128 takes.
  uint64_t product = 0;
  if (__builtin_mul_overflow(time_ps, config_.clock_hz, &product)) {
    return cycles_until(time_ps, config_.clock_hz) + offset_;
  }
  return product / kPicosecondsPerSecond + offset_;
}

uint64_t Clint::mtimecmp() const {
  return bank_.get(Reg::CLINT_MTIMECMP_LO) | uint64_t{bank_.get(Reg::CLINT_MTIMECMP_HI)} << 32;
}

BusResponse Clint::access(BusAccess& access, uint64_t&) {
  now_ps_ = access.time_ps;
  // Words that software reads over and over, past the bank: what it would answer.
  if (access.op == BusOp::read && access.size == 4) {
    const bool low = access.address == offset_of(Reg::CLINT_MTIME_LO);
    if (low || access.address == offset_of(Reg::CLINT_MTIME_HI)) {
      give_value(access, static_cast<uint32_t>(mtime_at(now_ps_) >> (low ? 0 : 32)));
      return BusResponse::ok;
    }
    if (access.address == offset_of(Reg::CLINT_MSIP)) {
      give_value(access, bank_.get(Reg::CLINT_MSIP));
      return BusResponse::ok;
    }
  }
  if (access.size != 8) return serve_registers(bank_, access, findings_);
  // A 64-bit access is its two halves, low half first.
  BusAccess half = access;
  half.size = 4;
  if (const BusResponse low = serve_registers(bank_, half, findings_); low != BusResponse::ok) return low;
  half.address += 4;
  half.data += 4;
  return serve_registers(bank_, half, findings_);
}

void Clint::write_mtime(uint64_t value) {
  offset_ = value - cycles_until(now_ps_, config_.clock_hz);
  update_timer();
}

void Clint::set_timer(bool level) {
  if (level == timer_level_) return;
  timer_level_ = level;
  pins_.set_level(static_cast<uint32_t>(CorePin::timer), level);
}

/// The level follows mtime >= mtimecmp (unsigned). When it is still to rise, one event waits for that tick.
void Clint::update_timer() {
  queue_.cancel(client_);
  const uint64_t mtime = mtime_at(now_ps_);
  const uint64_t compare = mtimecmp();
  set_timer(mtime >= compare);
  if (timer_level_) return;
  const uint64_t tick = cycles_until(now_ps_, config_.clock_hz);
  const uint64_t left = compare - mtime;
  // Beyond the last representable time it never rises; 2^63 ps are 106 days.
  const uint64_t most = cycles_until(UINT64_MAX / 2, config_.clock_hz);
  if (left > most || tick + left > most) return;
  queue_.schedule(time_of_cycle(tick + left, config_.clock_hz), client_);
}

void Clint::on_event(uint64_t, uint64_t now_ps) {
  now_ps_ = now_ps;
  update_timer();
}

void Clint::reset(uint64_t now_ps) {
  now_ps_ = now_ps;
  bank_.reset();
  pins_.set_level(static_cast<uint32_t>(CorePin::software), false);
  write_mtime(0);
}

void Clint::state(StateArchive& archive) {
  archive.section("clint");
  bank_.state(archive);
  archive.value("now_ps", now_ps_);
  archive.value("offset", offset_);
  archive.value("timer_level", timer_level_);
}

}  // namespace backboard
