// The NPU driver's rings: the second one against scripts of register accesses and beside the first.
#include <array>
#include <catch2/catch.hpp>
#include <stdexcept>

#include "drivers/npu/npu.h"
#include "drivers/npu/npu_registers.h"
#include "tests/drivers/mock_mmio.h"

using backboard::test::MmioDevice;
using backboard::test::MmioScript;

namespace {
constexpr uintptr_t kBase = 0x10010000;
constexpr uint32_t kRing0 = 0x80100000, kRing1 = 0x80200000;

/// A device whose ring 0 was started.
struct Fixture {
  std::array<npu_command, 4> slots0{};
  std::array<npu_command, 8> slots1{};
  npu device{};
  npu_ring_config second{slots1.data(), kRing1, 8, 500};
  Fixture() {
    device.config.base = kBase;
    device.config.ring = slots0.data();
    device.config.ring_address = kRing0;
    device.config.ring_commands = 4;
    device.config.watchdog_cycles = 1000;
    device.capabilities.version = 0x00010001;
  }
};

void expect_open(MmioScript& script) {
  script.read32(NPU_CAP_RINGS_OFFSET, 2)
      .write32(NPU_RING1_CTRL_OFFSET, NPU_RING1_CTRL_RESET_MASK)
      .read32(NPU_RING1_STATUS_OFFSET, 1)
      .read32(NPU_RING1_STATUS_OFFSET, 0)
      .write32(NPU_RING1_BASE_OFFSET, kRing1)
      .write32(NPU_RING1_SIZE_OFFSET, 8)
      .write32(NPU_RING1_FENCE_ADDRESS_OFFSET, 0)
      .write32(NPU_RING1_WATCHDOG_OFFSET, 500)
      .write32(NPU_RING1_CTRL_OFFSET, NPU_RING1_CTRL_ENABLE_MASK)
      .read32(NPU_RING1_FENCE_OFFSET, 17)
      .read32(NPU_IRQ_ENABLE_OFFSET, 7)
      .write32(NPU_IRQ_ENABLE_OFFSET, 0x1F);
}

/// Counts registers of both rings.
class TwoRingModel final : public MmioDevice {
 public:
  uint32_t read(uintptr_t address, unsigned) override {
    switch (address - kBase) {
      case NPU_RING_HEAD_OFFSET:
        return head[0];
      case NPU_RING1_HEAD_OFFSET:
        return head[1];
      case NPU_FENCE_OFFSET:
        return fence[0];
      case NPU_RING1_FENCE_OFFSET:
        return fence[1];
      case NPU_STATUS_OFFSET:
        return status[0];
      case NPU_RING1_STATUS_OFFSET:
        return status[1];
      default:
        throw std::logic_error("unexpected read");
    }
  }
  void write(uintptr_t address, uint32_t value, unsigned) override {
    if (address - kBase == NPU_RING_TAIL_OFFSET) {
      tail[0] = value;
    } else if (address - kBase == NPU_RING1_TAIL_OFFSET) {
      tail[1] = value;
    } else {
      throw std::logic_error("unexpected write");
    }
  }
  std::array<uint32_t, 2> head{}, tail{}, fence{}, status{};
};
}  // namespace

TEST_CASE("npu_ring_open resets, programs and enables ring 1, then its interrupts, and touches nothing of ring 0") {
  Fixture f;
  MmioScript script(kBase);
  expect_open(script);
  REQUIRE(npu_ring_open(&f.device, 1, &f.second) == NPU_OK);
  CHECK(f.device.second_fence == 17);
  CHECK(f.device.second_tail == 0);
}

