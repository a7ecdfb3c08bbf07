// A million requests of each policy: what controller_test.cc shows in small.
#include <catch2/catch.hpp>

#include "platform/dram/trace/player.h"
#include "tests/platform/dram/parts.h"

namespace backboard::dram {
namespace {

TEST_CASE("a million mixed requests all complete under every scheduler and page policy, on every part") {
  for (const char* name : {"lpddr4-3200", "ddr4-2400", "lpddr5-6400"}) {
    for (const char* scheduler : {"fifo", "frfcfs", "frfcfs_direction", "frfcfs_grouped"}) {
      for (const char* page : {"open", "closed", "adaptive"}) {
        CAPTURE(name, scheduler, page);
        const std::string chosen = std::string("controller.scheduler=") + scheduler;
        const MemoryConfig config = part(name, {chosen, std::string("controller.page=") + page});
        MadeTrace trace = reference_trace("mixed", config, 1'000'000);
        const PlayResult r = play(config, trace);
        CHECK(r.stuck.empty());
        CHECK(r.requests == 1'000'000);
        CHECK(r.counters.reads + r.counters.writes == 1'000'000);
      }
    }
  }
}

}  // namespace
}  // namespace backboard::dram
