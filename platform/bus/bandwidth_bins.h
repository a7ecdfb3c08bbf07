// Bytes over time, by initiator.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "platform/bus/attribution.h"
#include "platform/state/archive.h"

namespace backboard {

/// Bytes in bins of equal width. Their number is bounded: when a run outgrows it, bins merge in pairs and the width
/// doubles.
class BandwidthBins {
 public:
  static constexpr size_t kMostBins = 4096;
  explicit BandwidthBins(uint64_t width_ps) : width_ps_(width_ps) {}

  void add(Initiator initiator, uint64_t bytes, uint64_t time_ps) {
    size_t bin = time_ps / width_ps_;
    while (bin >= kMostBins) {
      merge();
      bin = time_ps / width_ps_;
    }
    if (bin >= bins_.size()) bins_.resize(bin + 1);
    bins_[bin][static_cast<size_t>(initiator)] += bytes;
  }
  uint64_t width_ps() const { return width_ps_; }
  /// bandwidth.csv: start of each bin in ps, then bytes of each initiator.
  std::string csv() const;
  void state(StateArchive& archive) {
    archive.value("width_ps", width_ps_);
    archive.vector("bins", bins_);
    if (width_ps_ == 0 || bins_.size() > kMostBins) archive.fail("bins", "bins that cannot be");
  }

 private:
  using Bin = std::array<uint64_t, kInitiators>;

  void merge() {
    for (size_t i = 0; i < bins_.size(); ++i) {
      const Bin bin = bins_[i];
      if (i % 2 == 0) {
        bins_[i / 2] = bin;
      } else {
        for (size_t k = 0; k < bin.size(); ++k) bins_[i / 2][k] += bin[k];
      }
    }
    bins_.resize((bins_.size() + 1) / 2);
    width_ps_ *= 2;
  }

  uint64_t width_ps_;
  std::vector<Bin> bins_;
};

}  // namespace backboard
