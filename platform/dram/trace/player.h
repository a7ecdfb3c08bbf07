// Plays a trace into the command-level model.
#pragma once

#include <optional>
#include <string>

#include "platform/dram/controller/controller.h"
#include "platform/dram/energy/energy_meter.h"
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

/// Offers the requests of `source` in order, at most one a clock, each from its cycle on; a full buffer holds back it
/// and all behind it. Plays until every request has completed. `commands` may be null. A custom scheduler serves tests
/// and is for one channel.
PlayResult play(const MemoryConfig& config, TraceSource& source, CommandSink* commands = nullptr,
                std::unique_ptr<Scheduler> scheduler = nullptr);

}  // namespace backboard::dram
