#include "platform/plic/plic.h"

#include <catch2/catch.hpp>

#include "tests/support/device_bench.h"

namespace backboard {
namespace {

constexpr uint64_t kPending = 0x1000, kEnable = 0x2000, kThreshold = 0x200000, kClaim = 0x200004;
constexpr uint64_t kEnableS = 0x2080, kClaimS = 0x201004;
constexpr uint32_t kMachine = 11, kSupervisor = 9;

struct PlicBench : test::DeviceBench {
  explicit PlicBench(PlicConfig config = {}) : plic(config, wires, {kMachine, kSupervisor}, findings) {
    target = &plic;
  }
  void use(uint32_t source, uint32_t priority) {
    write(4 * source, priority);
    write(kEnable + 4 * (source / 32), read(kEnable + 4 * (source / 32)) | 1u << (source % 32));
  }
  Plic plic;
};

TEST_CASE("claim and complete, as a driver does it") {
  PlicBench bench;
  bench.use(10, 1);
  bench.plic.set_level(10, true);
  CHECK(bench.wires.level(kMachine));
  CHECK(bench.read(kPending) == 1u << 10);
  CHECK(bench.read(kClaim) == 10);
  CHECK_FALSE(bench.wires.level(kMachine));
  CHECK(bench.read(kPending) == 0);
  CHECK(bench.read(kClaim) == 0);
  // The handler did not lower the wire: completion brings it back.
  bench.write(kClaim, 10);
  CHECK(bench.wires.level(kMachine));
  CHECK(bench.read(kClaim) == 10);
  bench.plic.set_level(10, false);
  bench.write(kClaim, 10);
  CHECK_FALSE(bench.wires.level(kMachine));
  CHECK(bench.findings.list.empty());
}

TEST_CASE("the highest priority is claimed first, among equals the lowest number") {
  PlicBench bench;
  bench.use(40, 3);
  bench.use(12, 3);
  bench.use(11, 7);
  bench.use(5, 1);
  for (const uint32_t source : {40, 12, 11, 5}) bench.plic.set_level(source, true);
  for (const uint32_t expected : {11, 12, 40, 5, 0}) CHECK(bench.read(kClaim) == expected);
}

TEST_CASE("priority zero never interrupts, and the threshold masks priorities up to itself") {
  PlicBench bench;
  bench.use(10, 0);
  bench.plic.set_level(10, true);
  CHECK_FALSE(bench.wires.level(kMachine));
  bench.write(4 * 10, 3);
  CHECK(bench.wires.level(kMachine));
  bench.write(kThreshold, 3);
  CHECK_FALSE(bench.wires.level(kMachine));
  CHECK(bench.read(kClaim) == 10);  // claims do not look at the threshold
  bench.write(kClaim, 10);
  bench.write(kThreshold, 2);
  CHECK(bench.wires.level(kMachine));
}

TEST_CASE("a request stays pending when its wire falls, and an interrupt in service is not pending twice") {
  PlicBench bench;
  bench.use(11, 1);
  bench.plic.set_level(11, true);
  bench.plic.set_level(11, false);
  CHECK(bench.wires.level(kMachine));
  CHECK(bench.read(kClaim) == 11);
  bench.plic.set_level(11, true);
  CHECK_FALSE(bench.wires.level(kMachine));
  bench.write(kClaim, 11);
  CHECK(bench.wires.level(kMachine));
}

TEST_CASE("completing what is not claimed or not enabled is a finding and does nothing") {
  PlicBench bench;
  bench.use(10, 1);
  bench.plic.set_level(10, true);
  bench.write(kClaim, 10);
  bench.write(kClaim, 12);
  bench.write(kClaim, 4096);
  CHECK(bench.findings.list.size() == 3);
  CHECK(bench.read(kClaim) == 10);
}

TEST_CASE("source 0 cannot be enabled and registers keep only their bits") {
  PlicBench bench;
  bench.write(kEnable, 0xFFFFFFFF);
  CHECK(bench.read(kEnable) == 0xFFFFFFFE);
  bench.write(4, 0xFF);
  CHECK(bench.read(4) == 7);
  bench.write(0, 7);
  CHECK(bench.read(0) == 0);
  bench.write(kThreshold, 0x1F);
  CHECK(bench.read(kThreshold) == 7);
}

TEST_CASE("the supervisor's context exists only where it is configured") {
  PlicBench bench;
  bench.read(kEnableS);
  CHECK(bench.response == BusResponse::target);
  bench.read(kClaimS);
  CHECK(bench.response == BusResponse::target);
  CHECK(bench.findings.list.size() == 2);
  PlicBench both({.supervisor_context = true});
  both.write(4 * 10, 1);
  both.write(kEnableS, 1u << 10);
  both.plic.set_level(10, true);
  CHECK(both.wires.level(kSupervisor));
  CHECK_FALSE(both.wires.level(kMachine));
  CHECK(both.read(kClaimS) == 10);
}

TEST_CASE("a debugger's read of the claim register claims nothing") {
  PlicBench bench;
  bench.use(10, 1);
  bench.plic.set_level(10, true);
  CHECK(bench.peek(kClaim) == 10);
  CHECK(bench.wires.level(kMachine));
  CHECK(bench.read(kClaim) == 10);
}

TEST_CASE("a restored PLIC remembers what is in service") {
  PlicBench bench, other;
  bench.use(10, 1);
  bench.use(11, 1);
  bench.plic.set_level(10, true);
  bench.plic.set_level(11, true);
  CHECK(bench.read(kClaim) == 10);
  StateArchive out;
  bench.plic.state(out);
  StateArchive in(out.bytes(), "memory");
  other.plic.state(in);
  REQUIRE(in.at_end());
  CHECK(other.read(kClaim) == 11);
  CHECK(other.read(kClaim) == 0);
  other.write(kClaim, 10);
  CHECK(other.read(kClaim) == 10);
}

}  // namespace
}  // namespace backboard
