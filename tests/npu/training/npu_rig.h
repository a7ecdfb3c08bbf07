// An NPU alone on flat memory: commands go into its ring, events run until its fence, no processor is there.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "npu/command/job.h"
#include "npu/device/npu_device.h"
#include "platform/bus/access.h"
#include "platform/events/event_queue.h"
#include "tests/npu/training/machine.h"
#include "tests/support/finding_list.h"

namespace backboard::test {

/// Memory at kBase with a constant latency.
class FlatMemory final : public BusPort {
 public:
  static constexpr uint32_t kBase = Machine::kBase;
  explicit FlatMemory(size_t size_bytes) : bytes(size_bytes) {}
  BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
  std::optional<DirectRegion> direct(uint64_t address) override;

  std::vector<uint8_t> bytes;
  uint64_t latency_ps = 100'000;
};

class NoWire final : public IrqSink {
 public:
  void set_level(uint32_t, bool) override {}
};

/// Memory, queue and device. The ring lies at the end of the memory; everything before it is the test's.
class NpuRig final : public Machine {
 public:
  explicit NpuRig(const npu::NpuConfig& config, size_t memory_bytes = 8 << 20);

  std::span<uint8_t> memory() override;
  /// An error names code, command and field.
  void run(std::span<const npu::Command> commands) override;
  npu::NpuTotals totals() const { return device_.totals(); }
  uint64_t now_ps() const { return queue_.now_ps(); }

 private:
  static constexpr uint32_t kRingCommands = 256;
  uint32_t reg(uint32_t offset);
  void set_reg(uint32_t offset, uint32_t value);
  uint32_t ring_offset() const { return static_cast<uint32_t>(memory_.bytes.size()) - kRingCommands * 64; }

  EventQueue queue_;
  FlatMemory memory_;
  NoWire wire_;
  FindingList findings_;
  npu::NpuDevice device_;
  uint32_t submitted_ = 0;
  uint32_t fences_ = 0;
};

}  // namespace backboard::test
