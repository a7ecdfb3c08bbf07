// Threads of the simulator for the arithmetic of one compute step. They never change a result.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace backboard::npu {

/// Runs the parts of one piece of work side by side. run() returns when all are done, so nothing is in flight between
/// two events and there is nothing to drain before saving.
class HostPool {
 public:
  /// `threads` in all, the caller's included: 1 starts none.
  explicit HostPool(uint32_t threads);
  ~HostPool();
  HostPool(const HostPool&) = delete;
  HostPool& operator=(const HostPool&) = delete;

  uint32_t threads() const { return static_cast<uint32_t>(workers_.size()) + 1; }
  /// Calls body(part, thread) once for each part below `parts`; `thread` is below threads(). Parts run in any order and
  /// must not touch what another writes.
  void run(uint32_t parts, const std::function<void(uint32_t part, uint32_t thread)>& body);

 private:
  void work(uint32_t thread);
  void take_parts(uint32_t thread);

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(uint32_t, uint32_t)>* body_ = nullptr;
  uint32_t parts_ = 0;
  std::atomic<uint32_t> next_{0};
  uint32_t busy_ = 0;        ///< workers that have not finished the present work
  uint64_t generation_ = 0;  ///< counts pieces of work
  bool stopping_ = false;
};

}  // namespace backboard::npu
