// The program under gdb-multiarch and under a client of the test's own.
#include <catch2/catch.hpp>
#include <optional>

#include "tests/platform/debug/debugged_program.h"

using backboard::test::BackgroundProgram;
using backboard::test::check_says;
using backboard::test::DebuggedProgram;
using backboard::test::eventually;
using backboard::test::firmware;
using backboard::test::GdbClient;
using backboard::test::kBoards;
using backboard::test::read_text;
using backboard::test::run_program;
using backboard::test::SocketClient;
using backboard::test::TemporaryFolder;

TEST_CASE("gdb-multiarch debugs a program of 64 bits: registers, doubles, CSRs, points, to the exit") {
  for (const std::string board : kBoards) {
    INFO(board);
    DebuggedProgram program({"exec", firmware("test_exec_rv64"), "--set", board});
    const std::string log = program.gdb(firmware("test_exec_rv64"),
                                        "break main\n"
                                        "continue\n"
                                        "print sizeof($a0)\n"
                                        "set var $s11 = 0x123456789abcdef0\n"
                                        "print/x $s11\n"
                                        "set var $fs11.double = 1.25\n"
                                        "print $fs11.double\n"
                                        "print/x $fs11\n"
                                        "set var $mscratch = 0xfedcba9876543210\n"
                                        "print/x $mscratch\n"
                                        "print/x $misa\n"
                                        "hbreak board_on_trap\n"
                                        "continue\n"
                                        "print/x $mcause\n"
                                        "delete\n"
                                        "watch timer_interrupts\n"
                                        "continue\n"
                                        "delete\n"
                                        "continue\n");
    check_says(log, {"Breakpoint 1, ", "main ()", "$1 = 8", "$2 = 0x123456789abcdef0", "$3 = 1.25",
                     "0x3ff4000000000000", "$5 = 0xfedcba9876543210", "$6 = 0x800000000010112d",
                     "Hardware assisted breakpoint 2", "Breakpoint 2,", "$7 = 0x8000000000000007",
                     "Hardware watchpoint 3: timer_interrupts", "Old value = 0", "New value = 1", "exited normally"});
  }
}

TEST_CASE("gdb-multiarch debugs the example: points, registers, CSRs, variables, stepping, to the exit") {
  for (const std::string board : kBoards) {
    INFO(board);
    DebuggedProgram program({"exec", firmware("example"), "--set", board});
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
                     "NPU_CTRL",
                     "mstatus 0x",
                     "dram.",
                     "0x80000000",
                     "exited normally"});
    CHECK(program.exit_code() == 0);
    CHECK(program.out() == "20 11 12 13 14 15 16 17 \r\n");
  }
}

