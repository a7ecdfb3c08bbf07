// What the policies promise.
#include <catch2/catch.hpp>

#include "platform/dram/trace/player.h"
#include "tests/platform/dram/parts.h"

namespace backboard::dram {
namespace {

PlayResult play_kind(const MemoryConfig& config, const std::string& kind, uint64_t count) {
  MadeTrace trace = reference_trace(kind, config, count);
  return play(config, trace);
}

TEST_CASE("mixed requests all complete under every scheduler and page policy") {
  for (const char* scheduler : {"fifo", "frfcfs", "frfcfs_direction", "frfcfs_grouped"}) {
    for (const char* page : {"open", "closed", "adaptive"}) {
      CAPTURE(scheduler, page);
      const std::string chosen = std::string("controller.scheduler=") + scheduler;
      const MemoryConfig config = part("lpddr4-3200", {chosen, std::string("controller.page=") + page});
      const PlayResult r = play_kind(config, "mixed", 50'000);  // a million: million_test.cc
      CHECK(r.stuck.empty());
      CHECK(r.requests == 50'000);
      CHECK(r.counters.reads + r.counters.writes == 50'000);
    }
  }
}

/// Serves nothing.
class Idle final : public Scheduler {
 public:
  Slot select(const RequestBuffer&, unsigned, uint32_t) const override { return kNoSlot; }
};

TEST_CASE("a run whose requests cannot be served ends and names the oldest") {
  const MemoryConfig config = part("lpddr4-3200");
  MadeTrace trace = reference_trace("seq_rd", config, 100);
  const PlayResult r = play(config, trace, nullptr, std::make_unique<Idle>());
  CHECK(r.requests == 0);
  CHECK(r.stuck == "request 0: read of bank 0, row 0x0, column 0x0, offered at clock 0");
}

TEST_CASE("grouping reads and writes turns the bus less often, which pays for weight updates") {
  for (const auto& [name, scheduler] : {std::pair{"lpddr4-3200", "frfcfs_grouped"},
                                        {"lpddr4-3200", "frfcfs_direction"},
                                        {"ddr4-2400", "frfcfs_grouped"},
                                        {"ddr4-2400", "frfcfs_direction"}}) {
    const MemoryConfig plain = part(name), grouped = part(name, {std::string("controller.scheduler=") + scheduler});
    MadeTrace first = update_trace(plain, 60'000), second = update_trace(plain, 60'000);
    const PlayResult p = play(plain, first), g = play(grouped, second);
    CAPTURE(name, scheduler, p.gbytes_per_s(plain), g.gbytes_per_s(grouped));
    CHECK(g.counters.writes == 20'000);
    CHECK(g.end_clock < p.end_clock);
  }
}

TEST_CASE("a read never passes an older write to its burst when reads and writes are grouped") {
  const MemoryConfig config = part("lpddr4-3200", {"controller.scheduler=frfcfs_grouped"});
  // Reads of other rows keep the direction at reads while the write waits; the last read is of the written burst.
  MadeTrace trace(12, [](uint64_t i) {
    const uint64_t row = 0x4000;
    if (i == 3) return TraceRequest{i, row * 9, true};
    return TraceRequest{i, i == 11 ? row * 9 : row * i, false};
  });
  struct Order final : CommandSink {
    void issued(unsigned, const IssuedCommand& c) override {
      if (c.row != 9) return;
      if (c.command == Command::write) write_clock = c.clock;
      if (c.command == Command::read) read_clock = c.clock;
    }
    uint64_t write_clock = 0, read_clock = 0;
  } order;
  // Row 9 is read by request 9 as well, which is younger than the write.
  const PlayResult r = play(config, trace, &order);
  CHECK(r.requests == 12);
  CHECK(order.write_clock != 0);
  CHECK(order.write_clock < order.read_clock);
}

TEST_CASE("hits in the direction of the last burst go first, but never before an older one to the same burst") {
  const MemoryConfig config = part("lpddr4-3200", {"controller.scheduler=frfcfs_direction"});
  const uint64_t burst = config.burst_bytes();
  // One row: read 0, write 5, read 1, read 5, write 6.
  MadeTrace trace(5, [=](uint64_t i) {
    constexpr uint64_t kBursts[] = {0, 5, 1, 5, 6};
    return TraceRequest{i, kBursts[i] * burst, i == 1 || i == 4};
  });
  CommandRecorder recorder;
  play(config, trace, &recorder);
  std::string order;
  for (const IssuedCommand& c : recorder.commands) {
    if (c.command == Command::read) order += " R";
    if (c.command == Command::write) order += " W";
    if (c.command == Command::read || c.command == Command::write) order += std::to_string(c.column * 2 / burst);
  }
  CHECK(order == " R0 R1 W5 W6 R5");
}

TEST_CASE("closing pages makes every unloaded read take the time of a closed bank, keeping them open that of a hit") {
  const MemoryConfig closed = part("lpddr4-3200", {"controller.page=closed"});
  CHECK(play_kind(closed, "lat_conflict", 100'000).read_latency.percentile(50) == 75);
  CHECK(play_kind(closed, "lat_hit", 100'000).read_latency.percentile(50) == 75);
  const MemoryConfig adaptive = part("lpddr4-3200", {"controller.page=adaptive"});
  CHECK(play_kind(adaptive, "lat_conflict", 100'000).read_latency.percentile(50) == 75);
  CHECK(play_kind(adaptive, "lat_hit", 100'000).read_latency.percentile(50) == 46);
}

TEST_CASE(
    "refreshing bank by bank leaves the other banks at work: eight times as many refreshes, more random bandwidth") {
  const MemoryConfig all = part("lpddr4-3200"), each = part("lpddr4-3200", {"controller.refresh=per_bank"});
  const PlayResult a = play_kind(all, "lat_hit", 100'000), e = play_kind(each, "lat_hit", 100'000);
  CHECK(a.counters.refreshes_all == a.end_clock / 6246);
  CHECK(e.counters.refreshes_bank == e.end_clock / 780);
  CHECK(play_kind(each, "rnd_rd", 100'000).end_clock < play_kind(all, "rnd_rd", 100'000).end_clock);
}

TEST_CASE("two channels share a sequential stream and take half the time") {
  const MemoryConfig one = part("lpddr4-3200");
  MemoryConfig two = one;
  two.channels = 2;
  two.address.channel = {11};
  for (auto* list : {&two.address.bank, &two.address.row}) {
    for (uint32_t& bit : *list) ++bit;
  }
  two.check();
  const PlayResult a = play_kind(one, "seq_rd", 50'000), b = play_kind(two, "seq_rd", 50'000);
  CHECK(b.requests == 50'000);
  // 32 slots a channel hold less than a page of 64 bursts, so the channels overlap only in part.
  CHECK(b.end_clock < a.end_clock);
}

TEST_CASE("times and counts of a run are the same each time") {
  const MemoryConfig config = part("ddr4-2400", {"controller.scheduler=frfcfs_grouped"});
  const PlayResult a = play_kind(config, "mixed", 20'000), b = play_kind(config, "mixed", 20'000);
  CHECK(a.end_clock == b.end_clock);
  CHECK(a.counters.activates == b.counters.activates);
}

}  // namespace
}  // namespace backboard::dram
