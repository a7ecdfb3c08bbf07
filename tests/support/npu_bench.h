// A bench for the NPU: flat memory behind windows, an interrupt wire, and a driver's view of ring and descriptors.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "npu/command/job.h"
#include "npu/device/npu_device.h"
#include "npu/device/ring_registers.h"
#include "platform/events/event_queue.h"
#include "platform/regs/npu_regs.h"
#include "tests/support/finding_list.h"

namespace backboard::test {

/// Memory with a latency, an address that answers with an error, and a count of bytes by owner.
class MiniBus final : public BusPort {
 public:
  static constexpr uint32_t kBase = 0x80000000;

  explicit MiniBus(uint32_t size_bytes) : memory_(size_bytes) {}
  BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
  std::optional<DirectRegion> direct(uint64_t) override { return std::nullopt; }

  uint8_t* at(uint32_t address) { return memory_.data() + (address - kBase); }
  std::vector<uint8_t>& memory() { return memory_; }

  uint64_t read_latency_ps = 60'000;
  uint64_t write_latency_ps = 40'000;
  uint32_t bad_address = 0;  ///< an access that covers it is answered with `target`
  uint64_t accesses = 0;
  /// Bytes by (is a write, phase, tensor class).
  std::map<std::tuple<bool, Phase, TensorClass>, uint64_t> bytes;
  uint64_t total(bool written) const;

 private:
  std::vector<uint8_t> memory_;
};

class IrqWire final : public IrqSink {
 public:
  void set_level(uint32_t, bool level) override {
    if (level && !high) ++edges;
    high = level;
  }
  bool high = false;
  uint32_t edges = 0;
};

/// A tensor in the bench's memory with its descriptor.
struct BenchTensor {
  npu::Descriptor descriptor;
  uint32_t descriptor_address = 0;
  std::array<uint32_t, 4> shape() const {
    return {descriptor.shape_n, descriptor.shape_c, descriptor.shape_h, descriptor.shape_w};
  }
  size_t elements() const {
    return size_t{descriptor.shape_n} * descriptor.shape_c * descriptor.shape_h * descriptor.shape_w;
  }
  npu::TensorFormat format() const { return static_cast<npu::TensorFormat>(descriptor.format); }
};

/// How a test wants a tensor laid out.
struct TensorOptions {
  npu::TensorFormat format = npu::TensorFormat::kFP32;
  TensorClass tensor_class = TensorClass::kACTIVATION;
  float threshold = 0.05f;                      ///< FGMP
  uint8_t rule = 0;                             ///< FGMP
  uint16_t block_channels = 0, block_rows = 0;  ///< coded formats; 0: chosen
  bool statistics = false;
  uint32_t row_gap = 0;     ///< dense formats: elements between rows, as a stride would leave
  float scale = 1.0f / 16;  ///< U8
};

class NpuBench {
 public:
  static constexpr uint32_t kRingSlots = 64;

  explicit NpuBench(const npu::NpuConfig& config = {}, uint32_t memory_bytes = 8u << 20);
  /// With an engine of the test's own.
  NpuBench(std::unique_ptr<npu::Engine> engine, const npu::NpuConfig& config, uint32_t memory_bytes = 8u << 20);

  /// Saves or restores everything: queue, memory, device.
  void state(StateArchive& archive);

  /// Reserves zeroed memory.
  uint32_t allocate(uint32_t size_bytes, uint32_t alignment = 64);
  BenchTensor tensor(std::array<uint32_t, 4> shape, const TensorOptions& options = {});
  /// Writes the descriptor again after a test changed it.
  void update(const BenchTensor& tensor);
  /// Writes values (n, c, h, w) as the tensor's format has them.
  void fill(const BenchTensor& tensor, const std::vector<float>& values);
  /// Writes bytes of a U8 tensor.
  void fill_bytes(const BenchTensor& tensor, const std::vector<uint8_t>& bytes);
  std::vector<float> values(const BenchTensor& tensor);
  std::vector<uint8_t> bytes(const BenchTensor& tensor);
  npu_tensor_statistics statistics(const BenchTensor& tensor);
  /// The bytes of a tensor, and its directory, that have a meaning.
  std::vector<uint8_t> image(const BenchTensor& tensor);

  template <class T>
  uint32_t place(const T& record) {
    const uint32_t address = allocate(sizeof record, 32);
    std::memcpy(bus.at(address), &record, sizeof record);
    return address;
  }
  template <class T>
  T record(uint32_t address) {
    T value;
    std::memcpy(&value, bus.at(address), sizeof value);
    return value;
  }

  uint32_t read(npu_regs::Reg reg);
  void write(npu_regs::Reg reg, uint32_t value);
  /// The registers of the ring `ring`, which all of the following use.
  const npu::RingRegisters& regs() const { return npu::ring_registers()[ring]; }
  /// Windows over all memory, ring, enable.
  void start();
  /// Soft reset: of ring 1 alone, or of everything when `ring` is 0.
  void reset();
  /// Soft reset and start again.
  void restart();
  /// Puts a command in the ring and rings the doorbell.
  void submit(const npu::Command& command);
  /// Runs until no event is left or `limit_ps` passed. Gives whether the ring is idle.
  bool run(uint64_t limit_ps = 10'000'000'000'000);
  /// submit() and run(); gives the error code.
  npu::ErrorCode execute(const npu::Command& command);
  uint64_t perf(npu_regs::Reg low_half);

  EventQueue queue;
  MiniBus bus;
  IrqWire irq;
  FindingList findings;
  npu::NpuDevice device;
  unsigned ring = 0;
  std::array<uint32_t, npu::kRings> submitted{};
  uint64_t ahead_ps = 0;  ///< how far register accesses run ahead of the queue, as those of a core do

 private:
  uint32_t next_ = MiniBus::kBase + 0x1000;
  std::array<uint32_t, npu::kRings> slots_{};  ///< addresses of the rings
};

/// Deterministic values in [-1, 1], some of them zero.
std::vector<float> noise(size_t count, uint32_t seed, double zeros = 0.3);

}  // namespace backboard::test
