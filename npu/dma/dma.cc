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
  const uint32_t most_cycles = (config.burst_bytes + config.bytes_per_cycle - 1) / config.bytes_per_cycle;
  for (uint32_t cycles = 0; cycles <= most_cycles; ++cycles) {
    busy_ps_of_cycles_.push_back(clock_.to_ps(std::max(cycles, config.issue_interval)));
  }
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

uint64_t Dma::port_busy_ps(uint32_t bytes) const {
  return busy_ps_of_cycles_[(bytes + config_.bytes_per_cycle - 1) / config_.bytes_per_cycle];
}

uint64_t Dma::issue(uint32_t bytes) {
  issue_ps_ = std::max(next_issue_ps_, completions_ps_[oldest_]);
  busy_ps_ = port_busy_ps(bytes);
  next_issue_ps_ = issue_ps_ + busy_ps_;
  return issue_ps_;
}

void Dma::answered(uint64_t time_ps) {
  const uint64_t done_ps = std::max(time_ps, issue_ps_ + busy_ps_);
  completions_ps_[oldest_] = done_ps;
  oldest_ = oldest_ + 1 == config_.outstanding ? 0 : oldest_ + 1;
  complete_ps_ = std::max(complete_ps_, done_ps);
}

/// All bursts of the transfer in one call, where there is a port for that and it takes them.
bool Dma::carry(DmaTransfer& transfer) {
  if (bursts_ == nullptr) return false;
  for (const DmaRun& run : transfer.runs) {
    if (!windows_.allow(run.address, run.bytes, transfer.write)) return false;
  }
  BurstRuns runs;
  runs.op = transfer.write ? BusOp::write : BusOp::read;
  runs.runs = transfer.runs;
  runs.data = transfer.bytes.data();
  runs.burst_bytes = config_.burst_bytes;
  runs.who = transfer.who;
  if (bursts_->carry(runs, *this).bursts == 0) return false;
  for (const DmaRun& run : transfer.runs) {
    counters_.of(transfer.write)[static_cast<unsigned>(run.tensor)] += run.bytes;
  }
  return true;
}

/// The bursts of a run one by one, up to one that fails.
void Dma::issue_run(DmaTransfer& transfer, const DmaRun& run, uint8_t* data) {
  const uint64_t end = uint64_t{run.address} + run.bytes;
  for (uint64_t at = run.address; at < end && transfer.error == ErrorCode::kNONE;) {
    BusAccess access;
    access.op = transfer.write ? BusOp::write : BusOp::read;
    access.address = at;
    access.data = data + (at - run.address);
    access.size = static_cast<uint32_t>(std::min((at | (config_.burst_bytes - 1)) + 1, end) - at);
    access.time_ps = issue(access.size);
    access.who = transfer.who;
    access.who.tensor = run.tensor;
    uint64_t delay_ps = 0;
    if (port_.access(access, delay_ps) == BusResponse::ok) {
      counters_.of(transfer.write)[static_cast<unsigned>(run.tensor)] += access.size;
    } else {
      transfer.error = ErrorCode::kBUS;
      transfer.error_address = static_cast<uint32_t>(at);
    }
    answered(issue_ps_ + delay_ps);
    at += access.size;
  }
}

/// Moves all of the transfer, up to what fails; `complete_ps_` is when it has moved.
void Dma::issue(DmaTransfer& transfer) {
  const HostSpan span(HostPart::dma);
  complete_ps_ = queue_.now_ps();
  next_issue_ps_ = std::max(next_issue_ps_, queue_.now_ps());
  if (carry(transfer)) return;
  uint8_t* data = transfer.bytes.data();
  for (const DmaRun& run : transfer.runs) {
    if (!windows_.allow(run.address, run.bytes, transfer.write)) {
      transfer.error = ErrorCode::kWINDOW;
      transfer.error_address = run.address;
    } else {
      issue_run(transfer, run, data);
    }
    if (transfer.error != ErrorCode::kNONE) return;
    data += run.bytes;
  }
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
    issue(transfer);
    queue_.schedule(complete_ps_, id_, index);
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
    archive.value("ring", t.who.ring);
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
