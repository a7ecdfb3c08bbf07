// The checksum: of what is copied, of what is only read, over lists and starts, against zlib's.
#include <catch2/catch.hpp>

#include <zlib.h>

#include "tests/platform/dma/dma_bench.h"

using namespace backboard;
using test::AddressSpace;
using test::DmaBench;
using test::Reg;

namespace {

constexpr uint32_t kDram = AddressSpace::kDram;
constexpr uint32_t kCrc = 0x200, kNoWrite = 0x400;  // DMA_CH_CONTROL

uint32_t crc_of(const std::vector<uint8_t>& bytes, size_t first, size_t count, uint32_t from = 0) {
  return static_cast<uint32_t>(crc32_z(from, bytes.data() + first, count));
}

}  // namespace

TEST_CASE("a checksum without a destination reads every byte once and writes none, in any order of answers") {
  std::mt19937 random(3);
  for (unsigned seed = 0; seed < 40; ++seed) {
    DmaEngineConfig config;
    config.burst_bytes = 32u << seed % 6;
    config.outstanding = 1 + seed % 11;
    DmaBench bench(seed % 4 == 0 ? 0 : seed, config);
    const std::vector<uint8_t> before = bench.space.dram;
    const uint32_t offset = random() % 0x4000, bytes = random() % 3 ? random() % 0x5000 : random() % 5;
    INFO("seed " << seed << " offset " << offset << " bytes " << bytes);
    // The destination is of no account: nothing is there, the last byte of it lies behind the last address.
    CHECK(bench.copy(kDram + offset, 0xFFFFFFFF, bytes, kCrc | kNoWrite) == DmaBench::kDone);
    CHECK(bench.get(Reg::DMA_CH_CRC) == crc_of(before, offset, bytes));
    CHECK(bench.get(Reg::DMA_CH_MOVED) == bytes);
    CHECK(bench.space.dram == before);
    uint64_t read = 0;
    for (const auto& [who, count] : bench.space.read_bytes) read += count;
    CHECK(read == bytes);
    CHECK(bench.space.write_bytes.empty());
    CHECK(bench.findings.list.empty());
  }
}

TEST_CASE("the check value of CRC-32 comes out, in one start or in two that go on from one another") {
  DmaBench bench;
  std::memcpy(&bench.space.dram[0x101], "123456789", 9);
  bench.copy(kDram + 0x101, 0, 9, kCrc | kNoWrite);
  CHECK(bench.get(Reg::DMA_CH_CRC) == 0xCBF43926);
  for (uint32_t cut = 0; cut <= 9; ++cut) {
    bench.set(Reg::DMA_CH_CRC_START, 0);
    bench.copy(kDram + 0x101, 0, cut, kCrc | kNoWrite);
    bench.set(Reg::DMA_CH_CRC_START, bench.get(Reg::DMA_CH_CRC));
    bench.copy(kDram + 0x101 + cut, 0, 9 - cut, kCrc | kNoWrite);
    CHECK(bench.get(Reg::DMA_CH_CRC) == 0xCBF43926);
  }
}

TEST_CASE("copies are summed too, only those that ask for it, on every channel for itself") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    INFO("seed " << seed);
    DmaBench bench(seed);
    const std::vector<uint8_t> before = bench.space.dram;
    const uint32_t controls[4] = {kCrc, 0, kCrc | kNoWrite, kNoWrite};
    for (unsigned channel = 0; channel < 4; ++channel) {
      bench.set(Reg::DMA_CH_CRC_START, 77 * channel, channel);
      bench.prepare(channel, kDram + 0x1001 * channel, kDram + 0x8000 + 0x1000 * channel, 0xfff);
      bench.start(channel, controls[channel] | channel << 24);
      bench.set(Reg::DMA_CH_CRC_START, 1, channel);  // of the next start
    }
    REQUIRE(bench.settle());
    for (unsigned channel = 0; channel < 4; ++channel) {
      const bool summed = (controls[channel] & kCrc) != 0;
      const uint32_t from = 77 * channel;
      CHECK(bench.get(Reg::DMA_CH_CRC, channel) == (summed ? crc_of(before, 0x1001 * channel, 0xfff, from) : from));
      CHECK(bench.get(Reg::DMA_CH_MOVED, channel) == 0xfff);
      const uint32_t to = 0x8000 + 0x1000 * channel;
      const bool copied = std::equal(before.begin() + 0x1001 * channel, before.begin() + 0x1001 * channel + 0xfff,
                                     bench.space.dram.begin() + to);
      CHECK(copied == ((controls[channel] & kNoWrite) == 0));
    }
  }
}

TEST_CASE("a list sums the copies that ask for it, in the list's order") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    DmaBench bench(seed);
    constexpr uint32_t kList = kDram + 0x8000;
    const std::vector<uint8_t> before = bench.space.dram;
    bench.descriptor(kList, kList + 0x20, kDram + 0x3001, 0, 1000, kCrc | kNoWrite);
    bench.descriptor(kList + 0x20, kList + 0x40, kDram + 0x100, kDram + 0x9000, 300);
    bench.descriptor(kList + 0x40, kList + 0x60, kDram + 0x17, kDram + 0xA003, 700, kCrc);
    bench.descriptor(kList + 0x60, 0, kDram + 0x17, 0, 0, kCrc | kNoWrite);
    CHECK(bench.run_list(kList) == DmaBench::kDone);
    CHECK(bench.get(Reg::DMA_CH_CRC) == crc_of(before, 0x17, 700, crc_of(before, 0x3001, 1000)));
    CHECK(bench.get(Reg::DMA_CH_MOVED) == 2000);
    CHECK(std::equal(before.begin() + 0x17, before.begin() + 0x17 + 700, bench.space.dram.begin() + 0xA003));
  }
}

