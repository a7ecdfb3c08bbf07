// Our model beside DRAMSys 5.1 (SystemC 2.3.4) on traces beyond the reference's: the end clock, activates and refreshes
// that it gave for the same part, address mapping, shared buffer of 32 and policy.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "platform/dram/checker/checker.h"
#include "platform/dram/trace/player.h"
#include "tests/platform/dram/parts.h"

namespace backboard::dram {
namespace {

constexpr uint64_t kRequests = 60'000;

/// `end_clock`: of the last data. `exact`: clock for clock; else 0.3 %, because that version waits RRD + 2 between a
/// read and the precharge of its bank, which on LPDDR4 is longer than RTP + 2 and a slip.
struct Peer {
  const char* part;
  const char* trace;
  const char* scheduler;
  uint64_t end_clock, activates, refreshes;
  bool exact = true;
};

constexpr Peer kPeers[] = {
    {"lpddr4-3200", "write", "frfcfs", 527854, 1058, 84},
    {"lpddr4-3200", "copy", "frfcfs", 552478, 1138, 88},
    {"lpddr4-3200", "copy", "frfcfs_direction", 552478, 1138, 88},
    {"lpddr4-3200", "sgd", "frfcfs", 1409678, 1145, 225},
    {"lpddr4-3200", "sgd", "frfcfs_direction", 559142, 792, 89},
    {"lpddr4-3200", "alternate", "frfcfs", 1419910, 1392, 227},
    {"lpddr4-3200", "alternate", "frfcfs_direction", 554123, 1098, 88},
    {"lpddr4-3200", "banks", "frfcfs", 1087887, 60307, 174},
    {"lpddr4-3200", "stride", "frfcfs", 534174, 3964, 85},
    {"lpddr4-3200", "conflict_write", "frfcfs", 7139986, 60247, 1143},
    {"lpddr4-3200", "half_rate", "frfcfs", 960030, 1088, 153},
    {"lpddr4-3200", "mix", "frfcfs", 1222385, 60550, 195, false},
    {"lpddr4-3200", "mix", "frfcfs_direction", 1222641, 60560, 195, false},
    {"ddr4-2400", "write", "frfcfs", 322067, 516, 34},
    {"ddr4-2400", "copy", "frfcfs", 365939, 548, 39},
    {"ddr4-2400", "copy", "frfcfs_direction", 365939, 548, 39},
    {"ddr4-2400", "sgd", "frfcfs", 685673, 472, 73},
    {"ddr4-2400", "sgd", "frfcfs_direction", 308598, 385, 32},
    {"ddr4-2400", "alternate", "frfcfs", 867549, 591, 92},
    {"ddr4-2400", "alternate", "frfcfs_direction", 333613, 518, 35},
    {"ddr4-2400", "banks", "frfcfs", 411427, 60148, 43},
    {"ddr4-2400", "stride", "frfcfs", 252497, 1935, 26},
    {"ddr4-2400", "conflict_write", "frfcfs", 4158819, 60120, 444},
    {"ddr4-2400", "half_rate", "frfcfs", 960005, 571, 102},
    {"ddr4-2400", "mix", "frfcfs", 423820, 60210, 45},
    {"ddr4-2400", "mix", "frfcfs_direction", 423784, 60211, 45},
};

/// A trace by its name in the table; one request a clock but for half_rate (one of 16).
MadeTrace peer_trace(const std::string& kind, const MemoryConfig& c) {
  const uint64_t burst = c.burst_bytes(), size = c.capacity_bytes(), mask = size - 1;
  const uint64_t page = uint64_t{c.columns} * c.bus_bytes, banks = c.all_banks();
  const auto made = [](std::function<TraceRequest(uint64_t)> make) { return MadeTrace(kRequests, std::move(make)); };
  if (kind == "write") return made([=](uint64_t i) { return TraceRequest{i, i * burst, true}; });
  if (kind == "copy") {
    return made([=](uint64_t i) {
      const uint64_t to = i % 2 == 0 ? 0 : 0x10000000 + page;
      return TraceRequest{i, to + i / 2 * burst, i % 2 != 0};
    });
  }
  if (kind == "sgd") return update_trace(c, kRequests);
  if (kind == "alternate") return made([=](uint64_t i) { return TraceRequest{i, i * burst, i % 2 == 0}; });
  if (kind == "banks") return made([=](uint64_t i) { return TraceRequest{i, i * page & mask, false}; });
  if (kind == "stride") return made([=](uint64_t i) { return TraceRequest{i, i * 4 * burst & mask, false}; });
  if (kind == "conflict_write") {
    return made([=](uint64_t i) { return TraceRequest{i, i * page * banks & mask, true}; });
  }
  if (kind == "half_rate") return made([=](uint64_t i) { return TraceRequest{i * 16, i * burst, false}; });
  REQUIRE(kind == "mix");  // two reads to a write, anywhere
  return made([=, r = SplitMix(777)](uint64_t i) mutable {
    const bool write = r.next() % 3 == 0;
    return TraceRequest{i, r.next() % (size / burst) * burst, write};
  });
}

TEST_CASE("further traces end at the clock at which DRAMSys ends them, with its activates and refreshes") {
  for (const Peer& peer : kPeers) {
    CAPTURE(peer.part, peer.trace, peer.scheduler);
    const MemoryConfig config = part(peer.part, {std::string("controller.scheduler=") + peer.scheduler});
    MadeTrace trace = peer_trace(peer.trace, config);
    CommandRecorder recorder;
    const PlayResult r = play(config, trace, &recorder);
    fmt::print("{:<12} {:<15} {:<17} {:>8} ({:>8}) clocks {:>6} ({:>6}) ACT {:>5} ({:>5}) REF\n", peer.part, peer.trace,
               peer.scheduler, r.end_clock, peer.end_clock, r.counters.activates, peer.activates,
               r.counters.refreshes_all, peer.refreshes);
    CHECK(r.stuck.empty());
    CHECK(r.requests == kRequests);
    if (peer.exact) {
      CHECK(r.end_clock == peer.end_clock);
      CHECK(r.counters.activates == peer.activates);
      CHECK(r.counters.refreshes_all == peer.refreshes);
    } else {
      const auto near = [](uint64_t ours, uint64_t theirs) {
        return std::abs(static_cast<double>(ours) - static_cast<double>(theirs)) <= 0.003 * static_cast<double>(theirs);
      };
      CHECK(near(r.end_clock, peer.end_clock));
      CHECK(near(r.counters.activates, peer.activates));
    }
    CHECK(check_commands(config, recorder.commands).empty());
  }
}

}  // namespace
}  // namespace backboard::dram
