// The built program waiting for a debugger, and the two kinds of debugger that the tests have.
#pragma once

#include <sstream>

#include "platform/debug/packet.h"
#include "tests/support/background_program.h"

namespace backboard::test {

inline std::string firmware(const std::string& name) {
  return FIRMWARE_FOLDER "/" + name + ".elf";
}

/// What the debugger promises holds at both timing levels, and through caches.
inline constexpr const char* kBoards[] = {"timing=lt", "timing=at", "core.icache.enabled=true",
                                          "core.dcache.enabled=true"};

/// What gdb-multiarch says to `script`, which holds no single quote, about `elf`, after it has connected to `place`. It
/// runs in the repository's root, where it finds sources.
inline std::string run_gdb(const std::string& place, const std::string& elf, const std::string& script) {
  const TemporaryFolder folder;
  const std::string log = folder.path("log");
  std::string command = "cd '" SOURCE_FOLDER "' && timeout 120 gdb-multiarch -nx -batch -readnow -l 60";
  std::istringstream lines("set pagination off\nset confirm off\nset width 0\ntarget remote " + place + "\n" + script);
  // Each a command of its own: one that fails does not keep gdb from the next.
  for (std::string line; std::getline(lines, line);) command += " -ex '" + line + "'";
  command += " '" + elf + "' >'" + log + "' 2>&1 </dev/null";
  const int status = std::system(command.c_str());
  INFO(read_text(log));
  CHECK(status == 0);
  return read_text(log);
}

/// `backboard ARGUMENTS --gdb unix:...` in the background.
class DebuggedProgram {
 public:
  explicit DebuggedProgram(std::vector<std::string> arguments) : program_(BACKBOARD_PROGRAM, with_gdb(arguments)) {
    REQUIRE(eventually([this] { return listens() || program_.ended(); }));
    INFO(program_.err());
    REQUIRE(!program_.ended());
  }
  std::string socket() const { return folder_.path("gdb"); }
  const TemporaryFolder& folder() const { return folder_; }
  BackgroundProgram& program() { return program_; }
  int exit_code() { return program_.exit_code(); }
  std::string out() const { return program_.out(); }

  /// run_gdb at its socket.
  std::string gdb(const std::string& elf, const std::string& script) const { return run_gdb(socket(), elf, script); }

 private:
  bool listens() const { return program_.err().find("waiting for gdb on ") != std::string::npos; }
  std::vector<std::string> with_gdb(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--gdb", "unix:" + socket()});
    return arguments;
  }
  TemporaryFolder folder_;
  BackgroundProgram program_;
};

/// A debugger of few words.
class GdbClient {
 public:
  /// `path`: of a Unix socket.
  explicit GdbClient(const std::string& path) : socket_("unix:" + path) {}

  void send_raw(const std::string& bytes) { socket_.send(bytes); }
  void send(const std::string& payload) { send_raw(encode_packet(payload, Runs::plain)); }
  /// The next packet's payload; "closed" when none comes any more.
  std::string receive() {
    char byte = 0;
    while (socket_.receive(byte)) {
      if (parser_.put(static_cast<uint8_t>(byte)) == PacketEvent::packet) return parser_.payload();
    }
    return "closed";
  }
  std::string ask(const std::string& payload) {
    send(payload);
    return receive();
  }

 private:
  SocketClient socket_;
  PacketParser parser_{true};
};

/// Every sentence stands in the log, in this order.
inline void check_says(const std::string& log, const std::vector<std::string>& sentences) {
  INFO(log);
  size_t at = 0;
  for (const std::string& sentence : sentences) {
    INFO("in this order: " << sentence);
    const size_t found = log.find(sentence, at);
    CHECK(found != std::string::npos);
    if (found != std::string::npos) at = found + sentence.size();
  }
}

}  // namespace backboard::test
