#include "platform/socket/descriptor_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

namespace backboard {

bool wait_readable(int descriptor, int timeout_ms) {
  pollfd waited{descriptor, POLLIN, 0};
  return ::poll(&waited, 1, timeout_ms) > 0 && waited.revents != 0;
}

DescriptorWatch::DescriptorWatch(int descriptor, std::function<void()> on_readable) {
  if (::pipe2(wake_.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  // Signals stay with the thread that runs the simulation.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([descriptor, wake = wake_[0], call = std::move(on_readable)] {
    pollfd waited[2] = {{descriptor, POLLIN, 0}, {wake, POLLIN, 0}};
    while (::poll(waited, 2, -1) < 0 && errno == EINTR) {
    }
    if (waited[1].revents == 0 && waited[0].revents != 0) call();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

DescriptorWatch::~DescriptorWatch() {
  ::close(wake_[1]);  // wakes the thread
  thread_.join();
  ::close(wake_[0]);
}

}  // namespace backboard
