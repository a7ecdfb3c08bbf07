// Waiting for a descriptor of the host, in the foreground and beside a running simulation.
#pragma once

#include <array>
#include <functional>
#include <thread>

namespace backboard {

/// True when `descriptor` becomes readable (or its peer hangs up) before `timeout_ms` is over or a signal comes.
bool wait_readable(int descriptor, int timeout_ms);

/// Calls `on_readable` once, from a thread of its own, if `descriptor` becomes readable while the object lives.
class DescriptorWatch {
 public:
  DescriptorWatch(int descriptor, std::function<void()> on_readable);
  ~DescriptorWatch();
  DescriptorWatch(const DescriptorWatch&) = delete;
  DescriptorWatch& operator=(const DescriptorWatch&) = delete;

 private:
  std::array<int, 2> wake_{};
  std::thread thread_;
};

}  // namespace backboard
