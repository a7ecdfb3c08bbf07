// What error correction costs in bursts, and what it does to wrong bits.
#include <catch2/catch.hpp>

#include "platform/dram/checker/checker.h"
#include "tests/platform/dram/target/bench.h"

namespace backboard::dram {
namespace {

MemoryConfig in_line() {
  return part("lpddr4-3200", {"controller.ecc=in_line"});
}
MemoryConfig side_band() {
  return part("ddr4-2400", {"controller.ecc=side_band"});
}

TEST_CASE("check bytes in line take the last eighth of the part, and a burst for eight bursts of data") {
  CHECK(in_line().capacity_bytes() == (uint64_t{1} << 30) / 8 * 7);
  struct Case {
    const char* what;
    BusOp op;
    uint64_t address;
    uint32_t size;
    uint64_t reads, writes, masked;      ///< column commands; masked ones of the writes
    uint64_t extra_reads, extra_writes;  ///< of these, not asked for
  };
  // Bursts are of 32 bytes, a burst of check bytes is for 256.
  for (const Case& c : {Case{"a group is read", BusOp::read, 0x1000, 256, 9, 0, 0, 1, 0},
                        Case{"a burst is read", BusOp::read, 0x1020, 32, 2, 0, 0, 1, 0},
                        Case{"two groups are touched", BusOp::read, 0x10E0, 64, 4, 0, 0, 2, 0},
                        Case{"a page is read", BusOp::read, 0x1000, 2048, 72, 0, 0, 8, 0},
                        Case{"a group is written", BusOp::write, 0x1000, 256, 0, 9, 0, 0, 1},
                        Case{"a burst is written", BusOp::write, 0x1000, 32, 0, 2, 1, 0, 1},
                        Case{"a word is written", BusOp::write, 0x1008, 8, 0, 2, 2, 0, 1},
                        Case{"half a word is written", BusOp::write, 0x1008, 4, 2, 2, 1, 2, 1},
                        Case{"both ends break words", BusOp::write, 0x1004, 56, 4, 3, 1, 4, 1}}) {
    CAPTURE(c.what);
    TargetBench bench(in_line());
    bench.submit(c.op, c.address, c.size, 0);
    bench.run();
    REQUIRE(bench.answers.count(0) == 1);
    CHECK(bench.answers[0].first == BusResponse::ok);
    CHECK(bench.count(Command::read) == c.reads);
    CHECK(bench.count(Command::write) + bench.count(Command::write_masked) == c.writes);
    CHECK(bench.count(Command::write_masked) == c.masked);
    CHECK(bench.npu().ecc_read_bursts == c.extra_reads);
    CHECK(bench.npu().ecc_write_bursts == c.extra_writes);
    CHECK(bench.npu().read_bursts + bench.npu().ecc_read_bursts == c.reads);
    CHECK(bench.npu().write_bursts + bench.npu().ecc_write_bursts == c.writes);
    CHECK(bench.npu().read_bytes + bench.npu().write_bytes == c.size);
    CHECK(bench.target.in_flight() == 0);
    CHECK(check_commands(bench.config, bench.commands).empty());
    for (uint32_t i = 0; c.op == BusOp::write && i < c.size; ++i) CHECK(bench.bytes[c.address + i] == 0x5A);
    CHECK(bench.bytes[c.address - 1] == 0);
    CHECK(bench.bytes[c.address + c.size] == 0);
  }
}

TEST_CASE("a ninth device adds no burst but the read before a broken word, and a ninth of the energy by device") {
  TargetBench bench(side_band());
  bench.submit(BusOp::read, 0, 512, 0);
  bench.run();
  CHECK(bench.count(Command::read) == 8);
  bench.submit(BusOp::write, 4096, 24, 1);
  bench.run();
  CHECK(bench.count(Command::read) == 8);
  bench.submit(BusOp::write, 4096, 20, 2);
  bench.run();
  CHECK(bench.count(Command::read) == 9);
  CHECK(bench.count(Command::write) == 2);
  CHECK(bench.npu().ecc_read_bursts == 1);
  EnergyFacts facts;
  facts.activates = facts.precharges = facts.reads = facts.writes = 1000, facts.clocks = 1'000'000;
  CHECK(energy_of(facts, side_band()).total() == Approx(energy_of(facts, part("ddr4-2400")).total() * 9 / 8));
}

TEST_CASE("one wrong bit is corrected, two are an error response, and without ECC the reader gets them") {
  for (const MemoryConfig& config : {in_line(), side_band()}) {
    TargetBench bench(config);
    bench.target.plant_error(0x1010, 1);
    bench.target.plant_error(0x2013, 2);  // any byte of the word
    bench.submit(BusOp::read, 0x1000, 64, 0);
    bench.submit(BusOp::read, 0x2000, 64, 1, 1'000'000);
    bench.submit(BusOp::read, 0x2018, 8, 2, 2'000'000);  // the word beside it
    bench.run();
    CHECK(bench.answers[0].first == BusResponse::ok);
    CHECK(bench.data[0] == std::vector<uint8_t>(64, 0));
    CHECK(bench.answers[1].first == BusResponse::target);
    CHECK(bench.answers[2].first == BusResponse::ok);
    CHECK(bench.target.ecc().corrected == 1);
    CHECK(bench.target.ecc().uncorrected == 1);
    CHECK(bench.npu().read_bytes == 64 + 8);  // what failed moved no bytes
    // Half a word written: the rest of one is corrected on the way, of the other it is not known.
    bench.submit(BusOp::write, 0x1010, 4, 3, 3'000'000);
    bench.submit(BusOp::write, 0x2010, 4, 4, 4'000'000);
    bench.submit(BusOp::read, 0x1010, 8, 5, 5'000'000);
    bench.submit(BusOp::read, 0x2010, 8, 6, 6'000'000);
    bench.submit(BusOp::write, 0x2010, 8, 7, 7'000'000);
    bench.submit(BusOp::read, 0x2010, 8, 8, 8'000'000);
    bench.run();
    CHECK(bench.target.ecc().corrected == 2);
    CHECK(bench.target.ecc().uncorrected == 3);
    CHECK(bench.answers[5].first == BusResponse::ok);
    CHECK(bench.answers[6].first == BusResponse::target);
    CHECK(bench.answers[8].first == BusResponse::ok);
  }
  TargetBench plain(part("lpddr4-3200"));
  plain.target.plant_error(0x1010, 2);
  plain.submit(BusOp::read, 0x1000, 32, 0);
  plain.submit(BusOp::write, 0x1010, 1, 1, 1'000'000);
  plain.submit(BusOp::read, 0x1010, 2, 2, 2'000'000);
  plain.run();
  CHECK(plain.data[0][0x10] == 1);
  CHECK(plain.data[0][0x11] == 2);
  CHECK(plain.data[2] == std::vector<uint8_t>{0x5A, 2});  // the byte that was written is right
}

TEST_CASE("ECC where there is no room for it, and power-down where nothing is known of it, are refused") {
  CHECK_THROWS_WITH(part("lpddr4-3200", {"controller.ecc=side_band"}), Catch::Contains("ninth device"));
  CHECK_THROWS_WITH(part("lpddr5-6400", {"controller.power_down=idle"}), Catch::Contains("power_down"));
  CHECK_THROWS_WITH(part("lpddr4-3200", {"controller.power_down=idle", "rails=[{volt: 1.1, i0: 45e-3, i2n: 27e-3}]"}),
                    Catch::Contains("i2p and i3p"));
  CHECK_NOTHROW(part("lpddr4-4266", {"controller.power_down=idle"}));
}

TEST_CASE("a memory with wrong bits is saved and restored with them") {
  TargetBench first(in_line());
  first.target.plant_error(0x1010, 2);
  first.submit(BusOp::read, 0x1000, 64, 0);
  first.run();
  StateArchive saved;
  first.target.state(saved);
  TargetBench second(in_line());
  StateArchive restored(saved.bytes(), "test");
  second.target.state(restored);
  CHECK(second.target.ecc().uncorrected == 1);
  second.submit(BusOp::read, 0x1010, 8, 0, 1'000'000);
  second.run();
  CHECK(second.answers[0].first == BusResponse::target);
}

}  // namespace
}  // namespace backboard::dram
