// The ring as a driver meets it: capabilities, fences, interrupts, groups, wrap-around, watchdog, reset, counters.
#include <catch2/catch.hpp>

#include "tests/npu/device/command_making.h"

using namespace backboard;
using namespace backboard::npu;
using namespace backboard::test;
using npu_regs::Reg;

namespace {

Command fence(uint32_t value, bool interrupt = true) {
  Command command = command_of(Opcode::kFENCE, interrupt ? kFlagINTERRUPT : 0);
  command.auxiliary = value;
  return command;
}

/// A convolution of binary32 tensors that takes some thousand cycles.
struct SmallLayer {
  BenchTensor x, w, y;
  Command command;
  explicit SmallLayer(NpuBench& bench, TensorFormat f = TensorFormat::kFP16) {
    x = bench.tensor({2, 8, 12, 12}, format(f));
    w = bench.tensor({8, 8, 3, 3}, format(f));
    y = bench.tensor({2, 8, 12, 12}, format(f));
    bench.fill(x, noise(x.elements(), 1));
    bench.fill(w, noise(w.elements(), 2));
    command = command_of(Opcode::kCONV_FF);
    set_window(command, {.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1}, false);
    command.tensor0 = x.descriptor_address;
    command.tensor1 = w.descriptor_address;
    command.tensor2 = y.descriptor_address;
  }
};

}  // namespace

TEST_CASE("Capability registers say what the engine's offer says") {
  for (const EngineRow& row : engine_table()) {
    NpuBench bench(config_of(row));
    const Offer& offer = row.offer();
    CHECK(bench.read(Reg::NPU_ID) == 0x55504E42);
    CHECK(bench.read(Reg::NPU_ENGINE) == static_cast<uint32_t>(row.id));
    CHECK((bench.read(Reg::NPU_CAP_OPS_LO) | uint64_t{bench.read(Reg::NPU_CAP_OPS_HI)} << 32) == offer.opcodes);
    CHECK(bench.read(Reg::NPU_CAP_FORMATS) == offer.formats);
    CHECK(bench.read(Reg::NPU_CAP_BUFFER) == 64 * 1024);
    CHECK(bench.read(Reg::NPU_CAP_LIMITS) ==
          (offer.largest_kernel | offer.largest_stride << 8 | offer.group_commands << 16 | 1u << 24));
  }
}

TEST_CASE("A fence sets register and memory after the commands before it, and interrupts when asked") {
  NpuBench bench;
  bench.start();
  const uint32_t word = bench.allocate(4, 4);
  bench.write(Reg::NPU_FENCE_ADDRESS, word);
  const SmallLayer layer(bench);
  bench.submit(layer.command);
  bench.submit(fence(41, false));
  bench.submit(fence(42));
  bench.queue.run_one();
  CHECK((bench.read(Reg::NPU_STATUS) & 1) == 1);
  CHECK(bench.read(Reg::NPU_FENCE) == 0);
  REQUIRE(bench.run());
  CHECK(bench.read(Reg::NPU_FENCE) == 42);
  CHECK(bench.record<uint32_t>(word) == 42);
  CHECK(bench.read(Reg::NPU_RING_HEAD) == 3);
  CHECK(bench.irq.edges == 1);
  CHECK(bench.irq.high);
  bench.write(Reg::NPU_IRQ_STATUS, 1);
  CHECK_FALSE(bench.irq.high);
  bench.write(Reg::NPU_IRQ_RAISE, 1);
  CHECK(bench.irq.high);
  bench.write(Reg::NPU_IRQ_ENABLE, 0);
  CHECK_FALSE(bench.irq.high);
}

TEST_CASE("The ring wraps, and its head runs on") {
  NpuBench bench;
  bench.start();
  for (uint32_t i = 1; i <= 3 * NpuBench::kRingSlots + 5; ++i) {
    REQUIRE(bench.execute(fence(i)) == ErrorCode::kNONE);
    REQUIRE(bench.read(Reg::NPU_FENCE) == i);
    REQUIRE(bench.read(Reg::NPU_RING_HEAD) == i);
  }
}

TEST_CASE("A doorbell ahead of the ring by more than its size, and a bad base or size, stop with RING") {
  NpuBench bench;
  bench.start();
  bench.write(Reg::NPU_RING_TAIL, NpuBench::kRingSlots + 1);
  CHECK(bench.read(Reg::NPU_ERROR_CODE) == static_cast<uint32_t>(ErrorCode::kRING));
  CHECK(bench.irq.high);
  bench.restart();
  CHECK(bench.execute(fence(7)) == ErrorCode::kNONE);
  for (const auto& [base, size] : {std::pair{0x80001020u, 64u},
                                   {0x80001000u, 48u},
                                   {0x80001000u, 1u},
                                   {0x80001000u, 131072u},
                                   {0xffffffc0u, 4u}}) {
    bench.write(Reg::NPU_CTRL, 2);
    bench.write(Reg::NPU_RING_BASE, base);
    bench.write(Reg::NPU_RING_SIZE, size);
    bench.write(Reg::NPU_CTRL, 1);
    CHECK(bench.read(Reg::NPU_ERROR_CODE) == static_cast<uint32_t>(ErrorCode::kRING));
  }
}

