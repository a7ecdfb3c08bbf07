// The accesses of the DMA engine: whose turn it is, what is issued, what answers mean.
#include <algorithm>

#include "platform/check/check.h"
#include "platform/dma/dma_engine.h"

namespace backboard {

/// Issues what can be issued now, and arranges for the rest.
void DmaEngine::pump() {
  while (ready_) {
    const std::optional<unsigned> index = pick();
    if (!index) return;
    if (queue_.now_ps() < next_issue_ps_) {
      if (!issue_scheduled_) queue_.schedule(next_issue_ps_, id_, kIssueTag);
      issue_scheduled_ = true;
      return;
    }
    last_issued_ = *index;
    issue(*index);
  }
}

bool DmaEngine::wants(const Channel& channel, bool slot_free) const {
  switch (channel.stage) {
    case Stage::idle:
    case Stage::starting:
      return false;
    case Stage::fetch:
    case Stage::report:
      return !channel.issued && !channel.aborting && slot_free;
    case Stage::copy:
      if (channel.stopping()) return false;
      if (!channel.fifo.empty() && !slots_[channel.fifo.front()].in_flight) return true;
      return slot_free && channel.read < channel.copy.bytes;
  }
  return false;
}

std::optional<unsigned> DmaEngine::pick() const {
  const bool slot_free = std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return !slot.used; });
  std::optional<unsigned> best;
  for (unsigned step = 1; step <= kChannels; ++step) {
    const unsigned index = (last_issued_ + step) % kChannels;
    if (!wants(channels_[index], slot_free)) continue;
    if (!best || channels_[index].priority > channels_[*best].priority) best = index;
  }
  return best;
}

void DmaEngine::issue(unsigned index) {
  Channel& channel = channels_[index];
  switch (channel.stage) {
    case Stage::idle:
    case Stage::starting:
      BB_CHECK(false, "channel {} has nothing to issue", index);
    case Stage::fetch: {
      channel.issued = true;
      const Attribution who{.initiator = Initiator::dma, .phase = Phase::kCONTROL};
      return submit(claim(index, Purpose::fetch, DmaDescriptor::kBytes), BusOp::read, channel.descriptor, who);
    }
    case Stage::report:
      return issue_report(index);
    case Stage::copy:
      break;
  }
  const bool writes = !channel.fifo.empty() && !slots_[channel.fifo.front()].in_flight;
  writes ? issue_write(index) : issue_read(index);
}

void DmaEngine::issue_read(unsigned index) {
  Channel& channel = channels_[index];
  const uint16_t number = claim(index, Purpose::read, channel.copy.piece_at(channel.read, config_.burst_bytes));
  Slot& slot = slots_[number];
  slot.offset = channel.read;
  channel.read += slot.size;
  channel.fifo.push_back(number);
  const DmaControl control = channel.copy.decoded();
  submit(number, BusOp::read, channel.copy.source_at(slot.offset),
         {.initiator = Initiator::dma, .phase = control.phase, .tensor = control.tensor});
}

/// The oldest burst that was read, which settle() has found to be without an error.
void DmaEngine::issue_write(unsigned index) {
  Channel& channel = channels_[index];
  const uint16_t number = channel.fifo.front();
  channel.fifo.pop_front();
  Slot& slot = slots_[number];
  take_checksum(channel, slot);
  slot.purpose = Purpose::write;
  channel.written += slot.size;
  const DmaControl control = channel.copy.decoded();
  submit(number, BusOp::write, channel.copy.destination_at(slot.offset),
         {.initiator = Initiator::dma, .phase = control.phase, .tensor = control.tensor});
  settle(index);  // the one behind it may have failed
}

void DmaEngine::issue_report(unsigned index) {
  Channel& channel = channels_[index];
  channel.issued = true;
  const uint16_t number = claim(index, Purpose::report, DmaDescriptor::kReportBytes);
  const uint32_t words[2] = {DmaDescriptor::kWorkedOn | static_cast<uint32_t>(channel.fault.code), channel.copy_moved};
  for (uint32_t i = 0; i < DmaDescriptor::kReportBytes; ++i) {
    slots_[number].bytes[i] = static_cast<uint8_t>(words[i / 4] >> (8 * (i % 4)));
  }
  submit(number, BusOp::write, channel.descriptor + DmaDescriptor::kStatusOffset,
         {.initiator = Initiator::dma, .phase = Phase::kCONTROL});
}

uint16_t DmaEngine::claim(unsigned index, Purpose purpose, uint32_t size) {
  const auto found = std::find_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return !slot.used; });
  BB_CHECK(found != slots_.end() && size <= found->bytes.size(), "{} bytes", size);
  found->used = true;
  found->channel = static_cast<uint8_t>(index);
  found->purpose = purpose;
  found->offset = 0;
  found->size = size;
  return static_cast<uint16_t>(found - slots_.begin());
}

void DmaEngine::submit(uint16_t number, BusOp op, uint32_t address, const Attribution& who) {
  Slot& slot = slots_[number];
  slot.in_flight = true;
  slot.response = BusResponse::ok;
  ++channels_[slot.channel].in_flight;
  BusRequest request;
  request.address = address;
  request.time_ps = queue_.now_ps();
  request.size = slot.size;
  request.tag = number;
  request.op = op;
  request.who = who;
  const uint64_t ready_ps = port_.submit(request);
  ready_ = ready_ps != RequestPort::kLater;
  next_issue_ps_ = queue_.now_ps() + cycle_ps_;
  if (ready_) next_issue_ps_ = std::max(next_issue_ps_, ready_ps);
}

/// Gives up what was read and is not written; answers that are still to come free their slots.
void DmaEngine::drop_fifo(Channel& channel) {
  for (const uint16_t number : channel.fifo) slots_[number].used = slots_[number].in_flight;
  channel.fifo.clear();
}

void DmaEngine::on_response(RequestTag tag, BusResponse response, uint64_t) {
  Slot& slot = slots_[tag];
  BB_CHECK(slot.used && slot.in_flight, "an answer to tag {}", tag);
  slot.in_flight = false;
  slot.response = response;
  if (slot.orphan) {
    slot.orphan = slot.used = false;
    return;
  }
  const unsigned index = slot.channel;
  Channel& channel = channels_[index];
  Counters& counters = channel.counters;
  const uint64_t bytes = response == BusResponse::ok ? slot.size : 0;
  --channel.in_flight;
  slot.used = slot.purpose == Purpose::read && !channel.stopping();
  switch (slot.purpose) {
    case Purpose::read:
      counters.read_bytes += bytes;
      break;
    case Purpose::write:
      counters.write_bytes += bytes;
      if (response == BusResponse::ok) break;
      if (channel.fault.code == DmaError::kNONE || slot.offset < channel.fault_offset) {
        channel.fault = {error_of(response), true, channel.copy.destination_at(slot.offset)};
        channel.fault_offset = slot.offset;
      }
      break;
    case Purpose::fetch:
      counters.list_read_bytes += bytes;
      if (channel.aborting) break;
      if (response == BusResponse::ok) {
        take_descriptor(index, slot);
      } else {
        channel.fault = {error_of(response), false, channel.descriptor};
        finish(index);
      }
      break;
    case Purpose::report:
      counters.list_write_bytes += bytes;
      reported(index, response);
      break;
  }
  settle(index);
  pump();
}

void DmaEngine::on_ready(uint64_t time_ps) {
  ready_ = true;
  next_issue_ps_ = std::max(next_issue_ps_, time_ps);
  pump();
}

}  // namespace backboard
