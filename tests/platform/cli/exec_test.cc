// `backboard exec` from outside: how programs end, and what is written about them.
#include <signal.h>

#include <bit>
#include <catch2/catch.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/program.h"

using backboard::test::ProgramResult;
using backboard::test::read_text;
using backboard::test::TemporaryFolder;

namespace {

ProgramResult exec(const std::string& guest, const std::string& arguments = "") {
  return backboard::test::run_program(BACKBOARD_PROGRAM, "exec " FIRMWARE_FOLDER "/" + guest + ".elf " + arguments);
}

}  // namespace

TEST_CASE("a program that passes exits with 0, and its UART is stdout, nothing else") {
  const ProgramResult result = exec("hello");
  CHECK(result.exit_code == 0);
  CHECK(result.out == "Hello from the board.\r\n");
  CHECK(result.err.empty());
}

TEST_CASE("a program of 64 bits gets a core of 64 bits, at each timing level and with caches") {
  char sum_text[32], product_text[32];
  double sum = 0;
  for (int i = 1; i <= 1000; ++i) sum += 1.0 / i;
  std::snprintf(sum_text, sizeof sum_text, "sum %016llx\r\n",
                static_cast<unsigned long long>(std::bit_cast<uint64_t>(sum)));
  std::snprintf(product_text, sizeof product_text, "product %016llx\r\n",
                static_cast<unsigned long long>(0x123456789abcdef1 * 0xfedcba9876543210));
  for (const char* board : {"", "--set timing=at", "--set core.icache.enabled=true --set core.dcache.enabled=true"}) {
    INFO(board);
    const ProgramResult hello = exec("hello_rv64", board);
    CHECK(hello.exit_code == 0);
    CHECK(hello.out == "Hello from the board.\r\n");
    const ProgramResult guest = exec("test_exec_rv64", board);
    CHECK(guest.exit_code == 0);
    CHECK(guest.err.empty());
    CHECK(guest.out ==
          std::string(product_text) + sum_text + "interrupts 1\r\nwritten by semihosting\nnot written 0\r\n");
  }
}

TEST_CASE("a program that was compiled for Zba, Zbb and Zbs prints what it prints without, on a core that has them") {
  for (const bool wide : {false, true}) {
    const std::string width = wide ? "_rv64" : "", base = wide ? "rv64imafdc" : "rv32imafc";
    INFO(base);
    const ProgramResult plain = exec("test_exec_bits" + width);
    CHECK(plain.exit_code == 0);
    CHECK(plain.out.find("sum ") == 0);
    for (const std::string name : {"_zba_zbb_zbs", "b"}) {
      const ProgramResult bits = exec("test_exec_bits_b" + width, "--set core.isa=" + base + name);
      CHECK(bits.exit_code == 0);
      CHECK(bits.out == plain.out);
    }
    const ProgramResult interpreted =
        exec("test_exec_bits_b" + width, "--set core.isa=" + base + "b --set core.jit=false");
    CHECK(interpreted.out == plain.out);
    const ProgramResult without = exec("test_exec_bits_b" + width);  // an illegal instruction
    CHECK(without.exit_code == 1);
    CHECK(without.out.find("sum ") == std::string::npos);
    const ProgramResult some = exec("test_exec_bits_b" + width, "--set core.isa=" + base + "_zba_zbs");
    CHECK(some.exit_code == 1);
  }
  const ProgramResult unknown = exec("hello", "--set core.isa=rv32imafc_zbc");
  CHECK(unknown.exit_code == 2);
  CHECK(unknown.err.find("'rv32imafc_zbc'") != std::string::npos);
  CHECK(unknown.err.find("rv32imafc_zba_zbb_zbs") != std::string::npos);
}

