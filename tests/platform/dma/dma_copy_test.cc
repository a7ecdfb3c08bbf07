// Copies by registers: bytes, time, errors and their places, fixed sides.
#include <catch2/catch.hpp>

#include "tests/platform/dma/dma_bench.h"

using namespace backboard;
using test::AddressSpace;
using test::DmaBench;
using test::Reg;

namespace {

constexpr uint32_t kDram = AddressSpace::kDram;

bool is_copy(const DmaBench& bench, const std::vector<uint8_t>& before, uint32_t source, uint32_t destination,
             uint32_t bytes) {
  std::vector<uint8_t> expected = before;
  std::memmove(&expected[destination], &before[source], bytes);
  return bench.space.dram == expected;
}

}  // namespace

TEST_CASE("a copy moves its bytes, nothing else, and raises its interrupt once all are written") {
  DmaBench bench;
  const std::vector<uint8_t> before = bench.space.dram;
  CHECK(bench.copy(kDram + 0x100, kDram + 0x8000, 1000) == DmaBench::kDone);
  CHECK(is_copy(bench, before, 0x100, 0x8000, 1000));
  CHECK(bench.get(Reg::DMA_CH_MOVED) == 1000);
  CHECK(bench.error() == DmaError::kNONE);
  CHECK(bench.wires.level(DmaBench::kLine));
  CHECK(bench.get(Reg::DMA_PENDING) == 1);
  bench.set(Reg::DMA_CH_EVENTS, 1);
  CHECK_FALSE(bench.wires.level(DmaBench::kLine));
  CHECK(bench.findings.list.empty());
}

