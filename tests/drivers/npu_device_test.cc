// The NPU driver against scripts of register accesses and against a small model of the ring.
#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <functional>
#include <stdexcept>

#include "drivers/npu/npu.h"
#include "drivers/npu/npu_registers.h"
#include "tests/drivers/mock_mmio.h"

using backboard::test::MmioDevice;
using backboard::test::MmioScript;

namespace {
constexpr uintptr_t kBase = 0x10010000;
constexpr uint32_t kRingAddress = 0x80100000;
constexpr uint32_t kSlots = 4;

npu_config config_for(npu_command* ring) {
  npu_config config{};
  config.base = kBase;
  config.ring = ring;
  config.ring_address = kRingAddress;
  config.ring_commands = kSlots;
  config.watchdog_cycles = 1000;
  config.windows[0] = {0x80000000, 0x8FFFFFFF, true, true};
  return config;
}

void expect_reset(MmioScript& script) {
  script.write32(NPU_CTRL_OFFSET, NPU_CTRL_RESET_MASK)
      .read32(NPU_STATUS_OFFSET, NPU_STATUS_BUSY_MASK)
      .read32(NPU_STATUS_OFFSET, 0)
      .write32(NPU_RING_BASE_OFFSET, kRingAddress)
      .write32(NPU_RING_SIZE_OFFSET, kSlots)
      .write32(NPU_RING_TAIL_OFFSET, 0)
      .write32(NPU_FENCE_ADDRESS_OFFSET, 0)
      .write32(NPU_WATCHDOG_OFFSET, 1000);
  for (uint32_t i = 0; i < NPU_WINDOWS; i++) {
    const uint32_t step = 16 * i;
    script.write32(NPU_WINDOW0_ACCESS_OFFSET + step, 0)
        .write32(NPU_WINDOW0_BASE_OFFSET + step, i == 0 ? 0x80000000 : 0)
        .write32(NPU_WINDOW0_LAST_OFFSET + step, i == 0 ? 0x8FFFFFFF : 0)
        .write32(NPU_WINDOW0_ACCESS_OFFSET + step, i == 0 ? 3 : 0);
  }
  script.write32(NPU_IRQ_STATUS_OFFSET, 7).write32(NPU_IRQ_ENABLE_OFFSET, 7).write32(NPU_CTRL_OFFSET, 1);
}

void expect_identification(MmioScript& script) {
  script.read32(NPU_ID_OFFSET, 0x55504E42)
      .read32(NPU_VERSION_OFFSET, 0x00010003)
      .read32(NPU_ENGINE_OFFSET, NPU_ENGINE_LNPU)
      .read32(NPU_CAP_OPS_LO_OFFSET, 0x0FFFFF7F)
      .read32(NPU_CAP_OPS_HI_OFFSET, 0)
      .read32(NPU_CAP_FORMATS_OFFSET, 0x7F)
      .read32(NPU_CAP_BUFFER_OFFSET, 380928)
      .read32(NPU_CAP_LIMITS_OFFSET, 0x0110080F);
}

/// Counts registers as the ring does; `step` runs at each read of NPU_FENCE and may let commands complete.
class RingModel final : public MmioDevice {
 public:
  uint32_t read(uintptr_t address, unsigned) override {
    switch (address - kBase) {
      case NPU_RING_HEAD_OFFSET:
        return head;
      case NPU_FENCE_OFFSET:
        if (step) step();
        return fence;
      case NPU_STATUS_OFFSET:
        return status;
      default:
        throw std::logic_error("unexpected read");
    }
  }
  void write(uintptr_t address, uint32_t value, unsigned) override {
    if (address - kBase != NPU_RING_TAIL_OFFSET) throw std::logic_error("unexpected write");
    tail = value;
    doorbells++;
  }
  uint32_t head = 0, tail = 0, fence = 0, status = 0, doorbells = 0;
  std::function<void()> step;
};

struct RingFixture {
  std::array<npu_command, kSlots> ring{};
  RingModel model;
  npu device{};
  RingFixture() { device.config = config_for(ring.data()); }
};
}  // namespace

TEST_CASE("npu_init identifies, reads capabilities, resets, programs ring and windows, and enables last") {
  std::array<npu_command, kSlots> ring{};
  MmioScript script(kBase);
  expect_identification(script);
  expect_reset(script);
  script.read32(NPU_FENCE_OFFSET, 41).write32(NPU_PERF_CTRL_OFFSET, 1);
  npu device;
  const npu_config config = config_for(ring.data());
  REQUIRE(npu_init(&device, &config) == NPU_OK);
  CHECK(device.capabilities.engine == NPU_ENGINE_LNPU);
  CHECK(device.capabilities.max_kernel == 15);
  CHECK(device.capabilities.max_stride == 8);
  CHECK(device.capabilities.max_group == 16);
  CHECK(device.capabilities.fused_sgd);
  CHECK(device.fence == 41);
}

