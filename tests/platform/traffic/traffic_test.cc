// Generators on a memory of which the test knows every time.
#include "platform/traffic/traffic_generator.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "platform/bus/access_requests.h"
#include "platform/check/input_error.h"
#include "tests/support/finding_list.h"
#include "tests/support/program.h"

namespace backboard {
namespace {

/// A bus whose every access takes `delay_ps`, one after the other.
class Memory final : public BusPort {
 public:
  BusResponse access(BusAccess& access, uint64_t& delay_ps) override {
    seen.push_back({access.op, access.address, access.size, access.time_ps, access.who.initiator});
    const uint64_t start_ps = serial ? std::max(free_ps, access.time_ps) : access.time_ps;
    free_ps = start_ps + takes_ps;
    delay_ps += free_ps - access.time_ps;
    return access.address >= broken_from ? BusResponse::target : BusResponse::ok;
  }
  std::optional<DirectRegion> direct(uint64_t) override { return std::nullopt; }
  struct Seen {
    BusOp op;
    uint64_t address;
    uint32_t size;
    uint64_t time_ps;
    Initiator initiator;
    bool operator==(const Seen&) const = default;
  };
  std::vector<Seen> seen;
  uint64_t takes_ps = 100'000, free_ps = 0, broken_from = UINT64_MAX;
  bool serial = false;
};

struct Bench {
  explicit Bench(const TrafficConfig& config)
      : port(memory, queue, config.outstanding), generator(config, 0, queue, port, findings) {}
  void run(uint64_t until_ps) { queue.run_until(until_ps); }
  uint64_t stat(const std::string& name) const {
    StatsTree tree;
    generator.stats(StatsWriter(tree, "t"));
    REQUIRE(tree.all().contains("t." + name));
    return tree.counter("t." + name);
  }

