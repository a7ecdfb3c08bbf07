// A channel of the DMA engine from stage to stage.
#include "platform/dma/dma_engine.h"

#include <fmt/format.h>

#include "drivers/crc/crc32.h"
#include "platform/check/check.h"
#include "platform/regs/dma_regs.h"

namespace backboard {

using dma_regs::Field;
using dma_regs::info_of;
using dma_regs::Reg;

void DmaEngine::on_event(uint64_t tag, uint64_t) {
  if (tag == kIssueTag) {
    issue_scheduled_ = false;
  } else if (tag >= kAbortTag) {
    const auto index = static_cast<unsigned>(tag - kAbortTag);
    if (channels_[index].stage == Stage::starting) {
      queue_.cancel(id_, kStartTag + index);
      finish(index);
    } else {
      settle(index);
    }
  } else {
    begin(static_cast<unsigned>(tag - kStartTag));
  }
  pump();
}

void DmaEngine::begin(unsigned index) {
  Channel& channel = channels_[index];
  if (!channel.list) return begin_copy(index);
  begin_descriptor(index);
}

/// Goes on to the descriptor at `next`, if there is one.
void DmaEngine::begin_descriptor(unsigned index) {
  Channel& channel = channels_[index];
  if (channel.next == 0) return finish(index);
  channel.descriptor = channel.next;
  if (channel.descriptor % DmaDescriptor::kBytes != 0) {
    refuse(index, {DmaError::kALIGNMENT, false, channel.descriptor});
    return finish(index);
  }
  channel.stage = Stage::fetch;
  channel.issued = false;
}

void DmaEngine::take_descriptor(unsigned index, const Slot& slot) {
  Channel& channel = channels_[index];
  const DmaDescriptor descriptor =
      DmaDescriptor::parse(std::span<const uint8_t, DmaDescriptor::kBytes>(slot.bytes.data(), DmaDescriptor::kBytes));
  if (descriptor.status != 0) {
    refuse(index, {DmaError::kSTALE, false, channel.descriptor});
    return finish(index);
  }
  channel.next = descriptor.next;
  channel.copy = descriptor.copy;
  if (descriptor.reserved != 0) channel.copy.control = UINT32_MAX;  // as wrong as unknown bits
  begin_copy(index);
}

void DmaEngine::begin_copy(unsigned index) {
  Channel& channel = channels_[index];
  channel.stage = Stage::copy;
  channel.read = channel.written = 0;
  DmaFault fault = channel.copy.fault();
  const DmaControl control = channel.copy.decoded();
  if (!config_.crc && (control.crc || control.no_write)) fault = {DmaError::kCONTROL, false, channel.copy.source};
  if (fault.code != DmaError::kNONE) {
    const bool in_list = channel.list && fault.code == DmaError::kCONTROL;
    refuse(index, {fault.code, fault.write, in_list ? channel.descriptor : fault.address});
    return end_copy(index);
  }
  if (channel.copy.bytes == 0) end_copy(index);
}

/// Nothing of the copy is in flight any more.
void DmaEngine::end_copy(unsigned index) {
  Channel& channel = channels_[index];
  channel.copy_moved = channel.fault.code != DmaError::kNONE ? channel.fault_offset : channel.written;
  channel.moved += channel.copy_moved;
  if (!channel.list || channel.aborting) return finish(index);
  channel.stage = Stage::report;
  channel.issued = false;
}

void DmaEngine::reported(unsigned index, BusResponse response) {
  Channel& channel = channels_[index];
  if (response != BusResponse::ok && channel.fault.code == DmaError::kNONE) {
    channel.fault = {error_of(response), true, channel.descriptor + DmaDescriptor::kStatusOffset};
  }
  if (channel.fault.code != DmaError::kNONE) return finish(index);
  ++channel.counters.descriptors;
  if (channel.copy.decoded().step) raise(index, Field::DMA_CH_EVENTS_STEP);
  if (channel.aborting) return finish(index);
  begin_descriptor(index);
}

/// Looks whether the channel's stage is over after an answer, or after it was told to stop.
void DmaEngine::settle(unsigned index) {
  Channel& channel = channels_[index];
  if (channel.stage == Stage::copy) {
    if (!channel.stopping()) take_front(channel);
    if (channel.stopping()) drop_fifo(channel);
    if (channel.in_flight == 0 && (channel.stopping() || channel.written == channel.copy.bytes)) end_copy(index);
  } else if (channel.aborting && channel.in_flight == 0 && channel.stage != Stage::idle) {
    finish(index);
  }
}

/// The oldest burst that was answered: is it an error? Where nothing is written it is over, and so is the next.
void DmaEngine::take_front(Channel& channel) {
  const bool no_write = channel.copy.decoded().no_write;
  while (!channel.fifo.empty()) {
    Slot& front = slots_[channel.fifo.front()];
    if (front.in_flight) return;
    if (front.response != BusResponse::ok) {
      channel.fault = {error_of(front.response), false, channel.copy.source_at(front.offset)};
      channel.fault_offset = front.offset;
      return;
    }
    if (!no_write) return;
    take_checksum(channel, front);
    channel.written += front.size;
    front.used = false;
    channel.fifo.pop_front();
  }
}

/// Bursts come in the order of the bytes.
void DmaEngine::take_checksum(Channel& channel, const Slot& slot) {
  if (!channel.copy.decoded().crc) return;
  channel.crc = crc32_update(channel.crc, slot.bytes.data(), slot.size);
  channel.counters.crc_bytes += slot.size;
}

/// What cannot be done, known before a byte is moved.
void DmaEngine::refuse(unsigned index, DmaFault fault) {
  Channel& channel = channels_[index];
  channel.fault = fault;
  channel.fault_offset = 0;
  Finding finding;
  finding.time_ps = queue_.now_ps();
  finding.initiator = Initiator::dma;
  finding.block = "dma";
  finding.address = fault.address;
  finding.reason = fmt::format("channel {} ends with {}: {}", index, name_of(fault.code), description_of(fault.code));
  copy_findings_.report(std::move(finding));
}

void DmaEngine::finish(unsigned index) {
  Channel& channel = channels_[index];
  BB_CHECK(channel.in_flight == 0 && channel.fifo.empty(), "channel {}", index);
  channel.stage = Stage::idle;
  channel.counters.busy_ps += queue_.now_ps() - channel.started_ps;
  if (channel.fault.code != DmaError::kNONE) {
    const uint32_t error = info_of(Field::DMA_CH_ERROR_CODE).set(0, static_cast<uint32_t>(channel.fault.code)) |
                           info_of(Field::DMA_CH_ERROR_WRITE).set(0, channel.fault.write);
    bank_.set(Reg::DMA_CH_ERROR, error, index);
    bank_.set(Reg::DMA_CH_ERROR_ADDRESS, channel.fault.address, index);
    ++channel.counters.errors;
    return raise(index, Field::DMA_CH_EVENTS_ERROR);
  }
  if (channel.aborting) {
    ++channel.counters.aborts;
    return raise(index, Field::DMA_CH_EVENTS_ABORTED);
  }
  raise(index, Field::DMA_CH_EVENTS_DONE);
}

}  // namespace backboard
