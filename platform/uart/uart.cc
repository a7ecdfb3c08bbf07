#include "platform/uart/uart.h"

#include <algorithm>

#include "platform/bus/serve_registers.h"
#include "platform/check/check.h"
#include "platform/events/clock_time.h"
#include "platform/regs/uart_regs.h"

namespace backboard {

using uart_regs::Field;
using uart_regs::Reg;

Uart::Uart(const UartConfig& config, EventQueue& queue, IrqSink& irq, uint32_t line, CharacterSink& sink,
           FindingSink& findings)
    : config_(config),
      queue_(queue),
      irq_(irq),
      line_(line),
      sink_(sink),
      findings_(findings),
      client_(queue.add_client("uart", EventRank::device, *this)),
      wire_client_(queue.add_client("uart input", EventRank::control, wire_)),
      bank_(uart_regs::kBlock) {
  wire_registers();
}

void Uart::wire_registers() {
  bank_.source(Reg::UART_RBR, [this](uint32_t) { return received_fifo_.empty() ? 0u : received_fifo_.front(); });
  bank_.on_read(Reg::UART_RBR, [this](uint32_t) {
    listen();
    pop_received();
  });
  bank_.on_write(Reg::UART_THR, [this](const RegisterWrite& w) { transmit(static_cast<uint8_t>(w.written)); });
  bank_.on_write(Reg::UART_IER, [this](const RegisterWrite& w) {
    const uint32_t thre = info_of(Field::UART_IER_THRE).mask();
    if ((w.stored & ~w.old & thre) != 0 && transmit_fifo_.empty()) thre_pending_ = true;
    update_irq();
  });
  bank_.source(Reg::UART_IIR, [this](uint32_t) { return identification(); });
  bank_.on_read(Reg::UART_IIR, [this](uint32_t) {
    listen();
    if (info_of(Field::UART_IIR_ID).get(identification()) == 1) thre_pending_ = false;
    update_irq();
  });
  bank_.on_write(Reg::UART_FCR, [this](const RegisterWrite& w) { write_fcr(w.written); });
  bank_.on_write(Reg::UART_LCR, [this](const RegisterWrite& w) {
    bank_.select_bank(static_cast<uint8_t>(info_of(Field::UART_LCR_DLAB).get(w.stored)));
  });
  bank_.source(Reg::UART_LSR, [this](uint32_t) { return line_status(); });
  bank_.on_read(Reg::UART_LSR, [this](uint32_t) {
    listen();
    if (!overrun_) return;  // who polls changes nothing
    overrun_ = false;
    update_irq();
  });
  bank_.source(Reg::UART_MSR, [this](uint32_t) -> uint32_t {
    const uint32_t mcr = bank_.get(Reg::UART_MCR);
    if (info_of(Field::UART_MCR_LOOP).get(mcr) == 0) return 0xB0;
    // Looped back: CTS = RTS, DSR = DTR, RI = OUT1, DCD = OUT2.
    return ((mcr & 2) << 3) | ((mcr & 1) << 5) | ((mcr & 4) << 4) | ((mcr & 8) << 4);
  });
}

BusResponse Uart::access(BusAccess& access, uint64_t&) {
  now_ps_ = access.time_ps;
  access_ = &access;
  return serve_registers(bank_, access, findings_);
}

void Uart::write_fcr(uint32_t value) {
  const bool enable = info_of(Field::UART_FCR_ENABLE).get(value) != 0;
  const bool toggled = enable != fifo_enabled_;
  fifo_enabled_ = enable;
  if (toggled || info_of(Field::UART_FCR_CLEAR_RX).get(value) != 0) {
    received_fifo_.clear();
    time_out_ = false;
    arm_time_out();
  }
  if ((toggled || info_of(Field::UART_FCR_CLEAR_TX).get(value) != 0) && !transmit_fifo_.empty()) {
    transmit_fifo_.clear();
    thre_pending_ = true;
  }
  if (enable) trigger_ = static_cast<uint8_t>(info_of(Field::UART_FCR_TRIGGER).get(value));
  update_irq();
}

size_t Uart::trigger_level() const {
  static constexpr size_t kLevels[] = {1, 4, 8, 14};
  return fifo_enabled_ ? kLevels[trigger_] : 1;
}

uint64_t Uart::frame_ps() const {
  // Start bit, word, parity, stop bits (1.5 for words of five bits, PC16550D section 8.1, counted in half bits).
  const uint32_t lcr = bank_.get(Reg::UART_LCR);
  const uint64_t word = 5 + info_of(Field::UART_LCR_WORD).get(lcr);
  const uint64_t parity = info_of(Field::UART_LCR_PARITY).get(lcr);
  const uint64_t stop_halves = info_of(Field::UART_LCR_STOP).get(lcr) == 0 ? 2 : (word == 5 ? 3 : 4);
  const uint64_t halves = 2 * (1 + word + parity) + stop_halves;
  const uint64_t divisor = bank_.get(Reg::UART_DLL) | (bank_.get(Reg::UART_DLM) << 8);
  // 16 x divisor clocks a bit, 8 a half bit; a divisor of zero counts as 65536, the longest.
  const uint64_t clocks = halves * 8 * (divisor == 0 ? 65536 : divisor);
  return time_of_cycle(clocks, config_.clock_hz);
}

void Uart::transmit(uint8_t byte) {
  thre_pending_ = false;
  if (config_.transmit == UartTransmit::instant) {
    leave(byte);
    thre_pending_ = true;
  } else if (transmit_fifo_.size() >= capacity()) {
    findings_.report(finding_of("uart", "UART_THR", *access_, "write to a full transmitter: the byte is lost"));
  } else {
    transmit_fifo_.push_back(byte);
    if (!shifting_) start_shifting();
  }
  update_irq();
}

void Uart::start_shifting() {
  shifting_byte_ = transmit_fifo_.front();
  transmit_fifo_.erase(transmit_fifo_.begin());
  shifting_ = true;
  if (transmit_fifo_.empty()) thre_pending_ = true;
  queue_.schedule(now_ps_ + frame_ps(), client_, kShifted);
}

void Uart::leave(uint8_t byte) {
  ++transmitted_;
  if (info_of(Field::UART_MCR_LOOP).get(bank_.get(Reg::UART_MCR)) != 0) {
    receive(byte);
  } else {
    sink_.put(byte, now_ps_);
  }
}

void Uart::receive_at(uint64_t time_ps, uint8_t byte) {
  BB_CHECK(input_.empty() || time_ps >= input_.back().time_ps, "{} ps", time_ps);
  input_.push_back({time_ps, byte});
  queue_.schedule(time_ps, wire_client_);
}

void Uart::listen() {
  if (listening_) return;
  listening_ = true;
  if (observer_) observer_->on_listening();
}

void Uart::take_input(uint64_t now_ps) {
  now_ps_ = now_ps;
  const auto byte = static_cast<uint8_t>(input_[next_input_++].byte);
  receive(byte);
  if (observer_) observer_->on_input(byte, now_ps);
}

void Uart::receive(uint8_t byte) {
  ++received_;
  if (received_fifo_.size() >= capacity()) {
    // The FIFO keeps what it holds; without it the new byte overwrites (PC16550D section 8.4, bit 1).
    overrun_ = true;
    if (!fifo_enabled_) received_fifo_.back() = byte;
  } else {
    received_fifo_.push_back(byte);
  }
  time_out_ = false;
  arm_time_out();
  update_irq();
}

void Uart::pop_received() {
  if (!received_fifo_.empty()) received_fifo_.erase(received_fifo_.begin());
  time_out_ = false;
  arm_time_out();
  update_irq();
}

void Uart::arm_time_out() {
  queue_.cancel(client_, kTimeOut);
  if (fifo_enabled_ && !received_fifo_.empty()) queue_.schedule(now_ps_ + 4 * frame_ps(), client_, kTimeOut);
}

uint32_t Uart::line_status() const {
  uint32_t status = 0;
  if (!received_fifo_.empty()) status |= info_of(Field::UART_LSR_DR).mask();
  if (overrun_) status |= info_of(Field::UART_LSR_OE).mask();
  if (transmit_fifo_.empty()) status |= info_of(Field::UART_LSR_THRE).mask();
  if (transmit_fifo_.empty() && !shifting_) status |= info_of(Field::UART_LSR_TEMT).mask();
  return status;
}

uint32_t Uart::identification() const {
  const uint32_t enabled = bank_.get(Reg::UART_IER);
  const auto on = [&](Field field) { return info_of(field).get(enabled) != 0; };
  const uint32_t fifo = fifo_enabled_ ? info_of(Field::UART_IIR_FIFO).mask() : 0;
  const auto id = [&](uint32_t number) { return fifo | info_of(Field::UART_IIR_ID).set(0, number); };
  if (overrun_ && on(Field::UART_IER_LINE)) return id(3);
  if (received_fifo_.size() >= trigger_level() && on(Field::UART_IER_RX)) return id(2);
  if (time_out_ && on(Field::UART_IER_RX)) return id(6);
  if (thre_pending_ && on(Field::UART_IER_THRE)) return id(1);
  return fifo | info_of(Field::UART_IIR_NONE).mask();
}

void Uart::update_irq() {
  const bool level = info_of(Field::UART_IIR_NONE).get(identification()) == 0;
  if (level == level_) return;
  level_ = level;
  interrupts_ += level;
  irq_.set_level(line_, level);
}

void Uart::on_event(uint64_t tag, uint64_t now_ps) {
  now_ps_ = now_ps;
  switch (static_cast<Tag>(tag)) {
    case kShifted:
      shifting_ = false;
      leave(shifting_byte_);
      if (!transmit_fifo_.empty()) start_shifting();
      break;
    case kTimeOut:
      time_out_ = true;
      break;
  }
  update_irq();
}

void Uart::reset(uint64_t now_ps) {
  now_ps_ = now_ps;
  queue_.cancel(client_, kShifted);
  queue_.cancel(client_, kTimeOut);
  bank_.reset();
  received_fifo_.clear();
  transmit_fifo_.clear();
  shifting_ = fifo_enabled_ = thre_pending_ = time_out_ = overrun_ = listening_ = false;
  trigger_ = 0;
  update_irq();
}

void Uart::state(StateArchive& archive) {
  archive.section("uart");
  bank_.state(archive);
  archive.value("now_ps", now_ps_);
  archive.vector("received_fifo", received_fifo_);
  archive.vector("transmit_fifo", transmit_fifo_);
  archive.vector("input", input_);
  archive.value("next_input", next_input_);
  archive.value("shifting_byte", shifting_byte_);
  archive.value("shifting", shifting_);
  archive.value("fifo_enabled", fifo_enabled_);
  archive.value("trigger", trigger_);
  archive.value("thre_pending", thre_pending_);
  archive.value("time_out", time_out_);
  archive.value("overrun", overrun_);
  archive.value("listening", listening_);
  archive.value("level", level_);
  archive.value("transmitted", transmitted_);
  archive.value("received", received_);
  archive.value("interrupts", interrupts_);
  if (trigger_ > 3 || received_fifo_.size() > kFifoBytes || transmit_fifo_.size() > kFifoBytes ||
      next_input_ > input_.size()) {
    archive.fail("uart", "a value out of range");
  }
}

}  // namespace backboard
