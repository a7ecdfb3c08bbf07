#include "platform/run/process_pool.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <thread>

#include "platform/check/input_error.h"
#include "platform/run/process.h"

namespace backboard {
namespace {

class Pool {
 public:
  explicit Pool(const PoolJobs& jobs) : jobs_(jobs) {}

  void run(unsigned processes) {
    size_t next = 0;
    for (;;) {
      if (interrupted()) stop_all();
      if (next < jobs_.count && !stopped_ && running_.size() < processes) {
        start(next++);
      } else if (!running_.empty()) {
        wait_for_one();
      } else {
        return;
      }
    }
  }

 private:
  void start(size_t index) {
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child < 0) throw InputError("a process for a point could not be started");
    if (child > 0) {
      running_[child] = index;
      return;
    }
    // In a group of its own a terminal's Ctrl-C reaches the parent alone, which passes it on once: a second signal
    // would end the child without its reports. When the parent goes, so does the child.
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    const int code = guarded([&] { return jobs_.run(index); });
    std::fflush(nullptr);
    _exit(code);
  }

  void wait_for_one() {
    int status = 0;
    const pid_t child = waitpid(-1, &status, 0);
    const auto found = running_.find(child);
    if (found == running_.end()) return;  // interrupted by a signal
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
