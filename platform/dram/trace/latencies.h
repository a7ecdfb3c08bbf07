// A distribution of latencies in clocks.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace backboard::dram {

/// Counts exact values; percentiles are values that occurred.
class Latencies {
 public:
  void add(uint64_t clocks) {
    ++count_;
    sum_ += clocks;
    if (clocks < kDense) {
      ++dense_[clocks];
    } else {
      ++sparse_[clocks];
    }
  }
  uint64_t count() const { return count_; }
  double mean() const { return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_); }
  uint64_t min() const { return at_rank(1); }
  uint64_t max() const { return at_rank(count_); }
  /// The smallest value that is not exceeded by `percent` of all; 0 without any.
  uint64_t percentile(uint64_t percent) const { return at_rank((count_ * percent + 99) / 100); }

 private:
  static constexpr uint64_t kDense = 16384;

  uint64_t at_rank(uint64_t rank) const {
    uint64_t seen = 0;
    if (count_ == 0) return 0;
    for (uint64_t clocks = 0; clocks < kDense; ++clocks) {
      seen += dense_[clocks];
      if (seen >= rank) return clocks;
    }
    for (const auto& [clocks, n] : sparse_) {
      seen += n;
      if (seen >= rank) return clocks;
    }
    return 0;
  }

  std::vector<uint64_t> dense_ = std::vector<uint64_t>(kDense);
  std::map<uint64_t, uint64_t> sparse_;
  uint64_t count_ = 0, sum_ = 0;
};

}  // namespace backboard::dram
