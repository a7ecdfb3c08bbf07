// A transfer's bursts in one call and one by one: the same bytes, times, counters, findings and state, whatever the
// memory, the bus and the DMA are like. One elaboration a process: both boards stand side by side.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <random>
#include <set>

#include "npu/dma/dma.h"
#include "platform/bus/router.h"
#include "platform/dram/dram.h"
#include "platform/tlm/master_port.h"
#include "platform/tlm/target_socket.h"
#include "tests/support/finding_list.h"

namespace backboard {
namespace {

using npu::DmaTransfer;

constexpr uint32_t kBase = 0x80000000, kSize = 1 << 20, kRegisters = 0x10000000;

/// What passes for a device: it answers words only.
struct Device final : BusTarget {
  BusResponse access(BusAccess& access, uint64_t& delay_ps) override {
    if (access.size != 4) return BusResponse::target;
    std::fill_n(access.data, 4, uint8_t{7});
    delay_ps += 5'000;
    return BusResponse::ok;
  }
};

struct Settings {
  const char* name;
  npu::DmaConfig dma;
  RouterConfig bus;
  DramConfig dram;
};

/// The NPU's DMA, a bus, a DRAM and a device.
struct Rig final : npu::DmaClient {
  Rig(const std::string& name, const Settings& s, bool in_runs)
      : port((name + "_port").c_str()),
        dram(s.dram, kSize),
        dram_socket((name + "_dram").c_str(), dram, nullptr, in_runs ? &dram : nullptr),
        device_socket((name + "_device").c_str(), device),
        router((name + "_bus").c_str(), s.bus,
               {{"dram", kBase, kBase + kSize - 1}, {"device", kRegisters, kRegisters + 0xFFF}}, 0, findings),
        dma(s.dma, 200'000'000, queue, port) {
    for (size_t i = 0; i < kBusMasters; ++i) {
      if (static_cast<BusMaster>(i) == BusMaster::npu) continue;
      idle.push_back(std::make_unique<MasterPort>(fmt::format("{}_idle{}", name, i).c_str()));
      idle.back()->socket.bind(router.master_socket(static_cast<BusMaster>(i)));
    }
    port.socket.bind(router.master_socket(BusMaster::npu));
    router.target_socket(0).bind(dram_socket.socket);
    router.target_socket(1).bind(device_socket.socket);
    dma.set_client(*this);
    npu::AccessWindows windows;
    windows.window[0] = {kBase, kBase + kSize + 0x1000, true, true};  // beyond the memory's end: the bus refuses
    windows.window[1] = {kRegisters, kRegisters + 0xFFF, true, false};
    dma.set_windows(windows);
    router.watch_writes(kBase + 0x4000, kBase + 0x4FFF, [this](uint64_t address, const uint8_t* data, uint32_t size) {
      watched.push_back(fmt::format("{:x}+{}: {}", address, size, data[size - 1]));
    });
    router.on_foreign_access([this](BusOp op, uint64_t address, uint64_t size, Initiator initiator) {
      watched.push_back(fmt::format("{} {:x}+{} {}", static_cast<int>(op), address, size, static_cast<int>(initiator)));
    });
    if (!in_runs) return;
    router.shorten(0, dram_socket);
    router.shorten(1, device_socket);
    port.shorten(router.lane(BusMaster::npu), &router.burst_lane(BusMaster::npu));
    dma.use_bursts(port);
  }
  void on_transfer(uint64_t tag, DmaTransfer& transfer) override {
    done.push_back(fmt::format("{} at {}: {} {:x}", tag, queue.now_ps(), static_cast<int>(transfer.error),
                               transfer.error_address));
    if (!transfer.write && transfer.error == npu::ErrorCode::kNONE) {
      read.insert(read.end(), transfer.bytes.begin(), transfer.bytes.end());
    }
  }
  /// `in_device`: of the transfers with this number the first run lies in the device.
  void start(std::mt19937& random, uint64_t tag) {
    DmaTransfer& transfer = *dma.claim();
    transfer.write = random() % 3 == 0;
    transfer.who = {Initiator::npu, static_cast<Phase>(random() % 3), TensorClass::kNONE,
                    static_cast<uint16_t>(random() % 4), static_cast<uint32_t>(random() % 9)};
    if (random() % 16 == 0) transfer.add(kRegisters + 4 * (random() % 64), 4, TensorClass::kNONE);
    const unsigned runs = 1 + random() % 6;
    for (unsigned i = 0; i < runs; ++i) {
      const uint32_t size = random() % 4 == 0 ? 1 + random() % 20'000 : 1 + random() % 600;
      // Now and then over the end of the memory, where nothing answers.
      const uint32_t at = random() % 24 == 0 ? kSize - size / 2 - 1 : random() % (kSize - size);
      transfer.add(kBase + at, size, static_cast<TensorClass>(1 + random() % 3));
    }
    if (transfer.write) {
      transfer.bytes.resize(transfer.total_bytes());
      for (uint8_t& byte : transfer.bytes) byte = static_cast<uint8_t>(random());
    }
    dma.start(transfer, tag);
  }
  std::vector<uint8_t> state() {
    StateArchive archive;
    port.state(archive);
    dram_socket.state(archive);
    device_socket.state(archive);
    router.state(archive);
    dram.state(archive);
    dma.state(archive);
    return archive.bytes();
  }