TEST_CASE("npu_ring_open touches nothing when an argument is bad, and writes nothing to a device with one ring") {
  Fixture f;
  MmioScript script(kBase);
  CHECK(npu_ring_open(&f.device, 0, &f.second) == NPU_BAD_ARGUMENT);
  CHECK(npu_ring_open(&f.device, 2, &f.second) == NPU_BAD_ARGUMENT);
  CHECK(npu_ring_open(&f.device, 1, nullptr) == NPU_BAD_ARGUMENT);
  npu_ring_config bad = f.second;
  bad.commands = 6;
  CHECK(npu_ring_open(&f.device, 1, &bad) == NPU_BAD_ARGUMENT);
  bad = f.second, bad.address += 32;
  CHECK(npu_ring_open(&f.device, 1, &bad) == NPU_BAD_ARGUMENT);
  bad = f.second, bad.slots = nullptr;
  CHECK(npu_ring_open(&f.device, 1, &bad) == NPU_BAD_ARGUMENT);
  f.device.capabilities.version = 0x00010000;
  CHECK(npu_ring_open(&f.device, 1, &f.second) == NPU_NOT_CAPABLE);
  f.device.capabilities.version = 0x00010001;
  script.read32(NPU_CAP_RINGS_OFFSET, 1);
  CHECK(npu_ring_open(&f.device, 1, &f.second) == NPU_NOT_CAPABLE);
  CHECK(f.device.second.slots == nullptr);
}

TEST_CASE("a ring that is not open, and a number that is no ring's, are refused without an access") {
  Fixture f;
  MmioScript script(kBase);
  const npu_command command{};
  const npu_patience patience{1, 1};
  npu_error_report report;
  npu_ring_counters counters;
  uint32_t fence = 0;
  for (const uint32_t ring : {1u, 2u, UINT32_MAX}) {
    CHECK(npu_ring_reset(&f.device, ring) == NPU_BAD_ARGUMENT);
    CHECK(npu_ring_submit(&f.device, ring, &command, 1) == NPU_BAD_ARGUMENT);
    CHECK(npu_ring_submit_fenced(&f.device, ring, &command, 1, &fence) == NPU_BAD_ARGUMENT);
    CHECK(npu_ring_wait_fence(&f.device, ring, 1, &patience) == NPU_BAD_ARGUMENT);
    CHECK(npu_ring_error_read(&f.device, ring, &report) == NPU_BAD_ARGUMENT);
    CHECK(npu_ring_counters_read(&f.device, ring, &counters) == NPU_BAD_ARGUMENT);
    CHECK_FALSE(npu_ring_fence_reached(&f.device, ring, 0));
    CHECK_FALSE(npu_ring_failed(&f.device, ring));
  }
}

TEST_CASE("each ring has its own slots, tail and fence numbers") {
  Fixture f;
  TwoRingModel model;
  f.device.second = f.second;
  f.device.second_fence = 40;
  npu_command command{};
  command.opcode = NPU_OP_COPY;
  uint32_t fence0 = 0, fence1 = 0;
  REQUIRE(npu_submit_fenced(&f.device, &command, 1, &fence0) == NPU_OK);
  const std::array<npu_command, 6> many{command, command, command, command, command, command};
  REQUIRE(npu_ring_submit_fenced(&f.device, 1, many.data(), 6, &fence1) == NPU_OK);
  CHECK(fence0 == 1);
  CHECK(fence1 == 41);
  CHECK(model.tail == std::array<uint32_t, 2>{2, 7});
  CHECK(f.slots0[1].opcode == NPU_OP_FENCE);
  CHECK(f.slots1[5].opcode == NPU_OP_COPY);
  CHECK(f.slots1[6].opcode == NPU_OP_FENCE);
  CHECK(f.slots1[6].auxiliary == 41);
  CHECK(npu_ring_submit_fenced(&f.device, 1, many.data(), 1, &fence1) == NPU_RING_FULL);
  CHECK(npu_ring_submit(&f.device, 1, many.data(), 1) == NPU_OK);
  CHECK(npu_ring_free(&f.device) == 2);
  model.fence[1] = 41;
  CHECK(npu_ring_fence_reached(&f.device, 1, fence1));
  CHECK_FALSE(npu_fence_reached(&f.device, fence0));
  const npu_patience patience{10, 3};
  CHECK(npu_ring_wait_fence(&f.device, 1, fence1, &patience) == NPU_OK);
  model.status[1] = NPU_STATUS_ERROR_MASK;
  CHECK(npu_ring_wait_fence(&f.device, 1, fence1 + 1, &patience) == NPU_DEVICE_ERROR);
  CHECK(npu_ring_failed(&f.device, 1));
  CHECK_FALSE(npu_ring_failed(&f.device, 0));
  CHECK(npu_wait_fence(&f.device, fence0, &patience) == NPU_HUNG);
}

