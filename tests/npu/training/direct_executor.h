// Carries out NPU commands on flat memory without an NPU: whole tensors, scalar kernels, no tiles, no time. What the
// `reference` engine must leave in memory, byte for byte.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "npu/command/job.h"
#include "tests/npu/training/machine.h"

namespace backboard::test {

/// Executes commands of binary32 tensors (U8 images, labels and indices) whose tensors are dense. Aborts the test on
/// anything else.
class DirectExecutor {
 public:
  DirectExecutor(std::span<uint8_t> memory, uint32_t base) : memory_(memory), base_(base) {}
  void run(std::span<const npu::Command> commands);

 private:
  struct Tensor {
    npu::Descriptor d;
    std::vector<float> values;
    std::vector<uint8_t> bytes;  ///< of U8
    size_t elements() const { return size_t{d.shape_n} * d.shape_c * d.shape_h * d.shape_w; }
  };
  uint8_t* at(uint32_t address) const { return memory_.data() + (address - base_); }
  Tensor load(uint32_t descriptor) const;
  void store(const Tensor& tensor) const;
  void execute(const npu::Command& command);
  void encode(const npu::Command& command);
  void multiply(const npu::Command& command);
  void pool(const npu::Command& command);
  void element_wise(const npu::Command& command);
  void bias_gradient(const npu::Command& command);
  void loss(const npu::Command& command);
  void update(const npu::Command& command, const std::vector<float>& gradient);

  std::span<uint8_t> memory_;
  uint32_t base_;
};

/// The executor with memory of its own.
class DirectMachine final : public Machine {
 public:
  explicit DirectMachine(size_t memory_bytes = 8 << 20) : bytes_(memory_bytes) {}
  std::span<uint8_t> memory() override { return bytes_; }
  void run(std::span<const npu::Command> commands) override { DirectExecutor(bytes_, kBase).run(commands); }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace backboard::test
