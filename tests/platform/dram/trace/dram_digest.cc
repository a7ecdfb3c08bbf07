// Prints what must be the same from every compiler, at every optimisation level, on every host: digests of command
// lists, statistics and simulated times. scripts/dram-digests compares it over builds.
#include <cstdio>

#include "platform/bus/request_bus.h"
#include "platform/dram/trace/player.h"
#include "platform/traffic/traffic_generator.h"
#include "tests/platform/dram/parts.h"

namespace backboard::dram {
namespace {

/// FNV-1a over the fields of all commands.
class Digest final : public CommandSink {
 public:
  void issued(unsigned channel, const IssuedCommand& c) override {
    for (const uint64_t v : {uint64_t{channel}, c.clock, static_cast<uint64_t>(c.command), uint64_t{c.bank},
                             uint64_t{c.row}, uint64_t{c.column}}) {
      for (unsigned i = 0; i < 8; ++i) hash = (hash ^ (v >> 8 * i & 0xFF)) * 1099511628211u;
    }
    ++count;
  }
  uint64_t hash = 14695981039346656037u, count = 0;
};

void print_trace(const char* name, const char* kind, const std::vector<std::string>& set) {
  const MemoryConfig config = part(name, set);
  MadeTrace trace = reference_trace(kind, config, 50'000);
  Digest digest;
  const PlayResult r = play(config, trace, &digest);
  std::printf("%s %s: %llu commands %016llx, %llu requests, end at clock %llu, %llu hits, p99 %llu", name, kind,
              static_cast<unsigned long long>(digest.count), static_cast<unsigned long long>(digest.hash),
              static_cast<unsigned long long>(r.requests), static_cast<unsigned long long>(r.end_clock),
              static_cast<unsigned long long>(r.counters.row_hits),
              static_cast<unsigned long long>(r.read_latency.percentile(99)));
  if (r.energy) std::printf(", energy %a J", r.energy->total());
  std::printf("\n");
}

TrafficConfig generator(const char* name, TrafficKind kind, uint64_t base) {
  TrafficConfig config;
  config.name = name;
  config.kind = kind;
  config.base = base;
  config.size_bytes = 4 << 20;
  config.weight = kind == TrafficKind::camera ? 2 : 1;
  if (kind == TrafficKind::random) {
    config.random.emplace();
    config.random->gap_ps = 60'000;
  } else {
    config.frame.emplace();
    config.frame->line_time_ps = 900'000;
  }
  return config;
}

/// Three generators on the arbitrated bus, for a simulated millisecond: all statistics.
struct Soc final : RequestRoutes {
  explicit Soc(const RouterConfig& bus_config)
      : bus(bus_config, queue, *this, {"camera", "display", "random"}, {&memory}) {}
  Route route(const BusRequest&) override { return {}; }
  void answered(const BusRequest&, uint32_t, BusResponse, const uint8_t*) override {}
  BusResponse access(uint32_t, BusAccess&, uint64_t&) override { return BusResponse::target; }
  void starved(const BusRequest&, uint64_t) override {}

  EventQueue queue;
  Digest digest;
  std::vector<uint8_t> bytes = std::vector<uint8_t>(16 << 20);
  MemoryTarget memory{part("lpddr4-3200"), queue, bytes.data(), bytes.size(), &digest};
  RequestBus bus;
};

void print_bus(Arbitration arbitration) {
  RouterConfig config;
  config.arbitration = arbitration;
  config.width_bytes = 64;
  IgnoreFindings findings;
  Soc soc(config);
  std::vector<std::unique_ptr<TrafficGenerator>> generators;
  const TrafficConfig configs[] = {generator("camera", TrafficKind::camera, 0),
                                   generator("display", TrafficKind::display, 4 << 20),
                                   generator("random", TrafficKind::random, 8 << 20)};
  for (size_t i = 0; i < std::size(configs); ++i) {
    name_traffic(i, configs[i].name);
    generators.push_back(std::make_unique<TrafficGenerator>(configs[i], i, soc.queue, soc.bus.port(i), findings));
  }
  soc.queue.run_until(1'000'000'000);
  soc.memory.settle(1'000'000'000);
  StatsTree tree;
  soc.bus.stats(StatsWriter(tree, "bus"), {"dram"}, soc.queue.now_ps());
  soc.memory.stats(StatsWriter(tree, "dram"), soc.queue.now_ps());
  for (const auto& g : generators) g->stats(StatsWriter(tree, "traffic").part(g->name()));
  std::printf("arbitration %d: %llu commands %016llx\n%s\n", static_cast<int>(arbitration),
              static_cast<unsigned long long>(soc.digest.count), static_cast<unsigned long long>(soc.digest.hash),
              tree.json().c_str());
}

void print_all() {
  for (const char* name : {"lpddr4-3200", "lpddr4-4266", "ddr4-2400", "lpddr5-6400"}) {
    for (const char* kind : {"seq_rd", "rnd_rd", "triad", "mixed"}) {
      print_trace(name, kind, {});
      print_trace(name, kind, {"controller.scheduler=frfcfs_grouped", "controller.page=adaptive"});
    }
  }
  print_trace("lpddr4-3200", "triad", {"controller.refresh=per_bank", "controller.page=closed"});
  for (const Arbitration a : {Arbitration::round_robin, Arbitration::weighted, Arbitration::deadline}) print_bus(a);
}

}  // namespace
}  // namespace backboard::dram

int main() {
  backboard::dram::print_all();
}
