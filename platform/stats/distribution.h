// A distribution of values in a fixed number of bins.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "platform/state/archive.h"
#include "platform/stats/stats_writer.h"

namespace backboard {

/// Counts values in bins of an eighth of a power of two: exact below 16, within 12.5 % above. Plain data.
class Distribution {
 public:
  void add(uint64_t value) {
    ++bins_[bin_of(value)];
    ++count_;
    sum_ += value;
    least_ = std::min(least_, value);
    largest_ = std::max(largest_, value);
  }
  uint64_t count() const { return count_; }
  uint64_t sum() const { return sum_; }
  uint64_t min() const { return count_ == 0 ? 0 : least_; }
  uint64_t max() const { return largest_; }
  /// The upper edge of the bin that holds the value which `percent` of all do not exceed, at most the largest value; 0
  /// without any.
  uint64_t percentile(uint64_t percent) const {
    const uint64_t rank = std::max<uint64_t>((count_ * percent + 99) / 100, 1);
    uint64_t seen = 0;
    for (size_t bin = 0; bin < kBins; ++bin) {
      seen += bins_[bin];
      if (seen >= rank) return std::min(upper_edge(bin), largest_);
    }
    return 0;
  }
  /// min, mean, p50, p99 and max below `part`.
  void stats(const StatsWriter& part, std::string_view unit, std::string_view what) const {
    const std::string text(what);
    part.counter("min", min(), unit, text + ", least");
    part.ratio("mean", sum_, count_, unit, text + ", mean");
    part.counter("p50", percentile(50), unit, text + ", not exceeded by half");
    part.counter("p99", percentile(99), unit, text + ", not exceeded by 99 %");
    part.counter("max", max(), unit, text + ", largest");
  }
  void state(StateArchive& archive) {
    archive.value("bins", bins_);
    archive.value("count", count_);
    archive.value("sum", sum_);
    archive.value("least", least_);
    archive.value("largest", largest_);
  }

 private:
  static constexpr unsigned kSubBits = 3;
  static constexpr size_t kBins = 16 + (64 - 4) * (1u << kSubBits);

  static size_t bin_of(uint64_t value) {
    if (value < 16) return value;
    const auto octave = static_cast<unsigned>(std::bit_width(value)) - 1;  // 4 and more
    const uint64_t part = (value >> (octave - kSubBits)) & ((1u << kSubBits) - 1);
    return 16 + (octave - 4) * (1u << kSubBits) + part;
  }
  static uint64_t upper_edge(size_t bin) {
    if (bin < 16) return bin;
    const unsigned octave = static_cast<unsigned>(bin - 16) / (1u << kSubBits) + 4;
    const uint64_t part = (bin - 16) % (1u << kSubBits);
    const uint64_t width = uint64_t{1} << (octave - kSubBits);
    return (uint64_t{1} << octave) + (part + 1) * width - 1;
  }

  std::array<uint64_t, kBins> bins_{};
  uint64_t count_ = 0, sum_ = 0, least_ = UINT64_MAX, largest_ = 0;
};

}  // namespace backboard
