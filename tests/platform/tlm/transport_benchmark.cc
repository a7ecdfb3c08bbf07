// Host time of a blocking transport: bare TLM, through our adapters, and through the router.
// Run: build/release/tests/platform/tlm/transport_benchmark
#include <benchmark/benchmark.h>

#include <systemc>

#include "platform/bus/router.h"
#include "platform/sram/sram.h"
#include "platform/tlm/master_port.h"
#include "platform/tlm/queue_kernel.h"
#include "platform/tlm/target_socket.h"

namespace backboard {
namespace {

/// Ticks for ever: the cost of one event through queue and kernel.
struct Ticker final : EventClient {
  explicit Ticker(EventQueue& event_queue)
      : queue(event_queue), id(event_queue.add_client("ticker", EventRank::device, *this)) {}
  void on_event(uint64_t, uint64_t now_ps) override { queue.schedule(now_ps + 1000, id); }
  EventQueue& queue;
  EventQueue::ClientId id;
};

struct Bench {
  Bench()
      : router("bus", RouterConfig{}, {{"sram", 0x8000000, 0x803FFFF}, {"other", 0x9000000, 0x903FFFF}}, 0, findings) {
    for (size_t i = 0; i < kBusMasters; ++i) {
      ports.push_back(std::make_unique<MasterPort>(sc_core::sc_gen_unique_name("port")));
      ports[i]->socket.bind(router.master_socket(static_cast<BusMaster>(i)));
    }
    router.target_socket(0).bind(sram_socket.socket);
    router.target_socket(1).bind(other_socket.socket);
    direct_port.socket.bind(direct_socket.socket);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }
  IgnoreFindings findings;
  EventQueue queue;
  QueueKernel kernel{"kernel", queue};
  Sram sram{SramConfig{}, 256 * 1024};
  TargetSocket sram_socket{"sram", sram}, other_socket{"other", sram}, direct_socket{"direct", sram};
  MasterPort direct_port{"direct_port"};
  Router router;
  std::vector<std::unique_ptr<MasterPort>> ports;
};

Bench* bench = nullptr;

void transport(benchmark::State& state, BusPort& port, uint64_t base, uint32_t size) {
  std::array<uint8_t, 256> data{};
  uint64_t address = 0;
  for (auto _ : state) {
    BusAccess access{BusOp::read, base + address, data.data(), size, 0, {}, false};
    uint64_t delay_ps = 0;
    benchmark::DoNotOptimize(port.access(access, delay_ps));
    address = (address + size) & 0xFFFF;
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * size);
}

void model_only(benchmark::State& state) {
  std::array<uint8_t, 4> data{};
  for (auto _ : state) {
    BusAccess access{BusOp::read, 0x100, data.data(), 4, 0, {}, false};
    uint64_t delay_ps = 0;
    benchmark::DoNotOptimize(static_cast<BusTarget&>(bench->sram).access(access, delay_ps));
  }
}
void port_to_socket(benchmark::State& state) {
  transport(state, bench->direct_port, 0, 4);
}
void through_router(benchmark::State& state) {
  transport(state, *bench->ports[0], 0x9000000, static_cast<uint32_t>(state.range(0)));
}
void through_router_with_traffic(benchmark::State& state) {
  transport(state, *bench->ports[1], 0x8000000, 4);
}
void queue_event(benchmark::State& state) {
  Ticker ticker(bench->queue);
  bench->queue.schedule(bench->queue.now_ps() + 1000, ticker.id);
  for (auto _ : state) bench->kernel.run(bench->queue.now_ps() + 1'000'000);
  bench->queue.cancel(ticker.id);
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * 1000);
}

BENCHMARK(model_only);
BENCHMARK(port_to_socket);
BENCHMARK(through_router)->Arg(4)->Arg(256);
BENCHMARK(through_router_with_traffic);
BENCHMARK(queue_event)->Iterations(2000);  // last: simulated time passes

}  // namespace
}  // namespace backboard

int sc_main(int argc, char* argv[]) {
  benchmark::Initialize(&argc, argv);
  backboard::Bench made;
  backboard::bench = &made;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