TEST_CASE("a debugger that only lets the program run changes nothing: statistics are the same bytes") {
  for (const std::string board : kBoards) {
    INFO(board);
    const TemporaryFolder plain;
    const auto alone =
        backboard::test::run_program(BACKBOARD_PROGRAM, "exec '" + firmware("example") + "' --set " + board +
                                                            " --stats '" + plain.path("stats") + "'");
    REQUIRE(alone.exit_code == 0);
    const TemporaryFolder debugged;
    DebuggedProgram program({"exec", firmware("example"), "--set", board, "--stats", debugged.path("stats")});
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
}

TEST_CASE("Ctrl-C halts an endless program: it is stepped, detached from, attached again and killed") {
  for (const std::string board : kBoards) {
    INFO(board);
    DebuggedProgram program({"exec", firmware("test_exec_endless"), "--set", board});
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
}

TEST_CASE("Ctrl-C in gdb-multiarch halts an endless program where it is, and it goes on from there") {
  for (const std::string board : kBoards) {
    INFO(board);
    DebuggedProgram program({"exec", firmware("test_exec_endless"), "--set", board});
    const std::string press =
        "python import os, signal, threading\n"
        "python threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT)).start()\n";
    // A fast host retires more than 2^31 instructions meanwhile: both halves count.
    const std::string count = "(unsigned long long)(unsigned)$minstreth * 4294967296 + (unsigned)$minstret";
    const std::string log = program.gdb(firmware("test_exec_endless"),
                                        press + "continue\nset $first = " + count + "\nprint $first > 1000\n" + press +
                                            "continue\nprint " + count + " > $first\nkill\n");
    check_says(log, {"received signal SIGINT", "$1 = 1", "received signal SIGINT", "$2 = 1", "killed"});
    CHECK(program.exit_code() == 1);
  }
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

TEST_CASE("looking at devices takes nothing from the guest: output and statistics are those without gdb") {
  for (const std::string board : kBoards) {
    INFO(board);
    const TemporaryFolder folder;
    const std::string input = folder.write("input", "abcdpeq");
    const std::string arguments = "--uart-input '" + input + "' --stats '";
    const auto alone = run_program(BACKBOARD_PROGRAM, "exec '" + firmware("test_shell") + "' --set " + board + " " +
                                                          arguments + folder.path("alone") + "'");
    REQUIRE(alone.exit_code == 0);
    DebuggedProgram program(
        {"exec", firmware("test_shell"), "--set", board, "--uart-input", input, "--stats", folder.path("debugged")});
    // At the start of the handler a byte waits in the receiver, and the PLIC has been claimed or waits for it.
    const std::string log = program.gdb(firmware("test_shell"),
                                        "break on_uart\n"
                                        "continue\n"
                                        "x/1xb 0x10000000\n"
                                        "x/1xb 0x10000000\n"
                                        "x/1xb 0x10000005\n"
                                        "x/1xb 0x10000002\n"
                                        "x/1xw 0x0c200004\n"
                                        "x/16xw 0x02000000\n"
                                        "monitor info uart\n"
                                        "monitor info clint\n"
                                        "monitor info dma\n"
                                        "monitor info watchdog\n"
                                        "monitor info flash\n"
                                        "continue\n"
                                        "info registers\n"
                                        "info all-registers\n"
                                        "delete\n"
                                        "continue\n");
    check_says(log, {"0x10000000:\t0x61", "0x10000000:\t0x61", "0x10000005:\t0x61", "UART_LSR", "CLINT_", "DMA_PENDING",
                     "WATCHDOG_", "FLASH_", "Breakpoint 1, ", "in on_uart", "mcause", "exited normally"});
    CHECK(program.exit_code() == 0);
    CHECK(program.out() == alone.out);
    CHECK(read_text(folder.path("debugged")) == read_text(folder.path("alone")));
  }
}

TEST_CASE("a program stepped through thousands of instructions ends with the statistics of one that ran") {
  for (const std::string board : kBoards) {
    INFO(board);
    const TemporaryFolder folder;
    const auto alone = run_program(BACKBOARD_PROGRAM, "exec '" + firmware("example") + "' --set " + board +
                                                          " --stats '" + folder.path("alone") + "'");
    REQUIRE(alone.exit_code == 0);
    DebuggedProgram program({"exec", firmware("example"), "--set", board, "--stats", folder.path("stepped")});
    GdbClient client(program.socket());
    client.ask("QStartNoAckMode");
    for (unsigned i = 0; i < 3000; ++i) REQUIRE(client.ask(i % 2 ? "s" : "vCont;s:1;c").substr(0, 3) == "T05");
    CHECK(client.ask("vCont;c") == "W00");
    CHECK(program.exit_code() == 0);
    CHECK(read_text(folder.path("stepped")) == read_text(folder.path("alone")));
  }
}

TEST_CASE("watchpoints of each kind name the access and the address, and nothing else stops the program") {
  for (const std::string board : kBoards) {
    INFO(board);
    // x0 is read 8 times per number when main prints; what is watched is a byte in the middle of a word.
    DebuggedProgram program({"exec", firmware("example"), "--set", board});
    const std::string log = program.gdb(firmware("example"),
                                        "break main\n"
                                        "continue\n"
                                        "printf \"at %x\\n\", (unsigned) &shared.x[5]\n"
                                        "awatch shared.x[5]\n"
                                        "continue\n"
                                        "info program\n"
                                        "delete 2\n"
                                        "watch *((char*) &shared.x[6] + 3)\n"
                                        "continue\n"
                                        "print/x *((char*) &shared.x[6] + 3)\n"
                                        "delete 3\n"
                                        "rwatch shared.y[0]\n"
                                        "continue\n"
                                        "delete 4\n"
                                        "continue\n");
    check_says(log, {"at 8000", "Hardware access (read/write) watchpoint 2: shared.x[5]", "New value = 5",
                     "Hardware watchpoint 3", "New value = 64 ", "= 0x40", "Hardware read watchpoint 4: shared.y[0]",
                     "Value = 10", "exited normally"});
    CHECK(program.exit_code() == 0);
  }
}

TEST_CASE("simulated time stands still while the program is halted, and memory outside the map is refused") {
  for (const std::string board : kBoards) {
    INFO(board);
    DebuggedProgram program({"exec", firmware("example"), "--set", board});
    const std::string log = program.gdb(firmware("example"),
                                        "break npu_submit_fenced\n"
                                        "continue\n"
                                        "monitor time\n"
                                        "print $mcycle\n"
                                        "shell sleep 0.4\n"
                                        "print $mcycle\n"
                                        "monitor time\n"
                                        "print $priv\n"
                                        "x/1xw 0x40000000\n"
                                        "set {int} 0x1000 = 1\n"
                                        "set {int} 0x80100000 = 0x12345678\n"
                                        "x/2xh 0x80100000\n"
                                        "kill\n");
    const auto times = [&] {
      std::vector<std::string> found;
      for (size_t at = log.find(" ps, "); at != std::string::npos; at = log.find(" ps, ", at + 1)) {
        const size_t line = log.rfind('\n', at) + 1;
        found.push_back(log.substr(line, log.find('\n', at) - line));
      }
      return found;
    }();
    INFO(log);
    REQUIRE(times.size() == 2);
    CHECK(times[0] == times[1]);
    CHECK(times[0].substr(0, 2) != "0 ");
    const auto printed = [&](const std::string& number) {
      const size_t at = log.find(number);
      REQUIRE(at != std::string::npos);
      return log.substr(at + number.size(), log.find('\n', at) - at - number.size());
    };
    CHECK(printed("$1 = ") == printed("$2 = "));
    check_says(log, {"$3 = 3", "Cannot access memory at address 0x40000000", "0x80100000:\t0x5678\t0x1234", "killed"});
    CHECK(program.exit_code() == 1);
  }
}

TEST_CASE("gdb loads a program anew, runs it, detaches and attaches again") {
  for (const std::string board : kBoards) {
    INFO(board);
    DebuggedProgram program({"exec", firmware("test_exec_endless"), "--set", board});
    const std::string log = program.gdb(firmware("example"),
                                        "load\n"
                                        "tbreak main\n"
                                        "continue\n"
                                        "detach\n");
    check_says(log, {"Start address 0x80000000", "Temporary breakpoint 1, ", "in main ()", "detached"});
    CHECK(program.exit_code() == 0);
    CHECK(program.out() == "10 11 12 13 14 15 16 17 \r\n");

    DebuggedProgram endless({"exec", firmware("test_exec_endless"), "--set", board});
    const std::string elf = firmware("test_exec_endless");
    check_says(endless.gdb(elf, "stepi\nprint $minstret > 0\ndetach\n"), {"$1 = 1", "detached"});
    check_says(endless.gdb(elf, "print $a0 > 1000\nset var $a0 = 5\nstepi\nstepi\nprint $a0\nkill\n"),
               {"$1 = 1", "$2 = 6", "killed"});
    CHECK(endless.exit_code() == 1);
  }
}

TEST_CASE("monitor trace writes every step between on and off, and changes nothing") {
  for (const std::string board : kBoards) {
    INFO(board);
    const TemporaryFolder folder;
    const auto alone =
        run_program(BACKBOARD_PROGRAM, "exec '" + firmware("hello") + "' --set " + board + " --trace '" +
                                           folder.path("whole") + "' --stats '" + folder.path("stats") + "'");
    const auto untraced = run_program(BACKBOARD_PROGRAM, "exec '" + firmware("hello") + "' --set " + board +
                                                             " --stats '" + folder.path("untraced") + "'");
    CHECK(alone.exit_code == 0);
    CHECK(read_text(folder.path("stats")) == read_text(folder.path("untraced")));
    DebuggedProgram program({"exec", firmware("hello"), "--set", board, "--trace", folder.path("part")});
    const std::string log = program.gdb(firmware("hello"),
                                        "break main\n"
                                        "continue\n"
                                        "monitor trace status\n"
                                        "monitor trace on\n"
                                        "stepi 20\n"
                                        "monitor trace off\n"
                                        "monitor trace up\n"
                                        "monitor info\n"
                                        "monitor info cpu\n"
                                        "continue\n");
    check_says(log, {"trace is off", "trace is on", "trace is off", "20 lines", "error: expected trace on",
                     "error: info of ''; known: irq, dram, npu", "error: info of 'cpu'", "exited normally"});
    const std::string part = read_text(folder.path("part")), whole = read_text(folder.path("whole"));
    CHECK(std::count(part.begin(), part.end(), '\n') == 20);
    CHECK(part.find(" main+0x") != std::string::npos);
    CHECK(part.find(" x2=") != std::string::npos);  // the stack pointer
    CHECK(whole.find(part) != std::string::npos);
    CHECK(whole.substr(0, 2) == "0 ");
    DebuggedProgram without({"exec", firmware("hello"), "--set", board});
    check_says(without.gdb(firmware("hello"), "monitor trace on\nkill\n"), {"--trace FILE"});
  }
}