TEST_CASE("a core of another width than the program's, and compiled RV64, are refused") {
  const ProgramResult narrow = exec("hello_rv64", "--set core.isa=rv32imafc");
  CHECK(narrow.exit_code == 2);
  CHECK(narrow.err.find("hello_rv64.elf: the program is for RV64, the board's core is RV32\n") != std::string::npos);
  const ProgramResult wide = exec("hello", "--set core.isa=rv64imafdc");
  CHECK(wide.exit_code == 2);
  CHECK(wide.err.find("hello.elf: the program is for RV32, the board's core is RV64\n") != std::string::npos);
  const ProgramResult compiled = exec("hello_rv64", "--set core.jit=true");
  CHECK(compiled.exit_code == 2);
  CHECK(compiled.err.find("core.jit: only code of RV32 is compiled") != std::string::npos);
  CHECK(exec("hello_rv64", "--set core.jit=false").exit_code == 0);
  CHECK(exec("hello", "--set core.jit=true").exit_code == 0);
}

TEST_CASE("a program that fails by the finisher or by tohost exits with 1 and says its code") {
  const ProgramResult finisher = exec("test_exec_finisher_fail");
  CHECK(finisher.exit_code == 1);
  CHECK(finisher.err.find("finisher_fail.elf: ") != std::string::npos);
  CHECK(finisher.err.find("7") != std::string::npos);
  const ProgramResult tohost = exec("test_exec_tohost");
  CHECK(tohost.exit_code == 1);
  CHECK(tohost.err.find("5") != std::string::npos);
}

TEST_CASE("semihosting writes to stdout and ends the program") {
  const ProgramResult result = exec("test_exec_semihosting");
  CHECK(result.exit_code == 0);
  CHECK(result.out == "said by semihosting\n");
}

TEST_CASE("the instruction limit ends an endless program as a failure") {
  const TemporaryFolder folder;
  const ProgramResult result =
      exec("test_exec_endless", "--max-instructions 1000 --stats " + folder.path("stats.json"));
  CHECK(result.exit_code == 1);
  CHECK(result.err.find("1000 instructions") != std::string::npos);
  const auto stats = nlohmann::json::parse(read_text(folder.path("stats.json")));
  CHECK(stats["core.instructions"]["value"] == 1000);
  CHECK(stats["core.instructions"]["unit"] == "instructions");
}

TEST_CASE("a program that resets the board starts again, as often as it may") {
  const ProgramResult whole = exec("test_exec_reboot");
  CHECK(whole.exit_code == 0);
  CHECK(whole.out == "0123");
  const ProgramResult limited = exec("test_exec_reboot", "--max-resets 2");
  CHECK(limited.exit_code == 1);
  CHECK(limited.out == "012");
  CHECK(limited.err.find("the firmware asked for reset number 3: the limit is 2\n") != std::string::npos);
}

TEST_CASE("the signature is one word a line") {
  const TemporaryFolder folder;
  CHECK(exec("test_exec_tohost", "--signature " + folder.path("signature")).exit_code == 1);
  CHECK(read_text(folder.path("signature")) == "01234567\ndeadbeef\n");
  const ProgramResult none = exec("hello", "--signature " + folder.path("none"));
  CHECK(none.exit_code == 2);
  CHECK(none.err.find("has no symbols begin_signature and end_signature") != std::string::npos);
}

TEST_CASE("a guest mistake is one line on stderr with register, reason and pc") {
  const ProgramResult result = exec("test_exec_finding");
  CHECK(result.exit_code == 0);
  CHECK(result.err.find("finding: ") == 0);
  CHECK(result.err.find("finisher") != std::string::npos);
  CHECK(result.err.find("pc 0x8000") != std::string::npos);
  CHECK(result.err.find(" in _start (finding.S:9)\n") != std::string::npos);
}

TEST_CASE("a program without debug information is told by its function only") {
  const TemporaryFolder folder;
  const std::string stripped = folder.path("stripped.elf");
  REQUIRE(std::system(
              ("riscv64-unknown-elf-strip --strip-debug -o " + stripped + " " FIRMWARE_FOLDER "/test_exec_finding.elf")
                  .c_str()) == 0);
  const ProgramResult result = backboard::test::run_program(BACKBOARD_PROGRAM, "exec " + stripped);
  CHECK(result.exit_code == 0);
  CHECK(result.err.find(") in _start\n") != std::string::npos);
  CHECK(result.err.find("finding.S") == std::string::npos);
}