TEST_CASE("an unloaded copy takes a cycle to start, its reads a cycle apart, and writes as soon as bytes are there") {
  DmaBench bench;
  // Cycle 5 ns, an access 100 ns: start 5, reads issued at 5, 10, 15, 20; answered 100 later; writes at 105 to 120.
  bench.copy(kDram, kDram + 0x8000, 1024);
  CHECK(bench.wires.changes.back().time_ps == 220'000);
  CHECK(bench.space.accesses == 8);
}

TEST_CASE("no more accesses are in flight than may be, however long the copy") {
  DmaEngineConfig config;
  config.outstanding = 2;
  DmaBench bench(0, config);
  // Two reads at 5 and 10 ns, their writes at 105 and 110; a slot is free again at 205 and 210, and so on: 200 ns for
  // each two bursts. The last two of 8 begin at 605 and 610.
  CHECK(bench.copy(kDram, kDram + 0x8000, 8 * 256) == DmaBench::kDone);
  CHECK(bench.wires.changes.back().time_ps == 810'000);
}

TEST_CASE("accesses cross no burst of the destination and no page of the source") {
  DmaBench bench(7);
  const std::vector<uint8_t> before = bench.space.dram;
  CHECK(bench.copy(kDram + 0x0f81, kDram + 0x80fd, 700) == DmaBench::kDone);
  CHECK(is_copy(bench, before, 0x0f81, 0x80fd, 700));
  for (const BusRequest& request : bench.shuffled->order) {
    const uint64_t limit = request.op == BusOp::write ? 256 : 4096;
    CHECK(request.address / limit == (request.address + request.size - 1) / limit);
    CHECK(request.size <= 256);
  }
}

TEST_CASE("a copy of no bytes is done at once, wherever it points") {
  DmaBench bench;
  CHECK(bench.copy(0xFFFFFFFF, 0, 0) == DmaBench::kDone);
  CHECK(bench.space.accesses == 0);
  CHECK(bench.get(Reg::DMA_CH_MOVED) == 0);
  CHECK(bench.wires.changes.back().time_ps == 5'000);
}

TEST_CASE("a copy to lower addresses that overlap is a memmove, whatever the order of answers") {
  for (unsigned seed = 0; seed < 30; ++seed) {
    DmaBench bench(seed);
    const std::vector<uint8_t> before = bench.space.dram;
    const uint32_t distance = 1 + seed * 37;
    CHECK(bench.copy(kDram + 0x2000, kDram + 0x2000 - distance, 3000) == DmaBench::kDone);
    CHECK(is_copy(bench, before, 0x2000, 0x2000 - distance, 3000));
  }
  DmaBench bench;
  const std::vector<uint8_t> before = bench.space.dram;
  CHECK(bench.copy(kDram + 64, kDram + 64, 3000) == DmaBench::kDone);
  CHECK(bench.space.dram == before);
}

TEST_CASE("what cannot be copied is refused before a byte moves, with a code, an address and a finding") {
  struct Wrong {
    uint32_t source, destination, bytes, control;
    DmaError error;
    uint32_t address;
  };
  constexpr uint32_t kFixedBoth = DmaBench::kFixedSource | DmaBench::kFixedDestination;
  const Wrong wrongs[] = {
      {0xFFFFFFF0, kDram, 17, 0, DmaError::kRANGE, 0xFFFFFFF0},
      {kDram, 0xFFFFFFFF, 2, 0, DmaError::kRANGE, 0xFFFFFFFF},
      {kDram, 1, UINT32_MAX, 0, DmaError::kRANGE, kDram},
      {kDram, kDram + 1, 2, 0, DmaError::kOVERLAP, kDram + 1},
      {kDram, kDram + 999, 1000, 0, DmaError::kOVERLAP, kDram + 999},
      {kDram, kDram + 8, 64, DmaBench::kFixedDestination | DmaBench::kWide, DmaError::kOVERLAP, kDram + 8},
      {kDram + 8, kDram, 64, DmaBench::kFixedSource | DmaBench::kWide, DmaError::kOVERLAP, kDram},
      {kDram, kDram, 4, kFixedBoth, DmaError::kOVERLAP, kDram},
      {kDram + 2, 0x10040000, 8, kFixedBoth | DmaBench::kWide, DmaError::kALIGNMENT, kDram + 2},
      {kDram, 0x10040002, 8, DmaBench::kFixedDestination | DmaBench::kWide, DmaError::kALIGNMENT, 0x10040002},
      {kDram, 0x10040000, 6, DmaBench::kFixedDestination | DmaBench::kWide, DmaError::kALIGNMENT, 0x10040000},
      {kDram, kDram + 0x8000, 8, 0xC0, DmaError::kCONTROL, kDram},      // width 3
      {kDram, kDram + 0x8000, 8, 0x9000, DmaError::kCONTROL, kDram},    // phase 9
      {kDram, kDram + 0x8000, 8, 0xB0000, DmaError::kCONTROL, kDram}};  // class 11
  for (const Wrong& wrong : wrongs) {
    INFO("source " << wrong.source << " destination " << wrong.destination << " bytes " << wrong.bytes << " control "
                   << wrong.control);
    DmaBench bench;
    CHECK(bench.copy(wrong.source, wrong.destination, wrong.bytes, wrong.control) == DmaBench::kError);
    CHECK(name_of(bench.error()) == std::string(name_of(wrong.error)));
    CHECK(bench.get(Reg::DMA_CH_ERROR_ADDRESS) == wrong.address);
    CHECK(bench.get(Reg::DMA_CH_MOVED) == 0);
    CHECK(bench.space.accesses == 0);
    REQUIRE(bench.findings.list.size() == 1);
    CHECK(bench.findings.list[0].address == wrong.address);
    CHECK(bench.findings.list[0].block == "dma");
    // And the channel works again.
    CHECK(bench.copy(kDram, kDram + 0x8000, 8) == DmaBench::kDone);
    CHECK(bench.error() == DmaError::kNONE);
  }
}

TEST_CASE("limits of what can be copied: up to the last address, side by side, just not overlapping") {
  DmaBench bench;
  CHECK(bench.copy(0xFFFFFFF0, kDram, 16) == DmaBench::kError);
  CHECK(bench.error() == DmaError::kDECODE);  // nothing is there, but it is no wrong copy
  CHECK(bench.copy(kDram, kDram + 1000, 1000) == DmaBench::kDone);
}

TEST_CASE("an access that fails ends the copy: the error is the first in the order of the bytes, all before it moved") {
  struct Failing {
    uint32_t source, destination, bytes;
    DmaError error;
    bool write;
    uint32_t address, moved;
  };
  const uint32_t end = kDram + AddressSpace::kDramBytes;
  const Failing failings[] = {
      {end - 1000, kDram + 0x100, 3000, DmaError::kDECODE, false, end, 1000},
      {kDram, end - 512, 3000, DmaError::kDECODE, true, end, 512},
      {AddressSpace::kDenied, kDram, 64, DmaError::kDENIED, false, AddressSpace::kDenied, 0},
      {kDram, AddressSpace::kRom, 600, DmaError::kTARGET, true, AddressSpace::kRom, 0},
      {AddressSpace::kRom + 0xF00, kDram + 0x80, 600, DmaError::kDECODE, false, AddressSpace::kRom + 0x1000, 256},
  };
  for (const Failing& failing : failings) {
    for (unsigned seed = 0; seed < 20; ++seed) {
      INFO("source " << failing.source << " destination " << failing.destination << " seed " << seed);
      DmaBench bench(seed);
      const std::vector<uint8_t> before = bench.space.dram;
      CHECK(bench.copy(failing.source, failing.destination, failing.bytes) == DmaBench::kError);
      CHECK(name_of(bench.error()) == std::string(name_of(failing.error)));
      CHECK(bench.error_is_write() == failing.write);
      CHECK(bench.get(Reg::DMA_CH_ERROR_ADDRESS) == failing.address);
      CHECK(bench.get(Reg::DMA_CH_MOVED) == failing.moved);
      if (failing.source >= kDram && failing.source < end && failing.destination >= kDram &&
          failing.destination < end) {
        CHECK(std::memcmp(&bench.space.dram[failing.destination - kDram], &before[failing.source - kDram],
                          failing.moved) == 0);
      }
      bench.space.dram = before;
      CHECK(bench.copy(kDram + 0x100, kDram + 0x8000, 1000) == DmaBench::kDone);
      CHECK(is_copy(bench, before, 0x100, 0x8000, 1000));
    }
  }
}

TEST_CASE("a fixed side is accessed word by word in order: a device's FIFO, both ways") {
  for (unsigned seed = 0; seed < 10; ++seed) {
    DmaBench bench(seed);
    CHECK(bench.copy(kDram + 0x40, AddressSpace::kFifo, 256, DmaBench::kFixedDestination | DmaBench::kWide) ==
          DmaBench::kDone);
    REQUIRE(bench.space.fifo_words.size() == 64);
    for (uint32_t i = 0; i < 64; ++i) CHECK(bench.space.fifo_words[i] == bench.word(kDram + 0x40 + 4 * i));
    CHECK(bench.copy(AddressSpace::kFifo, kDram + 0x4002, 256, DmaBench::kFixedSource | DmaBench::kWide) ==
          DmaBench::kDone);
    for (uint32_t i = 0; i < 64; ++i) CHECK(bench.word(kDram + 0x4002 + 4 * i) == 1000 + i);
    // The same without its width: the device refuses a byte.
    CHECK(bench.copy(kDram, AddressSpace::kFifo, 4, DmaBench::kFixedDestination) == DmaBench::kError);
    CHECK(bench.error() == DmaError::kTARGET);
  }
}

TEST_CASE("a fixed source in memory is a pattern to fill with") {
  DmaBench bench;
  bench.put(kDram, {0x11223344});
  CHECK(bench.copy(kDram, kDram + 0x1000, 64, DmaBench::kFixedSource | DmaBench::kWide) == DmaBench::kDone);
  for (uint32_t i = 0; i < 16; ++i) CHECK(bench.word(kDram + 0x1000 + 4 * i) == 0x11223344);
}

TEST_CASE("bytes carry the phase and class that firmware gives them, descriptors are control structures") {
  DmaBench bench;
  bench.copy(kDram, kDram + 0x1000, 300, 5 << 12 | 4 << 16);
  CHECK(bench.space.read_bytes == decltype(bench.space.read_bytes){{{Phase::kDATA, TensorClass::kWEIGHT}, 300}});
  CHECK(bench.space.write_bytes == bench.space.read_bytes);
  bench.descriptor(kDram + 0x2000, 0, kDram, kDram + 0x1000, 40, 1 << 12);
  bench.run_list(kDram + 0x2000);
  CHECK(bench.space.read_bytes[{Phase::kFF, TensorClass::kNONE}] == 40);
  CHECK(bench.space.read_bytes[{Phase::kCONTROL, TensorClass::kNONE}] == 32);
  CHECK(bench.space.write_bytes[{Phase::kCONTROL, TensorClass::kNONE}] == 8);
}