TEST_CASE("npu_init touches nothing when an argument is bad") {
  std::array<npu_command, kSlots> ring{};
  MmioScript script(kBase);
  npu device;
  const npu_config good = config_for(ring.data());
  npu_config bad = good;
  CHECK(npu_init(nullptr, &good) == NPU_BAD_ARGUMENT);
  CHECK(npu_init(&device, nullptr) == NPU_BAD_ARGUMENT);
  bad.ring_commands = 3;
  CHECK(npu_init(&device, &bad) == NPU_BAD_ARGUMENT);
  bad = good, bad.ring_commands = 131072;
  CHECK(npu_init(&device, &bad) == NPU_BAD_ARGUMENT);
  bad = good, bad.ring_address += 32;
  CHECK(npu_init(&device, &bad) == NPU_BAD_ARGUMENT);
  bad = good, bad.ring = nullptr;
  CHECK(npu_init(&device, &bad) == NPU_BAD_ARGUMENT);
  bad = good, bad.windows[3] = {10, 9, true, false};
  CHECK(npu_init(&device, &bad) == NPU_BAD_ARGUMENT);
}

TEST_CASE("npu_init writes nothing to another device or to another major version") {
  std::array<npu_command, kSlots> ring{};
  MmioScript script(kBase);
  npu device;
  const npu_config config = config_for(ring.data());
  script.read32(NPU_ID_OFFSET, 0);
  CHECK(npu_init(&device, &config) == NPU_NOT_FOUND);
  script.read32(NPU_ID_OFFSET, 0x55504E42).read32(NPU_VERSION_OFFSET, 0x00020000);
  CHECK(npu_init(&device, &config) == NPU_BAD_VERSION);
}

TEST_CASE("npu_reset gives up after a bounded number of polls and leaves the device disabled") {
  class Busy final : public MmioDevice {
   public:
    uint32_t read(uintptr_t, unsigned) override { return reads++, uint32_t{NPU_STATUS_BUSY_MASK}; }
    void write(uintptr_t address, uint32_t value, unsigned) override {
      CHECK(address == kBase + NPU_CTRL_OFFSET);
      CHECK(value == NPU_CTRL_RESET_MASK);
      writes++;
    }
    uint32_t reads = 0, writes = 0;
  } busy;
  npu device{};
  device.config.base = kBase;
  CHECK(npu_reset(&device) == NPU_RESET_FAILED);
  CHECK(busy.reads == NPU_RESET_POLLS);
  CHECK(busy.writes == 1);
}

TEST_CASE("npu_check names the first thing that is missing") {
  npu device{};
  device.capabilities = {0x10000, NPU_ENGINE_LNPU, 0x0F, 0x01, 0x03, 1000, 15, 8, 16, false};
  npu_missing missing;
  npu_needs needs{};
  CHECK(npu_check(&device, &needs, &missing) == NPU_OK);
  CHECK(missing == NPU_MISSING_NOTHING);
  needs = {NPU_ENGINE_REFERENCE, 0, 0, 0, 0, false};
  CHECK(npu_check(&device, &needs, &missing) == NPU_NOT_CAPABLE);
  CHECK(missing == NPU_MISSING_ENGINE);
  needs = {NPU_ENGINE_LNPU, 0x10, 0, 0, 0, false};
  CHECK(npu_check(&device, &needs, &missing) == NPU_NOT_CAPABLE);
  CHECK(missing == NPU_MISSING_OPCODE);
  needs = {0, 0x0F, 0x02, 0, 0, false};
  CHECK(npu_check(&device, &needs, &missing) == NPU_NOT_CAPABLE);
  CHECK(missing == NPU_MISSING_OPCODE);
  needs = {0, 0x0F, 0x01, 0x04, 0, false};
  CHECK(npu_check(&device, &needs, nullptr) == NPU_NOT_CAPABLE);
  needs = {0, 0, 0, 0, 1001, false};
  CHECK(npu_check(&device, &needs, &missing) == NPU_NOT_CAPABLE);
  CHECK(missing == NPU_MISSING_BUFFER);
  needs = {0, 0, 0, 0, 1000, true};
  CHECK(npu_check(&device, &needs, &missing) == NPU_NOT_CAPABLE);
  CHECK(missing == NPU_MISSING_FUSED_SGD);
}

