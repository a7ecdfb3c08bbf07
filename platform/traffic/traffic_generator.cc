#include "platform/traffic/traffic_generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "platform/check/check.h"

namespace backboard {

TrafficGenerator::TrafficGenerator(const TrafficConfig& config, size_t number, EventQueue& queue, RequestPort& port,
                                   FindingSink& findings)
    : config_(config),
      initiator_(traffic_initiator(number)),
      queue_(queue),
      id_(queue.add_client("traffic " + config.name, EventRank::master, *this)),
      port_(port),
      findings_(findings),
      pattern_(make_traffic_pattern(config)),
      slots_(config.outstanding) {
  for (Slot& slot : slots_) slot.bytes.resize(config.request_bytes);
  port_.set_client(*this);
  if (pattern_->next_time_ps() != EventQueue::kNever) queue_.schedule(pattern_->next_time_ps(), id_);
}

void TrafficGenerator::on_event(uint64_t, uint64_t now_ps) {
  if (const char* mishap = pattern_->advance(now_ps)) report(mishap, now_ps);
  if (pattern_->next_time_ps() != EventQueue::kNever) {
    queue_.schedule(std::max(pattern_->next_time_ps(), now_ps), id_);
  }
  pump(now_ps);
  if (on_step_) on_step_();
}

void TrafficGenerator::pump(uint64_t now_ps) {
  while (ready_) {
    const auto free = std::find_if(slots_.begin(), slots_.end(), [](const Slot& s) { return !s.used; });
    if (free == slots_.end()) return;
    const auto piece = pattern_->next(now_ps);
    if (!piece) return;
    submit(*piece, static_cast<RequestTag>(free - slots_.begin()), now_ps);
  }
}

void TrafficGenerator::submit(const TrafficPiece& piece, RequestTag tag, uint64_t now_ps) {
  Slot& slot = slots_[tag];
  slot.used = true;
  slot.write = piece.op == BusOp::write;
  slot.number = piece.number;
  slot.submitted_ps = now_ps;
  slot.deadline_ps = piece.deadline_ps;
  if (slot.write) fill(slot);
  BusRequest request;
  request.address = piece.address;
  request.time_ps = now_ps;
  request.deadline_ps = piece.deadline_ps;
  request.size = config_.request_bytes;
  request.tag = tag;
  request.op = piece.op;
  request.who.initiator = initiator_;
  ready_ = port_.submit(request) != RequestPort::kLater;
}

/// Pixels: the number of the piece, over and over.
void TrafficGenerator::fill(Slot& slot) const {
  for (size_t at = 0; at < slot.bytes.size(); at += sizeof slot.number) {
    std::memcpy(&slot.bytes[at], &slot.number, sizeof slot.number);
  }
}

void TrafficGenerator::on_response(RequestTag tag, BusResponse response, uint64_t time_ps) {
  Slot& slot = slots_[tag];
  BB_CHECK(slot.used, "{}: an answer to tag {}", config_.name, tag);
  slot.used = false;
  if (response == BusResponse::ok) {
    (slot.write ? write_bytes_ : read_bytes_) += config_.request_bytes;
    latency_ns_.add((time_ps - slot.submitted_ps) / 1000);
  } else {
    ++errors_;  // the bus has reported why
  }
  if (slot.deadline_ps != kNoDeadline) {
    ++deadlines_;
    missed_ += time_ps > slot.deadline_ps;
  }
  pattern_->answered(slot.number);
  pump(time_ps);
}

void TrafficGenerator::on_ready(uint64_t time_ps) {
  ready_ = true;
  pump(time_ps);
}

void TrafficGenerator::report(const char* what, uint64_t now_ps) {
  Finding finding;
  finding.time_ps = now_ps;
  finding.initiator = initiator_;
  finding.block = config_.name;
  finding.reason = what;
  findings_.report(std::move(finding));
}

void TrafficGenerator::stats(const StatsWriter& writer) const {
  writer.counter("read_bytes", read_bytes_, "bytes", "Bytes read");
  writer.counter("write_bytes", write_bytes_, "bytes", "Bytes written");
  writer.ratio("bandwidth", read_bytes_ + write_bytes_, queue_.now_ps() / 1'000'000, "MB/s", "Bytes by simulated time");
  latency_ns_.stats(writer.part("latency"), "ns", "From submission to answer");
  // A starved master's requests are not answered at all.
  const auto overdue = [&](const Slot& s) { return s.used && s.deadline_ps < queue_.now_ps(); };
  const auto late = static_cast<uint64_t>(std::count_if(slots_.begin(), slots_.end(), overdue));
  writer.counter("deadlines", deadlines_ + late, "requests", "Requests with a deadline that are answered or overdue");
  writer.counter("deadlines_missed", missed_ + late, "requests", "Of them, answered after it or not yet");
  writer.counter("errors", errors_, "requests", "Refused by the bus or the memory");
  pattern_->stats(writer);
}

void TrafficGenerator::state(StateArchive& archive) {
  archive.section("traffic generator");
  pattern_->state(archive);
  for (Slot& slot : slots_) {
    archive.value("used", slot.used);
    archive.value("write", slot.write);
    archive.value("number", slot.number);
    archive.value("submitted_ps", slot.submitted_ps);
    archive.value("deadline_ps", slot.deadline_ps);
    if (archive.reading() && slot.used && slot.write) fill(slot);
  }
  archive.value("ready", ready_);
  for (uint64_t* counter : {&read_bytes_, &write_bytes_, &deadlines_, &missed_, &errors_}) {
    archive.value("counter", *counter);
  }
  latency_ns_.state(archive);
}

}  // namespace backboard
