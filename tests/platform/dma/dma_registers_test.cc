// What registers promise: starts, aborts, resets, priorities, interrupts, and the engine's own registers.
#include <catch2/catch.hpp>

#include "tests/platform/dma/dma_bench.h"

using namespace backboard;
using test::AddressSpace;
using test::DmaBench;
using test::Reg;

namespace {
constexpr uint32_t kDram = AddressSpace::kDram;
}

TEST_CASE("identification and capabilities") {
  DmaEngineConfig config;
  config.burst_bytes = 1024;
  DmaBench bench(0, config);
  CHECK(bench.get(Reg::DMA_ID) == 0x414D4442);
  CHECK(bench.get(Reg::DMA_VERSION) == 0x00010001);
  CHECK(bench.get(Reg::DMA_CAPS) == (1024u << 16 | 1u << 8 | 4));
}

TEST_CASE("START on a busy channel is ignored with a finding, registers written meanwhile are of the next start") {
  DmaBench bench;
  bench.prepare(0, kDram, kDram + 0x8000, 512);
  bench.start(0);
  CHECK(bench.get(Reg::DMA_CH_STATUS) == 1);
  bench.prepare(0, kDram + 0x100, kDram + 0x9000, 64);
  bench.start(0);
  CHECK(bench.findings.list.size() == 1);
  CHECK(bench.findings.list[0].reg == "DMA_CH_CONTROL");
  bench.settle();
  CHECK(bench.get(Reg::DMA_CH_MOVED) == 512);
  CHECK(std::memcmp(&bench.space.dram[0x8000], &bench.space.dram[0], 512) == 0);
  bench.start(0);
  bench.settle();
  CHECK(bench.get(Reg::DMA_CH_MOVED) == 64);
  CHECK(std::memcmp(&bench.space.dram[0x9000], &bench.space.dram[0x100], 64) == 0);
}

TEST_CASE("an abort ends the channel when what is in flight is answered: MOVED bytes are copied, not one behind them") {
  for (unsigned events = 0; events < 40; ++events) {
    for (unsigned seed = 0; seed < 5; ++seed) {
      INFO(events << " events, seed " << seed);
      DmaBench bench(seed);
      const std::vector<uint8_t> before = bench.space.dram;
      bench.prepare(0, kDram, kDram + 0x8000, 0x2000);
      bench.start(0);
      for (unsigned i = 0; i < events; ++i) bench.queue.run_one();
      bench.set(Reg::DMA_CH_CONTROL, DmaBench::kAbort | 1);
      CHECK(bench.get(Reg::DMA_CH_STATUS) == 3);
      CHECK(bench.settle());
      CHECK(bench.get(Reg::DMA_CH_STATUS) == 0);
      CHECK(bench.get(Reg::DMA_CH_EVENTS) == DmaBench::kAborted);
      const uint32_t moved = bench.get(Reg::DMA_CH_MOVED);
      CHECK(moved < 0x2000);
      std::vector<uint8_t> expected = before;
      std::memcpy(&expected[0x8000], &before[0], moved);
      CHECK(bench.space.dram == expected);
      CHECK(bench.copy(kDram, kDram + 0x8000, 0x2000) == DmaBench::kDone);
    }
  }
}

TEST_CASE("an abort of a list ends it at any moment, and one of an idle channel is nothing") {
  for (unsigned events = 0; events < 30; ++events) {
    DmaBench bench(events % 3);
    bench.set(Reg::DMA_CH_CONTROL, DmaBench::kAbort | 1);
    CHECK(bench.get(Reg::DMA_CH_STATUS) == 0);
    for (uint32_t i = 0; i < 50; ++i) {
      bench.descriptor(kDram + 0x8000 + 32 * i, i == 49 ? 0 : kDram + 0x8020 + 32 * i, kDram, kDram + 0x4000, 600);
    }
    bench.set(Reg::DMA_CH_LIST, kDram + 0x8000);
    bench.start(0, DmaBench::kList);
    for (unsigned i = 0; i < events; ++i) bench.queue.run_one();
    bench.set(Reg::DMA_CH_CONTROL, DmaBench::kAbort);
    CHECK(bench.settle());
    CHECK(bench.get(Reg::DMA_CH_EVENTS) == DmaBench::kAborted);
    CHECK(bench.get(Reg::DMA_CH_STATUS) == 0);
  }
}

