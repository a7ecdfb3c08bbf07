#include "platform/run/board_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>

#include "platform/check/input_error.h"
#include "platform/run/process.h"

namespace backboard {
namespace {

using Clock = std::chrono::steady_clock;

// Lock-free, so that the signal handler may read it.
std::atomic<Board*> signalled_board{nullptr};

void stop_board() {
  if (Board* board = signalled_board.load()) board->request_stop();
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void show_progress(const Board& board, double wall_seconds) {
  fmt::print(stderr, "\rsimulated {:.3f} s in {:.1f} s ", static_cast<double>(board.time_ps()) / 1e12, wall_seconds);
  std::fflush(stderr);
}

// Runs to `target_ps` in slices that let progress be shown; a slice ends no event early, so results do not depend on
// it.
BoardResult run_in_slices(Board& board, HostLink* host, uint64_t target_ps, bool progress, Clock::time_point start) {
  static constexpr uint64_t kSlicePs = 10'000'000'000;  // 10 ms
  const auto run_until = [&](uint64_t time_ps) { return host ? host->run_until(time_ps) : board.run_until(time_ps); };
  if (!progress) return run_until(target_ps);
  BoardResult result;
  do {
    // A board on which nothing is scheduled would pass slice after slice for ever: the whole run says that it is stuck.
    const uint64_t slice_end = board.anything_scheduled() ? board.time_ps() + kSlicePs : target_ps;
    result = run_until(std::min(target_ps, slice_end));
    show_progress(board, seconds_since(start));
  } while (result.stop == BoardStop::time_limit && board.time_ps() < target_ps);
  return result;
}

/// A host bound to a board for the length of a session.
class Binding {
 public:
  Binding(HostLink* host, Board& board) : host_(host) {
    if (host_) host_->bind(board, interrupted);
  }
  ~Binding() {
    if (host_) host_->unbind();
  }
  Binding(const Binding&) = delete;
  Binding& operator=(const Binding&) = delete;

 private:
  HostLink* host_;
};

}  // namespace

StopOnSignal::StopOnSignal(Board& board) {
  signalled_board.store(&board);
  install_stop_handlers(stop_board);
  if (interrupted()) board.request_stop();
}

StopOnSignal::~StopOnSignal() {
  signalled_board.store(nullptr);
}

SessionResult run_session(Board& board, const SessionOptions& options, HostLink* host) {
  const StopOnSignal guard(board);
  const Binding binding(host, board);
  const bool progress = options.progress && !(host && host->watched());
  const Clock::time_point start = Clock::now();
  const uint64_t limit_ps = options.time_limit_ps.value_or(EventQueue::kNever);
  SessionResult result;
  result.board.stop = BoardStop::time_limit;
  if (options.save) {
    result.board = run_in_slices(board, host, std::min(options.save->time_ps, limit_ps), progress, start);
    if (result.board.stop == BoardStop::time_limit && board.time_ps() >= options.save->time_ps) {
      board.save(options.save->file);
    } else if (result.board.stop != BoardStop::interrupted) {
      throw InputError(fmt::format("--save-at: the board stopped at {} ps, before that time", board.time_ps()));
    }
  }
  if (result.board.stop == BoardStop::time_limit) result.board = run_in_slices(board, host, limit_ps, progress, start);
  result.wall_seconds = seconds_since(start);
  if (host) host->finish(result.board);
  result.interrupted = interrupted();
  if (progress) fmt::print(stderr, "\r{:50}\r", "");
  return result;
}

}  // namespace backboard
