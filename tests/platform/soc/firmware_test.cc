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

TEST_CASE("the boot ROM checks the flash image, copies it to DRAM and starts it") {
  MemorySink uart, console;
  BoardConfig config;
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
