#include "platform/dram/dram.h"

#include <catch2/catch.hpp>

#include "tests/support/device_bench.h"

namespace backboard {
namespace {

// Clocks of LPDDR4-3200 (configs/memory): tCK 0.625 ns.
constexpr uint64_t kClockPs = 625;
constexpr uint64_t kRefi = 6246, kRfc = 448;

/// Accesses at given clocks.
struct DramBench {
  explicit DramBench(DramConfig config = {}) : dram(config, 64 << 20) {}

  /// Clocks from `at` to the end of the last burst.
  uint64_t clocks(BusOp op, uint64_t at, uint64_t address, uint32_t size) {
    BusAccess access{op, address, bytes.data(), size, at * kClockPs, {}, false};
    access.who.initiator = Initiator::npu;
    uint64_t delay_ps = 0;
    REQUIRE(dram.access(access, delay_ps) == BusResponse::ok);
    REQUIRE(delay_ps % kClockPs == 0);
    return delay_ps / kClockPs;
  }
  uint64_t read(uint64_t at, uint64_t address, uint32_t size = 32) { return clocks(BusOp::read, at, address, size); }
  uint64_t write(uint64_t at, uint64_t address, uint32_t size = 32) { return clocks(BusOp::write, at, address, size); }

  Dram dram;
  std::array<uint8_t, 65536> bytes{};
};

/// The same bank, another row: rows of 2 KiB in 8 banks.
constexpr uint64_t kNextRow = 2048 * 8;

TEST_CASE("unloaded reads take 46 clocks in an open row, 75 in a closed bank, 102 over another row") {
  DramBench bench;
  // Controller 1 + rest of the command 3 + RL 28 + DQSCK 6 + burst 8 = 46; + RCD 29 = 75; + RPpb 29 - 2 = 102.
  CHECK(bench.read(0, 0) == 75);
  CHECK(bench.read(1000, 32) == 46);
  CHECK(bench.read(2000, kNextRow) == 102);
  CHECK(bench.read(3000, 2048) == 75);  // the next bank was never opened
  const DramCounters counters = bench.dram.total();
  CHECK(counters.activates == 3);
  CHECK(counters.precharges == 1);
  CHECK(counters.row_hits == 1);
}

TEST_CASE("an unloaded write of an open row takes 29 clocks") {
  DramBench bench;
  bench.read(0, 0);
  // 1 + 3 + WL 14 + DQSS 1 + DQS2DQ 2 + burst 8 = 29.
  CHECK(bench.write(1000, 0) == 29);
}

TEST_CASE("bursts in one row follow each other on the data bus") {
  DramBench bench;
  // A closed bank, then 64 bursts of 8 clocks: 67 + 64 x 8.
  CHECK(bench.read(0, 0, 2048) == 67 + 512);
  CHECK(bench.dram.total().read_bursts == 64);
  CHECK(bench.dram.total().row_hits == 63);
  // Two requests at one time: the second one's data wait for the first one's. 46 + 8.
  CHECK(bench.read(1000, 0) == 46);
  CHECK(bench.read(1000, 32) == 54);
  // Bytes that share bursts at both ends: 33 bytes from offset 31 touch three bursts of 32.
  CHECK(bench.read(2000, 31, 34) == 46 + 16);
  CHECK(bench.dram.total().read_bursts == 64 + 2 + 3);
  CHECK(bench.dram.total().read_bytes == 2048 + 64 + 34);
}

TEST_CASE("turning the data bus round costs 5 clocks to writes and 48 to reads") {
  DramBench bench;
  bench.read(0, 0);
  CHECK(bench.read(1000, 0) == 46);
  // Data of the read end at 1046; WPRE 2 + RPST 0 + DQSS 1 + DQS2DQ 2 later the write's begin: 1046 + 5 + 8.
  CHECK(bench.write(1000, 32) == 59);
  // Then 1 + WTR 16 + RL 28 + DQSCK 6 - DQSS 1 - DQS2DQ 2 = 48: 1059 + 48 + 8.
  CHECK(bench.read(1000, 64) == 115);
}

TEST_CASE("rows of one bank follow each other at tRC, of different banks at tRRD") {
  DramBench bench;
  // ACT at 1, next one of the bank at 1 + RC 97, + RCD 29 + 37 to data + 8.
  bench.read(0, 0);
  CHECK(bench.read(0, kNextRow) == 98 + 29 + 37 + 8);
  DramBench other;
  // Bank 1's ACT at 1 + RRD 16 = 17.
  other.read(0, 0);
  CHECK(other.read(0, 2048) == 17 + 29 + 37 + 8);
}

TEST_CASE("a fifth row waits for the window of four") {
  DramConfig config;
  config.memory.timing.faw = 100;
  DramBench bench(config);
  for (uint64_t bank = 0; bank < 4; ++bank) bench.read(0, bank * 2048);  // ACT at 1, 17, 33, 49
  CHECK(bench.read(0, 4 * 2048) == 101 + 29 + 37 + 8);                   // not 65
}

TEST_CASE("a precharge after a write waits for its recovery") {
  DramBench bench;
  bench.write(0, 0);  // ACT 1, WR 30
  // PRE at 30 + WL 14 + 3 + burst 8 + WR 29 = 84, later than ACT 1 + RAS 68 + 2 = 71; ACT 84 + 27 = 111, later than
  // 1 + RC 97; RD 140; data 177 to 185.
  CHECK(bench.read(0, kNextRow) == 185);
}

TEST_CASE("a refresh closes all rows and holds requests") {
  DramBench bench;
  bench.read(0, 0);
  // Half way through refresh 1: to its end, then a closed bank. The command would have gone out one clock later.
  const uint64_t at = kRefi + 200;
  CHECK(bench.read(at, 32) == (kRfc - 200) + 29 + 37 + 8);
  CHECK(bench.dram.total().refresh_stalls == 1);
  CHECK(bench.read(kRefi + 2000, 64) == 46);
  CHECK(bench.read(2 * kRefi + 2000, 96) == 75);  // closed by refresh 2 in between
  CHECK(bench.dram.total().activates == 3);
}

TEST_CASE("bursts that a refresh cuts in two go on after it") {
  DramBench bench;
  bench.read(6000, 0);
  // Column command at 6201, 8 clocks a burst: bursts 0 to 5 have commands before 6246, 58 are left. They start over at
  // the end of the refresh, 6694: ACT 6694, RD 6723, data from 6760, 58 x 8 = 464.
  CHECK(6200 + bench.read(6200, 0, 2048) == 6760 + 464);
  CHECK(bench.dram.total().read_bursts == 1 + 64);
}

TEST_CASE("sequential reads reach the bus's peak less refreshes, random rows one activate per tRRD") {
  DramBench bench;
  // 256-byte requests, offered faster than they can be served.
  uint64_t end = 0;
  constexpr uint64_t kRequests = 20'000;
  for (uint64_t i = 0; i < kRequests; ++i) {
    const uint64_t at = end > 1000 ? end - 1000 : 0;
    end = at + bench.read(at, i * 256 % (32 << 20), 256);
  }
  // 8 clocks a burst, available 1 - 448 / 6246 of the time; opening rows after a refresh costs a little more.
  const double ideal = kRequests * 8 * 8 / (1 - 448.0 / 6246.0);
  CHECK(static_cast<double>(end) >= ideal);
  CHECK(static_cast<double>(end) < ideal * 1.02);
  // DRAMSys finds 98.25 % row hits for this pattern.
  const DramCounters c = bench.dram.total();
  CHECK(static_cast<double>(c.row_hits) / static_cast<double>(c.read_bursts) == Approx(0.9825).margin(0.005));
}

TEST_CASE("with the closed policy every access opens its row") {
  DramConfig config;
  config.memory.controller.page = dram::PageKind::closed;
  DramBench bench(config);
  CHECK(bench.read(0, 0) == 75);
  CHECK(bench.read(1000, 32) == 75);
  CHECK(bench.read(2000, kNextRow) == 75);
}

TEST_CASE("a clock whose period is no whole picosecond rounds times up and never drifts") {
  DramConfig config;
  config.memory.clock_hz = 2'133'333'333;
  Dram dram(config, 1 << 20);
  uint32_t word = 0;
  BusAccess access{BusOp::read, 0, reinterpret_cast<uint8_t*>(&word), 4, 0, {}, false};
  uint64_t delay_ps = 0;
  dram.access(access, delay_ps);
  CHECK(delay_ps == 35'157);  // 75 / 2.133333333 GHz = 35,156.25 ps
}

TEST_CASE("bytes, direct region and counters by initiator") {
  Dram dram(DramConfig{}, 1 << 20);
  uint32_t word = 0x11223344;
  BusAccess access{BusOp::write, 0xFFFFC, reinterpret_cast<uint8_t*>(&word), 4, 0, {}, false};
  access.who.initiator = Initiator::core_data;
  uint64_t delay_ps = 0;
  CHECK(dram.access(access, delay_ps) == BusResponse::ok);
  CHECK(dram.direct(0)->bytes[0xFFFFC] == 0x44);
  CHECK(dram.direct(0)->read_latency_ps == 28'750);
  CHECK(dram.counters(Initiator::core_data).write_bytes == 4);
  CHECK(dram.counters(Initiator::npu).write_bytes == 0);
  access.address = 0xFFFFD;
  CHECK(dram.access(access, delay_ps) == BusResponse::target);
  access.address = 0;
  access.debug = true;
  delay_ps = 0;
  dram.access(access, delay_ps);
  CHECK(delay_ps == 0);
  CHECK(dram.total().write_bytes == 4);
}

TEST_CASE("a restored DRAM has the bytes and the row state") {
  DramBench bench, other;
  bench.bytes[0] = 0x5A;
  bench.write(0, 123 * kNextRow);
  StateArchive out;
  bench.dram.state(out);
  CHECK(out.bytes().size() < 8192);
  StateArchive in(out.bytes(), "memory");
  other.dram.state(in);
  REQUIRE(in.at_end());
  CHECK(other.read(1000, 123 * kNextRow) == 46);
  CHECK(other.bytes[0] == 0x5A);
}

}  // namespace
}  // namespace backboard
