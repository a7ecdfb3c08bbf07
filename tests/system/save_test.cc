// Saving a board in mid-training and going on from it in a new process.
#include <catch2/catch.hpp>

#include "tests/system/board_run.h"

using namespace backboard::test;

namespace {

std::string picoseconds(uint64_t time_ps) {
  return "'" + std::to_string(time_ps) + " ps'";
}

/// What a board with `set` has counted and printed when it is stopped at `time_ps`.
RunOutcome stopped_at(const BoardRuns& runs, const std::string& file, const std::string& set, uint64_t time_ps) {
  const RunOutcome stopped = runs.run(file, "stopped", set + " --set limits.time=" + picoseconds(time_ps));
  REQUIRE(stopped.exit_code() == 1);
  REQUIRE(stopped.simulated_ps() == time_ps);
  return stopped;
}

/// Whether a command runs at `time_ps`: every cycle of the next microsecond but for the rounding of its ends is busy.
bool npu_busy_at(const BoardRuns& runs, const std::string& file, const std::string& set, const RunOutcome& at,
                 uint64_t npu_hz) {
  const RunOutcome later = stopped_at(runs, file, set, at.simulated_ps() + 1'000'000);
  const uint64_t cycles = later.stat("npu.busy_cycles") - at.stat("npu.busy_cycles");
  return cycles + 1 >= npu_hz / 1'000'000 && later.stat("npu.commands") == at.stat("npu.commands");
}

/// Never saved, saved and gone on, restored in a new process: three equal ends. Returns what the board had done by
/// then.
RunOutcome check_three_ends_at(const BoardRuns& runs, const std::string& file, const std::string& set,
                               const RunOutcome& never, uint64_t time_ps) {
  INFO("saved at " << time_ps << " ps of " << never.simulated_ps());
  const std::string saved = runs.path("saved");
  const RunOutcome went_on = runs.run(file, "went_on", set + " --save " + saved + " --save-at " + picoseconds(time_ps));
  check_same_run(never, went_on);
  CHECK(never.uart == went_on.uart);
  const RunOutcome restored = runs.run(file, "restored", set + " --restore " + saved);
  check_same_run(never, restored);
  CHECK(never.summary.at("inference") == restored.summary.at("inference"));
  // The log of a restored run begins where the saved one stood.
  RunOutcome before = stopped_at(runs, file, set, time_ps);
  CHECK(before.uart + restored.uart == never.uart);
  return before;
}

/// Time `i` of `points` spread over a run: odd picoseconds, off every clock edge.
uint64_t point_of(const RunOutcome& run, unsigned i, unsigned points) {
  return run.simulated_ps() / points * i + run.simulated_ps() / (2 * points) + 1237 * i;
}

/// Three equal ends at `points` times. Returns how many of the times lay within a command of the NPU.
unsigned check_three_ends(const BoardRuns& runs, const std::string& file, const std::string& set, unsigned points,
                          uint64_t npu_hz) {
  const RunOutcome never = runs.run(file, "never", set);
  REQUIRE(never.exit_code() == 0);
  unsigned busy = 0;
  for (unsigned i = 0; i < points; ++i) {
    const RunOutcome before = check_three_ends_at(runs, file, set, never, point_of(never, i, points));
    busy += npu_busy_at(runs, file, set, before, npu_hz);
  }
  return busy;
}

/// Bytes of parameters that inference has taken over from the training.
uint64_t taken_over_bytes(const RunOutcome& run) {
  uint64_t bytes = 0;
  for (const TrafficLine& line : run.traffic_lines())
    if (line.phase == "INFERENCE" && line.tensor_class == "MASTER") bytes += line.write_bytes;
  return bytes;
}

}  // namespace

TEST_CASE("lnpu: a training saved anywhere, in the middle of NPU commands too, ends as the one never saved") {
  const BoardRuns runs;
  const std::string file = runs.small_run(
      "{epochs: 1, batch: 16, shuffle: 3, learning_rate: 0.02, momentum: 0.9, fgmp_share: 0.2, "
      "loss_scale: {initial: 65536, dynamic: true}}",
      32);
  // A slow NPU, so that most of the time a command runs.
  CHECK(check_three_ends(runs, file, "--set platform.npu.clock='10 MHz'", 6, 10'000'000) >= 3);
}

TEST_CASE("reference: a training saved anywhere, in the middle of NPU commands too, ends as the one never saved") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16, shuffle: 3, learning_rate: 0.02}", 32);
  CHECK(check_three_ends(runs, file, "--set platform.npu.engine=reference --set platform.npu.clock='10 MHz'", 4,
                         10'000'000) >= 2);
}