TEST_CASE("a device's FIFO is summed word by word in its order") {
  for (unsigned seed = 0; seed < 10; ++seed) {
    DmaBench bench(seed);
    std::vector<uint8_t> expected(256);
    for (uint32_t i = 0; i < 64; ++i) {
      const uint32_t word = 1000 + i;
      std::memcpy(&expected[4 * i], &word, 4);
    }
    constexpr uint32_t kFifo = DmaBench::kFixedSource | DmaBench::kWide;
    CHECK(bench.copy(AddressSpace::kFifo, 0, 256, kFifo | kCrc | kNoWrite) == DmaBench::kDone);
    CHECK(bench.get(Reg::DMA_CH_CRC) == crc_of(expected, 0, 256));
  }
}

TEST_CASE("without a destination a slot is free with its answer, and the checksum takes no time of its own") {
  DmaEngineConfig config;
  config.outstanding = 2;
  DmaBench bench(0, config);
  // Cycle 5 ns, an access 100 ns: two reads at 5 and 10 ns, answered at 105 and 110, where the next two begin; the last
  // two of 8 at 305 and 310.
  CHECK(bench.copy(kDram, 0, 8 * 256, kCrc | kNoWrite) == DmaBench::kDone);
  CHECK(bench.wires.changes.back().time_ps == 410'000);
  CHECK(bench.space.accesses == 8);
}

TEST_CASE("bursts without a destination end at multiples of the burst in the source") {
  DmaBench bench(7);
  CHECK(bench.copy(kDram + 0x0f81, 0x13, 700, kCrc | kNoWrite) == DmaBench::kDone);
  CHECK(bench.shuffled->order.size() == 4);  // to 0x1000, 0x1100, 0x1200, 0x123d
  for (const BusRequest& request : bench.shuffled->order) {
    CHECK(request.op == BusOp::read);
    CHECK(request.address / 256 == (request.address + request.size - 1) / 256);
  }
}

TEST_CASE("a fixed destination that is not written is refused, and so is any checksum where the engine has none") {
  DmaBench bench;
  CHECK(bench.copy(kDram, AddressSpace::kFifo, 64, kNoWrite | DmaBench::kFixedDestination | DmaBench::kWide) ==
        DmaBench::kError);
  CHECK(bench.error() == DmaError::kCONTROL);
  CHECK(bench.copy(0xFFFFFFF0, 0, 17, kNoWrite) == DmaBench::kError);
  CHECK(bench.error() == DmaError::kRANGE);
  CHECK(bench.space.accesses == 0);

  DmaEngineConfig config;
  config.crc = false;
  DmaBench without(0, config);
  CHECK(without.get(Reg::DMA_CAPS) == (256u << 16 | 4));
  for (const uint32_t control : {kCrc, kNoWrite}) {
    CHECK(without.copy(kDram, kDram + 0x1000, 64, control) == DmaBench::kError);
    CHECK(without.error() == DmaError::kCONTROL);
    without.descriptor(kDram + 0x2000, 0, kDram, kDram + 0x1000, 64, control);
    CHECK(without.run_list(kDram + 0x2000) == DmaBench::kError);
    CHECK(without.error() == DmaError::kCONTROL);
    CHECK(without.get(Reg::DMA_CH_ERROR_ADDRESS) == kDram + 0x2000);
  }
  CHECK(without.copy(kDram, kDram + 0x1000, 64) == DmaBench::kDone);
}

TEST_CASE("a read that fails ends a checksum with its address, and the bytes before it have moved") {
  const uint32_t end = kDram + AddressSpace::kDramBytes;
  for (unsigned seed = 0; seed < 20; ++seed) {
    DmaBench bench(seed);
    CHECK(bench.copy(end - 1000, 0, 3000, kCrc | kNoWrite) == DmaBench::kError);
    CHECK(bench.error() == DmaError::kDECODE);
    CHECK_FALSE(bench.error_is_write());
    CHECK(bench.get(Reg::DMA_CH_ERROR_ADDRESS) == end);
    CHECK(bench.get(Reg::DMA_CH_MOVED) == 1000);
  }
}

TEST_CASE("after an abort the checksum is that of the bytes that moved") {
  for (unsigned events = 0; events < 40; ++events) {
    for (unsigned seed = 0; seed < 4; ++seed) {
      for (const uint32_t control : {kCrc | kNoWrite, kCrc}) {
        INFO(events << " events, seed " << seed << ", control " << control);
        DmaBench bench(seed);
        const std::vector<uint8_t> before = bench.space.dram;
        bench.prepare(0, kDram, kDram + 0x8000, 0x4000);
        bench.start(0, control);
        for (unsigned i = 0; i < events; ++i) bench.queue.run_one();
        bench.set(Reg::DMA_CH_CONTROL, DmaBench::kAbort | control);
        CHECK(bench.settle());
        CHECK(bench.get(Reg::DMA_CH_EVENTS) == DmaBench::kAborted);
        CHECK(bench.get(Reg::DMA_CH_CRC) == crc_of(before, 0, bench.get(Reg::DMA_CH_MOVED)));
        // And the next start begins anew.
        CHECK(bench.copy(kDram, 0, 100, kCrc | kNoWrite) == DmaBench::kDone);
        CHECK(bench.get(Reg::DMA_CH_CRC) == crc_of(bench.space.dram, 0, 100));
      }
    }
  }
}
