#include "platform/host_time/host_time.h"

#include <time.h>

#include <memory>
#include <mutex>
#include <vector>

namespace backboard {
namespace {

/// Processor time of the calling thread: what other programs take of the host does not count.
uint64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

/// One thread's times. Only the thread writes but for clearing; others read.
struct Account {
  std::array<std::atomic<uint64_t>, kHostParts> ns{};
  std::atomic<uint64_t> since_ns{0};
  std::atomic<HostPart> part{HostPart::rest};

  void turn_to(HostPart next) {
    const uint64_t now = now_ns();
    std::atomic<uint64_t>& spent = ns[static_cast<unsigned>(part.load(std::memory_order_relaxed))];
    spent.store(spent.load(std::memory_order_relaxed) + now - since_ns.load(std::memory_order_relaxed),
                std::memory_order_relaxed);
    since_ns.store(now, std::memory_order_relaxed);
    part.store(next, std::memory_order_relaxed);
  }
  void clear() {
    for (auto& spent : ns) spent.store(0, std::memory_order_relaxed);
  }
  void restart() { since_ns.store(now_ns(), std::memory_order_relaxed); }
};

std::mutex accounts_mutex;
std::vector<std::shared_ptr<Account>> accounts;

/// Lives as long as the list, which outlives its thread.
Account& own_account() {
  thread_local const std::shared_ptr<Account> account = [] {
    auto made = std::make_shared<Account>();
    made->restart();
    const std::lock_guard lock(accounts_mutex);
    accounts.push_back(made);
    return made;
  }();
  return *account;
}

}  // namespace

std::atomic<bool> HostSpan::measures_{false};

const char* name_of(HostPart part) {
  constexpr const char* kNames[] = {"events, SystemC", "core", "DMA, bus, copies", "codec", "kernels", "counts",
                                    "vector",          "plan", "waiting"};
  static_assert(std::size(kNames) == kHostParts);
  return kNames[static_cast<unsigned>(part)];
}

void measure_host_time(bool on) {
  Account& own = own_account();
  {
    const std::lock_guard lock(accounts_mutex);
    for (const auto& account : accounts) account->clear();
  }
  own.restart();
  own.part.store(HostPart::rest, std::memory_order_relaxed);
  HostSpan::measures_.store(on, std::memory_order_relaxed);
}

HostTimeReport host_time() {
  Account& own = own_account();
  own.turn_to(own.part.load(std::memory_order_relaxed));
  HostTimeReport report;
  const std::lock_guard lock(accounts_mutex);
  for (const auto& account : accounts) {
    HostTimes& times = account.get() == &own ? report.own : report.others;
    for (unsigned i = 0; i < kHostParts; ++i) times[i] += account->ns[i].load(std::memory_order_relaxed);
  }
  report.others[static_cast<unsigned>(HostPart::rest)] = 0;
  return report;
}

void HostSpan::begin(HostPart part) {
  Account& own = own_account();
  outer_ = own.part.load(std::memory_order_relaxed);
  open_ = true;
  own.turn_to(part);
}

void HostSpan::end() {
  own_account().turn_to(outer_);
}

}  // namespace backboard
