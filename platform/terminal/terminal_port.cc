#include "platform/terminal/terminal_port.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "platform/check/input_error.h"
#include "platform/check/lost_output.h"
#include "platform/check/read_file.h"
#include "platform/socket/descriptor_watch.h"
#include "platform/socket/server_socket.h"

namespace backboard {
namespace {

constexpr std::string_view kFilePrefix = "file:";

InputError cannot(const std::string& what) {
  return InputError(fmt::format("--uart {}: {}", what, std::strerror(errno)));
}

/// stdout and stdin. A terminal hands over every key at once and echoes none while this lives; Ctrl-C still ends.
class StdioPort final : public TerminalPort {
 public:
  StdioPort() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios keys = before_;
    keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    restore_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &keys) == 0;
  }
  ~StdioPort() override {
    if (restore_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  void write(std::string_view bytes) override {
    std::fwrite(bytes.data(), 1, bytes.size(), stdout);
    if (bytes.find('\n') != std::string_view::npos || restore_) std::fflush(stdout);
  }
  std::string read(size_t limit) override {
    if (ended_ || !wait_readable(STDIN_FILENO, 0)) return "";
    std::string bytes(limit, '\0');
    const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    ended_ = count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN);
    bytes.resize(count > 0 ? static_cast<size_t>(count) : 0);
    return bytes;
  }
  bool may_deliver() const override { return !ended_; }
  int descriptor() const override { return ended_ ? -1 : STDIN_FILENO; }
  std::string name() const override { return "stdio"; }

 private:
  termios before_{};
  bool restore_ = false;
  bool ended_ = false;
};

class FilePort final : public TerminalPort {
 public:
  explicit FilePort(std::string path) : path_(std::move(path)), file_(std::fopen(path_.c_str(), "wb")) {
    if (!file_) throw cannot("file:" + path_);
  }
  ~FilePort() override { std::fclose(file_); }
  FilePort(const FilePort&) = delete;
  FilePort& operator=(const FilePort&) = delete;
  void write(std::string_view bytes) override {
    std::fwrite(bytes.data(), 1, bytes.size(), file_);
    if (bytes.find('\n') != std::string_view::npos) std::fflush(file_);
  }
  std::string read(size_t) override { return ""; }
  bool may_deliver() const override { return false; }
  int descriptor() const override { return -1; }
  void finish() override {
    if (const std::string lost = lost_output(file_); !lost.empty())
      throw InputError("--uart file:" + path_ + ": " + lost);
  }
  std::string name() const override { return "file:" + path_; }

 private:
  std::string path_;
  std::FILE* file_;
};

/// A pseudo terminal in raw mode, of which a terminal program opens the other side.
class PtyPort final : public TerminalPort {
 public:
  PtyPort() : host_(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)) {
    char name[128];
    const bool named =
        host_ >= 0 && ::grantpt(host_) == 0 && ::unlockpt(host_) == 0 && ::ptsname_r(host_, name, sizeof name) == 0;
    // Held open, so that clients may come and go.
    if (named) guest_ = ::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    termios raw{};
    if (guest_ < 0 || ::tcgetattr(guest_, &raw) != 0) throw cannot("pty");
    ::cfmakeraw(&raw);
    if (::tcsetattr(guest_, TCSANOW, &raw) != 0) throw cannot("pty");
    name_ = name;
  }
  ~PtyPort() override {
    ::close(guest_);
    ::close(host_);
  }
  PtyPort(const PtyPort&) = delete;
  PtyPort& operator=(const PtyPort&) = delete;
  void write(std::string_view bytes) override {
    // What does not fit into the buffer of a terminal that nobody reads is lost.
    [[maybe_unused]] const ssize_t written = ::write(host_, bytes.data(), bytes.size());
  }
  std::string read(size_t limit) override {
    std::string bytes(limit, '\0');
    const ssize_t count = ::read(host_, bytes.data(), bytes.size());
    bytes.resize(count > 0 ? static_cast<size_t>(count) : 0);
    return bytes;
  }
  bool may_deliver() const override { return true; }
  int descriptor() const override { return host_; }
  std::string name() const override { return name_; }

 private:
  int host_ = -1, guest_ = -1;
  std::string name_;
};

/// One client at a time. What the guest says while there is none is kept for the next, up to a limit.
class SocketPort final : public TerminalPort {
 public:
  explicit SocketPort(const std::string& where)
      : socket_(parse_socket_address(where, "--uart", "stdio, pty, file:PATH, "), "--uart") {}

  void write(std::string_view bytes) override {
    greet();
    if (socket_.connected()) {
      if (!socket_.send(bytes)) socket_.drop();
      return;
    }
    backlog_ += bytes;
    if (backlog_.size() > kMaxBacklogBytes) backlog_.erase(0, backlog_.size() - kMaxBacklogBytes);
  }
  std::string read(size_t limit) override {
    greet();
    if (received_.empty() && socket_.connected() && socket_.receive(received_) == ServerSocket::Received::closed) {
      socket_.drop();
      received_.clear();
    }
    const size_t count = std::min(limit, received_.size());
    std::string bytes = received_.substr(0, count);
    received_.erase(0, count);
    return bytes;
  }
  bool may_deliver() const override { return true; }
  int descriptor() const override { return socket_.descriptor(); }
  std::string name() const override { return socket_.name(); }

 private:
  static constexpr size_t kMaxBacklogBytes = 64 << 10;

  void greet() {
    if (!socket_.accept()) return;
    if (!backlog_.empty() && !socket_.send(backlog_)) socket_.drop();
    backlog_.clear();
  }

  ServerSocket socket_;
  std::string received_, backlog_;
};

class FileInput final : public TerminalPort {
 public:
  explicit FileInput(std::string path) : path_(std::move(path)) {
    const std::vector<uint8_t> bytes = read_file(path_);
    rest_.assign(bytes.rbegin(), bytes.rend());
  }
  void write(std::string_view) override {}
  std::string read(size_t limit) override {
    const size_t count = std::min(limit, rest_.size());
    std::string bytes(rest_.rbegin(), rest_.rbegin() + static_cast<std::ptrdiff_t>(count));
    rest_.resize(rest_.size() - count);
    return bytes;
  }
  bool may_deliver() const override { return !rest_.empty(); }
  int descriptor() const override { return -1; }
  std::string name() const override { return path_; }

 private:
  std::string path_;
  std::string rest_;  ///< backwards, so that its end is taken off
};

}  // namespace

std::unique_ptr<TerminalPort> make_terminal_port(const std::string& where) {
  if (where == "stdio") return std::make_unique<StdioPort>();
  if (where == "pty") return std::make_unique<PtyPort>();
  if (std::string_view(where).substr(0, kFilePrefix.size()) == kFilePrefix) {
    return std::make_unique<FilePort>(where.substr(kFilePrefix.size()));
  }
  return std::make_unique<SocketPort>(where);
}

std::unique_ptr<TerminalPort> make_file_input(const std::string& path) {
  return std::make_unique<FileInput>(path);
}

}  // namespace backboard
