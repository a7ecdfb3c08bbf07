// Lists of descriptors: order, status in memory, and every way in which a list can be wrong.
#include <catch2/catch.hpp>

#include "tests/platform/dma/dma_bench.h"

using namespace backboard;
using test::AddressSpace;
using test::DmaBench;
using test::Reg;

namespace {

constexpr uint32_t kDram = AddressSpace::kDram;
constexpr uint32_t kFirst = kDram + 0x8000, kSecond = kDram + 0x8020, kThird = kDram + 0x9000;
constexpr uint32_t kWorkedOn = 0x80000000;

uint32_t status(DmaBench& bench, uint32_t descriptor) {
  return bench.word(descriptor + 24);
}
uint32_t moved(DmaBench& bench, uint32_t descriptor) {
  return bench.word(descriptor + 28);
}

}  // namespace

TEST_CASE("the descriptors of a list are worked on in order, each says what it moved, and the end interrupts") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    DmaBench bench(seed);
    const std::vector<uint8_t> before = bench.space.dram;
    bench.descriptor(kFirst, kThird, kDram + 1, kDram + 0x4000, 700);
    bench.descriptor(kThird, kSecond, 0xFFFFFFFF, 3, 0);
    bench.descriptor(kSecond, 0, kDram + 0x4000, kDram + 0x5003, 700);  // what the first one wrote
    CHECK(bench.run_list(kFirst) == DmaBench::kDone);
    CHECK(std::memcmp(&bench.space.dram[0x4000], &before[1], 700) == 0);
    CHECK(std::memcmp(&bench.space.dram[0x5003], &before[1], 700) == 0);
    for (const uint32_t descriptor : {kFirst, kSecond, kThird}) CHECK(status(bench, descriptor) == kWorkedOn);
    CHECK(moved(bench, kFirst) == 700);
    CHECK(moved(bench, kThird) == 0);
    CHECK(bench.get(Reg::DMA_CH_MOVED) == 1400);
    CHECK(bench.get(Reg::DMA_CH_DESCRIPTOR) == kSecond);
  }
}

TEST_CASE("an empty list is done at once") {
  DmaBench bench;
  CHECK(bench.run_list(0) == DmaBench::kDone);
  CHECK(bench.space.accesses == 0);
  CHECK(bench.get(Reg::DMA_CH_DESCRIPTOR) == 0);
}

TEST_CASE("a descriptor may be made by the copy in front of it") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    DmaBench bench(seed);
    bench.descriptor(kThird, 0, kDram, kDram + 0x4000, 64);
    bench.descriptor(kFirst, kSecond, kThird, kSecond, 32);
    CHECK(bench.run_list(kFirst) == DmaBench::kDone);
    CHECK(std::memcmp(&bench.space.dram[0x4000], &bench.space.dram[0], 64) == 0);
    CHECK(status(bench, kSecond) == kWorkedOn);
    CHECK(status(bench, kThird) == 0);
  }
}

TEST_CASE("the bit STEP of a descriptor raises an event of its own while the list goes on") {
  DmaBench bench;
  bench.descriptor(kFirst, kSecond, kDram, kDram + 0x4000, 256, DmaBench::kStepBit);
  bench.descriptor(kSecond, 0, kDram, kDram + 0x5000, 256);
  bench.set(Reg::DMA_CH_LIST, kFirst);
  bench.set(Reg::DMA_CH_IRQ_ENABLE, DmaBench::kStep);
  bench.start(0, DmaBench::kList);
  while (!bench.wires.level(DmaBench::kLine)) bench.queue.run_one();
  CHECK(bench.get(Reg::DMA_CH_STATUS) == 1);
  CHECK(status(bench, kFirst) == kWorkedOn);
  CHECK(status(bench, kSecond) == 0);
  bench.settle();
  CHECK(bench.get(Reg::DMA_CH_EVENTS) == (DmaBench::kStep | DmaBench::kDone));
}

TEST_CASE("a list that runs in a circle, or was not prepared again, ends with STALE") {
  DmaBench bench;
  bench.descriptor(kFirst, kSecond, kDram, kDram + 0x4000, 16);
  bench.descriptor(kSecond, kFirst, kDram, kDram + 0x5000, 16);
  CHECK(bench.run_list(kFirst) == DmaBench::kError);
  CHECK(bench.error() == DmaError::kSTALE);
  CHECK(bench.get(Reg::DMA_CH_ERROR_ADDRESS) == kFirst);
  CHECK(bench.get(Reg::DMA_CH_MOVED) == 32);
  CHECK(status(bench, kFirst) == kWorkedOn);  // as its own work left it
  CHECK(bench.findings.list.size() == 1);
  bench.descriptor(kFirst, kFirst, 0, 0, 0);  // points to itself
  CHECK(bench.run_list(kFirst) == DmaBench::kError);
  CHECK(bench.error() == DmaError::kSTALE);
}

