#include "platform/clint/clint.h"

#include <catch2/catch.hpp>

#include "tests/support/device_bench.h"

namespace backboard {
namespace {

constexpr uint64_t kMsip = 0, kCompareLo = 0x4000, kCompareHi = 0x4004, kTimeLo = 0xBFF8, kTimeHi = 0xBFFC;
constexpr uint32_t kSoftware = 3, kTimer = 7;
constexpr uint64_t kTickPs = 100'000;  // 10 MHz

struct ClintBench : test::DeviceBench {
  explicit ClintBench(ClintConfig config = {}) : clint(config, queue, wires, findings) { target = &clint; }
  void compare(uint64_t ticks) {
    write(kCompareHi, UINT32_MAX);
    write(kCompareLo, static_cast<uint32_t>(ticks));
    write(kCompareHi, static_cast<uint32_t>(ticks >> 32));
  }
  Clint clint;
};

TEST_CASE("mtime counts 10 MHz from power-on") {
  ClintBench bench;
  CHECK(bench.read(kTimeLo) == 0);
  bench.queue.run_until(kTickPs - 1);
  CHECK(bench.read(kTimeLo) == 0);
  bench.queue.run_until(kTickPs);
  CHECK(bench.read(kTimeLo) == 1);
  CHECK(bench.clint.mtime_at(12'345 * kTickPs + 99'999) == 12'345);
}

TEST_CASE("the timer rises in the picosecond in which mtime reaches mtimecmp and falls when it is moved on") {
  ClintBench bench;
  bench.queue.run_until(12'345);
  bench.compare(7);
  CHECK_FALSE(bench.wires.level(kTimer));
  bench.queue.run_until(7 * kTickPs - 1);
  CHECK_FALSE(bench.wires.level(kTimer));
  bench.queue.run_until(7 * kTickPs);
  CHECK(bench.wires.level(kTimer));
  bench.compare(9);
  CHECK_FALSE(bench.wires.level(kTimer));
  bench.queue.run_until(20 * kTickPs);
  CHECK(bench.wires.changes == std::vector<test::WireLog::Change>{{7 * kTickPs, kTimer, true},
                                                                  {7 * kTickPs, kTimer, false},
                                                                  {9 * kTickPs, kTimer, true}});
  bench.compare(3);  // in the past: at once
  CHECK(bench.wires.level(kTimer));
}

TEST_CASE("a rate whose period is no whole picosecond is exact in the long run") {
  ClintBench bench({.clock_hz = 32'768});
  bench.compare(32'768 * 3);
  // 3 s to the picosecond, though a tick is 30,517,578.125 ps.
  bench.queue.run_until(3'000'000'000'000 - 1);
  CHECK_FALSE(bench.wires.level(kTimer));
  bench.queue.run_until(3'000'000'000'000);
  CHECK(bench.wires.level(kTimer));
}

TEST_CASE("writing mtime moves the timer") {
  ClintBench bench;
  bench.compare(100);
  bench.queue.run_until(10 * kTickPs);
  bench.write(kTimeLo, 95);
  CHECK(bench.read(kTimeLo) == 95);
  bench.queue.run_until(15 * kTickPs - 1);
  CHECK_FALSE(bench.wires.level(kTimer));
  bench.queue.run_until(15 * kTickPs);
  CHECK(bench.wires.level(kTimer));
  bench.write(kTimeHi, 1);
  CHECK(bench.clint.mtime_at(15 * kTickPs) == (uint64_t{1} << 32) + 100);
}

TEST_CASE("after power-on the timer never fires, and a compare value beyond all time does not either") {
  ClintBench bench;
  CHECK(bench.queue.next_time_ps() == EventQueue::kNever);
  bench.compare(UINT64_MAX - 5);
  CHECK(bench.queue.next_time_ps() == EventQueue::kNever);
  CHECK(bench.read(kCompareLo) == 0xFFFFFFFA);
}

TEST_CASE("msip drives the software interrupt with its one bit") {
  ClintBench bench;
  bench.write(kMsip, 0xFFFFFFFF);
  CHECK(bench.read(kMsip) == 1);
  CHECK(bench.wires.level(kSoftware));
  bench.write(kMsip, 1);
  bench.write(kMsip, 0xFFFFFFFE);
  CHECK_FALSE(bench.wires.level(kSoftware));
  CHECK(bench.wires.changes.size() == 2);
}

TEST_CASE("64-bit accesses are answered, bytes and holes are not") {
  ClintBench bench;
  uint64_t value = 0x0000'0001'0000'0005;
  CHECK(bench.access(BusOp::write, kCompareLo, &value, 8) == BusResponse::ok);
  CHECK(bench.read(kCompareHi) == 1);
  value = 0;
  bench.queue.run_until(3 * kTickPs);
  CHECK(bench.access(BusOp::read, kTimeLo, &value, 8) == BusResponse::ok);
  CHECK(value == 3);
  bench.read(kMsip, 1);
  CHECK(bench.response == BusResponse::target);
  bench.read(0x8);
  CHECK(bench.response == BusResponse::target);
  CHECK(bench.findings.list.size() == 2);
}

TEST_CASE("a restored CLINT fires at the same time") {
  ClintBench bench, other;
  bench.compare(50);
  bench.queue.run_until(20 * kTickPs + 7);
  StateArchive out;
  bench.queue.state(out);
  bench.clint.state(out);
  StateArchive in(out.bytes(), "memory");
  other.queue.state(in);
  other.clint.state(in);
  REQUIRE(in.at_end());
  other.queue.run_until(100 * kTickPs);
  CHECK(other.wires.changes == std::vector<test::WireLog::Change>{{50 * kTickPs, kTimer, true}});
}

}  // namespace
}  // namespace backboard