  EventQueue queue;
  test::FindingList findings;
  Memory memory;
  AccessRequests port;
  TrafficGenerator generator;
};

/// Two lines of 1 KiB, 4 requests each, in 4 us, then one blank line.
TrafficConfig frames(TrafficKind kind) {
  TrafficConfig config;
  config.name = "t";
  config.kind = kind;
  config.base = 0x1000;
  config.size_bytes = 4096;  // two frames
  config.frame.emplace();
  config.frame->line_bytes = 1024;
  config.frame->lines = 2;
  config.frame->blank_lines = 1;
  config.frame->line_time_ps = 4'000'000;
  config.frame->fifo_bytes = 512;
  config.check();
  return config;
}

TEST_CASE("a camera writes each piece when its last pixel has come, and nothing while it blanks") {
  Bench bench(frames(TrafficKind::camera));
  bench.run(24'000'000);  // two frames of 12 us
  REQUIRE(bench.memory.seen.size() == 16);
  for (unsigned i = 0; i < 16; ++i) {
    INFO(i);
    const uint64_t frame = i / 8, piece = i % 8;
    // A line time of 4 us has a piece each us; the third line of a frame is blank.
    const Memory::Seen expected{BusOp::write, 0x1000 + frame * 2048 + piece * 256, 256,
                                (frame * 12 + piece + 1) * 1'000'000, traffic_initiator(0)};
    CHECK(bench.memory.seen[i] == expected);
  }
  CHECK(bench.stat("frames") == 2);
  CHECK(bench.stat("write_bytes") == 16 * 256);
  CHECK(bench.stat("latency.max") == 100);
  CHECK(bench.stat("deadlines") == 16);
  CHECK(bench.stat("deadlines_missed") == 0);
  CHECK(bench.stat("fifo_overflow_bytes") == 0);
  CHECK(bench.stat("fifo_largest_bytes") == 256);
  CHECK(bench.findings.list.empty());
  // The third frame comes into the first's buffer.
  bench.run(25'000'000);
  CHECK(bench.memory.seen.back().address == 0x1000);
}

TEST_CASE("a camera's FIFO of two pieces overflows when a write takes longer than two pieces, not before") {
  // A piece arrives each us and must be away when the second behind it comes, 2 us later.
  for (const uint64_t takes_ps : {uint64_t{1'999'999}, uint64_t{2'000'001}}) {
    INFO(takes_ps);
    TrafficConfig config = frames(TrafficKind::camera);
    config.outstanding = 8;
    Bench bench(config);
    bench.memory.takes_ps = takes_ps;
    bench.run(8'500'000);
    const bool late = takes_ps > 2'000'000;
    CHECK((bench.stat("fifo_overflow_bytes") != 0) == late);
    CHECK((bench.stat("deadlines_missed") != 0) == late);
    CHECK(bench.findings.list.empty() == !late);
    if (late) CHECK(bench.findings.list[0].reason == "camera: FIFO overflow: pixels are lost");
    // Pieces 0 and 1 are held when piece 2 comes: it is lost, and so on.
    if (late) CHECK(bench.stat("fifo_overflow_bytes") == 256 * (8 - bench.memory.seen.size()));
  }
}

TEST_CASE("a display fetches ahead as far as its FIFO goes, and misses what comes too late") {
  // The first pixel is due a line time, 4 us, after the start, the next piece 1 us later, two pieces ahead at most.
  for (const uint64_t takes_ps : {uint64_t{1'999'999}, uint64_t{2'000'001}}) {
    INFO(takes_ps);
    Bench bench(frames(TrafficKind::display));
    bench.memory.takes_ps = takes_ps;
    bench.run(11'900'000);  // one frame: pieces 0 to 7 are due at 4, 5, .. 11 us
    REQUIRE(bench.memory.seen.size() >= 8);
    const Initiator me = traffic_initiator(0);
    const std::vector<Memory::Seen> first = {{BusOp::read, 0x1000, 256, 0, me},
                                             {BusOp::read, 0x1100, 256, 0, me},
                                             {BusOp::read, 0x1200, 256, 4'000'000, me}};
    CHECK(std::vector(bench.memory.seen.begin(), bench.memory.seen.begin() + 3) == first);
    const bool late = takes_ps > 2'000'000;
    CHECK((bench.stat("fifo_underflow_bytes") != 0) == late);
    CHECK((bench.stat("deadlines_missed") != 0) == late);
    CHECK(bench.findings.list.empty() == !late);
  }
}

TEST_CASE("bursts begin on time, follow one another when they are late, and miss the next one's start") {
  TrafficConfig config;
  config.name = "t";
  config.kind = TrafficKind::bursty;
  config.base = 0;
  config.size_bytes = 1024;
  config.outstanding = 1;
  config.burst.emplace();
  config.burst->bytes = 1024;
  config.burst->period_ps = 1'000'000;
  config.burst->reads_percent = 100;
  config.check();
  Bench bench(config);
  bench.memory.takes_ps = 200'000;  // four requests one by one: 0.8 us
  bench.run(3'900'000);
  CHECK(bench.memory.seen.size() == 16);
  CHECK(bench.memory.seen[4].time_ps == 1'000'000);
  CHECK(bench.memory.seen[5].time_ps == 1'200'000);
  CHECK(bench.stat("bursts") == 4);
  CHECK(bench.stat("late_bursts") == 0);
  CHECK(bench.stat("deadlines_missed") == 0);
  Bench slow(config);
  slow.memory.takes_ps = 300'000;  // 1.2 us
  slow.run(3'890'000);
  CHECK(slow.memory.seen.size() == 13);
  CHECK(slow.stat("late_bursts") == 2);
  CHECK(slow.stat("deadlines_missed") > 3);
}

TEST_CASE("random requests keep to their memory, pace and mix, and without a gap no slot is ever empty") {
  TrafficConfig config;
  config.name = "t";
  config.kind = TrafficKind::random;
  config.base = 0x10000;
  config.size_bytes = 0x4000;
  config.request_bytes = 64;
  config.outstanding = 4;
  config.random.emplace();
  config.random->gap_ps = 1'000'000;
  config.random->reads_percent = 25;
  config.check();
  Bench bench(config);
  bench.run(2'000'000'000);
  uint64_t reads = 0;
  for (const Memory::Seen& seen : bench.memory.seen) {
    CHECK(seen.address >= 0x10000);
    CHECK(seen.address + seen.size <= 0x14000);
    CHECK(seen.address % 64 == 0);
    reads += seen.op == BusOp::read;
  }
  CHECK(bench.memory.seen.size() == Approx(2000).epsilon(0.05));
  CHECK(static_cast<double>(reads) == Approx(0.25 * static_cast<double>(bench.memory.seen.size())).epsilon(0.1));
  config.seed = 2;
  Bench other(config);
  other.run(2'000'000'000);
  CHECK(other.memory.seen != bench.memory.seen);

  config.random->gap_ps = 0;
  Bench busy(config);
  busy.run(1'000'000);  // four in flight, 100 ns each
  CHECK(busy.memory.seen.size() == 4 * 11);
}

TEST_CASE("a trace's requests come in their cycles, again when it repeats, and must fit the memory") {
  test::TemporaryFolder folder;
  const std::string file = folder.write("a.stl", "0: read 0x0\n10: write 0x40\n10: read 0x80\n");
  TrafficConfig config;
  config.name = "t";
  config.kind = TrafficKind::trace;
  config.base = 0x1000;
  config.size_bytes = 0x100;
  config.request_bytes = 64;
  config.trace.emplace();
  config.trace->file = file;
  config.trace->clock_hz = 1'000'000'000;
  config.trace->repeat = true;
  Bench bench(config);
  bench.run(12'000);
  const Initiator me = traffic_initiator(0);
  const std::vector<Memory::Seen> expected = {{BusOp::read, 0x1000, 64, 0, me},
                                              {BusOp::write, 0x1040, 64, 10'000, me},
                                              {BusOp::read, 0x1080, 64, 10'000, me},
                                              {BusOp::read, 0x1000, 64, 11'000, me}};
  CHECK(bench.memory.seen == expected);
  config.size_bytes = 0x80;
  CHECK_THROWS_WITH(Bench(config), Catch::Contains(":3:") && Catch::Contains("exceeds"));
  config.trace->file = folder.path("none");
  CHECK_THROWS_WITH(Bench(config), Catch::Contains("cannot open"));
}

TEST_CASE("a refused request is counted and does not stop the generator") {
  Bench bench(frames(TrafficKind::camera));
  bench.memory.broken_from = 0x1800;  // the second frame's buffer
  bench.run(24'500'000);
  CHECK(bench.stat("errors") == 8);
  CHECK(bench.stat("write_bytes") == 8 * 256);
}

TEST_CASE("a generator that is saved at any moment goes on as if it had not been") {
  for (const TrafficKind kind : {TrafficKind::camera, TrafficKind::display}) {
    TrafficConfig config = frames(kind);
    Bench whole(config);
    whole.memory.takes_ps = 1'500'000;
    whole.memory.serial = true;
    whole.run(60'000'000);
    CHECK((whole.stat(kind == TrafficKind::camera ? "fifo_overflow_bytes" : "fifo_underflow_bytes") != 0));
    for (const uint64_t at_ps : {1ull, 4'100'000ull, 11'200'000ull, 30'000'000ull}) {
      INFO(at_ps);
      Bench first(config);
      first.memory.takes_ps = 1'500'000;
      first.memory.serial = true;
      first.run(at_ps);
      StateArchive saved;
      first.queue.state(saved), first.port.state(saved), first.generator.state(saved);
      Bench second(config);
      second.memory = first.memory;
      StateArchive read(saved.bytes(), "saved");
      second.queue.state(read), second.port.state(read), second.generator.state(read);
      CHECK(read.at_end());
      second.run(60'000'000);
      CHECK(second.memory.seen == whole.memory.seen);
      StatsTree a, b;
      whole.generator.stats(StatsWriter(a, "t")), second.generator.stats(StatsWriter(b, "t"));
      CHECK(a.json() == b.json());
    }
  }
}

}  // namespace
}  // namespace backboard
