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

/// `[HOST:]PORT` or `unix:PATH`; loopback unless a numeric host is named. Throws InputError, naming `option` and what
/// `others` it takes ("stdio, pty, ").
SocketAddress parse_socket_address(std::string_view text, std::string_view option, std::string_view others = "");

/// One client at a time: others wait in the queue of the host. Nothing here blocks longer than it is told to, whatever
/// a client does.
class ServerSocket {
 public:
  /// Listens. Throws InputError, naming `option`, when the address cannot be used.
  ServerSocket(const SocketAddress& address, std::string_view option);
  ~ServerSocket();
  ServerSocket(const ServerSocket&) = delete;
  ServerSocket& operator=(const ServerSocket&) = delete;

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

  /// Readable when the client has sent something or, without one, when another client comes.
  int descriptor() const;

 private:
  struct Sockets;
  std::unique_ptr<Sockets> sockets_;
  std::string name_;
  std::string path_;
};

}  // namespace backboard
