// Access windows: what the NPU's DMA may touch.
#pragma once

#include <array>
#include <cstdint>

namespace backboard::npu {

/// Addresses `base` to `last`, inclusive, and what is allowed there.
struct AccessWindow {
  uint32_t base = 0;
  uint32_t last = 0;
  bool read = false;
  bool write = false;
};

struct AccessWindows {
  std::array<AccessWindow, 4> window;

  /// Whether one window allows `bytes` (at least 1) from `address` on. A range never spans two windows.
  bool allow(uint64_t address, uint64_t bytes, bool write) const {
    for (const AccessWindow& w : window) {
      if (!(write ? w.write : w.read)) continue;
      if (address >= w.base && bytes >= 1 && address + bytes - 1 <= w.last) return true;
    }
    return false;
  }
};

}  // namespace backboard::npu