TEST_CASE("a soft reset forgets all channels, and says when the last access in flight is answered") {
  for (unsigned events = 0; events < 30; ++events) {
    DmaBench bench(1 + events % 3);
    for (unsigned channel = 0; channel < 4; ++channel) {
      bench.prepare(channel, kDram + 0x800 * channel, kDram + 0x8000 + 0x800 * channel, 0x800);
      bench.start(channel);
    }
    for (unsigned i = 0; i < events; ++i) bench.queue.run_one();
    bench.set(Reg::DMA_CTRL, 1);
    CHECK_FALSE(bench.wires.level(DmaBench::kLine));
    for (unsigned channel = 0; channel < 4; ++channel) {
      CHECK(bench.get(Reg::DMA_CH_STATUS, channel) == 0);
      CHECK(bench.get(Reg::DMA_CH_SOURCE, channel) == 0);
      CHECK(bench.get(Reg::DMA_CH_EVENTS, channel) == 0);
    }
    const size_t findings = bench.findings.list.size();
    const bool waits = bench.get(Reg::DMA_CTRL) == 1;
    if (waits) {
      bench.start(2);
      CHECK(bench.findings.list.size() == findings + 1);
      CHECK(bench.get(Reg::DMA_CH_STATUS, 2) == 0);
    }
    const uint64_t accesses = bench.space.accesses;
    CHECK(bench.settle());
    CHECK(bench.space.accesses <= accesses + 8);
    CHECK(bench.get(Reg::DMA_CTRL) == 0);
    CHECK(bench.get(Reg::DMA_CAPS) == (256u << 16 | 1u << 8 | 4));
    CHECK(bench.copy(kDram, kDram + 0x8000, 0x2000) == DmaBench::kDone);
    CHECK(std::memcmp(&bench.space.dram[0x8000], &bench.space.dram[0], 0x2000) == 0);
  }
}

TEST_CASE("the channel of the highest priority goes first, equal ones take turns") {
  DmaEngineConfig config;
  config.outstanding = 64;
  DmaBench bench(3, config);
  const uint32_t priorities[4] = {1, 3, 1, 0};
  for (const unsigned channel : {1u, 0u, 2u, 3u}) {
    bench.prepare(channel, kDram + 0x800 * channel, kDram + 0x8000 + 0x800 * channel, 0x800);
    bench.start(channel, priorities[channel] << 24);
  }
  CHECK(bench.settle());
  // Reads in the order of their submission, as channel numbers: 8 bursts each.
  std::vector<unsigned> reads;
  for (const BusRequest& request : bench.shuffled->order) {
    if (request.op == BusOp::read) reads.push_back(static_cast<unsigned>((request.address - kDram) / 0x800));
  }
  REQUIRE(reads.size() == 32);
  CHECK(std::count(reads.begin(), reads.begin() + 8, 1u) == 8);
  for (size_t i = 8; i + 2 < 24; i += 2) CHECK(reads[i] != reads[i + 1]);  // 0 and 2 in turn
  CHECK(std::count(reads.begin() + 24, reads.end(), 3u) == 8);
  for (unsigned channel = 0; channel < 4; ++channel) CHECK(bench.get(Reg::DMA_CH_EVENTS, channel) == DmaBench::kDone);
}

TEST_CASE("one interrupt for all channels: raised while an enabled event of any stands") {
  DmaBench bench;
  bench.prepare(0, kDram, kDram + 0x8000, 64);
  bench.prepare(3, kDram, kDram + 0x9000, 64);
  bench.set(Reg::DMA_CH_IRQ_ENABLE, 0, 0);
  bench.start(0);
  bench.settle();
  CHECK_FALSE(bench.wires.level(DmaBench::kLine));
  bench.start(3);
  bench.settle();
  CHECK(bench.wires.level(DmaBench::kLine));
  CHECK(bench.get(Reg::DMA_PENDING) == 8);
  bench.set(Reg::DMA_CH_IRQ_ENABLE, 1, 0);
  CHECK(bench.get(Reg::DMA_PENDING) == 9);
  bench.set(Reg::DMA_CH_EVENTS, 1, 3);
  CHECK(bench.wires.level(DmaBench::kLine));
  bench.set(Reg::DMA_CH_EVENTS, 1, 0);
  CHECK_FALSE(bench.wires.level(DmaBench::kLine));
}

TEST_CASE("the engine does not answer itself, and other sizes than words are refused") {
  DmaBench bench;
  uint32_t value = 1;
  BusAccess access{BusOp::write, DmaBench::at(Reg::DMA_CTRL), reinterpret_cast<uint8_t*>(&value), 4, 0, {}, false};
  access.who.initiator = Initiator::dma;
  uint64_t delay_ps = 0;
  CHECK(bench.dma->access(access, delay_ps) == BusResponse::target);
  CHECK(bench.findings.list.size() == 1);
  CHECK(bench.write(DmaBench::at(Reg::DMA_CH_SOURCE), 1, 1) == BusResponse::target);
  CHECK(bench.write(DmaBench::at(Reg::DMA_CH_STATUS), 1) == BusResponse::target);
  CHECK(bench.write(0x0F0, 1) == BusResponse::target);
  CHECK(bench.findings.list.size() == 4);
}
