// A whole tensor out of memory, as a tool sees it: no time, no traffic.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "npu/command/job.h"

namespace backboard::npu {

/// The bytes that hold a tensor's elements, and the elements.
struct TensorContents {
  /// Dense: the elements in (n, c, h, w) order; coded: for each block its directory entry and its bytes.
  std::vector<uint8_t> stored;
  std::vector<float> values;  ///< in (n, c, h, w) order
};

/// Reads `bytes.size()` bytes at a physical address; false when nothing answers there.
using ReadMemory = std::function<bool(uint32_t address, std::span<uint8_t> bytes)>;

/// Reads and decodes. False when memory does not answer or a block is malformed. A block of a coded tensor that was
/// never written has no bytes: its elements are zero.
bool read_tensor(const Tensor& tensor, const ReadMemory& read, TensorContents& contents);

}  // namespace backboard::npu
