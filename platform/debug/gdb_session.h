// A run of a board under gdb: who waits for whom.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "platform/debug/board_target.h"
#include "platform/debug/gdb_connection.h"
#include "platform/soc/board.h"
#include "platform/socket/server_socket.h"

namespace backboard {

/// Takes the place of Board::run_until: the same results for a client that does not interfere. The first call waits for
/// a client before anything runs. A client that detaches, or is lost, leaves the program running without points; the
/// next one halts it again. `stop` says whether the program itself shall end (Ctrl-C at the terminal).
class GdbSession {
 public:
  /// `run` runs the board: Board::run_until, or what takes its place to serve others from outside; what it returns as
  /// `interrupted` is looked into and then gone on from. `trace` is for `monitor trace`, nullptr: none. `address` as
  /// parse_socket_address takes it. Throws InputError. Says on stderr where it listens.
  GdbSession(Board& board, InstructionTrace* trace, BoardRunner run, const std::string& address, bool (*stop)());
  ~GdbSession();

  BoardResult run_until(uint64_t time_ps);
  /// Tells the client how the run ended.
  void finish(const BoardResult& result);

 private:
  enum class Next : uint8_t { run, kill };
  BoardResult run_watched(uint64_t time_ps);
  Next serve();
  void look_for_client();
  void exchange();
  void flush();
  void lose_client();
  void halt(const DebugStop& stop);

  Board& board_;
  BoardTarget target_;
  BoardRunner run_;
  ServerSocket socket_;
  bool (*stop_)();
  std::unique_ptr<GdbConnection> connection_;
  bool halted_ = true;
  bool halted_before_client_ = true;
};

}  // namespace backboard
