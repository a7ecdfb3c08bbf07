// One client from its first byte to its last: framing, acknowledgements and commands, without any socket.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>

#include "platform/debug/gdb_commands.h"
#include "platform/debug/packet.h"

namespace backboard {

/// Bytes in, bytes and requests out. While the machine runs only an interrupt is heard at once; packets wait for the
/// stop. A client that does not begin as debuggers do, or sends more than one would, is `broken` and should be dropped.
class GdbConnection {
 public:
  /// The machine is halted when a client comes.
  explicit GdbConnection(DebugTarget& target) : commands_(target) {}

  void receive(std::span<const uint8_t> bytes);
  /// What the client wants; `none` when it waits. The machine is taken as running after resume and step.
  DebugRequest take_request();
  /// Whether `take_request` has something to give. It counts even when the client has left meanwhile, as it does behind
  /// a kill.
  bool requested() const { return request_ != DebugRequest::none; }
  /// The client pressed Ctrl-C since the last call.
  bool take_interrupt();
  /// The machine halted: tells the client.
  void stopped(const DebugStop& stop);
  /// Text for the debugger's console; only while the machine runs (packet O).
  void print(std::string_view text);

  std::string take_output();
  bool running() const { return running_; }
  bool broken() const { return broken_; }
  /// Whether the client has begun as debuggers do.
  bool greeted() const { return greeted_; }

 private:
  static constexpr size_t kMaxWaiting = 64;
  static constexpr size_t kMaxOutputBytes = 1 << 20;

  void handle_waiting();
  void handle(const std::string& payload);
  void send(const std::string& payload);
  void put(const std::string& bytes);

  PacketParser parser_;
  GdbCommands commands_;
  std::deque<std::string> waiting_;
  std::string last_frame_;
  std::string output_;
  DebugRequest request_ = DebugRequest::none;
  bool running_ = false;
  bool interrupt_ = false;
  bool acknowledge_ = true;
  bool greeted_ = false;
  bool broken_ = false;
};

}  // namespace backboard
