// The built program as a child that the test talks to while it runs.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

#include "tests/support/program.h"

namespace backboard::test {

/// Polls `condition` for a minute.
template <class Condition>
bool eventually(Condition condition) {
  for (unsigned i = 0; i < 6000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

/// Both outputs go to files of `folder`, input comes from a file or nowhere. It ends with the test at the latest.
class BackgroundProgram {
 public:
  BackgroundProgram(const std::string& program, std::vector<std::string> arguments,
                    const std::string& input = "/dev/null") {
    arguments.insert(arguments.begin(), program);
    std::vector<char*> words;
    for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    const std::string out = folder_.path("out"), err = folder_.path("err");
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that aborts leaves nothing behind
    ::dup2(::open(input.c_str(), O_RDONLY), 0);
    ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600), 1);
    ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600), 2);
    ::execv(words[0], words.data());
    ::_exit(127);
  }
  ~BackgroundProgram() {
    if (ended()) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  BackgroundProgram(const BackgroundProgram&) = delete;
  BackgroundProgram& operator=(const BackgroundProgram&) = delete;

  bool ended() {
    if (!reaped_) reaped_ = ::waitpid(child_, &status_, WNOHANG) == child_;
    return reaped_;
  }
  /// Waits for the end; -1 when it does not come, 128 + n for signal n.
  int exit_code() {
    if (!eventually([this] { return ended(); })) return -1;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  }
  void signal(int number) const { ::kill(child_, number); }
  std::string out() const { return read_text(folder_.path("out")); }
  std::string err() const { return read_text(folder_.path("err")); }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
  pid_t child_ = -1;
  int status_ = 0;
  bool reaped_ = false;
};

/// A connection to "unix:PATH" or "ADDRESS:PORT" (IPv4).
class SocketClient {
 public:
  explicit SocketClient(const std::string& where) {
    static const std::string kUnix = "unix:";
    if (where.compare(0, kUnix.size(), kUnix) == 0) {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      const std::string path = where.substr(kUnix.size());
      REQUIRE(path.size() < sizeof address.sun_path);
      path.copy(address.sun_path, path.size());
      connect(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    } else {
      const size_t colon = where.rfind(':');
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(static_cast<uint16_t>(std::stoi(where.substr(colon + 1))));
      REQUIRE(::inet_pton(AF_INET, where.substr(0, colon).c_str(), &address.sin_addr) == 1);
      connect(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
  }
  ~SocketClient() { ::close(descriptor_); }
  SocketClient(const SocketClient&) = delete;
  SocketClient& operator=(const SocketClient&) = delete;

  void send(const std::string& bytes) {
    REQUIRE(::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  /// False when nothing comes for `patience_ms`, or the peer has closed.
  bool receive(char& byte, int patience_ms = 60'000) {
    set_patience(patience_ms);
    return ::recv(descriptor_, &byte, 1, 0) == 1;
  }
  /// Everything up to and including `end`, or what came before the patience ended.
  std::string receive_until(const std::string& end) {
    std::string bytes;
    char byte = 0;
    while (bytes.size() < end.size() || bytes.compare(bytes.size() - end.size(), end.size(), end) != 0) {
      if (!receive(byte)) break;
      bytes += byte;
    }
    return bytes;
  }

 private:
  void connect(int family, const sockaddr* address, socklen_t size_bytes) {
    descriptor_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // A Unix socket has its file a moment before it listens.
    REQUIRE(eventually([&] { return ::connect(descriptor_, address, size_bytes) == 0; }));
  }
  void set_patience(int patience_ms) {
    const timeval patience{patience_ms / 1000, patience_ms % 1000 * 1000};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  int descriptor_ = -1;
};

}  // namespace backboard::test
