#include "npu/dma/dma.h"

#include <algorithm>
#include <numeric>

#include "platform/check/check.h"
#include "platform/host_time/host_time.h"

namespace backboard::npu {

void DmaTransfer::add(uint32_t address, uint32_t size_bytes, TensorClass tensor) {
  if (size_bytes == 0) return;
  if (!runs.empty()) {
    DmaRun& last = runs.back();
    if (last.tensor == tensor && uint64_t{last.address} + last.bytes == address) {
      last.bytes += size_bytes;
      return;
    }
  }
  runs.push_back({address, size_bytes, tensor});
}

uint64_t DmaTransfer::total_bytes() const {
  return std::accumulate(runs.begin(), runs.end(), uint64_t{0},
                         [](uint64_t sum, const DmaRun& run) { return sum + run.bytes; });
}

uint64_t DmaCounters::read_bytes() const {
  return std::accumulate(read.begin(), read.end(), uint64_t{0});
}

uint64_t DmaCounters::write_bytes() const {
  return std::accumulate(written.begin(), written.end(), uint64_t{0});
}

Dma::Dma(const DmaConfig& config, uint64_t clock_hz, EventQueue& queue, BusPort& port)
    : config_(config), clock_{clock_hz}, queue_(queue), port_(port), completions_ps_(config.outstanding, 0) {
  id_ = queue.add_client("npu.dma", EventRank::master, *this);
}

DmaTransfer* Dma::claim() {
  for (Place& place : places_) {
    if (place.used) continue;
    place.used = true;
    DmaTransfer& transfer = place.transfer;
    transfer.write = false;
    transfer.who = {};
    transfer.runs.clear();
    transfer.bytes.clear();
    transfer.error = ErrorCode::kNONE;
    transfer.error_address = 0;
    return &transfer;
  }
  return nullptr;
}

unsigned Dma::free_transfers() const {
  return static_cast<unsigned>(std::count_if(places_.begin(), places_.end(), [](const Place& p) { return !p.used; }));
}

uint64_t Dma::burst(DmaTransfer& transfer, uint32_t address, uint8_t* data, uint32_t bytes, TensorClass tensor) {
  uint64_t& slot_ps = completions_ps_[oldest_];
  oldest_ = oldest_ + 1 == config_.outstanding ? 0 : oldest_ + 1;
  const uint64_t issue_ps = std::max(next_issue_ps_, slot_ps);
  BusAccess access;
  access.op = transfer.write ? BusOp::write : BusOp::read;
  access.address = address;
  access.data = data;
  access.size = bytes;
  access.time_ps = issue_ps;
  access.who = transfer.who;
  access.who.tensor = tensor;
  uint64_t delay_ps = 0;
  const BusResponse response = port_.access(access, delay_ps);
  if (response != BusResponse::ok) {
    transfer.error = ErrorCode::kBUS;
    transfer.error_address = address;
  } else {
    (transfer.write ? counters_.written : counters_.read)[static_cast<unsigned>(tensor)] += bytes;
  }
  const uint32_t port_cycles = (bytes + config_.bytes_per_cycle - 1) / config_.bytes_per_cycle;
  const uint64_t busy_ps = clock_.to_ps(std::max(port_cycles, config_.issue_interval));
  next_issue_ps_ = issue_ps + busy_ps;
  slot_ps = issue_ps + std::max(delay_ps, busy_ps);
  return slot_ps;
}

uint64_t Dma::issue(DmaTransfer& transfer) {
  const HostSpan span(HostPart::dma);
  uint64_t complete_ps = queue_.now_ps();
  next_issue_ps_ = std::max(next_issue_ps_, queue_.now_ps());
  uint8_t* data = transfer.bytes.data();
  for (const DmaRun& run : transfer.runs) {
    if (!windows_.allow(run.address, run.bytes, transfer.write)) {
      transfer.error = ErrorCode::kWINDOW;
      transfer.error_address = run.address;
      return complete_ps;
    }
    uint64_t address = run.address;
    const uint64_t end = address + run.bytes;
    while (address < end) {
      const uint64_t boundary = (address / config_.burst_bytes + 1) * config_.burst_bytes;
      const auto bytes = static_cast<uint32_t>(std::min(boundary, end) - address);
      complete_ps = std::max(complete_ps, burst(transfer, static_cast<uint32_t>(address), data, bytes, run.tensor));
      if (transfer.error != ErrorCode::kNONE) return complete_ps;
      address += bytes;
      data += bytes;
    }
  }
  return complete_ps;
}

void Dma::start(DmaTransfer& transfer, uint64_t tag) {
  unsigned index = 0;
  while (index < kTransfers && &places_[index].transfer != &transfer) ++index;
  BB_CHECK(index < kTransfers && places_[index].used && !places_[index].running);
  const uint64_t total = transfer.total_bytes();
  if (transfer.write) {
    BB_CHECK(transfer.bytes.size() == total, "{} bytes for runs of {}", transfer.bytes.size(), total);
  } else {
    transfer.bytes.resize(total);
  }
  places_[index].running = true;
  places_[index].tag = tag;
  if (requests_ == nullptr) {
    queue_.schedule(issue(transfer), id_, index);
  } else {
    start_requests(static_cast<uint8_t>(index));
  }
}

void Dma::on_event(uint64_t tag, uint64_t) {
  if (tag == kIssueTag) {
    issue_scheduled_ = false;
    return pump();
  }
  Place& place = places_[tag];
  BB_CHECK(place.running, "transfer {}", tag);
  client_->on_transfer(place.tag, place.transfer);
  // The client may have aborted everything, this transfer included.
  place.running = false;
  place.used = false;
}

void Dma::abort() {
  for (unsigned index = 0; index < kTransfers; ++index) {
    if (places_[index].running) queue_.cancel(id_, index);
    if (places_[index].in_flight > 0) orphan(places_[index], static_cast<uint8_t>(index));
    places_[index].running = false;
    places_[index].used = false;
  }
  next_issue_ps_ = 0;
  std::fill(completions_ps_.begin(), completions_ps_.end(), 0);
  oldest_ = 0;
  order_.clear();
  if (issue_scheduled_) queue_.cancel(id_, kIssueTag);
  issue_scheduled_ = false;
}

void Dma::state(StateArchive& archive) {
  archive.section("npu dma");
  for (Place& place : places_) {
    archive.value("used", place.used);
    archive.value("running", place.running);
    archive.value("tag", place.tag);
    if (!place.used) continue;
    DmaTransfer& t = place.transfer;
    archive.value("write", t.write);
    archive.value("initiator", t.who.initiator);
    archive.value("phase", t.who.phase);
    archive.value("layer", t.who.layer);
    archive.value("command", t.who.command);
    archive.value("error", t.error);
    archive.value("error_address", t.error_address);
    archive.vector("bytes", t.bytes);
    uint64_t runs = t.runs.size();
    archive.value("runs", runs);
    if (runs > t.bytes.size()) archive.fail("runs", "more runs than bytes");
    t.runs.resize(runs);
    for (DmaRun& run : t.runs) {
      archive.value("address", run.address);
      archive.value("bytes", run.bytes);
      archive.value("tensor", run.tensor);
    }
  }
  archive.value("next_issue_ps", next_issue_ps_);
  archive.vector("completions_ps", completions_ps_);
  archive.value("oldest", oldest_);
  archive.value("counters", counters_);
  if (archive.reading() && (completions_ps_.size() != config_.outstanding || oldest_ >= config_.outstanding)) {
    archive.fail("completions_ps", "another number of outstanding bursts");
  }
  save_requests(archive);
}

}  // namespace backboard::npu
