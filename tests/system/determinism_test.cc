// One run file, one result: on every host thread count, tile size and buffer size.
#include <catch2/catch.hpp>

#include "tests/system/board_run.h"

using namespace backboard::test;

namespace {

const std::string kTraining = "{epochs: 2, batch: 16, shuffle: 3, learning_rate: 0.02, evaluate_every: 1}";

}  // namespace

TEST_CASE("the same run twice, and with two host threads, is the same in every counter") {
  const BoardRuns runs;
  const std::string file = runs.small_run(kTraining);
  for (const std::string engine : {"lnpu", "reference"}) {
    INFO(engine);
    const std::string set = "--set platform.npu.engine=" + engine;
    const RunOutcome first = runs.run(file, "first", set);
    REQUIRE(first.exit_code() == 0);
    CHECK(first.losses().size() == 2);
    const RunOutcome again = runs.run(file, "again", set);
    check_same_run(first, again);
    CHECK(first.uart == again.uart);
    const RunOutcome threads = runs.run(file, "threads", set + " --set platform.npu.host_threads=2");
    check_same_run(first, threads);
    CHECK(first.uart == threads.uart);
  }
}

TEST_CASE("tile sizes and the size of the local buffer change traffic and time, never a weight or a loss") {
  const BoardRuns runs;
  const std::string file = runs.small_run(kTraining);
  for (const std::string engine : {"lnpu", "reference"}) {
    INFO(engine);
    const std::string set = "--set platform.npu.engine=" + engine + " ";
    const RunOutcome usual = runs.run(file, "usual", set);
    REQUIRE(usual.exit_code() == 0);
    const RunOutcome tiles = runs.run(file, "tiles", set + "--set compile.tiles='{k: 8, rows: 4, c: 4, n: 3}'");
    check_same_training(usual, tiles);
    CHECK(usual.traffic != tiles.traffic);
    const RunOutcome images = runs.run(file, "images", set + "--set compile.tiles.n=1");
    check_same_training(usual, images);
    CHECK(usual.simulated_ps() != images.simulated_ps());
    const RunOutcome buffer = runs.run(file, "buffer", set + "--set platform.npu.buffer='48 KiB'");
    check_same_training(usual, buffer);
    CHECK(usual.traffic != buffer.traffic);
  }
}

TEST_CASE("checksums at start-up by the DMA engine or by the core: the same training, and the engine is quicker") {
  const BoardRuns runs;
  const std::string file = runs.small_run(kTraining);
  for (const std::string timing : {"lt", "at"}) {
    INFO(timing);
    const std::string set = "--set timing=" + timing + " --set dma.crc=";
    const RunOutcome engine = runs.run(file, "engine", set + "true"), core = runs.run(file, "core", set + "false");
    REQUIRE(engine.exit_code() == 0);
    check_same_training(engine, core);
    CHECK(core.stat("dma.crc_bytes") == 0);
    CHECK(engine.stat("dma.crc_bytes") > 100'000);  // plan, 40 images and 32: 784 bytes each, and the weights' 4
    CHECK(engine.stat("dma.crc_bytes") == engine.stat("dma.read_bytes"));
    CHECK(engine.stat("dma.write_bytes") == 0);
    CHECK(engine.simulated_ps() < core.simulated_ps());
    // The core takes 55 instructions for eight bytes (docs/training.md).
    const double saved = static_cast<double>(core.stat("core.instructions") - engine.stat("core.instructions"));
    CHECK(saved / static_cast<double>(engine.stat("dma.crc_bytes")) == Approx(55.0 / 8).epsilon(0.05));
  }
}

TEST_CASE("how the core's time is cut into quanta changes nothing: results, simulated time, counters and traffic") {
  const BoardRuns runs;
  const std::string file = runs.small_run(kTraining);
  const RunOutcome usual = runs.run(file, "usual");
  REQUIRE(usual.exit_code() == 0);
  // A stop in the middle: most of the time the core is then in the middle of a quantum, or the NPU of a command.
  const std::string half = " --set limits.time='" + std::to_string(usual.simulated_ps() / 2) + " ps'";
  const std::string start = " --set limits.time='3141593 ns'";
  const RunOutcome usual_half = runs.run(file, "usual_half", half);
  const RunOutcome usual_start = runs.run(file, "usual_start", start);
  const RunOutcome usual_count = runs.run(file, "usual_count", "--set limits.instructions=254321");
  CHECK(usual_count.stat("core.instructions") == 254'321);
  for (const std::string quantum : {"1 us", "1777 ns", "10 ms", "1 s"}) {
    INFO(quantum);
    const std::string set = "--set platform.core.quantum='" + quantum + "'";
    const RunOutcome other = runs.run(file, "quantum", set);
    check_same_run(usual, other);
    CHECK(usual.uart == other.uart);
    check_same_run(usual_half, runs.run(file, "half", set + half));
    check_same_run(usual_start, runs.run(file, "start", set + start));
    check_same_run(usual_count, runs.run(file, "count", set + " --set limits.instructions=254321"));
  }
}

TEST_CASE("whether the core's memory is accessed directly or over the bus changes no result") {
  const BoardRuns runs;
  const std::string file = runs.small_run(kTraining);
  const RunOutcome usual = runs.run(file, "usual");
  REQUIRE(usual.exit_code() == 0);
  const RunOutcome slow = runs.run(file, "slow", "--set platform.core.direct_memory=false");
  check_same_training(usual, slow);
  CHECK(usual.uart == slow.uart);
}

TEST_CASE("whether the core's blocks are compiled changes nothing: results, simulated time, counters and traffic") {
  const BoardRuns runs;
  const std::string file = runs.small_run(kTraining);
  const std::string no_caches = "--set platform.core.icache.enabled=false --set platform.core.dcache.enabled=false ";
  const std::string tags = "--set platform.core.icache.data=false --set platform.core.dcache.data=false ";
  for (const std::string& board : {no_caches, std::string(), tags, std::string("--set platform.timing=at ")}) {
    INFO(board);
    const RunOutcome interpreted = runs.run(file, "interpreted", board + "--set platform.core.jit=false");
    REQUIRE(interpreted.exit_code() == 0);
    for (const std::string after : {"0", "200"}) {
      const RunOutcome compiled = runs.run(file, "compiled", board + "--set platform.core.jit_after=" + after);
      check_same_run(interpreted, compiled);
      CHECK(interpreted.uart == compiled.uart);
    }
  }
}

TEST_CASE("clocks of core and NPU change when things happen, not what comes out") {
  const BoardRuns runs;
  const std::string file = runs.small_run(kTraining);
  const RunOutcome usual = runs.run(file, "usual");
  REQUIRE(usual.exit_code() == 0);
  const RunOutcome slow_npu = runs.run(file, "npu", "--set platform.npu.clock='7 MHz'");
  check_same_training(usual, slow_npu);
  CHECK(slow_npu.simulated_ps() > 2 * usual.simulated_ps());
  const RunOutcome slow_core = runs.run(file, "core", "--set platform.core.clock='33 MHz'");
  check_same_training(usual, slow_core);
}
