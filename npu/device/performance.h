// The performance counters: what firmware may read and clear, over totals that only grow.
#pragma once

#include <array>
#include <cstdint>

#include "npu/device/command_ring.h"
#include "npu/dma/clock.h"
#include "npu/dma/dma.h"
#include "npu/sequencer/sequencer.h"
#include "platform/state/archive.h"

namespace backboard::npu {

class Performance {
 public:
  enum Counter : unsigned {
    kBusy,
    kCompute,
    kLoadStall,
    kMacs,
    kSkipped,
    kRead,
    kWrite,
    kCommands,
    kSaturated,
    kNonfinite,
    kRing0Busy,
    kRing0Wait,
    kRing0Commands,
    kRing1Busy,
    kRing1Wait,
    kRing1Commands,
    kCounters
  };

  Performance(const std::array<CommandRing, kRings>& rings, const Sequencer& sequencer, const Dma& dma,
              uint64_t clock_hz)
      : rings_(rings), sequencer_(sequencer), dma_(dma), clock_{clock_hz} {}

  /// Since the board was built.
  uint64_t total(unsigned counter) const {
    const SequencerTotals& totals = sequencer_.totals();
    switch (counter) {
      case kBusy:
        return cycles(rings_[0].busy_ps() + rings_[1].busy_ps());
      case kCompute:
        return cycles(totals.compute_ps);
      case kLoadStall:
        return cycles(totals.load_stall_ps);
      case kMacs:
        return totals.facts.macs;
      case kSkipped:
        return totals.facts.macs_skipped;
      case kRead:
        return dma_.counters().read_bytes();
      case kWrite:
        return dma_.counters().write_bytes();
      case kCommands:
        return rings_[0].commands() + rings_[1].commands();
      case kSaturated:
        return totals.saturated;
      case kNonfinite:
        return totals.nonfinite;
      case kRing0Busy:
      case kRing1Busy:
        return cycles(rings_[counter == kRing1Busy].busy_ps());
      case kRing0Wait:
      case kRing1Wait:
        return cycles(rings_[counter == kRing1Wait].wait_ps());
      case kRing0Commands:
      case kRing1Commands:
        return rings_[counter == kRing1Commands].commands();
      default:
        return 0;
    }
  }

  /// Since firmware cleared them.
  uint64_t value(unsigned counter) const { return total(counter) - cleared_[counter]; }
  void clear() {
    for (unsigned i = 0; i < kCounters; ++i) cleared_[i] = total(i);
  }
  void state(StateArchive& archive) { archive.value("cleared", cleared_); }

 private:
  uint64_t cycles(uint64_t ps) const { return clock_.to_cycles(ps); }

  const std::array<CommandRing, kRings>& rings_;
  const Sequencer& sequencer_;
  const Dma& dma_;
  Clock clock_;
  std::array<uint64_t, kCounters> cleared_{};
};

}  // namespace backboard::npu
