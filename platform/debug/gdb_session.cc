#include "platform/debug/gdb_session.h"

#include <fmt/format.h>
#include <utility>

#include "platform/socket/descriptor_watch.h"

namespace backboard {
namespace {

constexpr int kPollMs = 100;  // how soon Ctrl-C at the terminal is seen
constexpr uint8_t kSigInt = 2;

DebugStop interrupted_stop() {
  DebugStop stop;
  stop.signal = kSigInt;
  return stop;
}

}  // namespace

GdbSession::GdbSession(Board& board, InstructionTrace* trace, BoardRunner run, const std::string& address,
                       bool (*stop)())
    : board_(board),
      target_(board, trace),
      run_(std::move(run)),
      socket_(parse_socket_address(address, "--gdb"), "--gdb"),
      stop_(stop) {
  fmt::print(stderr, "backboard: waiting for gdb on {}\n", socket_.name());
}

GdbSession::~GdbSession() {
  target_.remove_all_points();
}

BoardResult GdbSession::run_watched(uint64_t time_ps) {
  const DescriptorWatch watch(socket_.descriptor(), [this] { board_.request_stop(); });
  return run_(time_ps);
}

void GdbSession::flush() {
  if (!connection_) return;
  const std::string output = connection_->take_output();
  const bool sent = socket_.send(output);
  if (connection_->broken() || (!sent && !connection_->requested())) lose_client();
}

void GdbSession::lose_client() {
  if (connection_->greeted()) {
    fmt::print(stderr, "backboard: gdb is gone; the program goes on\n");
    halted_ = false;
  } else {
    halted_ = halted_before_client_;  // it was no debugger
  }
  socket_.drop();
  connection_.reset();
  target_.remove_all_points();
}

void GdbSession::look_for_client() {
  if (!socket_.accept()) return;
  halted_before_client_ = halted_;
  connection_ = std::make_unique<GdbConnection>(target_);
  halted_ = true;  // it asks with `?`
}

/// Everything that the client has sent so far, up to what it wants done.
void GdbSession::exchange() {
  std::string bytes;
  while (connection_ && !connection_->requested()) {
    const ServerSocket::Received what = socket_.receive(bytes);
    if (what == ServerSocket::Received::closed) return lose_client();
    if (what == ServerSocket::Received::nothing) return;
    connection_->receive({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    flush();
  }
}

void GdbSession::halt(const DebugStop& stop) {
  halted_ = true;
  if (connection_) connection_->stopped(stop);
  flush();
}

/// Serves the client of a halted board until the board shall run, or the program end.
GdbSession::Next GdbSession::serve() {
  while (halted_) {
    if (stop_()) return Next::kill;
    if (!connection_) {
      wait_readable(socket_.descriptor(), kPollMs);
      look_for_client();
      continue;
    }
    const DebugRequest request = connection_->take_request();
    switch (request) {
      case DebugRequest::none:
        wait_readable(socket_.descriptor(), kPollMs);
        exchange();
        break;
      case DebugRequest::resume:
      case DebugRequest::step:
        board_.core().set_stepping(request == DebugRequest::step);
        halted_ = false;
        break;
      case DebugRequest::detach:
        socket_.drop();
        connection_.reset();
        target_.remove_all_points();
        halted_ = false;
        break;
      case DebugRequest::kill:
        socket_.drop();
        connection_.reset();
        target_.remove_all_points();
        return Next::kill;
    }
  }
  return Next::run;
}

BoardResult GdbSession::run_until(uint64_t time_ps) {
  const auto killed = [this] {
    return BoardResult{BoardStop::interrupted, 1, "ended by the debugger or from the terminal", board_.time_ps()};
  };
  for (;;) {
    if (serve() == Next::kill) return killed();
    if (connection_ && connection_->take_interrupt()) {  // came together with the packet that resumed
      halt(interrupted_stop());
      continue;
    }
    const BoardResult result = run_watched(time_ps);
    const DebugStop stop = target_.stop_of(result);
    if (result.stop == BoardStop::debugger) {
      halt(stop);
    } else if (result.stop == BoardStop::interrupted) {
      if (stop_()) return result;
      if (!connection_) look_for_client();
      exchange();
      if (connection_ && connection_->take_interrupt()) halt(interrupted_stop());
    } else {
      const bool final_look = stop.kind != DebugStop::Kind::exited && result.stop != BoardStop::time_limit;
      if (final_look && connection_) {
        connection_->print(fmt::format("backboard: {}\n", result.reason));
        halt(stop);
        target_.take_reset();
        if (serve() == Next::run && target_.take_reset()) continue;  // the run goes on after all
      }
      return result;
    }
  }
}

void GdbSession::finish(const BoardResult& result) {
  if (!connection_) return;
  DebugStop stop;
  stop.kind = DebugStop::Kind::exited;
  stop.exit_code = static_cast<uint8_t>(result.exit_code);
  connection_->stopped(stop);
  flush();
}

}  // namespace backboard
