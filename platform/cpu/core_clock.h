// Cycles of one clock and simulated picoseconds, exactly, also where the period is no whole picosecond.
#pragma once

#include <cstdint>

#include "platform/check/check.h"
#include "platform/events/fixed_divisor.h"

namespace backboard {

/// A clock whose edge `n` lies at floor(n * 10^12 / hz) picoseconds.
class CoreClock {
 public:
  explicit CoreClock(uint64_t hz)
      : hz_(hz),
        period_ps_(hz && kPsPerSecond % hz == 0 ? kPsPerSecond / hz : 0),
        by_period_(period_ps_ != 0 ? period_ps_ : 1) {
    BB_CHECK(hz > 0 && hz <= kPsPerSecond, "clock of {} Hz", hz);
  }

  uint64_t time_ps(uint64_t edge) const {
    if (period_ps_) return edge * period_ps_;
    return static_cast<uint64_t>(static_cast<Wide>(edge) * kPsPerSecond / hz_);
  }
  /// The first edge at or after `time_ps`; UINT64_MAX stays what it is.
  uint64_t edge_at_or_after(uint64_t time_ps) const {
    if (time_ps == UINT64_MAX) return UINT64_MAX;
    if (period_ps_) return by_period_.quotient_up(time_ps);
    return static_cast<uint64_t>((static_cast<Wide>(time_ps) * hz_ + kPsPerSecond - 1) / kPsPerSecond);
  }
  /// Whole cycles that cover `duration_ps`.
  uint64_t cycles_covering(uint64_t duration_ps) const {
    return period_ps_ != 0 ? by_period_.quotient_up(duration_ps) : edge_at_or_after(duration_ps);
  }

 private:
  __extension__ using Wide = unsigned __int128;
  static constexpr uint64_t kPsPerSecond = 1'000'000'000'000;
  uint64_t hz_;
  uint64_t period_ps_;  ///< 0 when it is no whole number
  FixedDivisor by_period_;
};

}  // namespace backboard