TEST_CASE("at: a training saved anywhere, with requests in flight too, ends as the one never saved") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16, shuffle: 3, learning_rate: 0.02}", 32);
  const std::string at = "--set platform.timing=at --set platform.dram.check_commands=true ";
  // A slow memory, so that most of the time requests are in flight, and not so slow a one.
  const std::string slow = "--set platform.dram.memory.clock='100 MHz' --set platform.dram.memory.timing.refi=1000 ";
  CHECK(check_three_ends(runs, file, at + slow, 6, 200'000'000) >= 2);
  check_three_ends(runs, file, at + "--set platform.dram.memory.controller.page=adaptive", 3, 200'000'000);
}

TEST_CASE("a training saved while inference beside it takes its weights over ends as the one never saved") {
  const BoardRuns runs;
  const std::string file = runs.small_run(
      "{epochs: 1, batch: 4, shuffle: 3, learning_rate: 0.02, inference: {every: 100 us, requests: 20, "
      "arrivals: random, seed: 5, priority: equal, refresh_steps: 1}}",
      32);
  for (const std::string timing : {"lt", "at"}) {
    INFO(timing);
    const std::string set = "--set platform.timing=" + timing;
    const RunOutcome never = runs.run(file, "never", set);
    REQUIRE(never.exit_code() == 0);
    const uint64_t refreshes = never.summary.at("inference").at("refreshes"), bytes = taken_over_bytes(never);
    REQUIRE(refreshes == 8);
    REQUIRE(bytes % refreshes == 0);
    // The first copy of the first time, to a tenth of a microsecond.
    uint64_t before_ps = 0, within_ps = never.simulated_ps();
    while (within_ps - before_ps > 100'000) {
      const uint64_t time_ps = before_ps + (within_ps - before_ps) / 2;
      (taken_over_bytes(stopped_at(runs, file, set, time_ps)) == 0 ? before_ps : within_ps) = time_ps;
    }
    unsigned within = 0;
    for (unsigned i = 0; i < 4; ++i) {
      const uint64_t taken = taken_over_bytes(check_three_ends_at(runs, file, set, never, within_ps + i * 2'000'003));
      within += taken % (bytes / refreshes) != 0;
    }
    CHECK(within >= 2);
  }
}

TEST_CASE("a training saved while its checkpoint is written to flash ends as the one never saved") {
  const BoardRuns runs;
  const std::string file =
      runs.small_run("{epochs: 1, batch: 16, shuffle: 3, learning_rate: 0.02, checkpoint_every: 1}", 32);
  check_three_ends(runs, file, "", 4, 200'000'000);
}

TEST_CASE("a board is restored with other host threads, but not with another board") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16}", 32);
  const RunOutcome never = runs.run(file, "never");
  const std::string saved = runs.path("saved");
  REQUIRE(runs.run(file, "saving", "--save " + saved + " --save-at '1 ms'").exit_code() == 0);
  check_same_run(never, runs.run(file, "threads", "--set platform.npu.host_threads=2 --restore " + saved));
  const RunOutcome other = runs.run(file, "other", "--set platform.npu.engine=reference --restore " + saved);
  CHECK(other.exit_code() == 2);
  CHECK(other.program.err.find(saved + ": offset 0x10: saved board: saved on a board with another configuration") !=
        std::string::npos);
}

TEST_CASE("a save that comes to nothing is bad input, and so is a damaged one") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16}", 16);
  const RunOutcome late = runs.run(file, "late", "--save " + runs.path("saved") + " --save-at '10 s'");
  CHECK(late.exit_code() == 2);
  CHECK(late.program.err.find("--save-at: the board stopped at ") != std::string::npos);
  CHECK(runs.run(file, "absent", "--restore " + runs.path("no")).exit_code() == 2);
  CHECK(runs.run(file, "folder", "--restore " + runs.path("absent")).program.err.find("is a folder, not a file") !=
        std::string::npos);
  REQUIRE(runs.run(file, "saving", "--save " + runs.path("saved") + " --save-at '1 ms'").exit_code() == 0);
  const std::string bytes = read_text(runs.path("saved"));
  const std::string half = runs.write("half", bytes.substr(0, bytes.size() / 2));
  const RunOutcome truncated = runs.run(file, "truncated", "--restore " + half);
  CHECK(truncated.exit_code() == 2);
  CHECK(truncated.program.err.find(half + ": offset 0x") != std::string::npos);
  CHECK(truncated.summary.is_null());
}