TEST_CASE("npu_submit is all or nothing and wraps over the ring's end, also of the free-running counters") {
  RingFixture f;
  // Just before the 32-bit counters wrap; slot = number modulo 4.
  f.device.tail = 0xFFFFFFFF, f.model.head = 0xFFFFFFFF;
  std::array<npu_command, 5> commands{};
  for (uint8_t i = 0; i < 5; i++) commands[i].opcode = i + 1;
  CHECK(npu_submit(&f.device, commands.data(), 5) == NPU_BAD_ARGUMENT);
  CHECK(npu_submit(&f.device, commands.data(), 0) == NPU_BAD_ARGUMENT);
  CHECK(npu_submit(&f.device, nullptr, 1) == NPU_BAD_ARGUMENT);
  CHECK(f.model.doorbells == 0);
  REQUIRE(npu_submit(&f.device, commands.data(), 3) == NPU_OK);
  CHECK(f.model.tail == 2);
  CHECK(f.ring[3].opcode == 1);
  CHECK(f.ring[0].opcode == 2);
  CHECK(f.ring[1].opcode == 3);
  CHECK(npu_ring_free(&f.device) == 1);
  const auto before = f.ring;
  CHECK(npu_submit(&f.device, commands.data(), 2) == NPU_RING_FULL);
  CHECK(std::memcmp(before.data(), f.ring.data(), sizeof before) == 0);
  CHECK(f.model.doorbells == 1);
  f.model.head += 1;
  CHECK(npu_submit(&f.device, commands.data(), 2) == NPU_OK);
  CHECK(f.model.tail == 4);
}

TEST_CASE("npu_submit_fenced appends a fence that interrupts, numbered on") {
  RingFixture f;
  f.device.fence = 7;
  npu_command command{};
  command.opcode = NPU_OP_COPY;
  uint32_t fence = 0;
  REQUIRE(npu_submit_fenced(&f.device, &command, 1, &fence) == NPU_OK);
  CHECK(fence == 8);
  CHECK(f.model.tail == 2);
  CHECK(f.ring[1].opcode == NPU_OP_FENCE);
  CHECK(f.ring[1].flags == NPU_FLAG_INTERRUPT);
  CHECK(f.ring[1].auxiliary == 8);
  REQUIRE(npu_submit_fenced(&f.device, nullptr, 0, &fence) == NPU_OK);
  CHECK(fence == 9);
  CHECK(npu_submit_fenced(&f.device, &command, 1, &fence) == NPU_RING_FULL);
  CHECK(npu_submit_fenced(&f.device, &command, 4, &fence) == NPU_BAD_ARGUMENT);
  CHECK(fence == 9);
  CHECK(f.device.fence == 9);
}

TEST_CASE("fence numbers are compared over the wrap of 32 bits") {
  RingFixture f;
  f.model.fence = 0xFFFFFFFF;
  CHECK(npu_fence_reached(&f.device, 0xFFFFFFFF));
  CHECK(npu_fence_reached(&f.device, 0xFFFFFFF0));
  CHECK_FALSE(npu_fence_reached(&f.device, 0));
  f.model.fence = 1;
  CHECK(npu_fence_reached(&f.device, 0xFFFFFFFF));
}

TEST_CASE("npu_wait_fence ends well, on an error, and tells slow from hung") {
  RingFixture f;
  const npu_patience patience{10, 3};
  int looks = 0;
  SECTION("the fence is reached") {
    f.model.step = [&] { f.model.fence = ++looks == 3 ? 1 : 0; };
    CHECK(npu_wait_fence(&f.device, 1, &patience) == NPU_OK);
    CHECK(looks == 3);
  }
  SECTION("a command fails") {
    f.model.step = [&] { f.model.status = ++looks == 2 ? NPU_STATUS_ERROR_MASK : 0; };
    CHECK(npu_wait_fence(&f.device, 1, &patience) == NPU_DEVICE_ERROR);
  }
  SECTION("a fence reached before a later error counts") {
    f.model.fence = 1, f.model.status = NPU_STATUS_ERROR_MASK;
    CHECK(npu_wait_fence(&f.device, 1, &patience) == NPU_OK);
  }
  SECTION("no command completes in a period: hung") {
    CHECK(npu_wait_fence(&f.device, 1, &patience) == NPU_HUNG);
  }
  SECTION("commands complete, but never the fence: slow after the last period") {
    f.model.step = [&] { f.model.head++, looks++; };
    CHECK(npu_wait_fence(&f.device, 1, &patience) == NPU_SLOW);
    CHECK(looks > 10);
  }
  SECTION("no patience is a bad argument") {
    const npu_patience none{0, 1}, never{1, 0};
    CHECK(npu_wait_fence(&f.device, 1, &none) == NPU_BAD_ARGUMENT);
    CHECK(npu_wait_fence(&f.device, 1, &never) == NPU_BAD_ARGUMENT);
    CHECK(npu_wait_fence(&f.device, 1, nullptr) == NPU_BAD_ARGUMENT);
  }
}

