// The registers of the DMA engine: what writes do, what reads show, when the interrupt is raised.
#include <fmt/format.h>

#include <algorithm>

#include "platform/bus/serve_registers.h"
#include "platform/check/check.h"
#include "platform/dma/dma_engine.h"
#include "platform/events/clock_time.h"
#include "platform/regs/dma_regs.h"

namespace backboard {

using dma_regs::Field;
using dma_regs::info_of;
using dma_regs::Reg;

static_assert(dma_regs::kRegisters[static_cast<size_t>(Reg::DMA_CH_CONTROL)].count == DmaEngine::kChannels);

DmaEngine::DmaEngine(const DmaEngineConfig& config, EventQueue& queue, RequestPort& port, IrqSink& irq, uint32_t line,
                     FindingSink& findings, FindingSink& copy_findings)
    : config_(config),
      queue_(queue),
      id_(queue.add_client("dma", EventRank::master, *this)),
      port_(port),
      irq_(irq),
      line_(line),
      findings_(findings),
      copy_findings_(copy_findings),
      bank_(dma_regs::kBlock),
      slots_(config.outstanding),
      cycle_ps_(time_of_cycle(1, config.clock_hz)) {
  for (Slot& slot : slots_) slot.bytes.resize(config.burst_bytes);
  port_.set_client(*this);
  wire_registers();
  publish();
}

void DmaEngine::publish() {
  bank_.set(Reg::DMA_CAPS, info_of(Field::DMA_CAPS_CHANNELS).set(0, kChannels) |
                               info_of(Field::DMA_CAPS_CRC).set(0, config_.crc) |
                               info_of(Field::DMA_CAPS_BURST).set(0, config_.burst_bytes));
}

void DmaEngine::wire_registers() {
  bank_.source(Reg::DMA_CTRL, [this](uint32_t) { return info_of(Field::DMA_CTRL_RESET).set(0, resetting()); });
  bank_.on_write(Reg::DMA_CTRL, [this](const RegisterWrite& write) {
    if (info_of(Field::DMA_CTRL_RESET).get(write.stored) != 0) reset(access_->time_ps);
  });
  bank_.source(Reg::DMA_PENDING, [this](uint32_t) { return pending(); });
  bank_.on_write(Reg::DMA_CH_CONTROL, [this](const RegisterWrite& write) { write_control(write); });
  bank_.source(Reg::DMA_CH_STATUS, [this](uint32_t index) {
    const Channel& channel = channels_[index];
    const bool busy = channel.stage != Stage::idle;
    return info_of(Field::DMA_CH_STATUS_BUSY).set(0, busy) |
           info_of(Field::DMA_CH_STATUS_STOPPING).set(0, busy && channel.stopping());
  });
  bank_.on_write(Reg::DMA_CH_EVENTS, [this](const RegisterWrite&) { update_irq(); });
  bank_.on_write(Reg::DMA_CH_IRQ_ENABLE, [this](const RegisterWrite&) { update_irq(); });
  bank_.source(Reg::DMA_CH_MOVED, [this](uint32_t index) {
    const Channel& channel = channels_[index];
    return channel.moved + (channel.stage == Stage::copy ? channel.written : 0);
  });
  bank_.source(Reg::DMA_CH_DESCRIPTOR, [this](uint32_t index) { return channels_[index].descriptor; });
  bank_.source(Reg::DMA_CH_CRC, [this](uint32_t index) { return channels_[index].crc; });
}

BusResponse DmaEngine::access(BusAccess& access, uint64_t&) {
  if (access.who.initiator == Initiator::dma && !access.debug) {
    findings_.report(finding_of("dma", "", access, "access by the DMA engine itself: the bus answers with an error"));
    return BusResponse::target;
  }
  access_ = &access;
  return serve_registers(bank_, access, findings_);
}

void DmaEngine::ignored(const char* why) {
  findings_.report(finding_of("dma", "DMA_CH_CONTROL", *access_, fmt::format("{}: START is ignored", why)));
}

void DmaEngine::write_control(const RegisterWrite& write) {
  const bool abort = info_of(Field::DMA_CH_CONTROL_ABORT).get(write.stored) != 0;
  const bool start = info_of(Field::DMA_CH_CONTROL_START).get(write.stored) != 0;
  const uint32_t actions = info_of(Field::DMA_CH_CONTROL_START).mask() | info_of(Field::DMA_CH_CONTROL_ABORT).mask();
  bank_.set(Reg::DMA_CH_CONTROL, write.stored & ~actions, write.index);
  Channel& channel = channels_[write.index];
  if (abort) {
    if (channel.stage == Stage::idle || channel.aborting) return;
    channel.aborting = true;
    return queue_.schedule(access_->time_ps, id_, kAbortTag + write.index);
  }
  if (!start) return;
  if (channel.stage != Stage::idle) return ignored("the channel is busy");
  if (resetting()) return ignored("a reset waits for accesses in flight");
  take_start(write.index);
}

/// The channel's registers as they are now are what is done.
void DmaEngine::take_start(unsigned index) {
  Channel& channel = channels_[index];
  const uint32_t control = bank_.get(Reg::DMA_CH_CONTROL, index);
  channel.stage = Stage::starting;
  channel.list = info_of(Field::DMA_CH_CONTROL_LIST).get(control) != 0;
  channel.priority = static_cast<uint8_t>(info_of(Field::DMA_CH_CONTROL_PRIORITY).get(control));
  channel.copy = {bank_.get(Reg::DMA_CH_SOURCE, index), bank_.get(Reg::DMA_CH_DESTINATION, index),
                  bank_.get(Reg::DMA_CH_BYTES, index), control & dma_copy_control_mask()};
  channel.next = channel.list ? bank_.get(Reg::DMA_CH_LIST, index) : 0;
  channel.aborting = false;
  channel.fault = {};
  channel.moved = 0;
  channel.descriptor = 0;
  channel.crc = bank_.get(Reg::DMA_CH_CRC_START, index);
  channel.started_ps = access_->time_ps;
  ++channel.counters.starts;
  bank_.set(Reg::DMA_CH_ERROR, 0, index);
  bank_.set(Reg::DMA_CH_ERROR_ADDRESS, 0, index);
  queue_.schedule(access_->time_ps + cycle_ps_, id_, kStartTag + index);
}

bool DmaEngine::resetting() const {
  return std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.orphan; });
}