TEST_CASE("what is no program is one error line and exit code 2") {
  const TemporaryFolder folder;
  for (const std::string& text : {std::string(), std::string("#!/bin/sh\n"),
                                  std::string("\x7f"
                                              "ELF\x02\x01\x01"),
                                  read_text(FIRMWARE_FOLDER "/hello.elf").substr(0, 100)}) {
    const std::string file = folder.write("bad.elf", text);
    const ProgramResult result = backboard::test::run_program(BACKBOARD_PROGRAM, "exec " + file);
    CHECK(result.exit_code == 2);
    CHECK(result.err.find("backboard: error: " + file + ": ") == 0);
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  }
  CHECK(backboard::test::run_program(BACKBOARD_PROGRAM, "exec " + folder.path("absent")).exit_code == 2);
}

TEST_CASE("the board of exec is a configuration, and too little host memory is bad input") {
  const ProgramResult slow = exec("hello", "--set 'core.clock=100 MHz'");
  CHECK(slow.exit_code == 0);
  const ProgramResult wrong = exec("hello", "--set core.clok=1");
  CHECK(wrong.exit_code == 2);
  CHECK(wrong.err.find("--set core.clok=1: core: unknown key 'clok'; did you mean 'clock'?") != std::string::npos);
  const ProgramResult little = exec("hello", "--max-memory '20 MiB'");
  CHECK(little.exit_code == 2);
  CHECK(little.err.find("memory") != std::string::npos);
}

TEST_CASE("what a full disk loses of the console, the trace or the UART is an error that names it") {
  const ProgramResult console = backboard::test::run_program(
      "/bin/sh", "-c '\"" BACKBOARD_PROGRAM "\" exec " FIRMWARE_FOLDER "/hello.elf >/dev/full'");
  CHECK(console.exit_code == 2);
  CHECK(console.err.find("backboard: error: standard output: cannot be written") == 0);
  const ProgramResult trace = exec("hello", "--trace /dev/full");
  CHECK(trace.exit_code == 2);
  CHECK(trace.err.find("backboard: error: /dev/full: cannot be written") == 0);
  const ProgramResult uart = exec("hello", "--uart file:/dev/full");
  CHECK(uart.exit_code == 2);
  CHECK(uart.err.find("backboard: error: --uart file:/dev/full: cannot be written") == 0);
}

TEST_CASE("Ctrl-C ends an endless program at a safe point with its statistics written") {
  const TemporaryFolder folder;
  const std::string stats = folder.path("stats.json");
  const ProgramResult result = backboard::test::run_program(
      "/bin/sh", "-c '" BACKBOARD_PROGRAM " exec " FIRMWARE_FOLDER "/test_exec_endless.elf --stats " + stats +
                     " & pid=$!; sleep 1; kill -TERM $pid; wait $pid'");
  CHECK(result.exit_code == 1);
  CHECK(nlohmann::json::parse(read_text(stats))["core.instructions"]["value"] > 1000);
}

TEST_CASE("an internal error, which aborts the program, is exit code 3") {
  const ProgramResult result =
      backboard::test::run_program("/bin/sh", "-c '" BACKBOARD_PROGRAM " exec " FIRMWARE_FOLDER
                                              "/test_exec_endless.elf & pid=$!; sleep 1; kill -ABRT $pid; wait $pid'");
  CHECK(result.exit_code == 3);
}

TEST_CASE("the programs of bench core print what QEMU 7.2 prints for them") {
  const std::pair<const char*, const char*> programs[] = {
      {"integer", "c6e1776f"}, {"gemm", "14c7c6ba"}, {"copy", "000a766f"}, {"stream", "00000001"},
      {"mark", "00009be0"},    {"fp32", "430e3280"}, {"poll", "00000001"}, {"interrupts", "00000001"},
  };
  for (const auto& [name, expected] : programs) {
    INFO(name);
    const ProgramResult result = exec(std::string("bench_") + name);
    CHECK(result.exit_code == 0);
    CHECK(result.out == std::string(expected) + "\r\n");
  }
}
