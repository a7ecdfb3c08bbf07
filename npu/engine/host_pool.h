// Threads of the simulator for the arithmetic of tiles and for decoding them. They never change a result.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace backboard::npu {

/// A piece of work in parts, which run in any order, on any thread, and must not touch what another writes. Belongs to
/// whoever begins it; must stay in its place until it is finished.
class HostWork {
 public:
  /// Begun, and not finished yet.
  bool running() const { return running_; }

 private:
  friend class HostPool;
  std::function<void(uint32_t part, uint32_t thread)> body_;
  uint32_t parts_ = 0;
  uint32_t taken_ = 0;             ///< under the pool's mutex
  std::atomic<uint32_t> left_{0};  ///< parts that are not done
  bool running_ = false;           ///< the owner's
};

/// Carries work out while its owner goes on, or at once. What was begun is finished by its owner before anybody looks
/// at the results, saves, or ends.
class HostPool {
 public:
  /// `threads` in all, the caller's included: 1 starts none.
  explicit HostPool(uint32_t threads);
  ~HostPool();
  HostPool(const HostPool&) = delete;
  HostPool& operator=(const HostPool&) = delete;

  uint32_t threads() const { return static_cast<uint32_t>(workers_.size()) + 1; }
  /// Begins to call body(part, thread) once for each part below `parts`; `thread` is below threads(), 0 the owner's.
  /// Without other threads nothing runs before finish().
  void begin(HostWork& work, uint32_t parts, std::function<void(uint32_t part, uint32_t thread)> body);
  /// Returns when all parts are done; the calling thread does those that nobody has begun. Work that does not run:
  /// none.
  void finish(HostWork& work);
  /// begin() and finish().
  void run(uint32_t parts, std::function<void(uint32_t part, uint32_t thread)> body);

 private:
  void work(uint32_t thread);
  /// Takes the next part of a piece of work, or of the oldest one; false when none is left.
  bool take(HostWork*& work, uint32_t& part);
  void carry_out(HostWork& work, uint32_t part, uint32_t thread);

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::deque<HostWork*> queue_;      ///< with parts that nobody has begun, oldest first
  std::atomic<uint32_t> queued_{0};  ///< its size, for those who look without the mutex
  std::atomic<bool> stopping_{false};
};

}  // namespace backboard::npu
