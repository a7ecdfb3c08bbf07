// Inference beside training: what it must not change, and what a priority is worth.
#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>

#include "tests/system/board_run.h"

using namespace backboard::test;

namespace {

constexpr const char* kTraining =
    "{epochs: 2, batch: 16, shuffle: 3, learning_rate: 0.02, momentum: 0.9, fgmp_share: 0.2, evaluate_every: 1, "
    "loss_scale: {initial: 65536, dynamic: true}}";
// Requests at random times, so that they meet every command of a step.
const std::string kRequests =
    "--set training.inference.every='500 us' --set training.inference.requests=40 "
    "--set training.inference.arrivals=random --set training.inference.seed=5 ";

std::string priority(const std::string& name) {
  return kRequests + "--set training.inference.priority=" + name + " ";
}

const nlohmann::json& inference(const RunOutcome& run) {
  return run.summary.at("inference");
}

/// The same answers to the same requests.
void check_same_answers(const RunOutcome& a, const RunOutcome& b) {
  for (const char* key : {"served", "images", "correct", "digest"}) CHECK(inference(a).at(key) == inference(b).at(key));
}

uint64_t bytes_of_phase(const RunOutcome& run, const std::string& phase) {
  uint64_t bytes = 0;
  for (const TrafficLine& line : run.traffic_lines()) bytes += line.phase == phase ? line.bytes() : 0;
  return bytes;
}

}  // namespace

TEST_CASE("inference beside training changes no weight, training changes no answer, and high priority waits less") {
  const BoardRuns runs;
  const std::string file = runs.small_run(kTraining, 80);
  for (const std::string engine : {"lnpu", "reference", "rowpipe"}) {
    INFO(engine);
    const std::string set = "--set platform.npu.engine=" + engine + " ";
    const RunOutcome training = runs.run(file, "training", set);
    const RunOutcome alone = runs.run(file, "alone", set + "--set training.epochs=0 " + kRequests);
    INFO(alone.program.err << alone.uart);
    REQUIRE(training.exit_code() == 0);
    REQUIRE(alone.exit_code() == 0);
    CHECK(inference(alone).at("served") == 40);
    CHECK(inference(alone).at("beside_training") == 0);
    CHECK(training.summary.at("inference").is_null());
    CHECK(bytes_of_phase(training, "INFERENCE") == 0);
    CHECK(bytes_of_phase(alone, "INFERENCE") > 0);
    std::map<std::string, RunOutcome> beside;
    for (const std::string name : {"high", "equal", "low"}) {
      INFO(name);
      const RunOutcome& run = beside[name] = runs.run(file, name, set + priority(name));
      REQUIRE(run.exit_code() == 0);
      check_same_training(training, run);
      check_same_answers(alone, run);
      CHECK(inference(run).at("priority") == name);
      CHECK(inference(run).at("beside_training") > 10);
      CHECK(run.stat("npu.ring1.commands") == alone.stat("npu.ring1.commands"));
      CHECK(run.stat("npu.ring0.commands") == training.stat("npu.ring0.commands"));
      // Whole cycles of each: the rest of a cycle may be lost.
      const uint64_t busy = run.stat("npu.ring0.busy_cycles") + run.stat("npu.ring1.busy_cycles");
      CHECK(run.stat("npu.busy_cycles") - busy <= 1);
      CHECK(run.stat("npu.ring1.wait_cycles") > 0);
      // Its bytes have a phase of their own, and there are as many as alone; those of the training are what they were.
      CHECK(bytes_of_phase(run, "INFERENCE") == bytes_of_phase(alone, "INFERENCE"));
      for (const std::string phase : {"FF", "BP", "WG", "UPDATE", "DATA"})
        CHECK(bytes_of_phase(run, phase) == bytes_of_phase(training, phase));
      CHECK(run.uart.find("inference: 40 requests, ") != std::string::npos);
    }
    const auto p99 = [&](const std::string& name) { return inference(beside[name]).at("p99_us").get<double>(); };
    const auto seconds = [](const RunOutcome& run) { return run.summary.at("training_seconds").get<double>(); };
    CHECK(p99("high") <= p99("low"));
    CHECK(p99("high") >= inference(alone).at("p99_us").get<double>());
    // It is not free. Which priority costs the training more depends on where the interrupts fall.
    for (const std::string name : {"high", "equal", "low"}) CHECK(seconds(beside[name]) > seconds(training));
  }
}

TEST_CASE("training with inference beside it is the same run twice, with any number of host threads") {
  const BoardRuns runs;
  const std::string file = runs.small_run(kTraining, 48);
  const RunOutcome once = runs.run(file, "once", priority("high"));
  REQUIRE(once.exit_code() == 0);
  const RunOutcome twice = runs.run(file, "twice", priority("high") + "--set platform.npu.host_threads=2");
  check_same_run(once, twice);
  CHECK(once.uart == twice.uart);
  CHECK(inference(once) == inference(twice));
  CHECK(read_text(once.folder + "/inference.csv") == read_text(twice.folder + "/inference.csv"));
}

TEST_CASE("training with inference beside it, saved anywhere and restored, ends as the one never saved") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16, shuffle: 3, learning_rate: 0.02, momentum: 0.9}", 48);
  for (const std::string timing : {"lt", "at"}) {
    // A slow NPU, so that most of the time a command of either ring runs or waits.
    const std::string set =
        "--set platform.timing=" + timing + " --set platform.npu.clock='20 MHz' " + priority("high");
    const RunOutcome never = runs.run(file, "never", set);
    REQUIRE(never.exit_code() == 0);
    for (unsigned i = 1; i < 8; i += timing == "lt" ? 1 : 3) {
      const uint64_t time_ps = never.simulated_ps() / 8 * i + 1237;
      INFO(timing << ": saved at " << time_ps << " ps of " << never.simulated_ps());
      const std::string saved = runs.path("saved");
      const std::string save = " --save " + saved + " --save-at '" + std::to_string(time_ps) + " ps'";
      check_same_run(never, runs.run(file, "went_on", set + save));
      const RunOutcome restored = runs.run(file, "restored", set + " --restore " + saved);
      check_same_run(never, restored);
      CHECK(inference(never) == inference(restored));
    }
  }
}

