// Configuration of the NPU's DMA.
#pragma once

#include <cstdint>

namespace backboard::npu {

/// Bursts never cross a multiple of `burst_bytes`.
struct DmaConfig {
  uint32_t burst_bytes = 256;
  uint32_t outstanding = 8;     ///< bursts in flight
  uint32_t issue_interval = 4;  ///< NPU cycles from one burst to the next
};

}  // namespace backboard::npu
