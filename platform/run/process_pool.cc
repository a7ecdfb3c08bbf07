#include "platform/run/process_pool.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <thread>

#include "platform/check/check.h"
#include "platform/check/input_error.h"
#include "platform/run/process.h"

namespace backboard {
namespace {

extern "C" void on_child_end(int) {}

/// Holds back interrupts and the ends of children but in wait(): none comes between a look and what follows from it.
class HeldSignals {
 public:
  HeldSignals() {
    // Where SIGCHLD is ignored nobody learns how a child ended, and without a handler it ends no wait.
    struct sigaction action {};
    action.sa_handler = on_child_end;
    sigaction(SIGCHLD, &action, &old_action_);
    sigset_t held;
    sigemptyset(&held);
    for (const int number : {SIGINT, SIGTERM, SIGCHLD}) sigaddset(&held, number);
    sigprocmask(SIG_BLOCK, &held, &old_mask_);
  }
  ~HeldSignals() { restore(); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  /// What was before, for a child, too.
  void restore() const {
    sigaction(SIGCHLD, &old_action_, nullptr);
    sigprocmask(SIG_SETMASK, &old_mask_, nullptr);
  }
  /// Returns when a signal has come, also one that was held.
  void wait() const {
    sigset_t open = old_mask_;
    sigdelset(&open, SIGCHLD);
    sigsuspend(&open);
  }

 private:
  sigset_t old_mask_;
  struct sigaction old_action_;
};

class Pool {
 public:
  explicit Pool(const PoolJobs& jobs) : jobs_(jobs) {}

  void run(size_t processes) {
    size_t next = 0;
    for (;;) {
      if (interrupted()) stop_all();
      if (next < jobs_.count && !stopped_ && running_.size() < processes) {
        if (start(next)) {
          ++next;
        } else {
          processes = running_.size();  // the host has no more
        }
      } else if (!running_.empty()) {
        wait_for_one();
      } else {
        return;
      }
    }
  }

 private:
  /// False: not now, others run.
  bool start(size_t index) {
    std::fflush(nullptr);
    const pid_t parent = getpid(), child = fork();
    if (child < 0 && !running_.empty()) return false;
    if (child < 0) throw InputError(fmt::format("a process for a point cannot be started: {}", std::strerror(errno)));
    if (child > 0) {
      running_[child] = index;
      return true;
    }
    // In a group of its own a terminal's Ctrl-C reaches the parent alone, which passes it on once: a second signal
    // would end the child without its reports. When the parent goes, so does the child.
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(kSignalled + SIGTERM);  // it went before
    held_.restore();
    const int code = guarded([&] { return jobs_.run(index); });
    std::fflush(nullptr);
    _exit(code);
  }

  void wait_for_one() {
    int status = 0;
    const pid_t child = waitpid(-1, &status, WNOHANG);
    BB_CHECK(child >= 0, "{} children are unknown to the host", running_.size());
    if (child == 0) return held_.wait();
    const auto found = running_.find(child);
    if (found == running_.end()) return;  // of the program that became this one
    const size_t index = found->second;
    running_.erase(found);
    if (!jobs_.ended(index, WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status))) stop_all();
  }

  void stop_all() {
    if (stopped_) return;
    stopped_ = true;
    for (const auto& [child, index] : running_) kill(child, SIGTERM);
  }

  const PoolJobs& jobs_;
  const HeldSignals held_;
  std::map<pid_t, size_t> running_;
  bool stopped_ = false;
};

}  // namespace

std::string signal_text(int code) {
  if (code <= kSignalled) return "";
  return fmt::format("ended by signal {} ({})", code - kSignalled, strsignal(code - kSignalled));
}

void run_in_processes(const PoolJobs& jobs, unsigned processes) {
  Pool(jobs).run(processes);
}

unsigned processes_wanted(unsigned processes) {
  return processes ? processes : std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace backboard
