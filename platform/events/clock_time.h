// Between the cycles of a clock and simulated picoseconds, exact for every frequency.
#pragma once

#include <cstdint>

#include "platform/events/fixed_divisor.h"

namespace backboard {

__extension__ typedef unsigned __int128 WideTime;
inline constexpr uint64_t kPicosecondsPerSecond = 1'000'000'000'000;

/// Time of edge `cycles` of a clock of `hz` that starts with edge 0 at time 0: the first whole picosecond not before
/// it.
constexpr uint64_t time_of_cycle(uint64_t cycles, uint64_t hz) {
  return static_cast<uint64_t>((static_cast<WideTime>(cycles) * kPicosecondsPerSecond + hz - 1) / hz);
}

/// Edges of that clock up to and including `time_ps`, edge 0 not counted: floor(time x hz). The inverse of
/// `time_of_cycle`: cycles_until(time_of_cycle(n, hz), hz) == n for clocks up to 1 THz.
constexpr uint64_t cycles_until(uint64_t time_ps, uint64_t hz) {
  return static_cast<uint64_t>(static_cast<WideTime>(time_ps) * hz / kPicosecondsPerSecond);
}

/// The edges of one clock, fast where its period is a whole number of picoseconds.
class ClockGrid {
 public:
  explicit constexpr ClockGrid(uint64_t hz)
      : hz_(hz),
        period_ps_(kPicosecondsPerSecond % hz == 0 ? kPicosecondsPerSecond / hz : 0),
        by_period_(period_ps_ != 0 ? period_ps_ : 1) {}

  constexpr uint64_t hz() const { return hz_; }
  /// Time of edge `edge`.
  constexpr uint64_t time_at(uint64_t edge) const {
    return period_ps_ != 0 ? edge * period_ps_ : time_of_cycle(edge, hz_);
  }
  /// The first edge not before `time_ps`.
  constexpr uint64_t edge_from(uint64_t time_ps) const {
    if (period_ps_ != 0) return by_period_.quotient(time_ps + period_ps_ - 1);
    const uint64_t edge = cycles_until(time_ps, hz_);
    return time_of_cycle(edge, hz_) >= time_ps ? edge : edge + 1;
  }
  /// The last edge not after `time_ps`.
  constexpr uint64_t edge_until(uint64_t time_ps) const {
    return period_ps_ != 0 ? by_period_.quotient(time_ps) : cycles_until(time_ps, hz_);
  }

 private:
  uint64_t hz_, period_ps_;
  FixedDivisor by_period_;
};

}  // namespace backboard
