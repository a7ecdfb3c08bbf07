#include "platform/watchdog/watchdog.h"

#include <catch2/catch.hpp>

#include "tests/support/device_bench.h"

namespace backboard {
namespace {

constexpr uint64_t kCtrl = 4, kLoad = 8, kValue = 0xC, kKick = 0x10, kStatus = 0x14, kHz = 0x18;
constexpr uint32_t kEnable = 1, kIrq = 2, kLock = 4, kLine = 12;
constexpr uint64_t kTickPs = 1'000'000;  // 1 MHz

struct EndLog final : EndSink {
  void end(EndCause cause, int, uint64_t time_ps) override {
    ends.push_back(time_ps);
    last = cause;
  }
  std::vector<uint64_t> ends;
  EndCause last = EndCause::passed;
};

struct WatchdogBench : test::DeviceBench {
  WatchdogBench() : watchdog({}, queue, wires, kLine, end, findings) { target = &watchdog; }
  EndLog end;
  Watchdog watchdog;
};

TEST_CASE("the first expiry interrupts, the second resets, to the tick") {
  WatchdogBench bench;
  CHECK(bench.read(kHz) == 1'000'000);
  bench.queue.run_until(333);
  bench.write(kLoad, 100);
  bench.write(kCtrl, kEnable | kIrq);
  bench.queue.run_until(333 + 30 * kTickPs);
  CHECK(bench.read(kValue) == 70);
  bench.queue.run_until(333 + 100 * kTickPs - 1);
  CHECK_FALSE(bench.wires.level(kLine));
  CHECK(bench.read(kValue) == 1);
  bench.queue.run_until(333 + 100 * kTickPs);
  CHECK(bench.wires.level(kLine));
  CHECK(bench.read(kStatus) == 1);
  bench.write(kStatus, 1);  // acknowledged, but not kicked
  CHECK_FALSE(bench.wires.level(kLine));
  bench.queue.run_until(333 + 200 * kTickPs - 1);
  CHECK(bench.end.ends.empty());
  bench.queue.run_until(333 + 200 * kTickPs);
  CHECK(bench.end.ends == std::vector<uint64_t>{333 + 200 * kTickPs});
  CHECK(bench.end.last == EndCause::watchdog_reset);
  REQUIRE(bench.findings.list.size() == 1);
  CHECK(bench.findings.list[0].block == "watchdog");
}

TEST_CASE("a kick with the key starts over, any other value is a finding") {
  WatchdogBench bench;
  bench.write(kLoad, 100);
  bench.write(kCtrl, kEnable);
  for (int i = 1; i <= 5; ++i) {
    bench.queue.run_until(static_cast<uint64_t>(i) * 99 * kTickPs);
    bench.write(kKick, Watchdog::kKey);
  }
  bench.queue.run_until((5 * 99 + 150) * kTickPs);
  CHECK(bench.read(kStatus) == 1);  // expired once
  bench.write(kKick, 1);
  CHECK(bench.findings.list.size() == 1);
  bench.write(kKick, Watchdog::kKey);  // forgets the first expiry
  bench.queue.run_until((5 * 99 + 150 + 199) * kTickPs);
  CHECK(bench.end.ends.empty());
}

TEST_CASE("a locked watchdog cannot be stopped or slowed") {
  WatchdogBench bench;
  bench.write(kLoad, 10);
  bench.write(kCtrl, kEnable | kLock);
  bench.write(kCtrl, 0);
  bench.write(kLoad, 1'000'000);
  CHECK(bench.findings.list.size() == 2);
  CHECK(bench.read(kCtrl) == (kEnable | kLock));
  CHECK(bench.read(kLoad) == 10);
  bench.queue.run_until(20 * kTickPs);
  CHECK(bench.end.ends.size() == 1);
}

TEST_CASE("switched off it keeps its value and does nothing, and a load of zero is refused") {
  WatchdogBench bench;
  bench.write(kLoad, 0);
  CHECK(bench.findings.list.size() == 1);
  CHECK(bench.read(kLoad) == UINT32_MAX);
  bench.write(kLoad, 50);
  bench.write(kCtrl, kEnable);
  bench.queue.run_until(20 * kTickPs);
  bench.write(kCtrl, 0);
  bench.queue.run_until(1000 * kTickPs);
  CHECK(bench.read(kValue) == 30);
  CHECK(bench.queue.next_time_ps() == EventQueue::kNever);
}

TEST_CASE("a restored watchdog expires at the same time") {
  WatchdogBench bench, other;
  bench.write(kLoad, 100);
  bench.write(kCtrl, kEnable | kIrq);
  bench.queue.run_until(150 * kTickPs);
  StateArchive out;
  bench.queue.state(out);
  bench.watchdog.state(out);
  StateArchive in(out.bytes(), "memory");
  other.queue.state(in);
  other.watchdog.state(in);
  REQUIRE(in.at_end());
  CHECK(other.read(kValue) == 50);
  other.queue.run_until(300 * kTickPs);
  CHECK(other.end.ends == std::vector<uint64_t>{200 * kTickPs});
}

}  // namespace
}  // namespace backboard
