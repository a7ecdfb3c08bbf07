#include "platform/socket/server_socket.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <charconv>

#include "platform/check/input_error.h"

namespace backboard {
namespace {

namespace asio = boost::asio;
using Stream = asio::generic::stream_protocol;

constexpr int kSendTimeoutMs = 5000;
constexpr std::string_view kUnixPrefix = "unix:";

/// A socket file that nobody listens on was left behind by a program that was killed.
void remove_stale_socket(asio::io_context& context, const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  boost::system::error_code error;
  asio::local::stream_protocol::socket probe(context);
  probe.connect(asio::local::stream_protocol::endpoint(path), error);
  if (error == asio::error::connection_refused) ::unlink(path.c_str());
}

}  // namespace

struct ServerSocket::Sockets {
  asio::io_context context;
  asio::basic_socket_acceptor<Stream> acceptor{context};
  Stream::socket client{context};
};

SocketAddress parse_socket_address(std::string_view text, std::string_view option, std::string_view others) {
  SocketAddress address;
  if (text.substr(0, kUnixPrefix.size()) == kUnixPrefix) {
    address.path = text.substr(kUnixPrefix.size());
    if (address.path.empty() || address.path.size() > 100) {
      throw InputError(fmt::format("{} {}: the path of a Unix socket has 1 to 100 characters", option, text));
    }
    return address;
  }
  std::string_view port = text;
  if (const size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    address.host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']') {
      address.host = address.host.substr(1, address.host.size() - 2);
    }
  }
  if (address.host == "localhost") address.host = "127.0.0.1";
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  boost::system::error_code bad_host;
  asio::ip::make_address(address.host, bad_host);
  if (port.empty() || error != std::errc() || end != port.data() + port.size() || bad_host) {
    throw InputError(
        fmt::format("{} {}: expected {}PORT, HOST:PORT with a numeric host, or unix:PATH", option, text, others));
  }
  return address;
}

ServerSocket::ServerSocket(const SocketAddress& address, std::string_view option)
    : sockets_(std::make_unique<Sockets>()) {
  auto& acceptor = sockets_->acceptor;
  try {
    if (!address.path.empty()) {
      remove_stale_socket(sockets_->context, address.path);
      const Stream::endpoint endpoint{asio::local::stream_protocol::endpoint(address.path)};
      acceptor.open(endpoint.protocol());
      const mode_t mask = ::umask(077);  // the socket is its owner's alone
      boost::system::error_code error;
      acceptor.bind(endpoint, error);
      ::umask(mask);
      if (error) throw boost::system::system_error(error);
      path_ = address.path;
      name_ = "unix:" + path_;
    } else {
      const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(address.host), address.port);
      const Stream::endpoint generic{endpoint};
      acceptor.open(generic.protocol());
      acceptor.set_option(asio::socket_base::reuse_address(true));
      acceptor.bind(generic);
    }
    acceptor.listen(1);
    acceptor.non_blocking(true);
    if (path_.empty()) {
      asio::ip::tcp::endpoint bound;
      const Stream::endpoint local = acceptor.local_endpoint();
      bound.resize(local.size());
      std::copy_n(reinterpret_cast<const char*>(local.data()), local.size(), reinterpret_cast<char*>(bound.data()));
      const std::string host = bound.address().to_string();
      name_ = fmt::format("{}:{}", bound.address().is_v6() ? "[" + host + "]" : host, bound.port());
    }
  } catch (const boost::system::system_error& error) {
    const std::string where = address.path.empty() ? fmt::format("{}:{}", address.host, address.port) : address.path;
    throw InputError(fmt::format("{}: cannot listen on {}: {}", option, where, error.code().message()));
  }
}

ServerSocket::~ServerSocket() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

bool ServerSocket::connected() const {
  return sockets_->client.is_open();
}

bool ServerSocket::accept() {
  if (connected()) return false;
  boost::system::error_code error;
  sockets_->acceptor.accept(sockets_->client, error);
  if (error) return false;
  sockets_->client.non_blocking(true, error);
  // Packets are small and answers are waited for.
  if (path_.empty()) sockets_->client.set_option(asio::ip::tcp::no_delay(true), error);
  return true;
}

void ServerSocket::drop() {
  boost::system::error_code ignored;
  sockets_->client.close(ignored);
}

ServerSocket::Received ServerSocket::receive(std::string& bytes) {
  char buffer[4096];
  boost::system::error_code error;
  const size_t count = sockets_->client.read_some(asio::buffer(buffer), error);
  if (error == asio::error::would_block || error == asio::error::interrupted) return Received::nothing;
  if (error) return Received::closed;
  bytes.assign(buffer, count);
  return Received::bytes;
}

bool ServerSocket::send(std::string_view bytes) {
  while (!bytes.empty()) {
    boost::system::error_code error;
    bytes.remove_prefix(sockets_->client.write_some(asio::buffer(bytes.data(), bytes.size()), error));
    if (error == asio::error::interrupted) continue;
    if (error == asio::error::would_block) {
      pollfd writable{sockets_->client.native_handle(), POLLOUT, 0};
      if (::poll(&writable, 1, kSendTimeoutMs) == 0) return false;
    } else if (error) {
      return false;
    }
  }
  return true;
}

int ServerSocket::descriptor() const {
  return connected() ? sockets_->client.native_handle() : sockets_->acceptor.native_handle();
}

}  // namespace backboard
