// Configuration of the NPU.
#pragma once

#include <cstdint>
#include <string>

#include "npu/dma/dma_config.h"

namespace backboard::npu {

/// What the board's YAML says under `npu`.
struct NpuConfig {
  std::string engine = "lnpu";  ///< row of the engine table
  uint64_t clock_hz = 200'000'000;
  uint64_t buffer_bytes = 372 * 1024;  ///< local buffer
  DmaConfig dma;
  uint32_t host_threads = 1;  ///< of the simulator; never changes a result

  template <class V>
  void fields(V& v);
};

}  // namespace backboard::npu
