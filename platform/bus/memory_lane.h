// The core's way to one memory, with all that lies between taken together.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>

#include "platform/bus/access.h"
#include "platform/bus/port_counters.h"
#include "platform/dram/line_times.h"
#include "platform/stats/traffic_table.h"

namespace backboard {

/// Bytes whose writes somebody wants to see; none at first.
struct WatchedBytes {
  uint64_t first = UINT64_MAX, last = 0;
  bool meet(uint64_t address, uint64_t size) const {
    return size != 0 && address <= last && address + (size - 1) >= first;
  }
};

/// What the core's port, the bus and the memory's socket do to an access, in one function: the same times, responses
/// and counters. It is for where it is known that the core's windows allow everything, that nobody listens to the core,
/// and where the access goes. It belongs to the bus, which keeps it where it is as long as it lives.
class MemoryLane final : public BusPort {
 public:
  /// What it takes together; all of it outlives the lane.
  struct Parts {
    BusPort& way;  ///< the way through the bus, which tells of writes that are watched
    BusTarget& target;
    uint64_t base = 0;               ///< of the target; addresses of accesses are absolute
    uint64_t latency_ps = 0;         ///< of the bus
    uint64_t beat_ps = 0;            ///< one cycle of the bus
    uint64_t* channel_free_ps = {};  ///< of the master, by BusOp
    const WatchedBytes& watched;
    TrafficTable* traffic = nullptr;             ///< of a memory whose traffic is told apart by owner
    std::array<PortCounters*, 3> points{};       ///< that count: the master's port, the bus, the memory's socket
    std::function<uint64_t(uint64_t)> beats_ps;  ///< how long so many bytes occupy the channel
  };
  explicit MemoryLane(Parts parts) : parts_(std::move(parts)) {
    if (auto* const memory = dynamic_cast<HasLineTimes*>(&parts_.target)) lines_ = memory->line_times();
  }

  BusResponse access(BusAccess& access, uint64_t& delay_ps) override {
    const uint64_t address = access.address, time_ps = access.time_ps;
    const bool write = access.op == BusOp::write;
    if (write && parts_.watched.meet(address, access.size)) {
      const BusResponse response = parts_.way.access(access, delay_ps);
      parts_.points[0]->count(BusOp::write, access.size, response);
      return response;
    }
    BusResponse response = BusResponse::ok;
    if (access.size != last_bytes_) [[unlikely]] {
      last_bytes_ = access.size;
      last_beats_ps_ = parts_.beats_ps(access.size);
    }
    const uint64_t end_ps = cross(access.op, last_beats_ps_, time_ps + delay_ps, [&](uint64_t arrival_ps) {
      uint64_t taken_ps = 0;
      access.address = address - parts_.base;
      access.time_ps = arrival_ps;
      response = parts_.target.access(access, taken_ps);
      access.address = address;
      access.time_ps = time_ps;
      return arrival_ps + taken_ps;
    });
    delay_ps = end_ps - time_ps;
    count(access.op, access.size, response, access.who, 1);
    return response;
  }
  std::optional<DirectRegion> direct(uint64_t) override { return std::nullopt; }

  /// Whether `carry_line` may be called from now on for lines of `size` bytes, a power of two.
  bool takes_lines(uint32_t size) {
    if (lines_ == nullptr || parts_.base % size != 0 || !lines_->has_lines(size)) return false;
    line_ = {size, lines_->rows.bursts_of_line(size), parts_.beats_ps(size)};
    return true;
  }
  /// Whether somebody wants to see writes of these bytes: they go by `access`.
  bool watches(uint64_t address, uint64_t size) const { return parts_.watched.meet(address, size); }
  /// Like `access` for a cache's line at an absolute address, a multiple of its size, which lies in the memory whole
  /// and is offered at `time_ps`, but that the master itself copies its bytes, by the direct region. A memory refuses
  /// no such line. Gives the time at which it has passed. Counting is left to `count_lines`.
  template <BusOp kOp>
  [[gnu::always_inline]] uint64_t carry_line(uint64_t address, uint64_t time_ps, Initiator initiator) {
    return cross(
        kOp, line_.beats_ps, time_ps, [&](uint64_t arrival_ps) __attribute__((always_inline)) {
          return lines_->time_line<kOp>(address - parts_.base, line_.size, line_.bursts, initiator, arrival_ps);
        });
  }
  /// Counts so many lines that were carried.
  void count_lines(BusOp op, const Attribution& who, uint64_t lines) {
    if (lines == 0) return;
    count(op, lines * line_.size, BusResponse::ok, who, lines);
    lines_->count_lines(op, line_.size, who.initiator, lines);
  }

 private:
  /// `beats_ps`: how long the access occupies the channel. `serve` gives the time at which the memory is done, from
  /// that at which the access reaches it. Gives the time of the answer.
  template <class Serve>
  [[gnu::always_inline]] uint64_t cross(BusOp op, uint64_t beats_ps, uint64_t offered_ps, Serve serve) {
    const bool write = op == BusOp::write;
    uint64_t& channel_free_ps = parts_.channel_free_ps[static_cast<size_t>(op)];
    const uint64_t start_ps = std::max(offered_ps, channel_free_ps);
    const uint64_t passed_ps = start_ps + beats_ps + parts_.latency_ps;
    channel_free_ps = start_ps + beats_ps;
    const uint64_t done_ps = serve(start_ps + parts_.latency_ps + (write ? parts_.beat_ps : 0));
    return std::max(done_ps + (write ? 0 : parts_.beat_ps), passed_ps);
  }
  void count(BusOp op, uint64_t bytes, BusResponse response, const Attribution& who, uint64_t transactions) {
    for (PortCounters* const point : parts_.points) point->count(op, bytes, response, transactions);
    // What the core moves belongs to no command of the NPU.
    if (response == BusResponse::ok && parts_.traffic != nullptr) parts_.traffic->record(who, op, bytes, transactions);
  }

  Parts parts_;
  LineTimes* lines_ = nullptr;  ///< of the target; it outlives the lane too
  struct Line {
    uint32_t size = 0;
    uint64_t bursts = 0;
    uint64_t beats_ps = 0;
  } line_;
  uint32_t last_bytes_ = 0;  ///< and how long their beats take: lines are alike
  uint64_t last_beats_ps_ = 0;
};

}  // namespace backboard
