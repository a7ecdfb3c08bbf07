// Random work on all channels against a model by memcpy, and random nonsense: it always ends.
#include <catch2/catch.hpp>

#include "tests/platform/dma/dma_bench.h"

using namespace backboard;
using test::AddressSpace;
using test::DmaBench;
using test::Reg;

namespace {

constexpr uint32_t kDram = AddressSpace::kDram;

class Random {
 public:
  explicit Random(unsigned seed) : generator_(seed) {}
  uint32_t below(uint32_t limit) { return static_cast<uint32_t>(generator_() % limit); }

 private:
  std::mt19937 generator_;
};

/// Each channel has 16 KiB of its own: a list of copies within it, or one by registers.
void random_round(DmaBench& bench, Random& random, std::vector<uint8_t>& model) {
  for (unsigned channel = 0; channel < 4; ++channel) {
    const uint32_t mine = 0x4000 * channel;
    const bool list = random.below(2) != 0;
    const unsigned copies = list ? 1 + random.below(6) : 1;
    for (unsigned i = 0; i < copies; ++i) {
      // Sources and destinations alternate between halves, so that later copies read what earlier ones wrote.
      const uint32_t bytes = random.below(3) ? random.below(0x1800) : random.below(9);
      uint32_t source = mine + 0x200 + random.below(0x1a00 - bytes),
               destination = source + 0x1c00 + random.below(0x200);
      if (random.below(2)) std::swap(source, destination);
      const uint32_t here = kDram + mine + 32 * i;
      if (list) {
        bench.descriptor(here, i + 1 == copies ? 0 : here + 32, kDram + source, kDram + destination, bytes);
      } else {
        bench.prepare(channel, kDram + source, kDram + destination, bytes);
      }
      std::memcpy(&model[mine], &bench.space.dram[mine], 32 * copies);  // the descriptors as prepared
      std::memmove(&model[destination], &model[source], bytes);
    }
    if (list) {
      std::memcpy(&model[mine], &bench.space.dram[mine], 32 * copies);
      for (unsigned i = 0; i < copies; ++i) {
        const uint32_t report[2] = {0x80000000, 0};
        std::memcpy(&model[mine + 32 * i + 24], report, 4);
        std::memcpy(&model[mine + 32 * i + 28], &model[mine + 32 * i + 12], 4);
      }
      bench.set(Reg::DMA_CH_LIST, kDram + mine, channel);
    }
    bench.set(Reg::DMA_CH_EVENTS, 15, channel);
    bench.start(channel, (list ? DmaBench::kList : 0) | random.below(4) << 24);
  }
}

}  // namespace

TEST_CASE("random copies and lists on all channels leave the bytes of memcpy, in any order of answers") {
  for (unsigned seed = 0; seed < 60; ++seed) {
    INFO("seed " << seed);
    DmaEngineConfig config;
    Random random(seed + 1);
    config.burst_bytes = 32u << random.below(6);
    config.outstanding = 1 + random.below(12);
    DmaBench bench(seed % 4 == 0 ? 0 : seed, config);
    std::vector<uint8_t> model = bench.space.dram;
    for (unsigned round = 0; round < 6; ++round) {
      random_round(bench, random, model);
      REQUIRE(bench.settle());
      for (unsigned channel = 0; channel < 4; ++channel) {
        REQUIRE(bench.get(Reg::DMA_CH_EVENTS, channel) == DmaBench::kDone);
      }
      REQUIRE(bench.space.dram == model);
    }
    CHECK(bench.findings.list.empty());
  }
}

TEST_CASE("random registers and descriptors end in an event, whatever they say") {
  uint32_t done = 0, failed = 0;
  for (unsigned seed = 1; seed < 400; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    DmaBench bench(seed % 2 ? 0 : seed);
    const auto address = [&]() -> uint32_t {
      constexpr uint32_t kBases[] = {kDram,
                                     kDram,
                                     kDram,
                                     kDram,
                                     kDram,
                                     kDram,
                                     kDram,
                                     kDram + 0xFF00,
                                     AddressSpace::kRom,
                                     AddressSpace::kFifo,
                                     AddressSpace::kDenied,
                                     0xFFFFFF00,
                                     0,
                                     0xA0000000};
      return kBases[random.below(std::size(kBases))] + random.below(0x400) * (random.below(4) ? 1 : 32);
    };
    const auto control = [&] {
      const uint32_t kind = random.below(4);
      return kind == 0 ? random.below(UINT32_MAX) : kind == 1 ? random.below(16) << 4 : 0;
    };
    for (uint32_t at = kDram; at < kDram + 0x8000; at += 32) {
      bench.descriptor(at, random.below(3) ? kDram + 32 * random.below(0x400) : address(), address(), address(),
                       random.below(0x800), control() & (random.below(2) ? 0xFF7F0 : UINT32_MAX));
      if (random.below(8) == 0) bench.put(at + 20, {random.below(2), random.below(2)});
    }
    for (unsigned channel = 0; channel < 4; ++channel) {
      const uint32_t how = (control() & ~(3u | DmaBench::kList)) | (random.below(2) ? DmaBench::kList : 0);
      const bool fixed =
          (how & (DmaBench::kFixedSource | DmaBench::kFixedDestination)) != 0;  // 4 GiB of words are long
      bench.prepare(channel, address(), address(), random.below(fixed || random.below(8) ? 0x1000 : UINT32_MAX));
      bench.set(Reg::DMA_CH_LIST, random.below(4) ? kDram + 32 * random.below(0x400) : address(), channel);
      bench.start(channel, how);
    }
    REQUIRE(bench.settle());
    for (unsigned channel = 0; channel < 4; ++channel) {
      CHECK(bench.get(Reg::DMA_CH_STATUS, channel) == 0);
      const uint32_t events = bench.get(Reg::DMA_CH_EVENTS, channel) & 7;
      CHECK((events == DmaBench::kDone || events == DmaBench::kError));
      CHECK((events == DmaBench::kError) == (bench.error(channel) != DmaError::kNONE));
      (events == DmaBench::kDone ? done : failed) += 1;
    }
  }
  CHECK(done > 50);  // the nonsense is not all of one kind
  CHECK(failed > 500);
}
