// Between the cycles of a clock and simulated picoseconds, exact for every frequency.
#pragma once

#include <cstdint>

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

}  // namespace backboard
