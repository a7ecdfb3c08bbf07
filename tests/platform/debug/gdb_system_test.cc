// The program under gdb-multiarch and under a client of the test's own.
#include <catch2/catch.hpp>

#include "tests/platform/debug/debugged_program.h"

using backboard::test::check_says;
using backboard::test::DebuggedProgram;
using backboard::test::GdbClient;
using backboard::test::read_text;
using backboard::test::TemporaryFolder;

namespace {

std::string firmware(const std::string& name) {
  return FIRMWARE_FOLDER "/" + name + ".elf";
}

}  // namespace

TEST_CASE("gdb-multiarch debugs the example: points, registers, CSRs, variables, stepping, to the exit") {
  DebuggedProgram program({"exec", firmware("example")});
  const std::string log = program.gdb(firmware("example"),
                                      "break main\n"
                                      "continue\n"
                                      "backtrace\n"
                                      "print $mhartid\n"
                                      "print $mcycle == $mcycle\n"
                                      "set var $fa5 = 1.5\n"
                                      "print $fa5\n"
                                      "set var $mscratch = 77\n"
                                      "print $mscratch\n"
                                      "set $before = (unsigned) $pc\n"
                                      "stepi\n"
                                      "print $before != $pc && $pc - $before <= 4\n"
                                      "print $mcycle == $mcycle\n"
                                      "next\n"
                                      "watch shared.x[3]\n"
                                      "continue\n"
                                      "print shared.x[3]\n"
                                      "delete\n"
                                      "hbreak npu_submit_fenced\n"
                                      "continue\n"
                                      "print shared.bias[0] = 20\n"
                                      "rwatch shared.y[7]\n"
                                      "continue\n"
                                      "delete\n"
                                      "monitor help\n"
                                      "monitor reset\n"
                                      "monitor info npu\n"
                                      "monitor info irq\n"
                                      "monitor info dram\n"
                                      "info mem\n"
                                      "continue\n");
  check_says(log, {"Breakpoint 1, ",
                   "in main ()",
                   "#0  ",
                   "in main ()",
                   "$1 = 0",
                   "$2 = 1",
                   "$3 = 1.5",
                   "$4 = 77",
                   "$5 = 1",
                   "$6 = 1",
                   "Hardware watchpoint 2: shared.x[3]",
                   "Old value = 0",
                   "New value = 3",
                   "$7 = 3",
                   "Hardware assisted breakpoint 3",
                   "Breakpoint 3,",
                   "$8 = 20",
                   "Hardware read watchpoint 4: shared.y[7]",
                   "Value = 17",
                   "info npu",
                   "reset is not modelled",
                   "NPU_CTRL",
                   "mstatus 0x",
                   "dram.",
                   "0x80000000",
                   "exited normally"});
  CHECK(program.exit_code() == 0);
  CHECK(program.out() == "20 11 12 13 14 15 16 17 \r\n");
}

TEST_CASE("a debugger that only lets the program run changes nothing: statistics are the same bytes") {
  const TemporaryFolder plain;
  const auto alone = backboard::test::run_program(
      BACKBOARD_PROGRAM, "exec '" FIRMWARE_FOLDER "/example.elf' --stats '" + plain.path("stats") + "'");
  REQUIRE(alone.exit_code == 0);
  const TemporaryFolder debugged;
  DebuggedProgram program({"exec", firmware("example"), "--stats", debugged.path("stats")});
  GdbClient client(program.socket());
  // Looking, and points that are never met, are no interference.
  CHECK(client.ask("Z0,80000000,2") == "OK");
  CHECK(client.ask("z0,80000000,2") == "OK");
  CHECK(client.ask("m80000000,40").size() == 128);
  CHECK(client.ask("Z2,80011a00,4").substr(0, 2) == "OK");
  CHECK(client.ask("z2,80011a00,4").substr(0, 2) == "OK");
  CHECK(client.ask("s").substr(0, 3) == "T05");
  CHECK(client.ask("c") == "W00");
  CHECK(program.exit_code() == 0);
  const std::string expected = read_text(plain.path("stats"));
  CHECK(!expected.empty());
  CHECK(read_text(debugged.path("stats")) == expected);
}

TEST_CASE("Ctrl-C halts an endless program: it is stepped, detached from, attached again and killed") {
  DebuggedProgram program({"exec", firmware("test_exec_endless")});
  {
    GdbClient client(program.socket());
    CHECK(client.ask("?").substr(0, 3) == "T05");
    client.send("c");
    client.send_raw("\x03");
    CHECK(client.receive().substr(0, 3) == "T02");
    const std::string counter = client.ask("p" + std::string("b42"));  // 65 + 0xb01 is no counter of this core
    CHECK(counter == "E02");
    const std::string retired = client.ask("pb43");  // 65 + 0xb02: minstret
    CHECK(client.ask("pb43") == retired);
    CHECK(client.ask("s").substr(0, 3) == "T05");
    std::string before, after;
    REQUIRE(backboard::from_hex(retired, before));
    REQUIRE(backboard::from_hex(client.ask("pb43"), after));
    CHECK(static_cast<uint8_t>(after[0]) == static_cast<uint8_t>(before[0] + 1));
    CHECK(client.ask("D") == "OK");
  }
  {
    GdbClient client(program.socket());
    CHECK(client.ask("?").substr(0, 1) == "T");
    client.send("c");
  }  // a client that is lost leaves the program running
  GdbClient client(program.socket());
  CHECK(client.ask("?").substr(0, 1) == "T");
  client.send("k");
  CHECK(program.exit_code() == 1);
}

TEST_CASE("an address that cannot be listened on is bad input") {
  for (const char* address : {"elsewhere:1", "1:2:3:", "99999", "unix:", "unix:/nowhere/at/all", "x"}) {
    const auto result = backboard::test::run_program(
        BACKBOARD_PROGRAM, std::string("exec '" FIRMWARE_FOLDER "/example.elf' --gdb ") + address);
    INFO(address << ": " << result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.err.find("--gdb") != std::string::npos);
  }
}
