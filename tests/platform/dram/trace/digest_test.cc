// Command lists to the byte: what every compiler, optimisation level and host must give.
#include <catch2/catch.hpp>

#include "platform/dram/trace/player.h"
#include "tests/platform/dram/parts.h"

namespace backboard::dram {
namespace {

/// FNV-1a over the fields of all commands.
class Digest final : public CommandSink {
 public:
  void issued(unsigned channel, const IssuedCommand& c) override {
    for (const uint64_t v : {uint64_t{channel}, c.clock, static_cast<uint64_t>(c.command), uint64_t{c.bank},
                             uint64_t{c.row}, uint64_t{c.column}}) {
      add(v);
    }
  }
  void add(uint64_t value) {
    for (unsigned i = 0; i < 8; ++i) hash = (hash ^ (value >> 8 * i & 0xFF)) * 1099511628211u;
  }
  uint64_t hash = 14695981039346656037u;
};

struct Golden {
  const char* part;
  const char* trace;
  std::vector<std::string> set;
  uint64_t digest;
};

TEST_CASE("command lists, ends and latencies are these bytes, on every compiler and optimisation level") {
  const Golden goldens[] = {
      {"lpddr4-3200", "seq_rd", {}, 0x6986f47c1e5b6fd4},
      {"lpddr4-3200", "mixed", {"controller.scheduler=frfcfs_grouped", "controller.page=adaptive"}, 0x7eba75a4cfff8f39},
      {"lpddr4-3200", "triad", {"controller.refresh=per_bank", "controller.page=closed"}, 0xb28d2e93b7b01c3},
      // Without currents no clocks of activity are counted.
      {"ddr4-2400", "mixed", {"controller.scheduler=frfcfs_grouped", "rails=[]"}, 0x5e13a10748b9d9d5},
      {"ddr4-2400", "rnd_rd", {"controller.scheduler=fifo", "rails=[]"}, 0x94ef47c8231451cf},
      {"ddr4-2400", "mixed", {"controller.scheduler=frfcfs_grouped"}, 0x16ea2490b953b4a8},
      {"ddr4-2400", "rnd_rd", {"controller.scheduler=fifo"}, 0x5b99a3db5c2c6f20},
  };
  for (const Golden& golden : goldens) {
    const MemoryConfig config = part(golden.part, golden.set);
    MadeTrace trace = reference_trace(golden.trace, config, 50'000);
    Digest digest;
    const PlayResult r = play(config, trace, &digest);
    for (const uint64_t v : {r.requests, r.end_clock, r.counters.row_hits, r.read_latency.percentile(50),
                             r.read_latency.percentile(99), r.energy_facts.bank_active_clocks}) {
      digest.add(v);
    }
    CAPTURE(golden.part, golden.trace);
    CHECK(digest.hash == golden.digest);
  }
}

}  // namespace
}  // namespace backboard::dram
