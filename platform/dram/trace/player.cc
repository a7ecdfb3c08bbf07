#include "platform/dram/trace/player.h"

#include <fmt/format.h>

#include "platform/check/check.h"

namespace backboard::dram {

Player::Player(const MemoryConfig& config, TraceSource& source, RequestPort& port)
    : config_(config), source_(source), port_(port), grid_(config.clock_hz), has_next_(source.next(next_)) {
  port.set_client(*this);
}

uint64_t Player::submit_until(uint64_t limit_ps) {
  while (has_next_ && ready_) {
    const uint64_t offered = std::max(next_.cycle, port_free_);
    const uint64_t offered_ps = grid_.time_at(offered);
    if (offered_ps > limit_ps) return offered_ps;
    if (free_.empty()) {
      BB_CHECK(flights_.size() <= UINT16_MAX, "{} requests in flight", flights_.size());
      free_.push_back(static_cast<RequestTag>(flights_.size()));
      flights_.emplace_back();
    }
    const RequestTag tag = free_.back();
    free_.pop_back();
    flights_[tag] = {submitted_++, offered, next_.write};
    BusRequest request;
    request.address = next_.address;
    request.time_ps = offered_ps;
    request.size = config_.burst_bytes();
    request.tag = tag;
    request.op = next_.write ? BusOp::write : BusOp::read;
    // A trace names any byte of the burst.
    request.address -= request.address % request.size;
    has_next_ = source_.next(next_);
    const uint64_t ready_ps = port_.submit(request);
    ready_ = ready_ps != RequestPort::kLater;
    if (ready_) port_free_ = grid_.edge_from(ready_ps) + 1;
  }
  return kNever;
}

uint8_t* Player::request_data(RequestTag) {
  return nullptr;  // a trace has no data, and the memory that it is played into moves none
}

void Player::on_response(RequestTag tag, BusResponse response, uint64_t time_ps) {
  BB_CHECK(response == BusResponse::ok, "response {}", static_cast<int>(response));
  const Flight& flight = flights_[tag];
  const uint64_t done = grid_.edge_from(time_ps);
  ++result_.requests;
  result_.end_clock = std::max(result_.end_clock, done);
  if (!flight.write) result_.read_latency.add(done - flight.offered);
  free_.push_back(tag);
}

void Player::on_ready(uint64_t time_ps) {
  ready_ = true;
  port_free_ = grid_.edge_from(time_ps) + 1;
}

PlayResult Player::result(MemoryTarget& memory) {
  if (const auto stuck = memory.stuck()) {
    result_.stuck = fmt::format("request {}: {}", flights_[stuck->tag].number, stuck->what);
  }
  memory.settle(end_ps());  // refreshes that are due by then
  result_.counters = memory.counters();
  for (unsigned i = 0; i < memory.channels(); ++i) {
    const EnergyFacts facts = memory.energy_facts(i, result_.end_clock);
    result_.energy_facts.add_channel(facts);
  }
  if (!config_.rails.empty()) result_.energy = memory.energy(result_.end_clock);
  return std::move(result_);
}

double PlayResult::gbytes_per_s(const MemoryConfig& config) const {
  if (end_clock == 0) return 0.0;
  return static_cast<double>(requests) * config.burst_bytes() / seconds(config) / 1e9;
}

PlayResult play(const MemoryConfig& config, TraceSource& source, CommandSink* commands,
                std::unique_ptr<Scheduler> scheduler) {
  EventQueue queue;
  MemoryTarget memory(config, queue, nullptr, config.capacity_bytes(), commands, std::move(scheduler));
  Player player(config, source, memory);
  player.submit_until(kNever - 1);
  while (player.in_flight() != 0 && !memory.stuck()) queue.run_one();
  return player.result(memory);
}

}  // namespace backboard::dram
