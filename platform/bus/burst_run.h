// Several bursts in one call: what a master moves for one owner from or to memory (`timing: lt`).
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "platform/bus/access.h"

namespace backboard {

/// Says when bursts start and is told when they end. Whoever carries runs asks for each burst in turn: a master with
/// few bursts outstanding issues one only when an earlier one is answered.
class BurstPacer {
 public:
  virtual ~BurstPacer() = default;
  /// Simulated time at which the next burst, of `bytes`, is offered to whoever asks.
  virtual uint64_t issue(uint32_t bytes) = 0;
  /// The burst that was issued last is answered at `time_ps`.
  virtual void answered(uint64_t time_ps) = 0;
};

/// Bytes next to each other in memory; no master of runs reaches beyond 32 bits. `tensor` says whose they are.
struct MemoryRun {
  uint32_t address = 0;
  uint32_t bytes = 0;  ///< at least 1
  TensorClass tensor = TensorClass::kNONE;
};

/// Bytes and bursts that were carried; none: it was not done.
struct BurstTotals {
  uint64_t bytes = 0, bursts = 0;
};

/// Runs from or to one array of bytes, each cut at the multiples of `burst_bytes`, a power of two.
struct BurstRuns {
  BusOp op = BusOp::read;
  std::span<const MemoryRun> runs;
  uint8_t* data = nullptr;  ///< to be filled (read) or taken (write), in the order of the runs
  uint32_t burst_bytes = 0;
  Attribution who;    ///< the class of each run replaces `who.tensor`
  uint64_t base = 0;  ///< what addresses are relative to

  uint64_t bursts(const MemoryRun& run) const {
    return (run.address + (run.bytes - uint64_t{1})) / burst_bytes - run.address / burst_bytes + 1;
  }
  /// Calls `visit(address, bytes)` for each burst of a run in turn.
  template <class Visit>
  void for_each_burst(const MemoryRun& run, Visit visit) const {
    const uint64_t end = uint64_t{run.address} + run.bytes;
    for (uint64_t at = run.address; at < end;) {
      const auto bytes = static_cast<uint32_t>(std::min((at | (burst_bytes - 1)) + 1, end) - at);
      visit(at, bytes);
      at += bytes;
    }
  }
};

/// A way for runs, beside the one for single accesses.
class BurstPort {
 public:
  virtual ~BurstPort() = default;
  /// Carries every burst as BusPort::access would one after the other, with the same times, statistics and state behind
  /// it; or nothing at all: then they are to be made one by one.
  virtual BurstTotals carry(const BurstRuns& runs, BurstPacer& pacer) = 0;
};

}  // namespace backboard
