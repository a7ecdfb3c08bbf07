// The NPU's clock: whole cycles to picoseconds and back, without loss over long times.
#pragma once

#include <cstdint>

namespace backboard::npu {

struct Clock {
  uint64_t hz = 200'000'000;

  static constexpr uint64_t kPicosecondsPerSecond = 1'000'000'000'000;
  /// Length of `cycles`, rounded down to whole picoseconds.
  constexpr uint64_t to_ps(uint64_t cycles) const {
    // In two steps of 10^6, so that no product reaches 2^64 for clocks up to 18 THz.
    const uint64_t scaled = cycles % hz * 1'000'000;
    const uint64_t micros = scaled / hz, rest = scaled % hz;
    return cycles / hz * kPicosecondsPerSecond + micros * 1'000'000 + rest * 1'000'000 / hz;
  }
  /// Whole cycles in `ps`.
  constexpr uint64_t to_cycles(uint64_t ps) const {
    const uint64_t seconds = ps / kPicosecondsPerSecond;
    const uint64_t rest = ps % kPicosecondsPerSecond;
    // The rest is below 10^12 ps; split so that no product reaches 2^64 for clocks up to 18 GHz.
    const uint64_t micros = rest / 1'000'000, picos = rest % 1'000'000;
    const uint64_t scaled = micros * hz;  // cycles * 10^6
    return seconds * hz + (scaled + picos * hz / 1'000'000) / 1'000'000;
  }
};

}  // namespace backboard::npu
