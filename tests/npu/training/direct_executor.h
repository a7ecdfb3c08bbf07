// Carries out NPU commands on flat memory without an NPU: whole tensors, scalar kernels and codec, no tiles, no time.
// What an engine must leave in memory, byte for byte.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "npu/command/job.h"
#include "tests/npu/training/machine.h"

namespace backboard::test {

/// The engine whose products and sums are carried out.
enum class Arithmetic {
  reference,  ///< binary32, product rounded, then sum
  lnpu,       ///< FP8 and FP16 products, exact, binary32 accumulator
};

/// Executes the commands of a training step on tensors of any format, without strides. Aborts the test on anything
/// else.
class DirectExecutor {
 public:
  DirectExecutor(Arithmetic arithmetic, std::span<uint8_t> memory, uint32_t base)
      : arithmetic_(arithmetic), memory_(memory), base_(base) {}
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
  void load_blocks(Tensor& tensor) const;
  void store_blocks(const Tensor& tensor) const;
  void store(const Tensor& tensor) const;
  void execute(const npu::Command& command);
  void encode(const npu::Command& command);
  void multiply(const npu::Command& command);
  void pool(const npu::Command& command);
  void element_wise(const npu::Command& command);
  void bias_gradient(const npu::Command& command);
  void loss(const npu::Command& command);
  void update(const npu::Command& command, const std::vector<float>& gradient);

  Arithmetic arithmetic_;
  std::span<uint8_t> memory_;
  uint32_t base_;
};

/// The executor with memory of its own.
class DirectMachine final : public Machine {
 public:
  explicit DirectMachine(Arithmetic arithmetic, size_t memory_bytes = 8 << 20)
      : arithmetic_(arithmetic), bytes_(memory_bytes) {}
  std::span<uint8_t> memory() override { return bytes_; }
  void run(std::span<const npu::Command> commands) override {
    DirectExecutor(arithmetic_, bytes_, kBase).run(commands);
  }

 private:
  Arithmetic arithmetic_;
  std::vector<uint8_t> bytes_;
};

}  // namespace backboard::test
