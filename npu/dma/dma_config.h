// Configuration of the NPU's DMA. Include platform/config/fields.h to load it.
#pragma once

#include <cstdint>

#include "platform/config/fields.h"

namespace backboard::npu {

/// How the DMA cuts transfers into bursts. Bursts never cross a multiple of `burst_bytes`.
struct DmaConfig {
  uint32_t burst_bytes = 256;
  uint32_t outstanding = 8;       ///< bursts in flight
  uint32_t bytes_per_cycle = 32;  ///< width of the port; a burst holds it for its bytes
  uint32_t issue_interval = 1;    ///< cycles from one burst to the next, at least

  template <class V>
  void fields(V& v) {
    v("burst", burst_bytes, Range{16, 4096}, "Largest burst, bytes, a power of two; no burst crosses a multiple of it");
    v("outstanding", outstanding, Range{1, 64}, "Bursts in flight");
    v("bytes_per_cycle", bytes_per_cycle, Range{1, 256}, "Width of the DMA's port, bytes per NPU cycle");
    v("issue_interval", issue_interval, Range{1, 64}, "NPU cycles from one burst to the next, at least");
  }
  void check() const {
    if ((burst_bytes & (burst_bytes - 1)) != 0) throw ConfigRule{"burst", "must be a power of two"};
  }
};

}  // namespace backboard::npu