uint32_t DmaEngine::pending() const {
  uint32_t bits = 0;
  for (unsigned i = 0; i < kChannels; ++i) {
    if ((bank_.get(Reg::DMA_CH_EVENTS, i) & bank_.get(Reg::DMA_CH_IRQ_ENABLE, i)) != 0) bits |= 1u << i;
  }
  return bits;
}

void DmaEngine::raise(unsigned index, FieldId event) {
  bank_.set(event, 1, index);
  update_irq();
}

void DmaEngine::update_irq() {
  const bool level = pending() != 0;
  if (level == level_) return;
  level_ = level;
  interrupts_ += level;
  irq_.set_level(line_, level);
}

void DmaEngine::reset(uint64_t now_ps) {
  for (unsigned i = 0; i < kChannels; ++i) {
    queue_.cancel(id_, kStartTag + i);
    queue_.cancel(id_, kAbortTag + i);
    Counters counters = channels_[i].counters;
    if (channels_[i].stage != Stage::idle) counters.busy_ps += now_ps - channels_[i].started_ps;
    channels_[i] = {};
    channels_[i].counters = counters;
  }
  for (Slot& slot : slots_) {
    slot.orphan = slot.in_flight;
    slot.used = slot.in_flight;
  }
  bank_.reset();
  publish();
  update_irq();
}

void DmaEngine::stats(const StatsWriter& writer) const {
  Counters sum;
  for (const Channel& channel : channels_) {
    const Counters& c = channel.counters;
    sum.read_bytes += c.read_bytes;
    sum.write_bytes += c.write_bytes;
    sum.crc_bytes += c.crc_bytes;
    sum.list_read_bytes += c.list_read_bytes;
    sum.list_write_bytes += c.list_write_bytes;
  }
  writer.counter("read_bytes", sum.read_bytes, "bytes", "Bytes read to be copied or summed");
  writer.counter("write_bytes", sum.write_bytes, "bytes", "Bytes written that were copied");
  writer.counter("crc_bytes", sum.crc_bytes, "bytes", "Bytes that went into a checksum");
  writer.counter("list_read_bytes", sum.list_read_bytes, "bytes", "Bytes of descriptors read");
  writer.counter("list_write_bytes", sum.list_write_bytes, "bytes", "Bytes of descriptors written");
  writer.counter("interrupts", interrupts_, "1", "Rising edges of the interrupt");
  for (unsigned i = 0; i < kChannels; ++i) {
    const Counters& c = channels_[i].counters;
    if (c.starts == 0) continue;
    const StatsWriter part = writer.part(fmt::format("channel{}", i));
    part.counter("starts", c.starts, "1", "Starts");
    part.counter("descriptors", c.descriptors, "descriptors", "Descriptors completed");
    part.counter("errors", c.errors, "1", "Starts that ended with an error");
    part.counter("aborts", c.aborts, "1", "Starts that were aborted");
    part.counter("read_bytes", c.read_bytes, "bytes", "Bytes read to be copied or summed");
    part.counter("write_bytes", c.write_bytes, "bytes", "Bytes written that were copied");
    part.counter("busy_cycles", cycles_until(c.busy_ps, config_.clock_hz), "cycles",
                 "From starts to their ends, in cycles of the engine");
  }
}

void DmaEngine::state(StateArchive& archive) {
  archive.section("dma");
  bank_.state(archive);
  for (Channel& c : channels_) {
    archive.value("stage", c.stage);
    for (bool* flag : {&c.list, &c.aborting, &c.issued}) archive.value("flag", *flag);
    archive.value("priority", c.priority);
    archive.value("copy", c.copy);
    for (uint32_t* word : {&c.read, &c.written, &c.in_flight, &c.fault_offset, &c.moved, &c.copy_moved, &c.descriptor,
                           &c.next, &c.crc, &c.fault.address}) {
      archive.value("word", *word);
    }
    archive.value("fault", c.fault.code);
    archive.value("fault_write", c.fault.write);
    archive.value("started_ps", c.started_ps);
    archive.value("counters", c.counters);
    std::vector<uint16_t> fifo(c.fifo.begin(), c.fifo.end());
    archive.vector("fifo", fifo);
    for (const uint16_t slot : fifo) {
      if (slot >= slots_.size()) archive.fail("fifo", "a slot that does not exist");
    }
    c.fifo.assign(fifo.begin(), fifo.end());
  }
  for (Slot& s : slots_) {
    for (bool* flag : {&s.used, &s.in_flight, &s.orphan}) archive.value("flag", *flag);
    archive.value("channel", s.channel);
    archive.value("purpose", s.purpose);
    archive.value("response", s.response);
    archive.value("offset", s.offset);
    archive.value("size", s.size);
    archive.range("bytes", std::span(s.bytes));
    if (s.channel >= kChannels || s.size > s.bytes.size()) archive.fail("slot", "beyond what the engine has");
  }
  archive.value("last_issued", last_issued_);
  archive.value("next_issue_ps", next_issue_ps_);
  for (bool* flag : {&ready_, &issue_scheduled_, &level_}) archive.value("flag", *flag);
  archive.value("interrupts", interrupts_);
}

}  // namespace backboard
