// Jobs in child processes: interrupts at every moment, signals that the caller ignores, children that are killed.
#include "platform/run/process_pool.h"

#include <dlfcn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "platform/run/process.h"

namespace {

/// Sent to this process in front of its next waitpid(): between the pool's look for an interrupt and its wait.
int signal_before_wait = 0;

}  // namespace

extern "C" pid_t waitpid(pid_t child, int* status, int options) {
  static const auto real = reinterpret_cast<pid_t (*)(pid_t, int*, int)>(dlsym(RTLD_NEXT, "waitpid"));
  if (const int number = std::exchange(signal_before_wait, 0)) raise(number);
  return real(child, status, options);
}

namespace backboard {
namespace {

constexpr unsigned kPatience_s = 20;

/// The exit code of `body` in a process of its own; kSignalled + SIGALRM when it hangs.
int code_of(const std::function<int()>& body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(kPatience_s);
    _exit(body());
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status);
}

/// Until a signal comes, as a board does.
int work_until_stopped() {
  install_stop_handlers(nullptr);
  while (!interrupted()) usleep(1000);
  return 5;
}

TEST_CASE("an interrupt between the look for one and the wait stops the jobs at once") {
  for (const int number : {SIGINT, SIGTERM}) {
    CHECK(code_of([&] {
            install_stop_handlers(nullptr);
            signal_before_wait = number;
            size_t ended = 0;
            run_in_processes({3, [](size_t) { return work_until_stopped(); },
                              [&](size_t, int code) {
                                ended += code == 5;
                                return true;
                              }},
                             2);
            return static_cast<int>(10 * interrupted() + ended);  // the third never started
          }) == 12);
  }
}

TEST_CASE("jobs end where the caller ignores or blocks the signal of their end") {
  const auto sum_of_codes = [] {
    int sum = 0;
    run_in_processes({3, [](size_t index) { return static_cast<int>(index) + 1; },
                      [&](size_t, int code) {
                        sum += code;
                        return true;
                      }},
                     2);
    return sum;
  };
  CHECK(code_of([&] {
          std::signal(SIGCHLD, SIG_IGN);
          return sum_of_codes();
        }) == 6);
  CHECK(code_of([&] {
          sigset_t child;
          sigemptyset(&child);
          sigaddset(&child, SIGCHLD);
          sigprocmask(SIG_BLOCK, &child, nullptr);
          return sum_of_codes();
        }) == 6);
}

TEST_CASE("a job has the caller's signals, and the caller gets them back") {
  CHECK(code_of([] {
          std::signal(SIGCHLD, SIG_IGN);
          const auto own = [] {
            sigset_t blocked;
            sigprocmask(SIG_SETMASK, nullptr, &blocked);
            struct sigaction of_child;
            sigaction(SIGCHLD, nullptr, &of_child);
            const bool free =
                !sigismember(&blocked, SIGINT) && !sigismember(&blocked, SIGTERM) && !sigismember(&blocked, SIGCHLD);
            return free && of_child.sa_handler == SIG_IGN ? 1 : 0;
          };
          int sum = 0;
          run_in_processes({1, [&](size_t) { return own(); },
                            [&](size_t, int code) {
                              sum += code;
                              return true;
                            }},
                           1);
          return sum + 2 * own();
        }) == 3);
}

TEST_CASE("where the host starts no more processes, jobs wait for those that run") {
  if (geteuid() != 0) return;  // the limit counts all processes of a user: one that has no others is needed
  constexpr uid_t kNobodyElse = 61'357;
  CHECK(code_of([] {
          const rlimit most{2, 2};
          if (setrlimit(RLIMIT_NPROC, &most) != 0 || setuid(kNobodyElse) != 0) return 100;
          int sum = 0;
          run_in_processes({4, [](size_t) { return 1; },
                            [&](size_t, int code) {
                              sum += code;
                              return true;
                            }},
                           4);
          return sum;
        }) == 4);
}

}  // namespace
}  // namespace backboard
