// The built program as a child that waits for a debugger, and the two kinds of debugger that the tests have.
#pragma once

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

#include "platform/debug/packet.h"
#include "tests/support/program.h"

namespace backboard::test {

/// `backboard ARGUMENTS --gdb unix:...` in the background. It ends with the test at the latest.
class DebuggedProgram {
 public:
  explicit DebuggedProgram(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), BACKBOARD_PROGRAM);
    arguments.insert(arguments.end(), {"--gdb", "unix:" + socket()});
    start(arguments);
    REQUIRE(eventually([this] { return std::filesystem::exists(socket()); }));
  }
  ~DebuggedProgram() {
    if (!ended()) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
  }
  DebuggedProgram(const DebuggedProgram&) = delete;
  DebuggedProgram& operator=(const DebuggedProgram&) = delete;

  std::string socket() const { return folder_.path("gdb"); }
  const TemporaryFolder& folder() const { return folder_; }
  /// Waits for the end; -1 when it does not come, 128 + n for signal n.
  int exit_code() {
    if (!eventually([this] { return ended(); })) return -1;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  }
  std::string out() const { return read_text(folder_.path("out")); }
  std::string err() const { return read_text(folder_.path("err")); }

  /// What gdb-multiarch says to `script` about `elf`, after it has connected.
  std::string gdb(const std::string& elf, const std::string& script) const {
    const std::string file = folder_.write(
        "script", "set pagination off\nset confirm off\nset width 0\ntarget remote " + socket() + "\n" + script);
    const std::string log = folder_.path("log");
    const std::string command =
        "timeout 120 gdb-multiarch -nx -batch -readnow -x '" + file + "' '" + elf + "' >'" + log + "' 2>&1 </dev/null";
    const int status = std::system(command.c_str());
    INFO(read_text(log));
    CHECK(status == 0);
    return read_text(log);
  }

  template <class Condition>
  static bool eventually(Condition condition) {
    for (unsigned i = 0; i < 6000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

 private:
  void start(const std::vector<std::string>& arguments) {
    std::vector<char*> words;
    for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    const std::string out = folder_.path("out"), err = folder_.path("err");
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that aborts leaves nothing behind
    ::dup2(::open("/dev/null", O_RDONLY), 0);
    ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT, 0600), 1);
    ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT, 0600), 2);
    ::execv(words[0], words.data());
    ::_exit(127);
  }
  bool ended() {
    if (!reaped_) reaped_ = ::waitpid(child_, &status_, WNOHANG) == child_;
    return reaped_;
  }

  TemporaryFolder folder_;
  pid_t child_ = -1;
  int status_ = 0;
  bool reaped_ = false;
};

/// A debugger of few words.
class GdbClient {
 public:
  explicit GdbClient(const std::string& path) : descriptor_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    path.copy(address.sun_path, path.size());
    REQUIRE(::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    const timeval patience{60, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~GdbClient() { ::close(descriptor_); }
  GdbClient(const GdbClient&) = delete;
  GdbClient& operator=(const GdbClient&) = delete;

  void send_raw(const std::string& bytes) {
    REQUIRE(::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  void send(const std::string& payload) { send_raw(encode_packet(payload, Runs::plain)); }
  /// The next packet's payload; "closed" when none comes any more.
  std::string receive() {
    uint8_t byte = 0;
    while (::recv(descriptor_, &byte, 1, 0) == 1) {
      if (parser_.put(byte) == PacketEvent::packet) return parser_.payload();
    }
    return "closed";
  }
  std::string ask(const std::string& payload) {
    send(payload);
    return receive();
  }

 private:
  int descriptor_;
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
