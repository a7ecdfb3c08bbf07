// Real firmware on the whole board.
#include <catch2/catch.hpp>

#include "platform/soc/board.h"

namespace backboard {
namespace {

TEST_CASE("hello prints through the UART and ends with success") {
  MemorySink uart, console;
  Board board(BoardConfig{}, {uart, console});
  const std::string path = std::string(FIRMWARE_DIR) + "/hello.elf";
  const ElfFile elf = ElfFile::load(path);
  board.load(elf, path);
  board.start(elf.entry());
  const BoardResult result = board.run();
  INFO(result.reason);
  CHECK(result.stop == BoardStop::finisher);
  CHECK(result.exit_code == 0);
  CHECK(uart.text() == "Hello from the board.\r\n");
  CHECK(board.findings().total() == 0);
  CHECK(board.conservation_error().value_or("") == "");
  CHECK(board.run().stop == BoardStop::finisher);  // it stays ended
}

/// Caches so small that lines come and go all the time.
void add_caches(BoardConfig& config) {
  config.core.code_cache.enabled = config.core.data_cache.enabled = true;
  config.core.code_cache.size_bytes = config.core.data_cache.size_bytes = 1024;
}

void run_selftest(const char* engine, bool caches = false) {
  MemorySink uart, console;
  BoardConfig config;
  config.npu.engine = engine;
  if (caches) add_caches(config);
  Board board(config, {uart, console});
  const std::string path = std::string(FIRMWARE_DIR) + "/selftest.elf";
  const ElfFile elf = ElfFile::load(path);
  board.load(elf, path);
  board.start(elf.entry());
  const BoardResult result = board.run();
  INFO(uart.text());
  CHECK(result.stop == BoardStop::finisher);
  CHECK(result.exit_code == 0);
  CHECK(uart.text().find(", 0 failed") != std::string::npos);
  CHECK(board.conservation_error().value_or("") == "");
  CHECK(board.findings().json().find("\"cache\"") == std::string::npos);
  // What the NPU says it moved is what DRAM saw of it.
  const StatsTree stats = board.stats();
  CHECK(stats.counter("npu.read_bytes") == stats.counter("dram.by.npu.read_bytes"));
  CHECK(stats.counter("npu.write_bytes") == stats.counter("dram.by.npu.write_bytes"));
  CHECK(stats.counter("npu.read_bytes") > 0);
}

TEST_CASE("the selftest passes on lnpu, and every byte is accounted for") {
  run_selftest("lnpu");
}
TEST_CASE("the selftest passes on reference, and every byte is accounted for") {
  run_selftest("reference");
}

TEST_CASE("the selftest passes on lnpu with caches that hold data, and forgets no maintenance") {
  run_selftest("lnpu", true);
}
TEST_CASE("the selftest passes on reference with caches that hold data, and forgets no maintenance") {
  run_selftest("reference", true);
}

void boot_from_flash(bool caches) {
  MemorySink uart, console;
  BoardConfig config;
  if (caches) add_caches(config);
  config.boot = BootMode::flash;
  config.rom.image = std::string(FIRMWARE_DIR) + "/rom.elf";
  config.flash.file = std::string(FIRMWARE_DIR) + "/hello.flash";
  Board board(config, {uart, console});
  board.start(0);
  const BoardResult result = board.run();
  INFO(result.reason << " " << uart.text());
  CHECK(result.exit_code == 0);
  CHECK(uart.text() == "Hello from the board.\r\n");
  CHECK(board.findings().total() == 0);
}
TEST_CASE("the boot ROM checks the flash image, copies it to DRAM and starts it") {
  boot_from_flash(false);
}
TEST_CASE("the boot ROM's copy is executed through caches that hold data") {
  boot_from_flash(true);
}

TEST_CASE("without an image in flash the boot ROM says so and ends with its code") {
  MemorySink uart, console;
  BoardConfig config;
  config.boot = BootMode::flash;
  config.rom.image = std::string(FIRMWARE_DIR) + "/rom.elf";
  Board board(config, {uart, console});
  board.start(0);
  const BoardResult result = board.run();
  CHECK(result.stop == BoardStop::finisher);
  CHECK(result.exit_code > 200);
  CHECK(uart.text().substr(0, 6) == "boot: ");
}

}  // namespace
}  // namespace backboard
