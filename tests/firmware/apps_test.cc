// The firmware apps on the board, started as a user starts them.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/program.h"

using backboard::test::ProgramResult;
using backboard::test::TemporaryFolder;

namespace {

const std::string kFolder = FIRMWARE_FOLDER "/";

ProgramResult exec(const std::string& app, const std::string& arguments = "") {
  return backboard::test::run_program(BACKBOARD_PROGRAM, "exec " + kFolder + app + ".elf " + arguments);
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Boots from a flash that holds `image`; the ELF that `exec` wants is another one, whose output must not appear.
ProgramResult boot(const std::string& flash_file) {
  return exec("example", "--set boot=flash --set rom.image=" + kFolder + "rom.elf --set flash.file=" + flash_file);
}

std::string copy_of_hello(const TemporaryFolder& folder) {
  std::filesystem::copy_file(kFolder + "hello.flash", folder.path("flash.bin"));
  return folder.path("flash.bin");
}

void flip_bit(const std::string& file, std::streamoff offset) {
  std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekg(offset);
  const char value = static_cast<char>(bytes.get() ^ 1);
  bytes.seekp(offset);
  bytes.put(value);
}

}  // namespace

TEST_CASE("the example of the README adds a bias on the NPU") {
  const ProgramResult result = exec("example");
  CHECK(result.exit_code == 0);
  CHECK(result.out == "10 11 12 13 14 15 16 17 \r\n");
  CHECK(result.err.empty());
}

TEST_CASE("the self-test passes on every engine") {
  for (const std::string engine : {"lnpu", "reference"}) {
    INFO(engine);
    const ProgramResult result = exec("selftest", "--set npu.engine=" + engine);
    INFO(result.out);
    CHECK(result.exit_code == 0);
    CHECK_FALSE(says(result.out, "FAIL"));
    CHECK(says(result.out, " 0 failed"));
    CHECK(says(result.out, engine == "lnpu" ? "PASS FGMP: CONV_WG" : "PASS FP32: CONV_WG"));
    // The four commands and the copy that it makes fail are findings, and nothing else is.
    const std::string finding = "of the ring failed";
    CHECK(says(result.err, "dma: channel 1 ends with RANGE"));
    CHECK(says(result.err, "WATCHDOG"));
    size_t lines = 0, expected = 0;
    for (size_t at = 0; (at = result.err.find("finding:", at)) != std::string::npos; at++) lines++;
    for (size_t at = 0; (at = result.err.find(finding, at)) != std::string::npos; at++) expected++;
    CHECK(lines == 5);
    CHECK(expected == 4);
  }
}

TEST_CASE("the training firmware without a run block says so and ends with its code") {
  const ProgramResult result = exec("train");
  CHECK(result.exit_code == 1);
  CHECK(says(result.out, "error 10: no run block"));
  CHECK(says(result.err, "10"));
}

TEST_CASE("the boot ROM starts the image in flash") {
  const TemporaryFolder folder;
  const ProgramResult result = boot(copy_of_hello(folder));
  INFO(result.err);
  CHECK(result.exit_code == 0);
  CHECK(result.out == "Hello from the board.\r\n");
}

TEST_CASE("the boot ROM says why it does not start an image, and ends with a code") {
  const TemporaryFolder folder;
  const ProgramResult empty = boot(folder.path("empty.bin"));
  CHECK(empty.exit_code == 1);
  CHECK(says(empty.out, "boot: no image in flash"));
  CHECK(says(empty.err, "201"));
  const std::string flash_file = copy_of_hello(folder);
  flip_bit(flash_file, 100);
  const ProgramResult damaged = boot(flash_file);
  CHECK(damaged.exit_code == 1);
  CHECK(says(damaged.out, "boot: image is damaged (CRC)"));
  flip_bit(flash_file, 100);
  flip_bit(flash_file, 20);
  CHECK(says(boot(flash_file).out, "boot: image header is damaged (CRC)"));
}