TEST_CASE("npu_ring_reset writes the registers of its ring alone, also those of ring 0") {
  Fixture f;
  f.device.second = f.second;
  f.device.tail = 9, f.device.second_tail = 7;
  MmioScript script(kBase);
  script.write32(NPU_CTRL_OFFSET, NPU_CTRL_RESET_RING_MASK)
      .read32(NPU_STATUS_OFFSET, 0)
      .write32(NPU_RING_BASE_OFFSET, kRing0)
      .write32(NPU_RING_SIZE_OFFSET, 4)
      .write32(NPU_FENCE_ADDRESS_OFFSET, 0)
      .write32(NPU_WATCHDOG_OFFSET, 1000)
      .write32(NPU_CTRL_OFFSET, NPU_CTRL_ENABLE_MASK);
  CHECK(npu_ring_reset(&f.device, 0) == NPU_OK);
  CHECK(f.device.tail == 0);
  CHECK(f.device.second_tail == 7);
}

TEST_CASE("npu_ring_set_priority changes its field alone, npu_ring_error_read and _counters_read read their ring's") {
  Fixture f;
  f.device.second = f.second;
  MmioScript script(kBase);
  CHECK(npu_ring_set_priority(&f.device, 2, 0) == NPU_BAD_ARGUMENT);
  CHECK(npu_ring_set_priority(&f.device, 1, NPU_PRIORITY_MAX + 1) == NPU_BAD_ARGUMENT);
  script.read32(NPU_PRIORITY_OFFSET, 0x35).write32(NPU_PRIORITY_OFFSET, 0xF5);
  CHECK(npu_ring_set_priority(&f.device, 1, NPU_PRIORITY_MAX) == NPU_OK);
  script.read32(NPU_PRIORITY_OFFSET, 0xF5).write32(NPU_PRIORITY_OFFSET, 0xF2);
  CHECK(npu_ring_set_priority(&f.device, 0, 2) == NPU_OK);
  script.read32(NPU_RING1_ERROR_CODE_OFFSET, 9)
      .read32(NPU_RING1_ERROR_INDEX_OFFSET, 3)
      .read32(NPU_RING1_ERROR_ADDRESS_OFFSET, 0x90000000)
      .read32(NPU_RING1_ERROR_DETAIL_OFFSET, 8);
  npu_error_report report;
  CHECK(npu_ring_error_read(&f.device, 1, &report) == NPU_OK);
  CHECK(report.code == 9);
  CHECK(report.detail == 8);
  script.read32(NPU_PERF_RING1_BUSY_LO_OFFSET, 1)
      .read32(NPU_PERF_RING1_BUSY_HI_OFFSET, 1)
      .read32(NPU_PERF_RING1_WAIT_LO_OFFSET, 2)
      .read32(NPU_PERF_RING1_WAIT_HI_OFFSET, 0)
      .read32(NPU_PERF_RING1_COMMANDS_LO_OFFSET, 3)
      .read32(NPU_PERF_RING1_COMMANDS_HI_OFFSET, 0);
  npu_ring_counters counters;
  CHECK(npu_ring_counters_read(&f.device, 1, &counters) == NPU_OK);
  CHECK(counters.busy_cycles == 0x100000001);
  CHECK(counters.wait_cycles == 2);
  CHECK(counters.commands == 3);
}
