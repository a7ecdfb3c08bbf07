// Bursts as requests: order of answers, back-pressure, errors, aborts and saving with bursts in flight.
#include <catch2/catch.hpp>
#include <cstring>
#include <deque>

#include "npu/dma/dma.h"

using namespace backboard;
using namespace backboard::npu;

namespace {

constexpr uint32_t kBase = 0x80000000;

/// A bus that holds requests until the test answers them, and takes as many as it is told.
struct HeldBus final : RequestPort {
  uint64_t submit(const BusRequest& request) override {
    held.push_back(request);
    return held.size() < takes ? request.time_ps : kLater;
  }
  void set_client(RequestClient& to) override { client = &to; }
  /// Carries out the request at `index` and answers it.
  void answer(size_t index, uint64_t now_ps, BusResponse response = BusResponse::ok) {
    const BusRequest request = held[index];
    held.erase(held.begin() + static_cast<std::ptrdiff_t>(index));
    uint8_t* theirs = client->request_data(request.tag);
    if (response == BusResponse::ok && request.op == BusOp::read) {
      std::memcpy(theirs, &memory[request.address - kBase], request.size);
    } else if (response == BusResponse::ok) {
      std::memcpy(&memory[request.address - kBase], theirs, request.size);
    }
    const bool was_full = held.size() + 1 >= takes;
    client->on_response(request.tag, response, now_ps);
    if (was_full) client->on_ready(now_ps);
  }
  std::vector<uint8_t> memory = std::vector<uint8_t>(64 * 1024);
  std::deque<BusRequest> held;
  size_t takes = 100;
  RequestClient* client = nullptr;
};

struct NoBus final : BusPort {
  BusResponse access(BusAccess&, uint64_t&) override { return BusResponse::target; }
  std::optional<DirectRegion> direct(uint64_t) override { return std::nullopt; }
};

struct Bench final : DmaClient {
  explicit Bench(const DmaConfig& config = {}) : dma(config, 200'000'000, queue, none) {
    dma.set_client(*this);
    dma.use_requests(bus);
    AccessWindows windows;
    windows.window[0] = {kBase, kBase + 0x7fff, true, true};
    dma.set_windows(windows);
  }
  void on_transfer(uint64_t tag, DmaTransfer& transfer) override {
    tags.push_back(tag);
    bytes = transfer.bytes;
    error = transfer.error;
    error_address = transfer.error_address;
  }
  DmaTransfer& start(bool write, uint32_t offset, uint32_t size, uint64_t tag) {
    DmaTransfer& transfer = *dma.claim();
    transfer.write = write;
    transfer.add(kBase + offset, size, TensorClass::kWEIGHT);
    if (write) transfer.bytes.assign(size, static_cast<uint8_t>(tag));
    dma.start(transfer, tag);
    return transfer;
  }
  /// Lets everything happen that needs no answer.
  void settle() {
    while (queue.next_time_ps() != EventQueue::kNever) queue.run_one();
  }

  EventQueue queue;
  NoBus none;
  HeldBus bus;
  Dma dma;
  std::vector<uint64_t> tags;
  std::vector<uint8_t> bytes;
  ErrorCode error = ErrorCode::kNONE;
  uint32_t error_address = 0;
};

}  // namespace

