// Plays a trace into the command-level model.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "platform/dram/target/memory_target.h"
#include "platform/dram/trace/latencies.h"
#include "platform/dram/trace/trace_source.h"

namespace backboard::dram {

/// What a trace came to.
struct PlayResult {
  uint64_t requests = 0;        ///< completed, a burst each
  uint64_t end_clock = 0;       ///< the last data have passed
  ControllerCounters counters;  ///< over all channels
  Latencies read_latency;       ///< from offer to last data
  EnergyFacts energy_facts;     ///< over all channels; `clocks` is of one
  std::optional<EnergyByCause> energy;
  std::string stuck;  ///< which request never completed; empty when all did

  double seconds(const MemoryConfig& config) const {
    return static_cast<double>(end_clock) / static_cast<double>(config.clock_hz);
  }
  double gbytes_per_s(const MemoryConfig& config) const;
};

/// Offers the requests of a trace to a port, in order, at most one a clock, each from its cycle on; what the port does
/// not take holds back all behind it.
class Player final : public RequestClient {
 public:
  /// `source` and `port` outlive the player.
  Player(const MemoryConfig& config, TraceSource& source, RequestPort& port);

  /// Submits what is offered by `limit_ps`. Returns the time of the next offer, or kNever: the trace is at its end, or
  /// the port is not ready and `on_ready` says when it goes on.
  uint64_t submit_until(uint64_t limit_ps);
  uint64_t in_flight() const { return submitted_ - result_.requests; }
  uint64_t end_ps() const { return grid_.time_at(result_.end_clock); }

  /// What came of it, with the memory's own account up to the end of the last data.
  PlayResult result(MemoryTarget& memory);

  uint8_t* request_data(RequestTag tag) override;
  void on_response(RequestTag tag, BusResponse response, uint64_t time_ps) override;
  void on_ready(uint64_t time_ps) override;

 private:
  struct Flight {
    uint64_t number = 0, offered = 0;
    bool write = false;
  };

  MemoryConfig config_;
  TraceSource& source_;
  RequestPort& port_;
  ClockGrid grid_;
  std::vector<Flight> flights_;  ///< by tag
  std::vector<RequestTag> free_;
  TraceRequest next_;
  bool has_next_;
  bool ready_ = true;
  uint64_t submitted_ = 0;
  uint64_t port_free_ = 0;  ///< clock
  PlayResult result_;
};

/// Offers the requests of `source` in order, at most one a clock, each from its cycle on; a full buffer holds back it
/// and all behind it. Plays until every request has completed. `commands` may be null. A custom scheduler serves tests
/// and is for one channel.
PlayResult play(const MemoryConfig& config, TraceSource& source, CommandSink* commands = nullptr,
                std::unique_ptr<Scheduler> scheduler = nullptr);

}  // namespace backboard::dram
