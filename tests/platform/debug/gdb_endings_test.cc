// How sessions with a debugger begin and end: clients that come and go, programs that lock up, resets, runs.
#include <catch2/catch.hpp>

#include "tests/platform/debug/debugged_program.h"

using backboard::test::BackgroundProgram;
using backboard::test::check_says;
using backboard::test::DebuggedProgram;
using backboard::test::eventually;
using backboard::test::firmware;
using backboard::test::GdbClient;
using backboard::test::kBoards;
using backboard::test::read_text;
using backboard::test::run_gdb;
using backboard::test::run_program;
using backboard::test::SocketClient;
using backboard::test::TemporaryFolder;

/// Where the program says that it waits, once it does.
static std::string place_of(const BackgroundProgram& program) {
  static const std::string kSaid = "waiting for gdb on ";
  REQUIRE(eventually([&] { return program.err().find('\n') != std::string::npos; }));
  const std::string err = program.err();
  const size_t at = err.find(kSaid);
  REQUIRE(at != std::string::npos);
  return err.substr(at + kSaid.size(), err.find('\n', at) - at - kSaid.size());
}

TEST_CASE("TCP is loopback, a second client waits, and what is no debugger is dropped without effect") {
  for (const std::string board : kBoards) {
    INFO(board);
    BackgroundProgram program(BACKBOARD_PROGRAM, {"exec", firmware("test_exec_endless"), "--set", board, "--gdb", "0"});
    const std::string place = place_of(program);
    CHECK(place.substr(0, 10) == "127.0.0.1:");
    char byte = 0;
    {
      SocketClient browser(place);
      browser.send("POST / HTTP/1.1\r\n\r\n$k#6b");
      CHECK(!browser.receive(byte));
    }
    SocketClient first(place);
    first.send(backboard::encode_packet("pb42", backboard::Runs::plain));    // minstret: the program has not started
    CHECK(first.receive_until("#").find("$00000000") == std::string::npos);  // run lengths
    SocketClient second(place);
    second.send("+$qC#b4");
    CHECK(!second.receive(byte, 300));
    first.send("+$k#6b");
    CHECK(program.exit_code() == 1);
  }
}

TEST_CASE("gdb-multiarch debugs over TCP, to the exit and to a kill") {
  for (const std::string board : kBoards) {
    INFO(board);
    for (const bool kill : {false, true}) {
      BackgroundProgram program(BACKBOARD_PROGRAM, {"exec", firmware("hello"), "--set", board, "--gdb", "0"});
      const std::string log = run_gdb(place_of(program), firmware("hello"),
                                      std::string("break main\ncontinue\nstepi\n") + (kill ? "kill\n" : "continue\n"));
      check_says(log, {"Breakpoint 1, ", kill ? "killed" : "exited normally"});
      CHECK(program.exit_code() == (kill ? 1 : 0));
    }
  }
}

TEST_CASE("a program that locks up halts once more, so that its end can be looked at") {
  for (const std::string board : kBoards) {
    INFO(board);
    DebuggedProgram program({"exec", firmware("test_debug_lockup"), "--set", board});
    const std::string log =
        program.gdb(firmware("test_debug_lockup"), "continue\nprint/x $mcause\nprint/x $mepc\ncontinue\n");
    check_says(log, {"lockup at pc", "SIGABRT", "$1 = 0x1", "$2 = 0x", "exited with code 01"});
    CHECK(program.exit_code() == 1);
  }
}

TEST_CASE("gdb debugs a configured run, which ends with the files of an undisturbed one") {
  for (const std::string board : kBoards) {
    INFO(board);
    const TemporaryFolder folder;
    const std::string file = folder.write("greet.yaml", "firmware: hello\n");
    const auto alone = run_program(BACKBOARD_PROGRAM, "run '" + file + "' --quiet --set platform." + board +
                                                          " --out '" + folder.path("alone") + "'");
    REQUIRE(alone.exit_code == 0);
    DebuggedProgram program({"run", file, "--quiet", "--set", "platform." + board, "--out", folder.path("debugged")});
    const std::string log = program.gdb(firmware("hello"), "break main\ncontinue\nnext\ndelete\ncontinue\n");
    check_says(log, {"Breakpoint 1, ", "exited normally"});
    CHECK(program.exit_code() == 0);
    for (const char* name : {"/stats.json", "/uart.log", "/traffic.csv", "/findings.json"}) {
      INFO(name);
      CHECK(!read_text(folder.path("alone") + name).empty());
      CHECK(read_text(folder.path("debugged") + name) == read_text(folder.path("alone") + name));
    }
  }
  const TemporaryFolder folder;
  const std::string group = folder.write("group.yaml", "firmware: hello\nvariants: [{name: a}, {name: b}]\n");
  const auto refused = run_program(BACKBOARD_PROGRAM, "run '" + group + "' --gdb 0 --out '" + folder.path("g") + "'");
  CHECK(refused.exit_code == 2);
  CHECK(refused.err.find("one point") != std::string::npos);
}

TEST_CASE("monitor reset starts the board and its program again, also behind a lockup") {
  for (const std::string board : kBoards) {
    INFO(board);
    DebuggedProgram program({"exec", firmware("example"), "--set", board});
    const std::string log = program.gdb(firmware("example"),
                                        "break main\n"
                                        "continue\n"
                                        "set var shared.x[0] = 3\n"
                                        "monitor reset\n"
                                        "maintenance flush register-cache\n"
                                        "print/x $pc\n"
                                        "print $priv\n"
                                        "print shared.x[0]\n"
                                        "continue\n"
                                        "delete\n"
                                        "continue\n");
    check_says(log, {"Breakpoint 1, ", "reset vector", "$1 = 0x1000", "$2 = 3", "$3 = 0", "Breakpoint 1, ",
                     "in main ()", "exited normally"});
    CHECK(program.exit_code() == 0);
    CHECK(program.out() == "10 11 12 13 14 15 16 17 \r\n");

    DebuggedProgram locked({"exec", firmware("test_debug_lockup"), "--set", board});
    const std::string again =
        locked.gdb(firmware("test_debug_lockup"), "continue\nmonitor reset\ncontinue\nprint/x $mcause\nkill\n");
    check_says(again, {"SIGABRT", "reset vector", "SIGABRT", "$1 = 0x1", "killed"});
    CHECK(locked.exit_code() == 1);
  }
}

TEST_CASE("a kill counts although the client leaves at once") {
  for (const std::string board : kBoards) {
    INFO(board);
    for (unsigned i = 0; i < 3; ++i) {
      DebuggedProgram program({"exec", firmware("hello"), "--set", board});
      { GdbClient(program.socket()).send("k"); }
      CHECK(program.exit_code() == 1);
    }
  }
}