TEST_CASE("the recorded commands of a training are the same with inference beside it, but for their times") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16, shuffle: 3, learning_rate: 0.02}", 32);
  const auto recorded = [&](const std::string& name, const std::string& set) {
    const RunOutcome run = runs.run(file, name, "--set record.commands=true " + set);
    REQUIRE(run.exit_code() == 0);
    std::istringstream text(read_text(run.folder + "/commands.csv"));
    std::string rows, line;
    while (std::getline(text, line)) {
      std::istringstream row(line);
      std::string cell;
      for (int column = 0; std::getline(row, cell, ','); ++column) {
        if (column != 3 && column != 4) rows += cell + ",";  // start_ps, end_ps
      }
      rows += "\n";
    }
    return rows;
  };
  const std::string training = recorded("training", "");
  CHECK(std::count(training.begin(), training.end(), '\n') > 50);
  CHECK((recorded("beside", priority("high")) == training));
}

TEST_CASE("lt and at give the same weights and the same answers, with inference beside training") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16, shuffle: 3, learning_rate: 0.02}", 48);
  const RunOutcome lt = runs.run(file, "lt", priority("equal"));
  const RunOutcome at = runs.run(file, "at", priority("equal") + "--set platform.timing=at");
  check_same_training(lt, at);
  check_same_answers(lt, at);
  CHECK(bytes_of_phase(lt, "INFERENCE") == bytes_of_phase(at, "INFERENCE"));
}

TEST_CASE("answers follow the training where weights are taken over, and the training stays what it was") {
  const BoardRuns runs;
  const std::string file = runs.small_run(kTraining, 80);
  for (const std::string engine : {"lnpu", "reference", "rowpipe"}) {
    INFO(engine);
    const std::string set = "--set platform.npu.engine=" + engine + " ";
    const RunOutcome training = runs.run(file, "training", set);
    const RunOutcome frozen = runs.run(file, "frozen", set + priority("equal"));
    for (const std::string name : {"high", "low"}) {
      INFO(name);
      const RunOutcome followed =
          runs.run(file, name, set + priority(name) + "--set training.inference.refresh_steps=1");
      INFO(followed.program.err << followed.uart);
      REQUIRE(followed.exit_code() == 0);
      check_same_training(training, followed);
      CHECK(inference(followed).at("served") == 40);
      CHECK(inference(followed).at("refreshes") == followed.summary.at("training").at("steps"));
      CHECK(inference(followed).at("digest") != inference(frozen).at("digest"));
      CHECK(bytes_of_phase(followed, "INFERENCE") > bytes_of_phase(frozen, "INFERENCE"));
    }
    CHECK(inference(frozen).at("refreshes") == 0);
  }
}

TEST_CASE("answers after the last step are those of a board that starts with the trained weights") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 2, batch: 16, shuffle: 3, learning_rate: 0.05}", 80);
  for (const std::string engine : {"lnpu", "reference"}) {
    INFO(engine);
    const std::string requests = "--set platform.npu.engine=" + engine +
                                 " --set training.inference.every='100 ms' --set training.inference.requests=32 ";
    const RunOutcome trained = runs.run(file, "trained", requests + "--set training.inference.refresh_steps=10");
    INFO(trained.program.err << trained.uart);
    REQUIRE(trained.exit_code() == 0);
    REQUIRE(trained.summary.at("training").at("steps") == 10);
    REQUIRE(inference(trained).at("beside_training") == 0);
    CHECK(inference(trained).at("refreshes") == 1);
    const std::string weights = runs.write("trained.npz", trained.weights);
    const RunOutcome started = runs.run(file, "started", requests + "--set training.epochs=0 --set weights=" + weights);
    INFO(started.program.err << started.uart);
    REQUIRE(started.exit_code() == 0);
    check_same_answers(trained, started);
    const RunOutcome untrained = runs.run(file, "untrained", requests + "--set training.epochs=0");
    CHECK(inference(untrained).at("digest") != inference(started).at("digest"));
  }
}

TEST_CASE("a training whose weights are taken over is the same run twice, with any number of host threads") {
  const BoardRuns runs;
  const std::string file = runs.small_run(kTraining, 48);
  const std::string set = priority("equal") + "--set training.inference.refresh_steps=2 ";
  const RunOutcome once = runs.run(file, "once", set);
  REQUIRE(once.exit_code() == 0);
  const RunOutcome twice = runs.run(file, "twice", set + "--set platform.npu.host_threads=2");
  check_same_run(once, twice);
  CHECK(inference(once) == inference(twice));
}

TEST_CASE("what inference beside training lacks is said before the run, with the key") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1}", 16);
  const RunOutcome never = runs.run(file, "never", "--set training.inference.every='1 us'");
  CHECK(never.exit_code() == 2);
  CHECK(never.program.err.find("every") != std::string::npos);
  const RunOutcome unknown = runs.run(file, "unknown", "--set training.inference.priority=urgent");
  CHECK(unknown.exit_code() == 2);
  CHECK(unknown.program.err.find("high") != std::string::npos);
  const RunOutcome branches =
      runs.run(file, "branches", "--set policy=lite-residual --set training.inference.refresh_steps=1");
  CHECK(branches.exit_code() == 2);
  CHECK(branches.program.err.find("refresh_steps") != std::string::npos);
}