TEST_CASE("answers may come in any order, and a transfer is complete with the last") {
  Bench bench;
  for (uint32_t i = 0; i < 1024; ++i) bench.bus.memory[i] = static_cast<uint8_t>(i / 3);
  bench.start(false, 0, 1024, 1);
  bench.start(false, 2048, 256, 2);
  bench.settle();
  REQUIRE(bench.bus.held.size() == 5);
  // 32 bytes a cycle of 5 ns: a burst each 40 ns.
  for (size_t i = 0; i < 5; ++i) CHECK(bench.bus.held[i].time_ps == i * 40'000);
  CHECK(bench.bus.held[0].who.tensor == TensorClass::kWEIGHT);
  for (const size_t index : {4, 2, 0, 1}) {
    bench.bus.answer(index, bench.queue.now_ps());
    bench.settle();
  }
  CHECK(bench.tags == std::vector<uint64_t>{2});
  bench.bus.answer(0, bench.queue.now_ps());
  bench.settle();
  CHECK(bench.tags == std::vector<uint64_t>{2, 1});
  CHECK(std::memcmp(bench.bytes.data(), bench.bus.memory.data(), 1024) == 0);
  CHECK(bench.dma.counters().read_bytes() == 1280);
}

TEST_CASE("no more bursts are in flight than may be, and none is submitted to a bus that is not ready") {
  DmaConfig config;
  config.outstanding = 3;
  Bench bench(config);
  bench.start(false, 0, 2048, 1);
  bench.settle();
  CHECK(bench.bus.held.size() == 3);
  bench.bus.answer(0, bench.queue.now_ps());
  bench.settle();
  CHECK(bench.bus.held.size() == 3);
  Bench narrow;
  narrow.bus.takes = 2;
  narrow.start(false, 0, 2048, 1);
  narrow.settle();
  CHECK(narrow.bus.held.size() == 2);
  for (unsigned i = 0; i < 8; ++i) {
    CHECK(narrow.bus.held.size() <= 2);
    narrow.bus.answer(0, narrow.queue.now_ps());
    narrow.settle();
  }
  CHECK(narrow.tags == std::vector<uint64_t>{1});
}

TEST_CASE(
    "the error of the first burst that failed is told, whatever order the answers come in, after the last answer") {
  Bench bench;
  bench.start(false, 0, 1024, 1);
  bench.settle();
  REQUIRE(bench.bus.held.size() == 4);
  bench.bus.answer(3, bench.queue.now_ps(), BusResponse::target);
  bench.bus.answer(1, bench.queue.now_ps(), BusResponse::decode);
  bench.bus.answer(0, bench.queue.now_ps());
  bench.settle();
  CHECK(bench.tags.empty());
  bench.bus.answer(0, bench.queue.now_ps());
  bench.settle();
  CHECK(bench.tags == std::vector<uint64_t>{1});
  CHECK(bench.error == ErrorCode::kBUS);
  CHECK(bench.error_address == kBase + 256);
}

TEST_CASE("a run outside the windows ends a transfer before its first burst, and those behind it go on") {
  Bench bench;
  bench.start(false, 0x7ff0, 64, 1);
  bench.start(false, 0, 64, 2);
  bench.settle();
  CHECK(bench.tags == std::vector<uint64_t>{1});
  CHECK(bench.error == ErrorCode::kWINDOW);
  CHECK(bench.error_address == kBase + 0x7ff0);
  REQUIRE(bench.bus.held.size() == 1);
  bench.bus.answer(0, bench.queue.now_ps());
  bench.settle();
  CHECK(bench.tags == std::vector<uint64_t>{1, 2});
}

TEST_CASE("after an abort the answers of old bursts change nothing, and what was being written is what was to be") {
  Bench bench;
  bench.start(true, 0, 512, 7);
  bench.start(false, 4096, 512, 8);
  bench.settle();
  REQUIRE(bench.bus.held.size() == 4);
  bench.dma.abort();
  CHECK(bench.dma.free_transfers() == Dma::kTransfers);
  // The same places, other transfers.
  bench.start(true, 8192, 512, 9);
  bench.settle();
  REQUIRE(bench.bus.held.size() == 6);
  for (unsigned i = 0; i < 6; ++i) {
    bench.bus.answer(0, bench.queue.now_ps());
    bench.settle();
  }
  CHECK(bench.tags == std::vector<uint64_t>{9});
  for (uint32_t i = 0; i < 512; ++i) {
    CHECK(bench.bus.memory[i] == 7);
    CHECK(bench.bus.memory[8192 + i] == 9);
  }
  CHECK(bench.dma.counters().write_bytes() == 512);
  CHECK(bench.dma.counters().read_bytes() == 0);
}

TEST_CASE("a DMA saved with bursts in flight, aborted ones too, goes on in another") {
  Bench first;
  for (uint32_t i = 0; i < 2048; ++i) first.bus.memory[i] = static_cast<uint8_t>(i * 5);
  first.start(true, 0x4000, 256, 3);
  first.settle();
  first.dma.abort();
  first.start(false, 0, 1024, 1);
  while (first.bus.held.size() < 3) first.queue.run_one();
  StateArchive saved;
  first.queue.state(saved);
  first.dma.state(saved);

  Bench second;
  StateArchive restored(saved.bytes(), "test");
  second.queue.state(restored);
  second.dma.state(restored);
  CHECK(restored.at_end());
  second.bus.held = first.bus.held;
  second.bus.memory = first.bus.memory;
  for (Bench* bench : {&first, &second}) {
    bench->settle();
    while (!bench->bus.held.empty()) {
      bench->bus.answer(bench->bus.held.size() - 1, bench->queue.now_ps());
      bench->settle();
    }
    CHECK(bench->tags == std::vector<uint64_t>{1});
    CHECK(std::memcmp(bench->bytes.data(), bench->bus.memory.data(), 1024) == 0);
    CHECK(bench->bus.memory[0x4000] == 3);
  }
  CHECK(first.queue.now_ps() == second.queue.now_ps());
}
