#include "platform/flash/flash.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "platform/bus/serve_registers.h"
#include "platform/check/check.h"
#include "platform/events/clock_time.h"
#include "platform/regs/flash_regs.h"

namespace backboard {

using flash_regs::Field;
using flash_regs::Reg;

Flash::Flash(const FlashConfig& config, uint64_t size_bytes, EventQueue& queue, IrqSink& irq, uint32_t line,
             FindingSink& findings, FindingSink& array_findings)
    : config_(config),
      queue_(queue),
      irq_(irq),
      line_(line),
      findings_(findings),
      array_findings_(array_findings),
      client_(queue.add_client("flash", EventRank::device, *this)),
      bank_(flash_regs::kBlock),
      array_(size_bytes, config.file) {
  BB_CHECK(std::has_single_bit(size_bytes) && size_bytes >= kSectorBytes, "{} bytes", size_bytes);
  wire_registers();
}

void Flash::wire_registers() {
  bank_.source(Reg::FLASH_ID, [this](uint32_t) {
    const auto log2_size = static_cast<uint32_t>(std::countr_zero(array_.size_bytes()));
    return (flash_regs::kRegisters[static_cast<size_t>(Reg::FLASH_ID)].reset & 0xFFFF) | log2_size << 16;
  });
  bank_.source(Reg::FLASH_SIZE, [this](uint32_t) { return static_cast<uint32_t>(array_.size_bytes()); });
  bank_.source(Reg::FLASH_STATUS, [this](uint32_t) {
    return info_of(Field::FLASH_STATUS_BUSY).set(0, busy()) |
           info_of(Field::FLASH_STATUS_WRITE_ENABLED).set(0, write_enabled_);
  });
  bank_.on_write(Reg::FLASH_COMMAND, [this](const RegisterWrite& w) { write_command(w.written); });
  bank_.on_write(Reg::FLASH_ADDRESS, [this](const RegisterWrite&) { buffer_.clear(); });
  bank_.on_write(Reg::FLASH_DATA, [this](const RegisterWrite& w) {
    if (buffer_.size() + 4 > kPageBytes) {
      return findings_.report(
          finding_of("flash", "FLASH_DATA", *access_, "the page buffer is full: the write is ignored"));
    }
    for (unsigned i = 0; i < 4; ++i) buffer_.push_back(static_cast<uint8_t>(w.written >> (8 * i)));
  });
  for (const Reg reg : {Reg::FLASH_IRQ_ENABLE, Reg::FLASH_IRQ_STATUS}) {
    bank_.on_write(reg, [this](const RegisterWrite&) { update_irq(); });
  }
}

BusResponse Flash::access(BusAccess& access, uint64_t&) {
  now_ps_ = access.time_ps;
  access_ = &access;
  return serve_registers(bank_, access, findings_);
}

BusResponse Flash::access_array(BusAccess& access, uint64_t& delay_ps) {
  if (!array_.covers(access.address, access.size)) return BusResponse::target;
  if (access.op == BusOp::write) {
    if (access.debug) {
      array_.overwrite(access.address, {access.data, access.size});
      return BusResponse::ok;
    }
    array_findings_.report(finding_of("flash", "", access, "write to the mapped flash: use the controller's commands"));
    return BusResponse::target;
  }
  if (!access.debug) {
    if (busy()) {
      array_findings_.report(finding_of("flash", "", access, "read of the mapped flash while an operation runs"));
      return BusResponse::target;
    }
    // Two clocks a byte: four lines.
    delay_ps += time_of_cycle(config_.read_overhead_clocks + 2ull * access.size, config_.clock_hz);
  }
  array_.read(access.address, {access.data, access.size});
  return BusResponse::ok;
}

void Flash::reject(const std::string& reason) {
  findings_.report(finding_of("flash", "FLASH_COMMAND", *access_, reason + ": the command is rejected"));
  bank_.set(Field::FLASH_IRQ_ERROR, 1);
  update_irq();
}

void Flash::write_command(uint32_t code) {
  if (busy()) return reject("an operation runs");
  const uint64_t address = bank_.get(Reg::FLASH_ADDRESS);
  switch (static_cast<Command>(code & info_of(Field::FLASH_COMMAND_CODE).mask())) {
    case Command::write_enable:
      write_enabled_ = true;
      return;
    case Command::write_disable:
      write_enabled_ = false;
      return;
    case Command::page_program: {
      const uint64_t length = bank_.get(Reg::FLASH_LENGTH);
      if (!write_enabled_) return reject("program without write enable");
      if (length == 0 || length > buffer_.size()) {
        return reject(fmt::format("length {} with {} bytes in the page buffer", length, buffer_.size()));
      }
      if (!array_.covers(address, length)) return reject(fmt::format("address {:#x} is outside the flash", address));
      if (address % kPageBytes + length > kPageBytes) return reject("the bytes cross the end of their page");
      data_.assign(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(length));
      buffer_.clear();
      report_lost_bits();
      return start(Operation::program, address, config_.program_ps);
    }
    case Command::sector_erase:
      if (!write_enabled_) return reject("erase without write enable");
      if (!array_.covers(address, 1)) return reject(fmt::format("address {:#x} is outside the flash", address));
      return start(Operation::erase, address / kSectorBytes * kSectorBytes, config_.erase_ps);
  }
  reject(fmt::format("unknown command {:#x}", code));
}

/// A one over a cell that is zero stays zero: legal, and almost always a forgotten erase. 0xFF leaves a byte alone.
void Flash::report_lost_bits() {
  const uint64_t address = bank_.get(Reg::FLASH_ADDRESS);
  for (size_t i = 0; i < data_.size(); ++i) {
    if (data_[i] == 0xFF || (data_[i] & ~array_.at(address + i)) == 0) continue;
    return findings_.report(finding_of(
        "flash", "FLASH_COMMAND", *access_,
        fmt::format("programs {:#04x} over {:#04x} at flash address {:#x}: ones over zeros stay zero, erase first",
                    data_[i], array_.at(address + i), address + i)));
  }
}

void Flash::start(Operation operation, uint64_t address, uint64_t duration_ps) {
  operation_ = operation;
  operation_address_ = address;
  started_ps_ = now_ps_;
  ends_ps_ = now_ps_ + duration_ps;
  queue_.schedule(ends_ps_, client_);
}

void Flash::on_event(uint64_t, uint64_t now_ps) {
  now_ps_ = now_ps;
  if (operation_ == Operation::program) {
    array_.program(operation_address_, data_);
    ++programs_;
  } else if (operation_ == Operation::erase) {
    array_.erase(operation_address_, kSectorBytes);
    ++erases_;
  }
  operation_ = Operation::none;
  write_enabled_ = false;
  bank_.set(Field::FLASH_IRQ_DONE, 1);
  update_irq();
}

void Flash::update_irq() {
  const bool level = (bank_.get(Reg::FLASH_IRQ_STATUS) & bank_.get(Reg::FLASH_IRQ_ENABLE)) != 0;
  if (level == level_) return;
  level_ = level;
  irq_.set_level(line_, level);
}

namespace {

/// Bits that a torn operation leaves: splitmix64 of the place and the time.
uint64_t torn_bits(uint64_t address, uint64_t time_ps) {
  uint64_t z = address * 0x9E3779B97F4A7C15 + time_ps;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

}  // namespace

void Flash::tear(uint64_t now_ps) {
  const uint64_t passed = std::min(now_ps, ends_ps_) - started_ps_;
  const auto share_of = [&](uint64_t units) {
    return static_cast<uint64_t>(static_cast<WideTime>(units) * passed / (ends_ps_ - started_ps_));
  };
  if (operation_ == Operation::program) {
    const uint64_t done = share_of(data_.size());
    data_.resize(std::min<size_t>(data_.size(), done + 1));
    if (data_.size() > done) data_[done] |= static_cast<uint8_t>(torn_bits(operation_address_ + done, now_ps));
    array_.program(operation_address_, data_);
    return;
  }
  const uint64_t done = share_of(kSectorBytes / kPageBytes) * kPageBytes;
  array_.erase(operation_address_, done);
  if (done == kSectorBytes) return;
  std::vector<uint8_t> page(kPageBytes);
  array_.read(operation_address_ + done, page);
  for (uint64_t i = 0; i < page.size(); ++i) {
    page[i] |= static_cast<uint8_t>(torn_bits(operation_address_ + done + i, now_ps));
  }
  array_.overwrite(operation_address_ + done, page);
}

void Flash::power_cut(uint64_t now_ps) {
  now_ps_ = now_ps;
  if (busy()) tear(now_ps);
  queue_.cancel(client_);
  operation_ = Operation::none;
  write_enabled_ = false;
  buffer_.clear();
  bank_.reset();
  update_irq();
}

void Flash::state(StateArchive& archive) {
  archive.section("flash");
  bank_.state(archive);
  archive.value("now_ps", now_ps_);
  archive.vector("buffer", buffer_);
  archive.vector("data", data_);
  archive.value("operation", operation_);
  archive.value("operation_address", operation_address_);
  archive.value("started_ps", started_ps_);
  archive.value("ends_ps", ends_ps_);
  archive.value("write_enabled", write_enabled_);
  archive.value("level", level_);
  archive.value("programs", programs_);
  archive.value("erases", erases_);
  const uint64_t span = operation_ == Operation::erase ? kSectorBytes : data_.size();
  if (operation_ > Operation::erase || buffer_.size() > kPageBytes || data_.size() > kPageBytes ||
      (busy() && (!array_.covers(operation_address_, span) || ends_ps_ <= started_ps_))) {
    archive.fail("flash", "a value out of range");
  }
  array_.state(archive);
}

}  // namespace backboard