TEST_CASE("Ring base and size keep their values while the NPU is enabled, and the write is a finding") {
  NpuBench bench;
  bench.start();
  const uint32_t base = bench.read(Reg::NPU_RING_BASE);
  bench.write(Reg::NPU_RING_BASE, base + 64);
  CHECK(bench.read(Reg::NPU_RING_BASE) == base);
  REQUIRE(bench.findings.list.size() == 1);
  const Finding& finding = bench.findings.list[0];
  CHECK(finding.block == "npu");
  CHECK(finding.reg == "NPU_RING_BASE");
  CHECK(finding.address == offset_of(Reg::NPU_RING_BASE));
  CHECK(finding.time_ps == bench.queue.now_ps());
  CHECK(finding.reason == "write while the NPU is enabled: the write is ignored");
}

TEST_CASE("A command that fails is a finding of the NPU with the address that the error register shows") {
  NpuBench bench;
  bench.start();
  Command command = command_of(Opcode::kFENCE);
  command.opcode = 200;
  CHECK(bench.execute(command) != ErrorCode::kNONE);
  REQUIRE(bench.findings.list.size() == 1);
  const Finding& finding = bench.findings.list[0];
  CHECK(finding.block == "npu");
  CHECK(finding.initiator == Initiator::npu);
  CHECK(finding.address == bench.read(Reg::NPU_ERROR_ADDRESS));
  CHECK(finding.address == bench.read(Reg::NPU_RING_BASE));
  CHECK(finding.reason.find("command 0 of the ring failed: ") == 0);
}

TEST_CASE("A register access that the NPU does not answer is a finding with the register's name") {
  NpuBench bench;
  uint8_t byte = 1;
  BusAccess access{BusOp::write, offset_of(Reg::NPU_CTRL), &byte, 1, bench.queue.now_ps(), {}, false};
  uint64_t delay_ps = 0;
  CHECK(bench.device.access(access, delay_ps) == BusResponse::target);
  REQUIRE(bench.findings.list.size() == 1);
  CHECK(bench.findings.list[0].reg == "NPU_CTRL");
  CHECK(bench.read(Reg::NPU_CTRL) == 0);
}

TEST_CASE("Groups run their commands in order, and a group that breaks the rules stops with GROUP") {
  NpuBench bench;
  bench.start();
  const SmallLayer layer(bench);
  const Command begin = command_of(Opcode::kGROUP_BEGIN), end = command_of(Opcode::kGROUP_END);
  REQUIRE(bench.execute(begin) == ErrorCode::kNONE);
  CHECK((bench.read(Reg::NPU_STATUS) & 4) == 4);
  REQUIRE(bench.execute(layer.command) == ErrorCode::kNONE);
  REQUIRE(bench.execute(end) == ErrorCode::kNONE);
  CHECK((bench.read(Reg::NPU_STATUS) & 4) == 0);
  CHECK(bench.execute(end) == ErrorCode::kGROUP);
  bench.restart();
  REQUIRE(bench.execute(begin) == ErrorCode::kNONE);
  CHECK(bench.execute(begin) == ErrorCode::kGROUP);
  bench.restart();
  REQUIRE(bench.execute(begin) == ErrorCode::kNONE);
  CHECK(bench.execute(fence(1)) == ErrorCode::kGROUP);
  bench.restart();
  REQUIRE(bench.execute(begin) == ErrorCode::kNONE);
  for (uint32_t i = 0; i < kLargestGroup; ++i) REQUIRE(bench.execute(command_of(Opcode::kNOP)) == ErrorCode::kNONE);
  CHECK(bench.execute(command_of(Opcode::kNOP)) == ErrorCode::kGROUP);
}

TEST_CASE("The watchdog ends a command that takes too long and a group that is never closed") {
  NpuBench bench;
  bench.start();
  const SmallLayer layer(bench);
  bench.write(Reg::NPU_WATCHDOG, 100);
  CHECK(bench.execute(layer.command) == ErrorCode::kWATCHDOG);
  CHECK(bench.queue.now_ps() == 100 * 5000);
  bench.restart();
  bench.write(Reg::NPU_WATCHDOG, 1'000'000);
  CHECK(bench.execute(layer.command) == ErrorCode::kNONE);
  CHECK(bench.execute(command_of(Opcode::kGROUP_BEGIN)) == ErrorCode::kWATCHDOG);
  bench.restart();
  CHECK(bench.execute(layer.command) == ErrorCode::kNONE);
}

TEST_CASE("A soft reset at any moment leaves an NPU that runs the next command") {
  NpuBench golden;
  golden.start();
  SmallLayer layer(golden);
  layer.command.tile_k = 1;  // so that there are many moments
  golden.submit(layer.command);
  uint32_t events = 0;
  for (; golden.queue.next_time_ps() != EventQueue::kNever; ++events) golden.queue.run_one();
  const std::vector<uint8_t> wanted = golden.image(layer.y);
  REQUIRE(events > 10);
  for (uint32_t cut = 0; cut < events; ++cut) {
    NpuBench bench;
    bench.start();
    SmallLayer other(bench);
    other.command.tile_k = 1;
    bench.submit(other.command);
    for (uint32_t i = 0; i < cut; ++i) bench.queue.run_one();
    bench.restart();
    CHECK(bench.read(Reg::NPU_RING_HEAD) == 0);
    CHECK(bench.queue.next_time_ps() == EventQueue::kNever);
    REQUIRE(bench.execute(other.command) == ErrorCode::kNONE);
    CHECK((bench.image(other.y) == wanted));
  }
}

