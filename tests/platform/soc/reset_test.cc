// Resets by the guest: the board starts again as silicon and QEMU's virt machine do.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>
#include <map>

#include "platform/regs/blocks.h"
#include "tests/support/board_programs.h"
#include "tests/support/elf_writer.h"
#include "tests/support/program.h"

namespace backboard {
namespace {

using test::BoardBench;
using test::BoardProgram;
using test::boots_then;
using test::kBoots;
using test::kCauses;

BoardProgram finish(uint32_t value = 0x5555) {
  return BoardProgram().finish(value);
}

BoardProgram sleep() {
  BoardProgram p;
  p << rv::wfi() << rv::jal(0, -4);
  return p;
}

/// What a debugger reads of every register that reads have.
std::map<std::string, uint32_t> all_registers(Board& board) {
  std::map<std::string, uint32_t> values;
  for (const PlacedBlock& placed : all_blocks()) {
    for (const RegisterInfo& reg : placed.block->registers) {
      for (uint32_t i = 0; i < reg.count && reg.bank == 0; ++i) {
        uint32_t value = 0;
        const std::span bytes(reinterpret_cast<uint8_t*>(&value), reg.width_bytes);
        if (!board.read_memory(placed.base + reg.offset + uint64_t{i} * reg.stride_bytes, bytes)) continue;
        values[std::string(reg.name) + "[" + std::to_string(i) + "]"] = value;
      }
    }
  }
  return values;
}

/// Ones into every register that can be written, but for those that count or end something at once.
BoardProgram scribble() {
  BoardProgram p;
  for (const PlacedBlock& placed : all_blocks()) {
    for (const RegisterInfo& reg : placed.block->registers) {
      if (reg.access == RegisterAccess::RO || placed.block->name == "finisher" || reg.bank != 0) continue;
      if (reg.name.ends_with("_S")) continue;  // a context that this board lacks
      const auto address = static_cast<uint32_t>(placed.base + reg.offset);
      if (reg.width_bytes == 1) {
        p.store_byte(address, 0xFF);
      } else {
        p.store(address, 0xFFFFFFFF);
        if (reg.count > 1) p.store(address + reg.stride_bytes, 0xFFFFFFFF);
      }
    }
  }
  return p;
}

TEST_CASE("a reset by the finisher leaves every register as power-on does, and memory as it was") {
  BoardProgram first = scribble();
  first.finish(0x7777);
  BoardBench bench(boots_then(1, first, sleep()));
  const std::map<std::string, uint32_t> at_power_on = all_registers(bench.board);
  REQUIRE(at_power_on.size() > 100);
  const BoardResult result = bench.board.run();
  INFO(result.reason);
  CHECK(result.stop == BoardStop::deadlock);  // the second boot sleeps
  CHECK(bench.board.resets() == 1);
  CHECK(bench.word(kBoots) == 2);
  CHECK(bench.word(kCauses) == 0);
  CHECK(bench.word(kCauses + 4) == 1);
  for (const auto& [name, value] : all_registers(bench.board)) {
    INFO(name);
    if (name.find("CLINT_MTIME_LO") == 0) {
      CHECK(value < 10);  // counts from the reset
    } else if (name.find("WATCHDOG_CAUSE") == 0) {
      CHECK(value == 1);
    } else {
      CHECK(value == at_power_on.at(name));
    }
  }
  CHECK(bench.board.core().csr(0x344) == 0u);
  CHECK(bench.board.core().csr(0x304) == 0u);
  CHECK(bench.board.conservation_error().value_or("") == "");
}

TEST_CASE("what is scribbled over is there: the registers differ before the reset") {
  BoardBench bench([] {
    BoardProgram p = scribble();
    p << rv::wfi();
    return p;
  }());
  const std::map<std::string, uint32_t> at_power_on = all_registers(bench.board);
  bench.board.run_until(1'000'000'000);
  unsigned changed = 0;
  for (const auto& [name, value] : all_registers(bench.board)) changed += value != at_power_on.at(name);
  CHECK(changed > 20);
}

TEST_CASE("the watchdog's second expiry resets the board, and the register says so") {
  BoardProgram first;
  first.store(test::kWatchdog + 8, 50).store(test::kWatchdog + 4, 5);  // locked: nothing else stops it
  first << rv::jal(0, 0);
  BoardBench bench(boots_then(2, first, finish()));
  const BoardResult result = bench.board.run();
  INFO(result.reason);
  CHECK(result.stop == BoardStop::finisher);
  CHECK(result.exit_code == 0);
  CHECK(bench.board.resets() == 2);
  CHECK(bench.word(kCauses + 4) == 2);
  CHECK(bench.word(kCauses + 8) == 2);
  CHECK(result.time_ps >= 200'000'000);  // twice two expiries of 50 us
  CHECK(result.time_ps < 202'000'000);
  CHECK(bench.board.findings().total() == 2);
}

TEST_CASE("at: a reset meets a core that waits for a line, drops its answer and starts the board again") {
  // Loads from line after line until the watchdog's second expiry; nearly all the time a request is in flight.
  BoardProgram first;
  first.store(test::kWatchdog + 8, 50).store(test::kWatchdog + 4, 5);
  first.li(8, 0x80200000);
  first << rv::lw(10, 8, 0) << rv::sw(10, 4, 8) << rv::addi(8, 8, 64) << rv::jal(0, -12);
  BoardConfig config;
  config.timing = TimingLevel::at;
  config.core.code_cache.enabled = config.core.data_cache.enabled = true;
  config.core.data_cache.writes = CacheWrites::through;  // what the first boot counted must be in memory
  config.dram.check_commands = true;
  BoardBench bench(boots_then(2, first, finish()), config);
  const BoardResult result = bench.board.run();
  INFO(result.reason);
  CHECK(result.stop == BoardStop::finisher);
  CHECK(result.exit_code == 0);
  CHECK(bench.board.resets() == 2);
  CHECK(bench.word(kBoots) == 3);
  CHECK(bench.word(kCauses + 4) == 2);
  CHECK(bench.word(kCauses + 8) == 2);
  const StatsTree stats = bench.board.stats();
  CHECK(stats.counter("bus.requests.core.reads") > 500);
  CHECK(stats.counter("bus.requests.core.writes") > 500);
  CHECK(bench.board.conservation_error().value_or("") == "");
}

TEST_CASE("a watchdog resets a core that sleeps, and its cycles of sleep are counted") {
  BoardProgram first;
  first.store(test::kWatchdog + 8, 50).store(test::kWatchdog + 4, 1);
  first << rv::wfi() << rv::jal(0, -4);
  BoardBench bench(boots_then(1, first, finish()));
  CHECK(bench.board.run().stop == BoardStop::finisher);
  const StatsTree stats = bench.board.stats();
  CHECK(stats.counter("core.idle_cycles") > 19'000);  // 100 us at 200 MHz
  CHECK(stats.counter("core.idle_cycles") + stats.counter("core.active_cycles") ==
        bench.board.core().time_ps() / 5'000);
}

TEST_CASE("a reboot loop ends at the limit of resets with a sentence that says so") {
  BoardBench bench(boots_then(1000, finish(0x7777), finish()));
  bench.board.set_reset_limit(3);
  const BoardResult result = bench.board.run();
  CHECK(result.stop == BoardStop::reset);
  CHECK(result.exit_code == 1);
  CHECK(result.reason == "the firmware asked for reset number 4: the limit is 3");
  CHECK(bench.word(kBoots) == 4);
  CHECK(bench.board.run().stop == BoardStop::reset);  // it stays ended
}

TEST_CASE("with boot: direct the ELF is loaded again, with its zeros, and other memory stays") {
  // main overwrites its initialised data and its zeros when it boots first, and ends with what it finds.
  BoardProgram code;
  const uint32_t data = test::kProgramBase + 0x1000;
  code.li(8, data).li(9, kBoots);
  code << rv::lw(10, 8, 0) << rv::lw(11, 8, 12) << rv::sw(10, 4, 9) << rv::sw(11, 8, 9);
  code << rv::lw(12, 9, 0) << rv::addi(13, 12, 1) << rv::sw(13, 0, 9);
  code << rv::sw(0, 0, 8) << rv::sw(8, 12, 8);
  code << rv::bne(12, 0, 4 + 4 * 6);
  BoardProgram reboot = BoardProgram().finish(0x7777), end = finish();
  while (reboot.bytes().size() < 24) reboot << rv::addi(0, 0, 0);
  REQUIRE(reboot.bytes().size() == 24);
  std::vector<uint8_t> bytes = code.bytes();
  bytes.insert(bytes.end(), reboot.bytes().begin(), reboot.bytes().end());
  bytes.insert(bytes.end(), end.bytes().begin(), end.bytes().end());
  const test::TemporaryFolder folder;
  std::string text;
  for (const uint8_t b : test::make_elf(false, bytes, test::kProgramBase)) text += static_cast<char>(b);
  // The symbol tohost stands on the data; another name, so that writing there ends nothing.
  text.replace(text.find("tohost"), 6, "worker");
  const std::string path = folder.write("twice.elf", text);
  BoardBench bench(BoardConfig{}, BoardBench::ForRestore{});
  const ElfFile elf = ElfFile::load(path);
  bench.board.load(elf, path);
  bench.board.start(elf.entry(), 0x1234);
  CHECK(bench.board.run().exit_code == 0);
  CHECK(bench.word(kBoots) == 2);
  CHECK(bench.word(kBoots + 4) == 0x55667788);  // as the ELF has it
  CHECK(bench.word(kBoots + 8) == 0);
}

TEST_CASE("with boot: flash a reset starts the boot ROM again") {
  BoardConfig config;
  config.boot = BootMode::flash;
  const test::TemporaryFolder folder;
  const BoardProgram rom = boots_then(2, finish(0x7777), finish());
  config.rom.image = folder.write("rom.bin", std::string(rom.bytes().begin(), rom.bytes().end()));
  BoardBench bench(config, BoardBench::ForRestore{});
  bench.board.start(0);
  CHECK(bench.board.run().exit_code == 0);
  CHECK(bench.word(kBoots) == 3);
  CHECK(bench.board.resets() == 2);
}

TEST_CASE("a reset tears what the flash is doing and leaves it ready") {
  BoardProgram first;
  constexpr uint32_t kFlash = 0x10040000;
  BoardProgram erase;
  for (const PlacedBlock& placed : all_blocks()) {
    if (placed.block->name != "flash") continue;
    const auto offset = [&](std::string_view name) {
      for (const RegisterInfo& reg : placed.block->registers) {
        if (reg.name == name) return reg.offset;
      }
      FAIL("no such register");
      return 0u;
    };
    erase.store(kFlash + offset("FLASH_COMMAND"), 0x06).store(kFlash + offset("FLASH_COMMAND"), 0x20);
  }
  erase.finish(0x7777);
  BoardBench bench(boots_then(1, erase, finish()));
  CHECK(bench.board.run().exit_code == 0);
  CHECK(bench.board.stats().counter("flash.erases") == 0);
  CHECK_FALSE(bench.board.anything_scheduled());
}

TEST_CASE("a reset in the middle of an NPU command: the selftest passes behind it, every byte accounted for") {
  MemorySink uart, console;
  Board board(BoardConfig{}, {uart, console});
  const std::string path = std::string(FIRMWARE_DIR) + "/selftest.elf";
  const ElfFile elf = ElfFile::load(path);
  board.load(elf, path);
  board.start(elf.entry());
  REQUIRE(board.run_until(110'000'456'789).stop == BoardStop::time_limit);
  const uint64_t busy = board.stats().counter("npu.busy_cycles");
  CHECK(busy > 0);
  board.reset();
  const BoardResult result = board.run();
  INFO(uart.text());
  CHECK(result.stop == BoardStop::finisher);
  CHECK(result.exit_code == 0);
  CHECK(uart.text().find(", 0 failed") != std::string::npos);
  CHECK(board.conservation_error().value_or("") == "");
  const StatsTree stats = board.stats();
  CHECK(stats.counter("resets") == 1);
  CHECK(stats.counter("npu.read_bytes") == stats.counter("dram.by.npu.read_bytes"));
  CHECK(stats.counter("npu.write_bytes") == stats.counter("dram.by.npu.write_bytes"));
}

}  // namespace
}  // namespace backboard
