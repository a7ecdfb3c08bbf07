#include "platform/sram/sram.h"

#include <catch2/catch.hpp>
#include <numeric>

#include "tests/support/device_bench.h"

namespace backboard {
namespace {

struct SramBench : test::DeviceBench {
  SramBench() { target = &sram; }
  Sram sram{SramConfig{.latency_ps = 5000}, 64 * 1024};
};

TEST_CASE("SRAM keeps bytes, costs one constant and refuses what leaves it") {
  SramBench bench;
  CHECK(bench.read(0) == 0);
  CHECK(bench.delay_ps == 5000);
  bench.write(0x101, 0xDEADBEEF);
  CHECK(bench.read(0x100) == 0xADBEEF00);
  bench.write(0xFFFC, 1);
  CHECK(bench.response == BusResponse::ok);
  bench.write(0xFFFD, 2);
  CHECK(bench.response == BusResponse::target);
  CHECK(bench.read(0xFFFC) == 1);
  bench.write(UINT64_MAX - 1, 2);
  CHECK(bench.response == BusResponse::target);
  CHECK(bench.peek(0x101) == 0xDEADBEEF);
  CHECK(bench.delay_ps == 0);
}

TEST_CASE("the direct region is the memory itself") {
  SramBench bench;
  const auto region = bench.sram.direct(0x40);
  REQUIRE(region);
  CHECK(region->last == 0xFFFF);
  CHECK(region->read_latency_ps == 5000);
  region->bytes[0x40] = 0x5A;
  CHECK(bench.read(0x40, 1) == 0x5A);
  CHECK_FALSE(bench.sram.direct(0x10000));
}

TEST_CASE("only pages that are not zero are saved, and restoring clears the others") {
  SramBench bench, other;
  bench.write(0x3000, 7);
  bench.write(0x5000, 9);
  bench.write(0x5000, 0);  // zero again
  StateArchive out;
  bench.sram.state(out);
  CHECK(out.bytes().size() < 4096 + 200);
  other.write(0x8000, 1);
  StateArchive in(out.bytes(), "memory");
  other.sram.state(in);
  CHECK(in.at_end());
  CHECK(other.read(0x3000) == 7);
  CHECK(other.read(0x8000) == 0);
  Sram small(SramConfig{}, 4096);
  StateArchive wrong(out.bytes(), "memory");
  CHECK_THROWS_AS(small.state(wrong), InputError);
}

}  // namespace
}  // namespace backboard
