// A listening socket for one client at a time, TCP or Unix.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace backboard {

/// Where to listen.
struct SocketAddress {
  std::string host = "127.0.0.1";
  uint16_t port = 0;  ///< 0: any free one
  std::string path;   ///< Unix socket when not empty
};

/// `[HOST:]PORT` or `unix:PATH`; loopback unless a host is named. Throws InputError.
SocketAddress parse_socket_address(std::string_view text);

/// Nothing here blocks longer than it is told to, whatever a client does.
class DebugSocket {
 public:
  /// Listens. Throws InputError when the address cannot be used.
  explicit DebugSocket(const SocketAddress& address);
  ~DebugSocket();
  DebugSocket(const DebugSocket&) = delete;
  DebugSocket& operator=(const DebugSocket&) = delete;

  /// "127.0.0.1:1234" or "unix:PATH", with the port that was chosen.
  const std::string& name() const { return name_; }
  bool connected() const;
  /// Takes a waiting client when there is none yet.
  bool accept();
  void drop();

  enum class Received : uint8_t { nothing, bytes, closed };
  Received receive(std::string& bytes);
  /// False when the client is gone or does not read for five seconds.
  bool send(std::string_view bytes);

  /// Waits until the client has sent something or, without one, another client comes. `wake_descriptor` (-1: none)
  /// becoming readable ends the wait as well. False when that, a signal or `timeout_ms` came first.
  bool wait(int timeout_ms, int wake_descriptor = -1) const;

 private:
  struct Sockets;
  std::unique_ptr<Sockets> sockets_;
  std::string name_;
  std::string path_;
};

}  // namespace backboard
