// Running a board from a program: Ctrl-C, limits, saving on the way, progress.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "platform/run/host_link.h"
#include "platform/soc/board.h"

namespace backboard {

/// Saves the board to `file` once simulated time reaches `time_ps`.
struct SaveRequest {
  std::string file;
  uint64_t time_ps = 0;
};

struct SessionOptions {
  std::optional<uint64_t> time_limit_ps;
  std::optional<SaveRequest> save;
  bool progress = false;  ///< one rewritten line on stderr
};

/// How a session ended, and how long the host took for it.
struct SessionResult {
  BoardResult board;
  double wall_seconds = 0.0;
  bool interrupted = false;  ///< Ctrl-C; the board stands at a safe point
};

/// Runs a started (or restored) board to its end. `host` is bound to it here. Throws InputError when the moment of the
/// save was not reached, and for what `host` was asked for and cannot do.
SessionResult run_session(Board& board, const SessionOptions& options, HostLink* host = nullptr);

/// Ctrl-C asks `board` to stop while this lives.
class StopOnSignal {
 public:
  explicit StopOnSignal(Board& board);
  ~StopOnSignal();
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;
};

}  // namespace backboard
