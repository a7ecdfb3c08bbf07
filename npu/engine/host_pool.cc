#include "npu/engine/host_pool.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "platform/check/check.h"
#include "platform/host_time/host_time.h"

namespace backboard::npu {
namespace {

/// How long a thread looks for work, or for the end of it, before it sleeps. Waking one takes tens of microseconds on a
/// virtual machine, where the interrupt leaves the guest; ResNet-18's step has a tile every few hundred.
constexpr auto kPatience = std::chrono::microseconds(200);

/// Whether `reached` came true within the patience of a thread.
template <class Condition>
bool reached_soon(Condition&& reached) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  do {
    for (unsigned i = 0; i < 64; ++i) {
      if (reached()) return true;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

}  // namespace

HostPool::HostPool(uint32_t threads) {
  for (uint32_t i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

HostPool::~HostPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

bool HostPool::take(HostWork*& work, uint32_t& part) {
  if (work == nullptr) {
    if (queue_.empty()) return false;
    work = queue_.front();
  }
  if (work->taken_ == work->parts_) return false;
  part = work->taken_++;
  if (work->taken_ == work->parts_) {
    queue_.erase(std::find(queue_.begin(), queue_.end(), work));
    queued_.store(static_cast<uint32_t>(queue_.size()), std::memory_order_relaxed);
  }
  return true;
}

void HostPool::carry_out(HostWork& work, uint32_t part, uint32_t thread) {
  work.body_(part, thread);
  if (work.left_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  // The owner may have gone on already: from here only the pool is touched.
  if (thread == 0) return;
  { const std::lock_guard lock(mutex_); }
  done_.notify_one();
}

void HostPool::work(uint32_t thread) {
  while (true) {
    HostWork* work = nullptr;
    uint32_t part = 0;
    reached_soon([this] { return queued_.load(std::memory_order_relaxed) != 0 || stopping_.load(); });
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_.load() || !queue_.empty(); });
      if (stopping_) return;
      if (!take(work, part)) continue;
    }
    carry_out(*work, part, thread);
  }
}

void HostPool::begin(HostWork& work, uint32_t parts, std::function<void(uint32_t part, uint32_t thread)> body) {
  BB_CHECK(!work.running_ && parts > 0);
  work.body_ = std::move(body);
  work.parts_ = parts;
  work.taken_ = 0;
  work.left_.store(parts, std::memory_order_relaxed);
  work.running_ = true;
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(&work);
    queued_.store(static_cast<uint32_t>(queue_.size()), std::memory_order_relaxed);
  }
  if (workers_.empty()) return;
  parts == 1 ? wake_.notify_one() : wake_.notify_all();
}

void HostPool::finish(HostWork& work) {
  if (!work.running_) return;
  for (;;) {
    HostWork* own = &work;
    uint32_t part = 0;
    {
      const std::lock_guard lock(mutex_);
      if (!take(own, part)) break;
    }
    carry_out(work, part, 0);
  }
  const auto complete = [&work] { return work.left_.load(std::memory_order_acquire) == 0; };
  if (!complete()) {
    const HostSpan span(HostPart::waiting);
    if (!reached_soon(complete)) {
      std::unique_lock lock(mutex_);
      done_.wait(lock, complete);
    }
  }
  work.running_ = false;
}

void HostPool::run(uint32_t parts, std::function<void(uint32_t part, uint32_t thread)> body) {
  HostWork work;
  begin(work, parts, std::move(body));
  finish(work);
}

}  // namespace backboard::npu