TEST_CASE("npu_interrupt clears exactly what it saw") {
  MmioScript script(kBase);
  npu device{};
  device.config.base = kBase;
  script.read32(NPU_IRQ_STATUS_OFFSET, 5).write32(NPU_IRQ_STATUS_OFFSET, 5);
  CHECK(npu_interrupt(&device) == (NPU_INTERRUPT_FENCE | NPU_INTERRUPT_RAISED));
  CHECK(device.raised == 1);
  CHECK(device.interrupts == 1);
  script.write32(NPU_IRQ_RAISE_OFFSET, 1);
  npu_raise_interrupt(&device);
}

TEST_CASE("the causes of an interrupt are the bits of the register") {
  CHECK(NPU_INTERRUPT_FENCE == NPU_IRQ_FENCE_MASK);
  CHECK(NPU_INTERRUPT_ERROR == NPU_IRQ_ERROR_MASK);
  CHECK(NPU_INTERRUPT_RAISED == NPU_IRQ_RAISED_MASK);
  CHECK(NPU_INTERRUPT_RING1_FENCE == NPU_IRQ_RING1_FENCE_MASK);
  CHECK(NPU_INTERRUPT_RING1_ERROR == NPU_IRQ_RING1_ERROR_MASK);
}

TEST_CASE("npu_error_read and npu_set_window") {
  MmioScript script(kBase);
  npu device{};
  device.config.base = kBase;
  npu_error_report report;
  script.read32(NPU_ERROR_CODE_OFFSET, 9)
      .read32(NPU_ERROR_INDEX_OFFSET, 3)
      .read32(NPU_ERROR_ADDRESS_OFFSET, 0x90000000)
      .read32(NPU_ERROR_DETAIL_OFFSET, 8);
  CHECK(npu_error_read(&device, &report) == NPU_OK);
  CHECK(std::string(npu_error_name(report.code)) == "WINDOW");
  CHECK(report.index == 3);
  CHECK(report.address == 0x90000000);
  CHECK(report.detail == 8);
  const npu_window window{0x100, 0x1FF, true, false};
  CHECK(npu_set_window(&device, 4, &window) == NPU_BAD_ARGUMENT);
  CHECK(npu_set_window(&device, 0, nullptr) == NPU_BAD_ARGUMENT);
  script.write32(NPU_WINDOW2_ACCESS_OFFSET, 0)
      .write32(NPU_WINDOW2_BASE_OFFSET, 0x100)
      .write32(NPU_WINDOW2_LAST_OFFSET, 0x1FF)
      .write32(NPU_WINDOW2_ACCESS_OFFSET, 1);
  CHECK(npu_set_window(&device, 2, &window) == NPU_OK);
}

TEST_CASE("npu_counters_read reads each low half before its high half") {
  MmioScript script(kBase);
  npu device{};
  device.config.base = kBase;
  for (uint32_t i = 0; i < 10; i++) {
    script.read32(NPU_PERF_BUSY_LO_OFFSET + 8 * i, i).read32(NPU_PERF_BUSY_HI_OFFSET + 8 * i, 1);
  }
  npu_counters counters;
  npu_counters_read(&device, &counters);
  CHECK(counters.busy_cycles == 0x100000000);
  CHECK(counters.macs == 0x100000003);
  CHECK(counters.nonfinite == 0x100000009);
}

TEST_CASE("every error code and opcode has a name, and unknown ones say so") {
  CHECK(std::string(npu_error_name(NPU_ERROR_LABEL)) == "LABEL");
  CHECK(std::string(npu_error_name(1000)) == "unknown");
  CHECK(std::string(npu_error_text(1000)) == "unknown");
  CHECK(std::string(npu_opcode_name(NPU_OP_FC_WG)) == "FC_WG");
  CHECK(std::string(npu_engine_name(NPU_ENGINE_LNPU)) == "LNPU");
  CHECK(std::string(npu_format_name(NPU_FORMAT_FGMP)) == "FGMP");
}
