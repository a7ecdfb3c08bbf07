// The trace player through TLM sockets gives what it gives without them.
#include "platform/dram/trace/tlm_play.h"

#include <catch2/catch.hpp>

#include "tests/platform/dram/parts.h"

namespace backboard::dram {
namespace {

void check_equal(const std::string& part_name, const std::string& kind, const std::vector<std::string>& set = {}) {
  const MemoryConfig config = part(part_name, set);
  MadeTrace trace = reference_trace(kind, config, 20'000), again = reference_trace(kind, config, 20'000);
  CommandRecorder plain, tlm;
  const PlayResult a = play(config, trace, &plain), b = play_through_tlm(config, again, &tlm);
  CHECK(a.requests == b.requests);
  CHECK(b.stuck.empty());
  CHECK(a.end_clock == b.end_clock);
  CHECK(a.read_latency.mean() == b.read_latency.mean());
  CHECK(a.read_latency.percentile(99) == b.read_latency.percentile(99));
  CHECK(plain.commands == tlm.commands);
}

TEST_CASE("a saturating trace through TLM: the same commands, times and latencies") {
  check_equal("lpddr4-3200", "seq_rd");
}

TEST_CASE("a mixed random trace on a clock without whole picoseconds through TLM is the same") {
  check_equal("ddr4-2400", "mixed", {"controller.scheduler=frfcfs_grouped"});
}

TEST_CASE("a slow trace, which lets the memory idle, through TLM is the same") {
  check_equal("lpddr4-3200", "lat_conflict");
}

}  // namespace
}  // namespace backboard::dram
