// Amounts over simulated time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "platform/state/archive.h"

namespace backboard {

/// Amounts of `Columns` kinds in bins of equal width. The number of bins is bounded: when a run outgrows it, bins merge
/// in pairs and the width doubles.
template <class T, size_t Columns>
class TimeBins {
 public:
  static constexpr size_t kMostBins = 4096;
  using Bin = std::array<T, Columns>;
  explicit TimeBins(uint64_t width_ps) : width_ps_(width_ps) {}

  /// Adds to the bin of a moment.
  void add(size_t column, T amount, uint64_t time_ps) {
    // Most amounts fall where the last one fell: no division then. Unsigned: what lies before is far behind.
    if (time_ps - last_start_ps_ >= last_width_ps_) [[unlikely]]
      go_to(time_ps);
    bins_[last_][column] += amount;
  }
  /// Spreads an amount evenly from `start_ps` to before `end_ps`.
  void spread(size_t column, T amount, uint64_t start_ps, uint64_t end_ps) {
    if (end_ps <= start_ps) return add(column, amount, start_ps);
    reach(end_ps - 1);
    const size_t last = (end_ps - 1) / width_ps_;
    for (size_t bin = start_ps / width_ps_; bin <= last; ++bin) {
      const uint64_t from = std::max<uint64_t>(start_ps, bin * width_ps_);
      const uint64_t to = std::min<uint64_t>(end_ps, (bin + 1) * width_ps_);
      bins_[bin][column] += amount * (static_cast<T>(to - from) / static_cast<T>(end_ps - start_ps));
    }
  }
  uint64_t width_ps() const { return width_ps_; }
  const std::vector<Bin>& bins() const { return bins_; }
  void state(StateArchive& archive) {
    archive.value("width_ps", width_ps_);
    archive.vector("bins", bins_);
    forget_last();
    if (width_ps_ == 0 || bins_.size() > kMostBins) archive.fail("bins", "bins that cannot be");
  }

 private:
  [[gnu::noinline]] void go_to(uint64_t time_ps) {
    reach(time_ps);
    last_ = time_ps / width_ps_;
    last_start_ps_ = last_ * width_ps_;
    last_width_ps_ = width_ps_;
  }
  void reach(uint64_t time_ps) {
    while (time_ps / width_ps_ >= kMostBins) merge();
    if (time_ps / width_ps_ >= bins_.size()) bins_.resize(time_ps / width_ps_ + 1);
  }
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
    forget_last();
  }

  void forget_last() { last_width_ps_ = 0; }

  uint64_t width_ps_;
  std::vector<Bin> bins_;
  // The bin that add() met last; a hint, not state. No width: it is to be found.
  size_t last_ = 0;
  uint64_t last_start_ps_ = 0;
  uint64_t last_width_ps_ = 0;
};

}  // namespace backboard
