#include "platform/host_time/host_time.h"

#include <time.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <numeric>
#include <thread>

using namespace backboard;

namespace {

/// Processor time of this thread passes.
void pass_ms(int ms) {
  const auto now_ms = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1'000'000;
  };
  const auto end = now_ms() + ms + 1;
  while (now_ms() < end) {
  }
}

uint64_t of(const HostTimes& times, HostPart part) {
  return times[static_cast<unsigned>(part)];
}

}  // namespace

TEST_CASE("spans nest, the inner one counts, and the parts of a thread are its processor time") {
  const auto start = std::chrono::steady_clock::now();
  measure_host_time(true);
  {
    const HostSpan kernels(HostPart::kernels);
    pass_ms(4);
    {
      const HostSpan codec(HostPart::codec);
      pass_ms(30);
    }
    pass_ms(4);
  }
  pass_ms(2);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const HostTimeReport report = host_time();
  const uint64_t all = std::accumulate(report.own.begin(), report.own.end(), uint64_t{0});
  const auto wall = static_cast<uint64_t>((std::chrono::steady_clock::now() - start).count());
  measure_host_time(false);
  CHECK(of(report.own, HostPart::codec) >= 30'000'000);
  CHECK(of(report.own, HostPart::kernels) >= 8'000'000);
  CHECK(of(report.own, HostPart::rest) >= 2'000'000);
  CHECK(all >= 40'000'000);
  CHECK(all + 20'000'000 <= wall);
}

TEST_CASE("other threads are summed without their idle time, and nothing is measured while it is off") {
  {
    const HostSpan off(HostPart::codec);
    pass_ms(1);
  }
  measure_host_time(true);
  std::thread worker([] {
    pass_ms(3);
    const HostSpan span(HostPart::counts);
    pass_ms(5);
  });
  worker.join();
  const HostTimeReport report = host_time();
  measure_host_time(false);
  CHECK(of(report.own, HostPart::codec) == 0);
  CHECK(of(report.own, HostPart::counts) == 0);
  CHECK(of(report.others, HostPart::counts) >= 5'000'000);
  CHECK(of(report.others, HostPart::rest) == 0);
}
