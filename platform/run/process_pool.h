// Jobs in child processes: SystemC elaborates once a process.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace backboard {

/// Jobs by number. Threads of the caller must have ended before they run.
struct PoolJobs {
  size_t count = 0;
  /// In the child; returns its exit code. What it throws ends the child as `guarded` says (process.h).
  std::function<int(size_t index)> run;
  /// In the parent, when a child has ended: its exit code, or kSignalled + n when signal n ended it. False: start no
  /// more, and stop those that run (SIGTERM).
  std::function<bool(size_t index, int code)> ended;
};

inline constexpr int kSignalled = 128;

/// "ended by signal 9 (Killed)", or "" for the exit code of a process that ended by itself.
std::string signal_text(int code);

/// Runs jobs in their order, at most `processes` at a time (fewer where the host starts no more), and returns when no
/// child is left. After an interrupt (process.h) none is started, and those that run are told once by SIGTERM. Throws
/// InputError when no process can be started.
void run_in_processes(const PoolJobs& jobs, unsigned processes);

/// `processes`, or one for each processor when it is 0.
unsigned processes_wanted(unsigned processes);

}  // namespace backboard