  EventQueue queue;
  test::FindingList findings;
  MasterPort port;
  Dram dram;
  Device device;
  TargetSocket dram_socket, device_socket;
  Router router;
  std::vector<std::unique_ptr<MasterPort>> idle;
  npu::Dma dma;
  std::vector<std::string> done, watched;
  std::vector<uint8_t> read;
};

/// Runs the same random transfers on both; some are in flight together, some begin when all is quiet.
void compare(const Settings& settings) {
  INFO(settings.name);
  Rig runs("runs", settings, true), single("single", settings, false);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  std::mt19937 order(5);
  for (uint64_t tag = 0; tag < 400; ++tag) {
    const auto seed = static_cast<uint32_t>(order());
    for (Rig* rig : {&runs, &single}) {
      std::mt19937 random(seed);
      while (rig->dma.free_transfers() <= random() % npu::Dma::kTransfers) rig->queue.run_one();
      rig->start(random, tag);
    }
  }
  for (Rig* rig : {&runs, &single}) {
    while (rig->queue.next_time_ps() != EventQueue::kNever) rig->queue.run_one();
  }
  CHECK(runs.done == single.done);
  CHECK(runs.read == single.read);
  CHECK(runs.watched == single.watched);
  CHECK(runs.findings.list.size() == single.findings.list.size());
  CHECK(runs.dram.bandwidth().csv() == single.dram.bandwidth().csv());
  CHECK((runs.state() == single.state()));
  // The cases were met: faults, device registers, writes that the watch sees, rows opened and found open.
  CHECK(!runs.findings.list.empty());
  CHECK(runs.router.counters(BusMaster::npu, 1).reads > 0);
  const DramCounters counters = runs.dram.total();
  CHECK(counters.activates > 0);
  CHECK(counters.row_hits > 0);
  if (settings.bus.command_traffic)
    CHECK(runs.router.command_traffic()->csv() == single.router.command_traffic()->csv());
}

TEST_CASE("bursts in one call are those made one by one: the default board") {
  compare({"default", {}, {}, {}});
}

TEST_CASE("bursts in one call are those made one by one: short bursts, few in flight, odd clocks") {
  Settings s{"short", {}, {}, {}};
  s.dma = {16, 1, 8, 3};
  s.bus.clock_hz = 333'333'333;
  s.bus.latency_cycles = 0;
  s.bus.command_traffic = true;
  s.dram.memory.clock_hz = 2'133'000'000;
  s.dram.bandwidth_bin_ps = 1'000;  // bins merge
  compare(s);
}

TEST_CASE("bursts in one call are those made one by one: long bursts, closed pages, no refresh") {
  Settings s{"long", {}, {}, {}};
  s.dma = {4096, 3, 64, 1};
  s.bus.width_bytes = 64;
  s.dram.memory.controller.page = dram::PageKind::closed;
  s.dram.memory.controller.refresh = dram::RefreshKind::off;
  compare(s);
}

TEST_CASE("bursts in one call are those made one by one: windows of the bus that end within runs") {
  Settings s{"windows", {64, 5, 32, 1}, {}, {}};
  s.bus.windows = {{BusMaster::npu, kBase, kBase + kSize / 2 - 1, true, true},
                   {BusMaster::npu, kBase + kSize / 2, kBase + kSize - 1, true, false},
                   {BusMaster::npu, kRegisters, kRegisters + 0xFFF, true, true}};
  compare(s);
}

/// Bytes go where they belong, and a transfer is one call: or the cases above would compare a thing with itself.
TEST_CASE("a transfer of many runs reaches the memory in one call") {
  struct Counting final : BurstPort {
    BurstTotals carry(const BurstRuns& runs, BurstPacer& pacer) override {
      ++calls;
      BurstTotals totals;
      for (const MemoryRun& run : runs.runs) {
        runs.for_each_burst(run, [&](uint64_t, uint32_t bytes) {
          pacer.answered(pacer.issue(bytes) + 100'000);
          totals.bytes += bytes;
          ++totals.bursts;
        });
      }
      return totals;
    }
    unsigned calls = 0;
  } counting;
  const Settings s{"count", {}, {}, {}};
  Rig rig("count", s, true);
  rig.dma.use_bursts(counting);
  DmaTransfer& transfer = *rig.dma.claim();
  transfer.add(kBase + 10, 1000, TensorClass::kACTIVATION);
  transfer.add(kBase + 4096, 16, TensorClass::kMETADATA);
  rig.dma.start(transfer, 1);
  while (rig.queue.next_time_ps() != EventQueue::kNever) rig.queue.run_one();
  CHECK(counting.calls == 1);
  CHECK(rig.dma.counters().read[static_cast<unsigned>(TensorClass::kACTIVATION)] == 1000);
  CHECK(rig.dma.counters().read[static_cast<unsigned>(TensorClass::kMETADATA)] == 16);
  // 10 to 1010 are four bursts (246, 256, 256, 242 bytes of 32 a cycle of 5 ns), then one more, and 100 ns.
  CHECK(rig.done == std::vector<std::string>{fmt::format("1 at {}: 0 0", 4 * 40'000 + 100'000)});
}

}  // namespace
}  // namespace backboard
