// The short way of a miss (DataPath::bring_at_once) beside the long one: nobody can tell them apart.
#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "platform/bus/memory_lane.h"
#include "platform/cpu/data_path.h"
#include "platform/dram/dram.h"

using namespace backboard;

namespace {

constexpr uint64_t kBase = 0x80000000, kSizeBytes = 1 << 20;
constexpr uint64_t kLatencyPs = 5'000, kBeatPs = 2'500;

/// A core's bus with a memory alone, whose lane it knows.
class MemoryBus final : public BusPort, public BusLanes {
 public:
  BusResponse access(BusAccess& access, uint64_t& delay_ps) override { return lane_.access(access, delay_ps); }
  std::optional<DirectRegion> direct(uint64_t address) override {
    std::optional<DirectRegion> region = dram_.direct(address - kBase);
    if (!region) return std::nullopt;
    region->first += kBase;
    region->last += kBase;
    return region;
  }
  DeviceLane* device_lane(uint64_t) override { return nullptr; }
  MemoryLane* memory_lane(uint64_t) override { return &lane_; }
  void watch(WatchedBytes bytes) { watched_ = bytes; }
  void state(StateArchive& archive) {
    dram_.state(archive);
    archive.value("channels", channels_ps_);
    archive.value("points", points_);
    traffic_.state(archive);
  }

 private:
  MemoryLane::Parts parts(BusPort& way, const WatchedBytes& watched) {
    return {.way = way,
            .target = dram_,
            .base = kBase,
            .latency_ps = kLatencyPs,
            .beat_ps = kBeatPs,
            .channel_free_ps = channels_ps_.data(),
            .watched = watched,
            .traffic = &traffic_,
            .points = {&points_[0], &points_[1], &points_[2]},
            .beats_ps = [](uint64_t bytes) { return (bytes + 15) / 16 * kBeatPs; }};
  }

  Dram dram_{DramConfig{}, kSizeBytes};
  std::array<uint64_t, 2> channels_ps_{};
  std::array<PortCounters, 3> points_{};
  TrafficTable traffic_;
  WatchedBytes nothing_, watched_;
  MemoryLane far_{parts(*this, nothing_)};  ///< where writes that are watched go
  MemoryLane lane_{parts(far_, watched_)};
};

/// A core's loads and stores, a clock edge each beside what memory takes.
class Path {
 public:
  Path(const CoreConfig& config, bool short_way)
      : clock_(config.clock_hz), path(bus, pmp, clock_, config), short_way_(short_way) {}

  /// What was read, or written.
  uint64_t access(BusOp op, uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t value) {
    const bool aligned = address % size_bytes == 0;
    const uint64_t line = address >> path.granule_shift() << path.granule_shift();
    DataPath::Page* const lines = path.table(machine_mode).granules();
    DataPath::Page& granule = DataPath::Table::granule(lines, DataPath::Table::place(lines, line));
    uint64_t cycles = 0;
    if (aligned && (op == BusOp::read ? granule.read_tag : granule.write_tag) == line) {
      path.count(granule, op, size_bytes, machine_mode, now);
      cycles = granule.read_cycles;
      move(op, reinterpret_cast<uint8_t*>(granule.host_minus_guest + address), size_bytes, value);
    } else if (const auto short_one = bring(op, address, aligned, machine_mode); short_one.place != nullptr) {
      ++(short_one.kind == AccessKind::direct ? found : brought);
      cycles = short_one.cycles;
      move(op, short_one.place, size_bytes, value);
    } else {
      const AccessResult result = op == BusOp::read ? path.read(address, size_bytes, machine_mode, now, &value)
                                                    : path.write(address, size_bytes, machine_mode, now, &value);
      if (result.kind == AccessKind::fault) ++refused;
      cycles = result.cycles;
    }
    now += 1 + cycles;
    return value;
  }
  std::vector<uint8_t> state() {
    StateArchive archive;
    path.collect_pages();
    path.state(archive);
    bus.state(archive);
    return archive.bytes();
  }

 private:
  CoreClock clock_;

 public:
  MemoryBus bus;
  Pmp pmp;
  DataPath path;
  uint64_t now = 1;
  uint64_t brought = 0;  ///< lines, by the short way
  uint64_t found = 0;    ///< lines that were there and looked for elsewhere
  uint64_t refused = 0;  ///< accesses

