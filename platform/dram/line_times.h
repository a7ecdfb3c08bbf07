// How long accesses and lines of caches take in a memory by the closed form, and what they do there.
#pragma once

#include <array>
#include <cstdint>

#include "platform/bus/access.h"
#include "platform/bus/bandwidth_bins.h"
#include "platform/dram/bank_timing.h"
#include "platform/dram/dram_counters.h"
#include "platform/events/clock_time.h"

namespace backboard {

/// The memory at `timing: lt` but for its bytes. In a header, for a line that a cache misses is not worth a call.
class LineTimes final {
 public:
  LineTimes(const dram::MemoryConfig& config, uint64_t bandwidth_bin_ps)
      : grid(config.clock_hz), rows(config), bandwidth(bandwidth_bin_ps) {}

  /// Whether lines of `size` bytes, a power of two, at multiples of it may be timed by `time_line`.
  bool has_lines(uint32_t size) const { return rows.has_lines(size); }
  /// A line at `address` reaches the memory at `time_ps`. Gives the time at which it has passed; who calls says later,
  /// by `count_lines`, how many there were. `bursts`: BankTiming::bursts_of_line.
  template <BusOp kOp>
  [[gnu::always_inline]] uint64_t time_line(uint64_t address, uint32_t size, uint64_t bursts, Initiator initiator,
                                            uint64_t time_ps) {
    DramCounters& counts = counters[static_cast<size_t>(initiator)];
    const uint64_t done = rows.serve_line<kOp == BusOp::write>(address, bursts, grid.edge_from(time_ps), counts);
    const uint64_t done_ps = grid.time_at(done);
    bandwidth.add(initiator, size, done_ps);
    return done_ps;
  }
  void count_lines(BusOp op, uint32_t size, Initiator initiator, uint64_t lines) {
    RowFacts facts;
    rows.count_bursts(op == BusOp::write, lines * rows.bursts_of_line(size), facts);
    count(initiator, op, lines * size, lines, facts);
  }
  void count(Initiator initiator, BusOp op, uint64_t bytes, uint64_t transactions, const RowFacts& facts) {
    const bool write = op == BusOp::write;
    DramCounters& counts = counters[static_cast<size_t>(initiator)];
    (write ? counts.write_bytes : counts.read_bytes) += bytes;
    (write ? counts.writes : counts.reads) += transactions;
    (write ? counts.write_bursts : counts.read_bursts) += facts.bursts;
    counts.row_hits += facts.row_hits;
    counts.activates += facts.activates;
    counts.precharges += facts.precharges;
    counts.refresh_stalls += facts.refresh_stalls;
  }

  ClockGrid grid;
  BankTiming rows;
  BandwidthBins bandwidth;  ///< also what the command-level model carries
  std::array<DramCounters, kInitiators> counters{};
};

/// A bus target that is such a memory.
class HasLineTimes {
 public:
  virtual ~HasLineTimes() = default;
  /// nullptr: every line is to be an access.
  virtual LineTimes* line_times() = 0;
};

}  // namespace backboard
