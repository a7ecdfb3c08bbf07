// The DMA at `timing: at`: bursts as requests that are answered later.
#include <algorithm>

#include "npu/dma/dma.h"
#include "platform/check/check.h"

namespace backboard::npu {

void Dma::use_requests(RequestPort& port) {
  requests_ = &port;
  slots_.resize(config_.outstanding);
  port.set_client(*this);
}

void Dma::start_requests(uint8_t place_index) {
  Place& place = places_[place_index];
  place.run = place.run_offset = place.offset = place.in_flight = place.error_offset = 0;
  place.issued = false;
  order_.push_back(place_index);
  pump();
}

uint32_t Dma::free_slot() const {
  const auto found = std::find_if(slots_.begin(), slots_.end(), [](const Slot& s) { return !s.used; });
  return static_cast<uint32_t>(found - slots_.begin());
}

/// Issues bursts as long as the port is free, the bus takes them and slots are there.
void Dma::pump() {
  while (ready_ && !order_.empty()) {
    const uint8_t index = order_.front();
    Place& place = places_[index];
    if (place.run == place.transfer.runs.size()) {
      last_issued(index);
      continue;
    }
    const DmaRun& run = place.transfer.runs[place.run];
    if (place.run_offset == 0 && !windows_.allow(run.address, run.bytes, place.transfer.write)) {
      if (place.transfer.error == ErrorCode::kNONE) {
        place.transfer.error = ErrorCode::kWINDOW;
        place.transfer.error_address = run.address;
        place.error_offset = place.offset;
      }
      last_issued(index);
      continue;
    }
    if (free_slot() == slots_.size()) return;
    if (queue_.now_ps() < next_issue_ps_) {
      if (!issue_scheduled_) queue_.schedule(next_issue_ps_, id_, kIssueTag);
      issue_scheduled_ = true;
      return;
    }
    ready_ = submit_burst(place, index);
  }
}

/// Submits the next burst of a transfer. Returns whether the bus takes another.
bool Dma::submit_burst(Place& place, uint8_t place_index) {
  const DmaRun& run = place.transfer.runs[place.run];
  const uint64_t address = uint64_t{run.address} + place.run_offset;
  const uint64_t boundary = (address / config_.burst_bytes + 1) * config_.burst_bytes;
  const auto bytes = static_cast<uint32_t>(std::min(boundary, uint64_t{run.address} + run.bytes) - address);
  const uint32_t tag = free_slot();
  slots_[tag] = {static_cast<uint32_t>(address), place.offset, bytes, kNotOrphan, place_index, run.tensor, true};
  BusRequest request;
  request.address = address;
  request.time_ps = queue_.now_ps();
  request.size = bytes;
  request.tag = static_cast<RequestTag>(tag);
  request.op = place.transfer.write ? BusOp::write : BusOp::read;
  request.who = place.transfer.who;
  request.who.tensor = run.tensor;

  ++place.in_flight;
  place.offset += bytes;
  place.run_offset += bytes;
  if (place.run_offset == run.bytes) {
    ++place.run;
    place.run_offset = 0;
  }
  next_issue_ps_ = queue_.now_ps() + port_busy_ps(bytes);
  return requests_->submit(request) != RequestPort::kLater;
}

void Dma::last_issued(uint8_t place_index) {
  order_.erase(std::find(order_.begin(), order_.end(), place_index));
  places_[place_index].issued = true;
  finish_if_done(place_index);
}

void Dma::finish_if_done(uint8_t place_index) {
  const Place& place = places_[place_index];
  if (place.issued && place.in_flight == 0) queue_.schedule(queue_.now_ps(), id_, place_index);
}

uint8_t* Dma::request_data(RequestTag tag) {
  const Slot& slot = slots_[tag];
  BB_CHECK(slot.used, "data of burst {}", tag);
  std::vector<uint8_t>& bytes =
      slot.orphan != kNotOrphan ? orphans_[slot.orphan].bytes : places_[slot.place].transfer.bytes;
  return bytes.data() + slot.offset;
}

void Dma::on_response(RequestTag tag, BusResponse response, uint64_t) {
  Slot& slot = slots_[tag];
  BB_CHECK(slot.used, "an answer to burst {}", tag);
  slot.used = false;
  if (slot.orphan != kNotOrphan) {
    Orphan& orphan = orphans_[slot.orphan];
    if (--orphan.in_flight == 0) orphan.bytes = {};
    return pump();
  }
  Place& place = places_[slot.place];
  DmaTransfer& transfer = place.transfer;
  --place.in_flight;
  if (response == BusResponse::ok) {
    (transfer.write ? counters_.written : counters_.read)[static_cast<unsigned>(slot.tensor)] += slot.bytes;
  } else if (transfer.error == ErrorCode::kNONE || slot.offset < place.error_offset) {
    transfer.error = ErrorCode::kBUS;
    transfer.error_address = slot.address;
    place.error_offset = slot.offset;
  }
  if (transfer.error != ErrorCode::kNONE && !place.issued) {
    last_issued(slot.place);
  } else {
    finish_if_done(slot.place);
  }
  pump();
}

void Dma::on_ready(uint64_t) {
  ready_ = true;
  pump();
}

/// The requests of an aborted transfer go on: what they read is dropped, what they write was written. Their bytes move
/// house without changing their place.
void Dma::orphan(Place& place, uint8_t place_index) {
  auto home = std::find_if(orphans_.begin(), orphans_.end(), [](const Orphan& o) { return o.in_flight == 0; });
  if (home == orphans_.end()) home = orphans_.insert(home, Orphan());
  home->bytes = std::move(place.transfer.bytes);
  home->in_flight = place.in_flight;
  place.transfer.bytes = {};
  place.in_flight = 0;
  for (Slot& slot : slots_) {
    if (!slot.used || slot.orphan != kNotOrphan || slot.place != place_index) continue;
    slot.orphan = static_cast<uint32_t>(home - orphans_.begin());
  }
}

void Dma::save_requests(StateArchive& archive) {
  for (Place& place : places_) {
    archive.value("run", place.run);
    archive.value("run_offset", place.run_offset);
    archive.value("offset", place.offset);
    archive.value("in_flight", place.in_flight);
    archive.value("error_offset", place.error_offset);
    archive.value("issued", place.issued);
    if (place.used && place.run > place.transfer.runs.size()) archive.fail("run", "a run that does not exist");
  }
  uint64_t count = orphans_.size();
  archive.value("orphans", count);
  if (count > slots_.size()) archive.fail("orphans", "more than requests");
  orphans_.resize(count);
  for (Orphan& orphan : orphans_) {
    archive.vector("bytes", orphan.bytes);
    archive.value("in_flight", orphan.in_flight);
  }
  for (Slot& slot : slots_) {
    archive.value("address", slot.address);
    archive.value("offset", slot.offset);
    archive.value("bytes", slot.bytes);
    archive.value("orphan", slot.orphan);
    archive.value("place", slot.place);
    archive.value("tensor", slot.tensor);
    archive.value("used", slot.used);
    if (!slot.used) continue;
    const bool known = slot.orphan == kNotOrphan ? slot.place < kTransfers : slot.orphan < count;
    if (!known) archive.fail("orphan", "bytes that are not there");
    const std::vector<uint8_t>& bytes =
        slot.orphan != kNotOrphan ? orphans_[slot.orphan].bytes : places_[slot.place].transfer.bytes;
    if (slot.offset > bytes.size() || slot.bytes > bytes.size() - slot.offset) {
      archive.fail("offset", "a burst outside its transfer");
    }
  }
  archive.vector("order", order_);
  for (const uint8_t index : order_) {
    if (index >= kTransfers || !places_[index].used) archive.fail("order", "a transfer that does not exist");
  }
  archive.value("ready", ready_);
  archive.value("issue_scheduled", issue_scheduled_);
}

}  // namespace backboard::npu