TEST_CASE("Bus errors and transfers outside the windows stop the ring at the failing address") {
  NpuBench bench;
  bench.start();
  const SmallLayer layer(bench);
  bench.bus.bad_address = layer.x.descriptor.address + 300;
  CHECK(bench.execute(layer.command) == ErrorCode::kBUS);
  CHECK(bench.read(Reg::NPU_ERROR_ADDRESS) / 256 == bench.bus.bad_address / 256);
  bench.bus.bad_address = 0;
  bench.restart();
  CHECK(bench.execute(layer.command) == ErrorCode::kNONE);
  CHECK(bench.execute(fence(3)) == ErrorCode::kNONE);
  bench.write(Reg::NPU_WINDOW0_ACCESS, 1);
  CHECK(bench.execute(layer.command) == ErrorCode::kWINDOW);
  CHECK(bench.read(Reg::NPU_ERROR_ADDRESS) == layer.y.descriptor.address);
  CHECK(bench.read(Reg::NPU_ERROR_INDEX) == 2);
  bench.restart();
  bench.write(Reg::NPU_WINDOW0_ACCESS, 0);
  CHECK(bench.execute(layer.command) == ErrorCode::kWINDOW);
}

TEST_CASE("Performance counters count commands, products and bytes, latch their halves and clear") {
  NpuBench bench;
  bench.start();
  const SmallLayer layer(bench);
  REQUIRE(bench.execute(layer.command) == ErrorCode::kNONE);
  CHECK(bench.perf(Reg::NPU_PERF_COMMANDS_LO) == 1);
  // 3x3 taps on 12x12 with padding 1: 10*10 places see 9 taps, 4*10 edges 6, 4 corners 4; 8 * 8 channels, 2 images.
  CHECK(bench.perf(Reg::NPU_PERF_MACS_LO) == (100 * 9 + 40 * 6 + 4 * 4) * 64 * 2);
  CHECK(bench.perf(Reg::NPU_PERF_READ_LO) == bench.bus.total(false));
  CHECK(bench.perf(Reg::NPU_PERF_WRITE_LO) == bench.bus.total(true));
  const uint64_t busy = bench.perf(Reg::NPU_PERF_BUSY_LO), compute = bench.perf(Reg::NPU_PERF_COMPUTE_LO);
  CHECK(compute > 0);
  CHECK(compute + bench.perf(Reg::NPU_PERF_LOAD_STALL_LO) < busy);
  CHECK(busy == bench.queue.now_ps() / 5000);
  bench.write(Reg::NPU_PERF_CTRL, 1);
  CHECK(bench.perf(Reg::NPU_PERF_MACS_LO) == 0);
  CHECK(bench.perf(Reg::NPU_PERF_BUSY_LO) == 0);
  CHECK(bench.device.totals().commands == 1);
}

TEST_CASE("Every byte carries its owner: phase, layer and tensor class") {
  NpuBench bench;
  bench.start();
  SmallLayer layer(bench, TensorFormat::kFGMP);
  layer.command.phase = static_cast<uint8_t>(Phase::kFF);
  REQUIRE(bench.execute(layer.command) == ErrorCode::kNONE);
  const auto bytes = [&](bool written, Phase phase, TensorClass tensor) {
    return bench.bus.bytes[{written, phase, tensor}];
  };
  CHECK(bytes(false, Phase::kCONTROL, TensorClass::kNONE) == 4 * 64);
  CHECK(bytes(false, Phase::kFF, TensorClass::kMETADATA) > 0);
  CHECK(bytes(true, Phase::kFF, TensorClass::kMETADATA) > 0);
  CHECK(bytes(true, Phase::kFF, TensorClass::kACTIVATION) > 0);
  CHECK(bytes(true, Phase::kFF, TensorClass::kNONE) == 0);
}

TEST_CASE("A doorbell rung ahead of the queue starts the ring at the time of the access") {
  for (const uint64_t ahead_ps : {uint64_t{0}, uint64_t{777'000}}) {
    NpuBench bench;
    bench.start();
    const SmallLayer layer(bench);
    bench.ahead_ps = ahead_ps;
    bench.submit(layer.command);
    CHECK((bench.read(Reg::NPU_STATUS) & 1) == 1);
    bench.ahead_ps = 0;
    REQUIRE(bench.run());
    static uint64_t first_ps = 0;
    if (ahead_ps == 0) first_ps = bench.queue.now_ps();
    CHECK(bench.queue.now_ps() == first_ps + ahead_ps);
    CHECK(bench.perf(Reg::NPU_PERF_BUSY_LO) == first_ps / 5000);
  }
}
