#include "platform/dram/target/memory_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "platform/check/check.h"

namespace backboard::dram {
namespace {

constexpr uint64_t kMostRows = 1 << 24;  ///< activates are counted by row in parts with so many at most

constexpr uint64_t kAnswersTag = 1;  ///< of an event; 0: commands are due

constexpr unsigned kTokenShift = 32;          ///< a burst's token: its flight above, its number below
constexpr uint32_t kExtraBurst = 0x80000000;  ///< in place of a number: not of the request's data

}  // namespace

MemoryTarget::MemoryTarget(const MemoryConfig& config, EventQueue& queue, uint8_t* bytes, uint64_t size_bytes,
                           CommandSink* commands, std::unique_ptr<Scheduler> scheduler)
    : config_(config),
      queue_(queue),
      id_(queue.add_client("dram", EventRank::memory, *this)),
      bytes_(bytes),
      size_bytes_(size_bytes),
      commands_(commands),
      grid_(config.clock_hz),
      mapping_(config),
      ecc_(config),
      errors_(ecc_.on()),
      burst_bytes_(config.burst_bytes()),
      with_energy_(!config.rails.empty()),
      with_meters_(with_energy_ || config.controller.power_down != PowerKind::off),
      port_free_(config.channels) {
  BB_CHECK(size_bytes <= config.capacity_bytes(), "{} of {}", size_bytes, config.capacity_bytes());
  BB_CHECK(scheduler == nullptr || config.channels == 1);
  const Gaps gaps = resolve_gaps(config);
  gap_ = std::min(gaps.column_s, gaps.column_l);
  done_ = std::min(gaps.read_done, gaps.write_done);
  const uint64_t rows = uint64_t{config.channels} * config.all_banks() * config.rows;
  if (bytes != nullptr && rows <= kMostRows) row_activates_.resize(rows);
  for (unsigned i = 0; i < config.channels; ++i) {
    meters_.emplace_back(config);
    channels_.push_back(scheduler ? std::make_unique<Controller>(config, i, *this, this, std::move(scheduler))
                                  : std::make_unique<Controller>(config, i, *this, this));
  }
}

uint32_t MemoryTarget::claim() {
  if (free_ == kNoFlight) {
    flights_.emplace_back();
    return static_cast<uint32_t>(flights_.size() - 1);
  }
  const uint32_t index = free_;
  free_ = flights_[index].next_free;
  return index;
}

uint64_t MemoryTarget::submit(const BusRequest& request) {
  BB_CHECK(request.size >= 1 && request.size <= kLargestRequestBytes, "a request of {} bytes", request.size);
  BB_CHECK(request.time_ps >= queue_.now_ps(), "a request for {} ps at {} ps", request.time_ps, queue_.now_ps());
  if (request.address >= size_bytes_ || request.size > size_bytes_ - request.address) {
    client_->on_response(request.tag, BusResponse::target, request.time_ps);
    return request.time_ps;
  }
  if (++submitted_ == lose_) return request.time_ps;
  const uint32_t index = enter(request);
  if (!feed(index)) return kLater;
  const uint64_t ready_ps = std::max(grid_.time_at(port_free_[lane_of(request.address)] - 1), request.time_ps);
  schedule_wake();
  return ready_ps;
}

uint32_t MemoryTarget::enter(const BusRequest& request) {
  const uint32_t index = claim();
  Flight& flight = flights_[index];
  flight = Flight();
  flight.request = request;
  flight.arrival = grid_.edge_from(request.time_ps);
  flight.first = request.address / burst_bytes_ * burst_bytes_;
  flight.bursts =
      static_cast<uint32_t>((request.address + request.size - flight.first + burst_bytes_ - 1) / burst_bytes_);
  flight.data_bursts = flight.bursts;
  flight.number = ++entered_;
  flight.used = true;
  ++in_flight_;
  return index;
}

uint64_t MemoryTarget::serve_in_line(const BusRequest& request, uint8_t* data, bool* uncorrected) {
  BB_CHECK(request.size >= 1 && request.size <= size_bytes_ && request.address <= size_bytes_ - request.size);
  const uint32_t index = enter(request);
  flights_[index].in_line = data;
  if (!feed(index)) return kLater;
  while (flights_[index].used) {
    Controller* next = nullptr;
    for (const auto& channel : channels_) {
      if (channel->idle() || !channel->progresses()) continue;
      if (next == nullptr || channel->next_clock() < next->next_clock()) next = channel.get();
    }
    if (next == nullptr) return kLater;
    next->step();
  }
  schedule_wake();
  if (uncorrected != nullptr && flights_[index].wrong) *uncorrected = true;
  return grid_.time_at(flights_[index].done);
}

/// Puts the bursts of a request into the buffers, running ahead as far as that takes. False: a channel is stuck.
bool MemoryTarget::feed(uint32_t index) {
  const uint64_t arrival = flights_[index].arrival;
  const uint64_t start = flights_[index].first;
  const uint32_t bursts = flights_[index].bursts;
  const bool write = flights_[index].request.op == BusOp::write;
  const uint64_t first = flights_[index].request.address, end = first + flights_[index].request.size;
  const uint64_t token = uint64_t{index} << kTokenShift;
  // Known before anything runs on, so that the request is not complete without it.
  const auto add = [&](const EccPlan::Extra& extra) {
    ++flights_[index].bursts;
    flights_[index].extra_writes += extra.write ? 1 : 0;
    return offer(token | kExtraBurst, extra.address, arrival, extra.write, extra.masked);
  };
  for (uint32_t burst = 0; burst < bursts; ++burst) {
    const uint64_t address = start + uint64_t{burst} * burst_bytes_;
    const bool in_part = write && (address < first || address + burst_bytes_ > end);
    if (ecc_.on() && !ecc_.before(write, address, first, end, add)) return false;
    const bool masked = in_part && !(ecc_.on() && ecc_.breaks_word(address, first, end));
    if (!offer(token | burst, address, arrival, write, masked)) return false;
    if (ecc_.on() && !ecc_.behind(write, address, first, end, add)) return false;
  }
  return true;
}

/// Puts one burst into the buffer of its channel as soon as there is room.
bool MemoryTarget::offer(uint64_t token, uint64_t address, uint64_t arrival, bool write, bool masked) {
  const BurstPlace place = mapping_.place(address);
  Controller& channel = *channels_[place.channel];
  uint64_t clock = std::max(arrival, port_free_[place.channel]);
  channel.run_until(clock);
  while (channel.full()) {
    if (!channel.progresses()) return false;
    clock = std::max(clock, channel.step());
  }
  channel.accept({token, arrival, place.bank, place.row, place.column, write, masked}, clock);
  port_free_[place.channel] = clock + 1;
  return true;
}

void MemoryTarget::completed(const BurstRequest& burst, uint64_t done, bool hit) {
  const auto index = static_cast<uint32_t>(burst.token >> kTokenShift);
  Flight& flight = flights_[index];
  const auto number = static_cast<uint32_t>(burst.token);
  if (number != kExtraBurst) {
    if (bytes_ != nullptr) move_data(flight, number);
    flight.hits += hit ? 1 : 0;
  }
  flight.done = std::max(flight.done, done);
  if (++flight.issued != flight.bursts) return;
  if (channels_.size() == 1 || flight.in_line != nullptr) return answer(index);
  const uint64_t done_ps = grid_.time_at(flight.done);
  answers_.emplace(done_ps, flight.number, index);
  queue_.schedule(std::max(done_ps, queue_.now_ps()), id_, kAnswersTag);
}

/// In the order of time, and of submission at one time.
void MemoryTarget::give_answers(uint64_t now_ps) {
  while (!answers_.empty() && std::get<0>(*answers_.begin()) <= now_ps) {
    const uint32_t index = std::get<2>(*answers_.begin());
    answers_.erase(answers_.begin());
    answer(index);
  }
}

/// Only the bytes of the burst that the request asks for: a partial write is masked.
void MemoryTarget::move_data(Flight& flight, uint32_t burst) {
  const BusRequest& request = flight.request;
  const uint64_t start = flight.first + uint64_t{burst} * burst_bytes_;
  const uint64_t from = std::max(request.address, start);
  const uint64_t to = std::min(request.address + request.size, start + burst_bytes_);
  uint8_t* whole = flight.in_line != nullptr ? flight.in_line : client_->request_data(request.tag);
  uint8_t* theirs = whole + (from - request.address);
  uint8_t* ours = bytes_ + from;
  if (request.op == BusOp::read) {
    std::memcpy(theirs, ours, to - from);
    if (!errors_.empty()) flight.wrong |= errors_.read(from, to, theirs);
  } else {
    std::memcpy(ours, theirs, to - from);
    if (!errors_.empty()) errors_.write(from, to);
  }
}

void MemoryTarget::answer(uint32_t index) {
  Flight& flight = flights_[index];
  const BusRequest& request = flight.request;
  DramCounters& counters = by_initiator_[static_cast<size_t>(request.who.initiator)];
  const bool write = request.op == BusOp::write;
  // A read that failed moved no bytes to anybody.
  (write ? counters.write_bytes : counters.read_bytes) += flight.wrong ? 0 : request.size;
  (write ? counters.writes : counters.reads) += flight.wrong ? 0 : 1;
  (write ? counters.write_bursts : counters.read_bursts) += flight.data_bursts;
  counters.row_hits += flight.hits;
  counters.activates += flight.data_bursts - flight.hits;
  counters.ecc_write_bursts += flight.extra_writes;
  counters.ecc_read_bursts += flight.bursts - flight.data_bursts - flight.extra_writes;
  flight.used = false;
  flight.next_free = free_;
  free_ = index;
  --in_flight_;
  if (bandwidth_ != nullptr && !flight.wrong)
    bandwidth_->add(request.who.initiator, request.size, grid_.time_at(flight.done));
  if (flight.in_line != nullptr) return;
  const BusResponse response = flight.wrong ? BusResponse::target : BusResponse::ok;
  client_->on_response(request.tag, response, grid_.time_at(flight.done));
}

void MemoryTarget::issued(unsigned channel, const IssuedCommand& command) {
  last_command_ = std::max(last_command_, command.clock);
  if (with_meters_) meters_[channel].issued(command);
  if (command.command == Command::activate && !row_activates_.empty()) {
    ++row_activates_[(size_t{channel} * config_.all_banks() + command.bank) * config_.rows + command.row];
  }
  if (commands_ != nullptr) commands_->issued(channel, command);
}

/// A clock before which no request is complete: the next command of all, then the column commands that the request with
/// the fewest bursts to come needs. kNever when requests wait and no command comes.
uint64_t MemoryTarget::earliest_completion() const {
  uint64_t next = kNever;
  for (const auto& channel : channels_) {
    if (!channel->idle() && channel->progresses()) next = std::min(next, channel->next_clock());
  }
  if (next == kNever) return kNever;
  uint32_t fewest = UINT32_MAX;
  for (const Flight& flight : flights_) {
    if (flight.used && flight.issued != flight.bursts) fewest = std::min(fewest, flight.bursts - flight.issued);
    if (fewest == 1) break;
  }
  const auto channels = static_cast<uint32_t>(channels_.size());
  return next + ((fewest + channels - 1) / channels - 1) * gap_ + done_;
}

void MemoryTarget::schedule_wake() {
  if (in_flight_ == 0) return;
  const uint64_t clock = earliest_completion();
  if (clock == kNever) return;
  const uint64_t time_ps = std::max(grid_.time_at(clock), queue_.now_ps());
  if (time_ps >= wake_ps_) return;
  queue_.schedule(time_ps, id_);
  wake_ps_ = time_ps;
}

void MemoryTarget::on_event(uint64_t tag, uint64_t now_ps) {
  if (tag == kAnswersTag) return give_answers(now_ps);
  if (now_ps != wake_ps_) return;  // an earlier one was scheduled since
  wake_ps_ = EventQueue::kNever;
  settle(now_ps);
  schedule_wake();
}

void MemoryTarget::settle(uint64_t time_ps) {
  const uint64_t clock = grid_.edge_until(time_ps);
  for (const auto& channel : channels_) channel->run_until(clock);
}

std::optional<MemoryTarget::Stuck> MemoryTarget::stuck() const {
  for (const auto& channel : channels_) {
    if (channel->idle() || channel->progresses()) continue;
    const BurstRequest& r = channel->oldest();
    const Flight& flight = flights_[r.token >> kTokenShift];
    return Stuck{flight.request.tag, fmt::format("{} of bank {}, row {:#x}, column {:#x}, offered at clock {}",
                                                 r.write ? "write" : "read", r.bank, r.row, r.column, r.arrival)};
  }
  return std::nullopt;
}

ControllerCounters MemoryTarget::counters() const {
  ControllerCounters sum;
  for (const auto& channel : channels_) sum += channel->counters();
  return sum;
}

EnergyByCause MemoryTarget::energy(uint64_t clock) const {
  EnergyByCause sum;
  for (unsigned i = 0; i < channels_.size(); ++i) sum.add(energy_of(energy_facts(i, clock), config_));
  return sum;
}

uint64_t MemoryTarget::clock_reached(uint64_t time_ps) const {
  return std::max(grid_.edge_until(time_ps), last_command_);
}

void MemoryTarget::state(StateArchive& archive) {
  archive.section("dram target");
  for (size_t i = 0; i < channels_.size(); ++i) {
    channels_[i]->state(archive);
    meters_[i].state(archive);
  }
  uint64_t count = flights_.size();
  archive.value("flights", count);
  if (count > UINT32_MAX / 2) archive.fail("flights", "more requests than there can be");
  flights_.resize(count);
  for (Flight& flight : flights_) {
    archive.value("used", flight.used);
    archive.value("next_free", flight.next_free);
    if (!flight.used) continue;
    save_request(archive, flight.request);
    archive.value("arrival", flight.arrival);
    archive.value("number", flight.number);
    archive.value("first", flight.first);
    archive.value("done", flight.done);
    archive.value("bursts", flight.bursts);
    archive.value("data_bursts", flight.data_bursts);
    archive.value("extra_writes", flight.extra_writes);
    archive.value("wrong", flight.wrong);
    archive.value("issued", flight.issued);
    archive.value("hits", flight.hits);
  }
  archive.value("free", free_);
  archive.value("in_flight", in_flight_);
  archive.value("submitted", submitted_);
  archive.value("entered", entered_);
  archive.range("port_free", std::span(port_free_));
  if (archive.reading()) {
    answers_.clear();
    for (uint32_t i = 0; i < flights_.size(); ++i) {
      const Flight& flight = flights_[i];
      if (flight.used && flight.issued == flight.bursts) answers_.emplace(grid_.time_at(flight.done), flight.number, i);
    }
  }
  errors_.state(archive);
  archive.value("last_command", last_command_);
  archive.value("wake_ps", wake_ps_);
  archive.value("by_initiator", by_initiator_);
  save_rows(archive);
}

/// Only the rows that were opened.
void MemoryTarget::save_rows(StateArchive& archive) {
  std::vector<uint32_t> opened, counts;
  for (size_t row = 0; row < row_activates_.size(); ++row) {
    if (row_activates_[row] == 0) continue;
    opened.push_back(static_cast<uint32_t>(row));
    counts.push_back(row_activates_[row]);
  }
  archive.vector("opened rows", opened);
  archive.vector("row activates", counts);
  if (!archive.reading()) return;
  if (opened.size() != counts.size()) archive.fail("row activates", "another number of rows");
  std::fill(row_activates_.begin(), row_activates_.end(), 0);
  for (size_t i = 0; i < opened.size(); ++i) {
    if (opened[i] >= row_activates_.size()) archive.fail("opened rows", "a row that does not exist");
    row_activates_[opened[i]] = counts[i];
  }
}

}  // namespace backboard::dram
