// Whatever carries NPU commands out on flat memory: the device, or the direct executor.
#pragma once

#include <cstdint>
#include <span>

#include "npu/command/job.h"

namespace backboard::test {

class Machine {
 public:
  /// Address of the first byte of memory().
  static constexpr uint32_t kBase = 0x80000000;
  virtual ~Machine() = default;
  /// Bytes that a program may use.
  virtual std::span<uint8_t> memory() = 0;
  /// Runs the commands to the end; throws std::runtime_error when one fails.
  virtual void run(std::span<const npu::Command> commands) = 0;
};

}  // namespace backboard::test