TEST_CASE("a circle that clears its own status goes on, time passes, and an abort ends it") {
  DmaBench bench;
  bench.descriptor(kFirst, kSecond, kDram, kDram + 0x4000, 16);
  bench.descriptor(kSecond, kThird, kDram + 0x6000, kFirst + 24, 4);
  bench.descriptor(kThird, kFirst, kDram + 0x6000, kSecond + 24, 4);
  bench.put(kDram + 0x6000, {0});
  bench.put(kDram + 0x6020, {kSecond, kDram + 0x6000, kThird + 24, 4, 0, 0, 0, 0});
  bench.put(kThird, {kDram + 0x6020});
  bench.put(kDram + 0x6020, {kDram + 0x6040});
  bench.descriptor(kDram + 0x6040, kFirst, kDram + 0x6000, kDram + 0x6038, 4);
  bench.set(Reg::DMA_CH_LIST, kFirst);
  bench.start(0, DmaBench::kList);
  // The last one's own status is cleared by nobody, so the second time round it is stale.
  CHECK(bench.settle(100'000));
  CHECK(bench.error() == DmaError::kSTALE);
  CHECK(bench.get(Reg::DMA_CH_ERROR_ADDRESS) == kDram + 0x6040);
  CHECK(bench.get(Reg::DMA_CH_MOVED) == 2 * (16 + 4 + 4 + 4) + 4);
}

TEST_CASE("descriptors that are wrong end the list with a code, their status says it where it can be written") {
  struct Wrong {
    std::array<uint32_t, 8> words;
    DmaError error;
    uint32_t address;
  };
  const Wrong wrongs[] = {
      {{0, kDram, kDram + 0x4000, 16, 0, 1, 0, 0}, DmaError::kCONTROL, kSecond},
      {{0, kDram, kDram + 0x4000, 16, 1, 0, 0, 0}, DmaError::kCONTROL, kSecond},
      {{0, kDram, kDram + 0x4000, 0, 0x80000000, 0, 0, 0}, DmaError::kCONTROL, kSecond},
      {{0, kDram, kDram + 8, 16, 0, 0, 0, 0}, DmaError::kOVERLAP, kDram + 8},
      {{0, 0xFFFFFFFF, kDram, 16, 0, 0, 0, 0}, DmaError::kRANGE, 0xFFFFFFFF},
      {{0, kDram, 0xA0000000, 16, 0, 0, 0, 0}, DmaError::kDECODE, 0xA0000000},
  };
  for (const Wrong& wrong : wrongs) {
    DmaBench bench;
    bench.descriptor(kFirst, kSecond, kDram, kDram + 0x4000, 48);
    for (uint32_t i = 0; i < 8; ++i) bench.put(kSecond + 4 * i, {wrong.words[i]});
    CHECK(bench.run_list(kFirst) == DmaBench::kError);
    CHECK(name_of(bench.error()) == std::string(name_of(wrong.error)));
    CHECK(bench.get(Reg::DMA_CH_ERROR_ADDRESS) == wrong.address);
    CHECK(bench.get(Reg::DMA_CH_MOVED) == 48);
    CHECK(status(bench, kFirst) == kWorkedOn);
    CHECK(status(bench, kSecond) == (kWorkedOn | static_cast<uint32_t>(wrong.error)));
    CHECK(moved(bench, kSecond) == 0);
  }
}

TEST_CASE("lists that cannot be read or written end with the access that failed") {
  struct Wrong {
    uint32_t next;
    DmaError error;
    bool write;
    uint32_t address;
  };
  const Wrong wrongs[] = {
      {kSecond + 4, DmaError::kALIGNMENT, false, kSecond + 4},
      {0xA0000000, DmaError::kDECODE, false, 0xA0000000},
      {AddressSpace::kDenied, DmaError::kDENIED, false, AddressSpace::kDenied},
      {kDram + AddressSpace::kDramBytes, DmaError::kDECODE, false, kDram + AddressSpace::kDramBytes},
      {AddressSpace::kRom, DmaError::kTARGET, true, AddressSpace::kRom + 24},
      {0xFFFFFFE0, DmaError::kDECODE, false, 0xFFFFFFE0}};
  for (const Wrong& wrong : wrongs) {
    DmaBench bench;
    std::fill(bench.space.rom.begin(), bench.space.rom.end(), 0);
    bench.descriptor(kFirst, wrong.next, kDram, kDram + 0x4000, 48);
    CHECK(bench.run_list(kFirst) == DmaBench::kError);
    CHECK(name_of(bench.error()) == std::string(name_of(wrong.error)));
    CHECK(bench.error_is_write() == wrong.write);
    CHECK(bench.get(Reg::DMA_CH_ERROR_ADDRESS) == wrong.address);
    CHECK(bench.get(Reg::DMA_CH_DESCRIPTOR) == wrong.next);
    CHECK(status(bench, kFirst) == kWorkedOn);
  }
}
