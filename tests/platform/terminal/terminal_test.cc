// The UART's other end: where it may be, what comes in, and that a logged run can be repeated.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <optional>

#include "tests/support/background_program.h"

using backboard::test::BackgroundProgram;
using backboard::test::eventually;
using backboard::test::ProgramResult;
using backboard::test::read_text;
using backboard::test::run_program;
using backboard::test::SocketClient;
using backboard::test::TemporaryFolder;

namespace {

const std::string kShell = FIRMWARE_FOLDER "/test_shell.elf";

ProgramResult run(const std::string& arguments) {
  return run_program(BACKBOARD_PROGRAM, arguments);
}

/// Only the answers: the first character of each line behind "ready".
std::string answers(const std::string& text) {
  std::string letters;
  for (size_t line = text.find('\n') + 1; line < text.size() && line != 0; line = text.find('\n', line) + 1) {
    letters += text[line];
  }
  return letters;
}

/// The place that the program has named on stderr.
std::string place_of(const BackgroundProgram& program) {
  static const std::string kSaid = "UART on ";
  std::string place;
  REQUIRE(eventually([&] {
    const std::string err = program.err();
    const size_t at = err.find(kSaid);
    if (at == std::string::npos || err.find('\n', at) == std::string::npos) return false;
    place = err.substr(at + kSaid.size(), err.find('\n', at) - at - kSaid.size());
    return true;
  }));
  return place;
}

}  // namespace

TEST_CASE("bytes of a file come in one frame apart, and the same run comes out twice") {
  const TemporaryFolder folder;
  const std::string input = folder.write("input", "abpcdpefq");
  const auto once = [&](const std::string& tag) {
    const ProgramResult result = run("exec '" + kShell + "' --uart-input '" + input + "' --uart-log '" +
                                     folder.path("log" + tag) + "' --stats '" + folder.path("stats" + tag) + "'");
    CHECK(result.exit_code == 0);
    return result.out;
  };
  const std::string first = once("1");
  CHECK(answers(first) == "ABPCDPEFQ");
  CHECK(once("2") == first);
  CHECK(read_text(folder.path("stats1")) == read_text(folder.path("stats2")));
  const std::string log = read_text(folder.path("log1"));
  CHECK(std::count(log.begin(), log.end(), '\n') == 9);
  CHECK(read_text(folder.path("log2")) == log);
}

TEST_CASE("what a client typed is replayed from the log: same output, statistics and log, byte for byte") {
  const TemporaryFolder folder;
  std::string heard;
  {
    BackgroundProgram program(BACKBOARD_PROGRAM, {"exec", kShell, "--uart", "unix:" + folder.path("uart"), "--uart-log",
                                                  folder.path("log"), "--stats", folder.path("stats")});
    REQUIRE(eventually([&] { return std::filesystem::exists(folder.path("uart")); }));
    SocketClient client("unix:" + folder.path("uart"));
    heard = client.receive_until("ready\r\n");
    for (const std::string typed : {"a", "bpc", "p", "d", "xyzp", "q"}) {
      client.send(typed);
      heard += client.receive_until("\n");
      std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the guest polls or sleeps on meanwhile
    }
    char byte = 0;
    while (client.receive(byte)) heard += byte;
    CHECK(program.exit_code() == 0);
    CHECK(program.out().empty());
  }
  CHECK(answers(heard) == "ABPCPDXYZPQ");
  const ProgramResult replay = run("exec '" + kShell + "' --uart-replay '" + folder.path("log") + "' --uart-log '" +
                                   folder.path("log2") + "' --stats '" + folder.path("stats2") + "'");
  INFO(replay.err);
  CHECK(replay.exit_code == 0);
  CHECK(replay.out == heard);
  CHECK(read_text(folder.path("log2")) == read_text(folder.path("log")));
  CHECK(read_text(folder.path("stats2")) == read_text(folder.path("stats")));
}

TEST_CASE("stdio: input of a pipe reaches the guest, which outlives its end") {
  const TemporaryFolder folder;
  const std::string input = folder.write("input", "hq");
  BackgroundProgram program(BACKBOARD_PROGRAM, {"exec", kShell, "--uart", "stdio"}, input);
  CHECK(program.exit_code() == 0);
  CHECK(answers(program.out()) == "HQ");
  // Input that ends before the guest does leaves it asleep for good.
  const std::string too_short = folder.write("short", "h");
  BackgroundProgram starved(BACKBOARD_PROGRAM, {"exec", kShell, "--uart", "stdio"}, too_short);
  CHECK(starved.exit_code() == 1);
  CHECK(answers(starved.out()) == "H");
  CHECK(starved.err().find("deadlock") != std::string::npos);
}

