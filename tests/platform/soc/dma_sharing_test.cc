// The NPU and the DMA engine want the DRAM at once: `timing: at`, shares by weight.
#include <catch2/catch.hpp>

#include "tests/support/board_programs.h"

namespace backboard {
namespace {

struct Shares {
  double npu = 0, dma = 0;            ///< bytes while the other (or the core) wanted the memory too
  double npu_fair = 0, dma_fair = 0;  ///< the part of it by weight
  uint64_t dma_cycles = 0;
};

Shares run(uint32_t npu_weight, uint32_t dma_weight) {
  MemorySink uart, console;
  BoardConfig config;
  config.timing = TimingLevel::at;
  config.core.code_cache.enabled = config.core.data_cache.enabled = true;
  config.bus.width_bytes = 64;
  config.bus.arbitration = Arbitration::weighted;
  config.bus.masters.push_back({BusMaster::npu, 16, npu_weight, 0});
  config.bus.masters.push_back({BusMaster::dma, 16, dma_weight, 0});
  config.dma.outstanding = 32;
  Board board(config, {uart, console});
  const std::string path = FIRMWARE_DIR "/dma_beside_npu.elf";
  const ElfFile elf = ElfFile::load(path);
  board.load(elf, path);
  board.start(elf.entry());
  const BoardResult result = board.run();
  INFO(result.reason);
  REQUIRE(result.exit_code == 0);
  CHECK(board.findings().total() == 0);
  CHECK(board.conservation_error().value_or("") == "");
  const StatsTree stats = board.stats();
  constexpr uint64_t kBytes = 4 * 256 * 1024;
  CHECK(stats.counter("dma.read_bytes") == kBytes);
  CHECK(stats.counter("dma.write_bytes") == kBytes);
  CHECK(stats.counter("dma.list_read_bytes") == 8 * 32);
  CHECK(stats.counter("dma.list_write_bytes") == 8 * 8);
  const TrafficRow row = board.traffic().sum_of(Initiator::dma);
  CHECK(row.read_bytes == kBytes + 8 * 32);
  CHECK(row.write_bytes == kBytes + 8 * 8);
  const auto contended = [&](const std::string& master, const std::string& what) {
    return static_cast<double>(stats.counter("bus.requests." + master + ".contended." + what));
  };
  return {contended("npu", "bytes"), contended("dma", "bytes"), contended("npu", "fair_bytes"),
          contended("dma", "fair_bytes"), stats.counter("dma.channel0.busy_cycles")};
}

void check_shares(uint32_t npu_weight, uint32_t dma_weight) {
  const Shares shares = run(npu_weight, dma_weight);
  CHECK(shares.npu > 500e3);
  CHECK(shares.dma > 250e3);
  CHECK(shares.npu == Approx(shares.npu_fair).epsilon(0.05));
  CHECK(shares.dma == Approx(shares.dma_fair).epsilon(0.05));
}

// A case each, because each board needs a process of its own.
TEST_CASE("the NPU and the DMA engine share the memory evenly when their weights are equal") {
  check_shares(1, 1);
}
TEST_CASE("the NPU gets four parts of the memory and the DMA engine one when their weights say so") {
  check_shares(4, 1);
}
TEST_CASE("the DMA engine gets four parts of the memory and the NPU one when their weights say so") {
  check_shares(1, 4);
}

}  // namespace
}  // namespace backboard
