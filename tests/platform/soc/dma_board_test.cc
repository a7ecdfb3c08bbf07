// The DMA engine in its place on the board: registers, interrupt, bytes on the bus, at both levels of timing.
#include <catch2/catch.hpp>

#include "platform/regs/dma_regs.h"
#include "tests/support/board_programs.h"
#include "tests/support/in_child.h"

namespace backboard {
namespace {

using dma_regs::Reg;
using test::BoardBench;
using test::BoardProgram;

constexpr uint32_t kDma = 0x10020000, kSource = 0x80100000, kDestination = 0x80200000, kSram = 0x08000000;

constexpr uint32_t at(Reg reg, unsigned channel = 0) {
  return kDma + dma_regs::offset_of(reg) + 4 * channel;
}

/// Lets the interrupt of the engine end WFI, without a trap.
void listen(BoardProgram& p) {
  p.store(test::kPlic + 4 * 14, 1).store(test::kPlic + 0x2000, 1u << 14);
  p.li(5, 0x800);
  p << rv::csrrs(0, 0x304, 5);
}

void start(BoardProgram& p, unsigned channel, uint32_t source, uint32_t destination, uint32_t bytes) {
  p.store(at(Reg::DMA_CH_SOURCE, channel), source).store(at(Reg::DMA_CH_DESTINATION, channel), destination);
  p.store(at(Reg::DMA_CH_BYTES, channel), bytes).store(at(Reg::DMA_CH_IRQ_ENABLE, channel), 7);
  p.store(at(Reg::DMA_CH_CONTROL, channel), 1);
}

std::vector<uint8_t> noise(size_t bytes) {
  std::vector<uint8_t> made(bytes);
  for (size_t i = 0; i < bytes; ++i) made[i] = static_cast<uint8_t>(i * 7 + i / 253);
  return made;
}

/// A copy in DRAM, in which the core sleeps; x10: what the PLIC says, x11: the events, x12: the error.
BoardProgram sleeping_copy(uint32_t source, uint32_t destination, uint32_t bytes) {
  BoardProgram p;
  listen(p);
  start(p, 0, source, destination, bytes);
  p << rv::wfi();
  p.li(5, test::kPlic + 0x200004);
  p << rv::lw(10, 5, 0);
  p.li(5, at(Reg::DMA_CH_EVENTS));
  p << rv::lw(11, 5, 0);
  p.li(5, at(Reg::DMA_CH_ERROR));
  p << rv::lw(12, 5, 0);
  p.finish();
  return p;
}

void check_copy(TimingLevel timing, uint32_t source, uint32_t destination) {
  BoardConfig config;
  config.timing = timing;
  constexpr uint32_t kBytes = 10'000;
  BoardBench bench(sleeping_copy(source, destination, kBytes), config);
  const std::vector<uint8_t> bytes = noise(kBytes);
  REQUIRE(bench.board.write_memory(source, bytes));
  const BoardResult result = bench.board.run();
  INFO(result.reason);
  REQUIRE(result.exit_code == 0);
  CHECK(bench.board.core().x(10) == 14);
  CHECK(bench.board.core().x(11) == 1);
  std::vector<uint8_t> copied(kBytes);
  REQUIRE(bench.board.read_memory(destination, copied));
  CHECK(copied == bytes);
  const bool dram_read = source >= 0x80000000, dram_written = destination >= 0x80000000;
  const TrafficRow row = bench.board.traffic().sum_of(Initiator::dma);
  CHECK(row.read_bytes == (dram_read ? kBytes : 0));
  CHECK(row.write_bytes == (dram_written ? kBytes : 0));
  const StatsTree stats = bench.board.stats();
  CHECK(stats.counter("dma.read_bytes") == kBytes);
  CHECK(stats.counter("dma.write_bytes") == kBytes);
  CHECK(stats.counter("bus.dma.read_bytes") == kBytes);
  CHECK(stats.counter("bus.dma.write_bytes") == kBytes);
  CHECK(stats.counter("dma.interrupts") == 1);
  CHECK(bench.board.findings().total() == 0);
  CHECK(bench.board.conservation_error().value_or("") == "");
}

TEST_CASE("the core sleeps while the DMA engine copies in DRAM, and its bytes are its own") {
  check_copy(TimingLevel::lt, kSource, kDestination + 3);
}
TEST_CASE("at: the core sleeps while the DMA engine copies in DRAM, and its bytes are its own") {
  check_copy(TimingLevel::at, kSource, kDestination + 3);
}
TEST_CASE("the DMA engine copies from SRAM to DRAM") {
  check_copy(TimingLevel::lt, kSram + 4, kDestination);
}
TEST_CASE("at: the DMA engine copies from SRAM to DRAM") {
  check_copy(TimingLevel::at, kSram + 4, kDestination);
}
TEST_CASE("the DMA engine copies from flash to DRAM") {
  check_copy(TimingLevel::lt, 0x20000100, kDestination);
}
TEST_CASE("at: the DMA engine copies from flash to DRAM") {
  check_copy(TimingLevel::at, 0x20000100, kDestination);
}
TEST_CASE("the DMA engine copies from DRAM to SRAM") {
  check_copy(TimingLevel::lt, kSource, kSram + 0x100);
}
TEST_CASE("at: the DMA engine copies from DRAM to SRAM") {
  check_copy(TimingLevel::at, kSource, kSram + 0x100);
}

/// Cycles of the engine for a copy that nobody disturbs.
uint64_t copy_cycles(TimingLevel timing, uint32_t source) {
  return std::stoull(test::in_child([&] {
    BoardConfig config;
    config.timing = timing;
    BoardBench bench(sleeping_copy(source, kDestination, 0x10000), config);
    const bool passed = bench.board.run().exit_code == 0;
    return std::to_string(passed ? bench.board.stats().counter("dma.channel0.busy_cycles") : 0);
  }));
}

TEST_CASE("an undisturbed copy keeps the bus busy, and takes the same time at lt and at within a tenth") {
  // 64 KiB cross a read and a write channel of 16 bytes: 4096 cycles of 200 MHz at least.
  for (const uint32_t source : {kSource, kSram}) {
    const uint64_t lt = copy_cycles(TimingLevel::lt, source), at_level = copy_cycles(TimingLevel::at, source);
    CHECK(lt >= 4096);
    CHECK(at_level >= 4096);
    CHECK(lt < 6000);
    CHECK(static_cast<double>(at_level) == Approx(static_cast<double>(lt)).epsilon(0.1));
  }
}

/// Windows of the bus for the engine end in the middle of the source.
void check_window(TimingLevel timing) {
  BoardConfig config;
  config.timing = timing;
  config.bus.windows.push_back({BusMaster::dma, 0x80000000, kSource + 0xFFF, true, true});
  config.bus.windows.push_back({BusMaster::dma, kDestination, 0x8FFFFFFF, true, true});
  BoardBench bench(sleeping_copy(kSource, kDestination, 0x2000), config);
  REQUIRE(bench.board.write_memory(kSource, noise(0x2000)));
  REQUIRE(bench.board.run().exit_code == 0);
  CHECK(bench.board.core().x(11) == 2);
  CHECK(bench.board.core().x(12) == 2);  // DENIED, a read
  CHECK(bench.word(at(Reg::DMA_CH_ERROR_ADDRESS)) == kSource + 0x1000);
  CHECK(bench.word(at(Reg::DMA_CH_MOVED)) == 0x1000);
  CHECK(bench.word(kDestination + 0xFFC) == bench.word(kSource + 0xFFC));
  CHECK(bench.word(kDestination + 0x1000) == 0);
  CHECK(bench.board.findings().total() > 0);
  CHECK(bench.board.conservation_error().value_or("") == "");
}

TEST_CASE("a copy that leaves the engine's access windows ends there with an error") {
  check_window(TimingLevel::lt);
}
TEST_CASE("at: a copy that leaves the engine's access windows ends there with an error") {
  check_window(TimingLevel::at);
}

/// The first boot starts a copy and asks for a reset; the second waits for what is in flight and copies elsewhere.
void check_reset(TimingLevel timing) {
  constexpr uint32_t kFrom = kSource + 0x1000;  // behind what counts the boots
  BoardConfig config;
  config.timing = timing;
  BoardProgram first;
  start(first, 1, kFrom, kDestination, 0x10000);
  first.store(test::kFinisher, 0x7777);
  first << rv::jal(0, 0);
  BoardProgram then;
  then.li(5, at(Reg::DMA_CH_STATUS, 1));
  then << rv::lw(20, 5, 0);
  then.li(5, at(Reg::DMA_CTRL));
  then << rv::lw(21, 5, 0) << rv::bne(21, 0, -4);
  listen(then);
  start(then, 0, kFrom, kDestination + 0x20000, 0x1000);
  then << rv::wfi();
  then.finish();
  BoardBench bench(test::boots_then(1, first, then), config);
  const std::vector<uint8_t> bytes = noise(0x10000);
  REQUIRE(bench.board.write_memory(kFrom, bytes));
  const BoardResult result = bench.board.run();
  INFO(result.reason);
  REQUIRE(result.exit_code == 0);
  CHECK(bench.board.resets() == 1);
  CHECK(bench.board.core().x(20) == 0);
  std::vector<uint8_t> copied(0x1000);
  REQUIRE(bench.board.read_memory(kDestination + 0x20000, copied));
  CHECK(std::equal(copied.begin(), copied.end(), bytes.begin()));
  CHECK(bench.word(kDestination + 0xFFFC) == 0);  // the first copy was cut off
  CHECK(bench.board.findings().total() == 0);
  CHECK(bench.board.conservation_error().value_or("") == "");
}

TEST_CASE("a reset of the board cuts a copy off, and the engine works after it") {
  check_reset(TimingLevel::lt);
}
TEST_CASE("at: a reset of the board cuts a copy off, and the engine works after it") {
  check_reset(TimingLevel::at);
}

/// The engine writes to its own registers, and to a register that ends the run.
TEST_CASE("the engine reaches devices but not itself") {
  BoardProgram p;
  listen(p);
  start(p, 0, kSource, kDma + 0x118, 4);
  p << rv::wfi();
  p.store(at(Reg::DMA_CH_EVENTS), 2);
  start(p, 1, kSource, test::kFinisher, 4);
  p << rv::wfi() << rv::jal(0, -4);
  BoardBench bench(p);
  const std::vector<uint8_t> passed = {0x55, 0x55, 0, 0};
  REQUIRE(bench.board.write_memory(kSource, passed));
  const BoardResult result = bench.board.run();
  CHECK(result.stop == BoardStop::finisher);
  CHECK(result.exit_code == 0);
  CHECK(bench.word(at(Reg::DMA_CH_ERROR)) == (0x100 | 3));  // TARGET, a write
}

}  // namespace
}  // namespace backboard