TEST_CASE("pty: a terminal program may open the other side") {
  BackgroundProgram program(BACKBOARD_PROGRAM, {"exec", kShell, "--uart", "pty"});
  const int probe = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (probe < 0) {  // a bare chroot has no /dev/pts
    WARN("no pseudo terminals on this machine: only the error is tested");
    CHECK(program.exit_code() == 2);
    CHECK(program.err().find("error: --uart pty: ") != std::string::npos);
    return;
  }
  ::close(probe);
  const std::string name = place_of(program);
  REQUIRE(name.compare(0, 9, "/dev/pts/") == 0);
  const int terminal = ::open(name.c_str(), O_RDWR | O_NOCTTY);
  REQUIRE(terminal >= 0);
  REQUIRE(::write(terminal, "k", 1) == 1);
  std::string heard;
  char byte = 0;
  while (heard.find("K ") == std::string::npos && ::read(terminal, &byte, 1) == 1) heard += byte;
  CHECK(heard.find("K ") != std::string::npos);
  CHECK(::write(terminal, "q", 1) == 1);
  CHECK(program.exit_code() == 0);
  ::close(terminal);
}

TEST_CASE("TCP: loopback, one client at a time, the next one gets what was said meanwhile") {
  BackgroundProgram program(BACKBOARD_PROGRAM, {"exec", kShell, "--uart", "0"});
  const std::string place = place_of(program);
  CHECK(place.compare(0, 10, "127.0.0.1:") == 0);
  std::optional<SocketClient> first(std::in_place, place);
  CHECK(first->receive_until("ready\r\n") == "ready\r\n");
  SocketClient second(place);
  second.send("q");
  char byte = 0;
  CHECK(!second.receive(byte, 300));  // not heard while the first is there
  first->send("a");
  CHECK(first->receive_until("\n").substr(0, 2) == "A ");
  first.reset();
  CHECK(second.receive_until("\n").substr(0, 2) == "Q ");
  CHECK(program.exit_code() == 0);
}

TEST_CASE("an unknown other end of the UART is refused with all that there are") {
  const ProgramResult unknown = run("exec '" FIRMWARE_FOLDER "/hello.elf' --uart abc");
  CHECK(unknown.exit_code == 2);
  CHECK(unknown.err.find("--uart abc: expected stdio, pty, file:PATH, PORT, HOST:PORT") != std::string::npos);
}

TEST_CASE("a busy guest does not keep a client waiting, nor a silent client the guest") {
  const TemporaryFolder folder;
  const ProgramResult result = run("exec '" FIRMWARE_FOLDER "/hello.elf' --uart 'unix:" + folder.path("uart") + "'");
  CHECK(result.exit_code == 0);
  CHECK(result.out.empty());
  const ProgramResult filed = run("exec '" FIRMWARE_FOLDER "/hello.elf' --uart 'file:" + folder.path("out") + "'");
  CHECK(filed.exit_code == 0);
  CHECK(read_text(folder.path("out")) == "Hello from the board.\r\n");
}

TEST_CASE("a guest that sleeps until input comes is ended by the first Ctrl-C") {
  const TemporaryFolder folder;
  BackgroundProgram program(BACKBOARD_PROGRAM, {"exec", kShell, "--uart", "unix:" + folder.path("uart")});
  REQUIRE(eventually([&] { return std::filesystem::exists(folder.path("uart")); }));
  SocketClient client("unix:" + folder.path("uart"));
  client.receive_until("ready\r\n");
  program.signal(SIGINT);
  CHECK(program.exit_code() == 1);
}

TEST_CASE("bad places, damaged logs and logs of another run are bad input") {
  const TemporaryFolder folder;
  const std::string log = folder.write("log", "1 5 61\n12 4 61\n");
  const std::string words = folder.write("words", "1 5 61\nthree\n");
  const std::string wrong = folder.write("wrong", "7 90000000000 71\n");
  const std::string start = "exec '" + kShell + "' ";
  const struct {
    std::string arguments, says;
  } cases[] = {{"--uart elsewhere:1", "--uart elsewhere:1"},
               {"--uart 99999", "--uart 99999"},
               {"--uart file:/nowhere/at/all", "--uart file:/nowhere/at/all"},
               {"--uart-input /nowhere/at/all", "/nowhere/at/all"},
               {"--uart-log x", "no input to log"},
               {"--uart-replay '" + log + "'", "log:2"},
               {"--uart-replay '" + words + "'", "words:2"},
               {"--uart-replay '" + wrong + "'", "not the run that was logged"},
               {"--uart-replay '" + wrong + "' --uart-input '" + log + "'", "exclude each other"}};
  for (const auto& item : cases) {
    const ProgramResult result = run(start + item.arguments);
    INFO(item.arguments << ": " << result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.err.find(item.says) != std::string::npos);
  }
}