 private:
  DataPath::BroughtLine bring(BusOp op, uint64_t address, bool aligned, bool machine_mode) {
    return short_way_ && aligned ? path.bring_at_once(op, address, machine_mode, now) : DataPath::BroughtLine{};
  }
  static void move(BusOp op, uint8_t* place, unsigned size_bytes, uint64_t& value) {
    op == BusOp::read ? std::memcpy(&value, place, size_bytes) : std::memcpy(place, &value, size_bytes);
  }
  bool short_way_;
};

/// What PMP says: nothing; that everybody may do everything; beside that, that users may only read a part of memory.
enum class Protection { none, open, parts };

/// Lines that the short way has brought, and those that it has found where they were not looked for.
struct ShortWays {
  uint64_t brought = 0;
  uint64_t found = 0;
};

/// So many random accesses to `span_bytes` of memory both ways, with all that may come in between.
ShortWays compare(const DataCacheConfig& cache, unsigned seed, uint64_t span_bytes, Protection protection) {
  const bool by_users = protection != Protection::none;
  CoreConfig config;
  config.data_cache = cache;
  config.data_cache.enabled = true;
  config.cacheable = {{kBase, kBase + kSizeBytes - 1}};
  Path a(config, true), b(config, false);
  std::mt19937 random(seed);
  for (Path* path : {&a, &b}) {
    path->bus.watch({kBase + 0x1000, kBase + 0x1003});
    path->pmp.set_config(1, by_users ? 0x1f : 0);  // everything, to everybody
    path->pmp.set_address(1, UINT64_MAX >> 10);
    path->pmp.set_config(0, protection == Protection::parts ? 0x19 : 0);  // 16 KiB that may be read
    path->pmp.set_address(0, (kBase + 0x4000) >> 2 | 0x7ff);
  }
  for (unsigned i = 0; i < 10'000; ++i) {
    const unsigned size_bytes = 1u << random() % 3;
    uint64_t address = kBase + random() % (span_bytes - 8);
    if (random() % 8 != 0) address &= ~uint64_t{size_bytes - 1};
    const BusOp op = random() % 3 == 0 ? BusOp::write : BusOp::read;
    const bool machine_mode = !by_users || random() % 16 != 0;
    const uint64_t value = random(), block = address & ~uint64_t{63};
    const auto operation = static_cast<CacheOperation>(random() % 3);
    const unsigned event = random() % 4'000;
    for (Path* path : {&a, &b}) {
      if (event == 0) path->path.exclude(address, address + 3);
      if (event == 1 || event == 2) path->path.maintain(operation, block, path->now);
      if (event == 3) path->path.flush_pages();
      if (event == 4) path->path.snoop(BusOp::write, block, 64, Initiator::npu);
      if (event == 5) path->path.watch({{address, address + 3, WatchKind::access}});
      if (event == 6 || event == 7) path->path.watch({});
    }
    INFO(seed << ", access " << i);
    REQUIRE(a.access(op, address, size_bytes, machine_mode, value) ==
            b.access(op, address, size_bytes, machine_mode, value));
    REQUIRE(a.now == b.now);
  }
  CHECK(a.state() == b.state());
  CHECK(b.brought + b.found == 0);
  CHECK(a.refused == b.refused);
  CHECK((a.refused != 0) == (protection == Protection::parts));
  return {a.brought, a.found};
}

}  // namespace

TEST_CASE("A miss that takes the short way costs, counts and leaves behind what one that takes the long way does") {
  unsigned seed = 0;
  uint64_t found = 0;
  for (const bool data : {false, true}) {
    for (const Protection protection : {Protection::none, Protection::open, Protection::parts}) {
      for (const uint32_t ways : {1u, 2u, 4u}) {
        for (const uint32_t line_bytes : {16u, 32u, 64u}) {
          DataCacheConfig cache;
          cache.data = data;
          cache.ways = ways;
          cache.line_bytes = line_bytes;
          cache.size_bytes = seed % 2 == 0 ? 1024 : 16384;
          const ShortWays ways_taken = compare(cache, ++seed, 0x20000, protection);
          CHECK(ways_taken.brought > 100);
          found += ways_taken.found;
        }
      }
    }
  }
  CHECK(found > 100);
}

TEST_CASE("Caches that the short way does not know never take it") {
  DataCacheConfig through, alone, plru;
  through.writes = CacheWrites::through;
  alone.write_allocate = false;
  plru.replacement = CacheReplacement::plru;
  for (const DataCacheConfig& cache : {through, alone, plru}) {
    CHECK(compare(cache, 1, 0x20000, Protection::none).brought == 0);
  }
}
