// Bytes over time, by initiator.
#pragma once

#include <string>

#include "platform/bus/attribution.h"
#include "platform/stats/time_bins.h"

namespace backboard {

/// Bytes in bins of equal width (time_bins.h).
class BandwidthBins {
 public:
  explicit BandwidthBins(uint64_t width_ps) : bins_(width_ps) {}

  void add(Initiator initiator, uint64_t bytes, uint64_t time_ps) {
    bins_.add(static_cast<size_t>(initiator), bytes, time_ps);
  }
  uint64_t width_ps() const { return bins_.width_ps(); }
  /// So many traffic generators have columns behind the SoC's own initiators.
  void set_generators(unsigned count) { generators_ = count; }
  /// bandwidth.csv: start of each bin in ps, then bytes of each initiator.
  std::string csv() const;
  void state(StateArchive& archive) { bins_.state(archive); }

 private:
  unsigned generators_ = 0;
  TimeBins<uint64_t, kInitiators> bins_;
};

}  // namespace backboard
