// Bursts: how they are cut, how many are in flight, and when a transfer is complete.
#include <catch2/catch.hpp>

#include "npu/dma/dma.h"
#include "tests/support/npu_bench.h"

using namespace backboard;
using namespace backboard::npu;
using namespace backboard::test;

namespace {

struct DmaBench final : DmaClient {
  EventQueue queue;
  MiniBus bus{64 * 1024};
  Dma dma;
  uint64_t done_ps = 0;
  ErrorCode error = ErrorCode::kNONE;
  uint32_t error_address = 0;
  std::vector<uint8_t> bytes;
  std::vector<uint64_t> tags;

  explicit DmaBench(const DmaConfig& config) : dma(config, 200'000'000, queue, bus) {
    dma.set_client(*this);
    AccessWindows windows;
    windows.window[0] = {MiniBus::kBase, MiniBus::kBase + 0x7fff, true, true};
    dma.set_windows(windows);
  }
  void on_transfer(uint64_t tag, DmaTransfer& transfer) override {
    tags.push_back(tag);
    done_ps = queue.now_ps();
    error = transfer.error;
    error_address = transfer.error_address;
    bytes = transfer.bytes;
  }
  void read(uint32_t offset, uint32_t size_bytes, uint64_t tag = 1) {
    DmaTransfer& transfer = *dma.claim();
    transfer.add(MiniBus::kBase + offset, size_bytes, TensorClass::kACTIVATION);
    dma.start(transfer, tag);
  }
  void run() {
    while (queue.next_time_ps() != EventQueue::kNever) queue.run_one();
  }
};

}  // namespace

TEST_CASE("Bursts overlap up to the number outstanding, and hold the port for their bytes") {
  // Four bursts of 256 bytes; 32 bytes a cycle of 5 ns hold the port for 40 ns; a burst takes 60 ns.
  struct Case {
    uint32_t outstanding;
    uint64_t done_ps;
  };
  // One: 4 * 60. Two: issued at 0, 40, 80, 120 (the one before the last was done at 100); done 60 later. Eight: the
  // same.
  for (const Case& c : {Case{1, 240'000}, Case{2, 180'000}, Case{8, 180'000}}) {
    DmaConfig config;
    config.outstanding = c.outstanding;
    DmaBench bench(config);
    bench.read(0, 1024);
    bench.run();
    CHECK(bench.done_ps == c.done_ps);
    CHECK(bench.bus.accesses == 4);
  }
}

TEST_CASE("No burst crosses a multiple of the burst size, and runs next to each other are one") {
  DmaBench bench({});
  bench.read(200, 100);
  bench.run();
  CHECK(bench.bus.accesses == 2);
  DmaTransfer& transfer = *bench.dma.claim();
  transfer.add(MiniBus::kBase, 16, TensorClass::kACTIVATION);
  transfer.add(MiniBus::kBase + 16, 16, TensorClass::kACTIVATION);
  transfer.add(MiniBus::kBase + 32, 16, TensorClass::kMETADATA);
  CHECK(transfer.runs.size() == 2);
  bench.dma.start(transfer, 2);
  bench.run();
  CHECK(bench.bus.accesses == 4);
  CHECK(bench.dma.counters().read[static_cast<unsigned>(TensorClass::kMETADATA)] == 16);
  CHECK(bench.dma.counters().read_bytes() == 148);
}

TEST_CASE("Bytes arrive in the order of the runs, whatever their addresses") {
  DmaBench bench({});
  for (uint32_t i = 0; i < 1024; ++i) *bench.bus.at(MiniBus::kBase + i) = static_cast<uint8_t>(i / 4);
  DmaTransfer& transfer = *bench.dma.claim();
  transfer.add(MiniBus::kBase + 800, 4, TensorClass::kACTIVATION);
  transfer.add(MiniBus::kBase + 40, 4, TensorClass::kACTIVATION);
  bench.dma.start(transfer, 1);
  bench.run();
  CHECK(bench.bytes == std::vector<uint8_t>{200, 200, 200, 200, 10, 10, 10, 10});
}

TEST_CASE("A run outside the windows and a bus error end the transfer with code and address") {
  DmaBench bench({});
  bench.read(0x7ff0, 32);
  bench.run();
  CHECK(bench.error == ErrorCode::kWINDOW);
  CHECK(bench.error_address == MiniBus::kBase + 0x7ff0);
  CHECK(bench.bus.accesses == 0);
  bench.bus.bad_address = MiniBus::kBase + 600;
  bench.read(0, 1024);
  bench.run();
  CHECK(bench.error == ErrorCode::kBUS);
  CHECK(bench.error_address == MiniBus::kBase + 512);
  CHECK(bench.bus.accesses == 2);
}

TEST_CASE("Transfers complete in the order in which they started, and an abort completes none") {
  DmaBench bench({});
  for (uint64_t tag = 0; tag < Dma::kTransfers; ++tag) bench.read(static_cast<uint32_t>(tag) * 512, 512, tag);
  CHECK(bench.dma.claim() == nullptr);
  bench.run();
  CHECK(bench.tags == std::vector<uint64_t>{0, 1, 2, 3, 4, 5, 6, 7});
  bench.read(0, 64, 9);
  bench.dma.abort();
  bench.run();
  CHECK(bench.tags.size() == 8);
  CHECK(bench.dma.free_transfers() == Dma::kTransfers);
}
