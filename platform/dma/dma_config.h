// What can be chosen about the DMA engine.
#pragma once

#include <bit>
#include <cstdint>

#include "platform/config/fields.h"

namespace backboard {

/// Issues at most one access a cycle and holds the bytes of `outstanding` accesses.
struct DmaEngineConfig {
  uint64_t clock_hz = 200'000'000;
  uint32_t burst_bytes = 256;
  uint32_t outstanding = 8;
  bool crc = true;

  template <class V>
  void fields(V& v) {
    v("clock", clock_hz, Hertz{1'000'000, 10'000'000'000}, "Clock of the engine: one access a cycle at most");
    v("burst", burst_bytes, Range{32, 4096},
      "Largest access, bytes, a power of two: writes cross no multiple of it, reads none of 4096");
    v("outstanding", outstanding, Range{1, 64}, "Accesses in flight and bursts held, of all channels together");
    v("crc", crc, "The engine has the checksum (CRC-32 of what it moves, copies without a destination)");
  }
  void check() const {
    if (!std::has_single_bit(burst_bytes)) throw ConfigRule("burst", "must be a power of two");
  }
};

}  // namespace backboard
