#include "npu/engine/host_pool.h"

namespace backboard::npu {

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

void HostPool::take_parts(uint32_t thread) {
  for (uint32_t part = next_.fetch_add(1); part < parts_; part = next_.fetch_add(1)) (*body_)(part, thread);
}

void HostPool::work(uint32_t thread) {
  uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return stopping_ || generation_ != seen; });
    if (stopping_) return;
    seen = generation_;
    lock.unlock();
    take_parts(thread);
    lock.lock();
    if (--busy_ == 0) done_.notify_one();
  }
}

void HostPool::run(uint32_t parts, const std::function<void(uint32_t part, uint32_t thread)>& body) {
  if (workers_.empty() || parts <= 1) {
    for (uint32_t part = 0; part < parts; ++part) body(part, 0);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    body_ = &body;
    parts_ = parts;
    next_ = 0;
    busy_ = static_cast<uint32_t>(workers_.size());
    ++generation_;
  }
  wake_.notify_all();
  take_parts(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return busy_ == 0; });
  body_ = nullptr;
}

}  // namespace backboard::npu
