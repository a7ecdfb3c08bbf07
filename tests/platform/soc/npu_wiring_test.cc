// The NPU in its place on the board: registers, interrupt through the PLIC, DMA through the bus.
#include <catch2/catch.hpp>

#include "npu/device/npu_device.h"
#include "tests/support/board_programs.h"

namespace backboard {
namespace {

using test::BoardBench;
using test::BoardProgram;

constexpr uint32_t kNpu = 0x10010000;

TEST_CASE("the core reads the NPU's identification and takes its interrupt through the PLIC") {
  BoardProgram p;
  p.li(5, kNpu);
  p << rv::lw(10, 5, 0);
  p.store(test::kPlic + 4 * 11, 1).store(test::kPlic + 0x2000, 1u << 11);
  p.li(5, 0x800);
  p << rv::csrrs(0, 0x304, 5);
  p.store(kNpu + 0x048, 4).store(kNpu + 0x050, 1);  // enable and raise NPU_IRQ_RAISED
  p << rv::wfi();
  p.li(5, test::kPlic + 0x200004);
  p << rv::lw(11, 5, 0);
  p.finish();
  BoardBench bench(p);
  const BoardResult result = bench.board.run();
  INFO(result.reason);
  CHECK(result.exit_code == 0);
  CHECK(bench.board.core().x(10) == 0x55504E42);
  CHECK(bench.board.core().x(11) == 11);
  CHECK(bench.board.npu().totals().interrupts == 1);
  CHECK(bench.board.findings().total() == 0);
}

TEST_CASE("an unaligned access to the NPU is refused, and a finding names the register's block and address") {
  BoardProgram p;
  p.li(5, kNpu);
  p << rv::lbu(10, 5, 1) << rv::jal(0, 0);
  BoardBench bench(p);
  bench.board.set_instruction_limit(50);
  bench.board.run();
  CHECK(bench.board.core().statistics().exceptions > 0);
  CHECK(bench.board.findings().total() > 0);
}

/// One NOP-like command that fetches 64 bytes from a ring in DRAM: the smallest DMA there is.
TEST_CASE("the NPU fetches its ring over the bus, and its bytes are counted in DRAM as its own") {
  constexpr uint32_t kRing = 0x80100000;
  BoardProgram p;
  for (uint32_t window = 0; window < 1; ++window) {
    p.store(kNpu + 0x100, 0x80000000).store(kNpu + 0x104, 0x8FFFFFFF).store(kNpu + 0x108, 3);
  }
  p.store(test::kPlic + 4 * 11, 1).store(test::kPlic + 0x2000, 1u << 11);
  p.li(5, 0x800);
  p << rv::csrrs(0, 0x304, 5);
  p.store(kNpu + 0x060, kRing).store(kNpu + 0x064, 2).store(kNpu + 0x048, 7).store(kNpu + 0x040, 1);
  p.store(kNpu + 0x06C, 1);
  p << rv::wfi();
  p.li(5, kNpu);
  p << rv::lw(10, 5, 0x44) << rv::lw(11, 5, 0x80);
  p.finish();
  BoardBench bench(p);
  // Opcode 0xFF exists nowhere: the ring must stop with an error interrupt.
  const std::vector<uint8_t> command(64, 0xFF);
  REQUIRE(bench.board.write_memory(kRing, command));
  const BoardResult result = bench.board.run();
  INFO(result.reason);
  REQUIRE(result.exit_code == 0);
  CHECK((bench.board.core().x(10) & 2) == 2);
  CHECK(bench.board.core().x(11) != 0);
  const TrafficRow npu = bench.board.traffic().sum_of(Initiator::npu);
  CHECK(npu.read_bytes == 64);
  CHECK(bench.board.npu().totals().read_bytes == 64);
  CHECK(bench.board.stats().counter("dram.by.npu.read_bytes") == 64);
  CHECK(bench.board.conservation_error().value_or("") == "");
}

}  // namespace
}  // namespace backboard
