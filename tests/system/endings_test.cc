// How runs end that do not end well.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstddef>
#include <cstring>
#include <span>

#include "drivers/plan/plan_format.h"
#include "sw/file/file.h"
#include "tests/system/board_run.h"

using namespace backboard::test;

namespace {

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string flipped(std::string bytes, size_t at) {
  bytes.at(at) = static_cast<char>(bytes[at] ^ 0x40);
  return bytes;
}

/// Bad input: exit code 2, nothing on stdout, one line on stderr that names `where`, and no report.
void check_bad_input(const RunOutcome& run, const std::string& where) {
  INFO(run.program.err);
  CHECK(run.exit_code() == 2);
  CHECK(run.program.out.empty());
  CHECK(run.program.err.find("backboard: error: ") == 0);
  CHECK(says(run.program.err, where));
  CHECK(std::count(run.program.err.begin(), run.program.err.end(), '\n') == 1);
  CHECK(run.summary.is_null());
}

}  // namespace

TEST_CASE("SIGINT in the middle of an NPU command ends a run soon, with its reports whole") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1024, batch: 16, shuffle: 1}", 100);
  for (const std::string engine : {"lnpu", "reference"}) {
    const std::string out = runs.path(engine);
    const ProgramResult result = run_program(
        "/bin/bash", "-c 'set -m; " BACKBOARD_PROGRAM " run " + file + " --quiet --set platform.npu.engine=" + engine +
                         " --out " + out +
                         " & pid=$!; sleep 2; kill -INT $pid; for i in $(seq 100); do kill -0 $pid 2>/dev/null || "
                         "break; sleep 0.1; done; kill -9 $pid 2>/dev/null; wait $pid'");
    INFO(result.err);
    CHECK(result.exit_code == 1);  // 137 when it did not end within ten seconds
    CHECK(says(result.err, "interrupted; the reports show the run up to there"));
    const RunOutcome run = read_outcome(out);
    REQUIRE_FALSE(run.summary.is_null());
    CHECK(run.summary["interrupted"] == true);
    CHECK(run.summary["passed"] == false);
    CHECK(run.summary["failures"].empty());  // the bytes add up at any time
    CHECK(run.stat("npu.commands") > 0);
    CHECK_FALSE(run.traffic_lines().empty());
    CHECK_FALSE(run.weights.empty());
    CHECK(says(run.uart, "before: accuracy"));
  }
}

TEST_CASE("limits of time and instructions end a training as a failure with its reports") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 8, batch: 16}", 32);
  const RunOutcome whole = runs.run(file, "whole");
  REQUIRE(whole.exit_code() == 0);
  const uint64_t limit_ps = whole.simulated_ps() / 10 * 9;
  const RunOutcome time = runs.run(file, "time", "--set limits.time='" + std::to_string(limit_ps) + " ps'");
  CHECK(time.exit_code() == 1);
  CHECK(time.simulated_ps() == limit_ps);
  CHECK(says(time.program.err, "the time limit was reached"));
  // Nothing else is wrong: the bytes add up at any time.
  CHECK(time.summary["failures"] == nlohmann::json({"the firmware did not finish (error 0)"}));
  REQUIRE(time.losses().size() >= 1);
  CHECK(time.losses().size() < 8);
  CHECK(time.losses()[0] == whole.losses()[0]);
  const RunOutcome instructions = runs.run(file, "instructions", "--set limits.instructions=400000");
  CHECK(instructions.exit_code() == 1);
  CHECK(instructions.stat("core.instructions") == 400'000);
}

TEST_CASE("host memory that does not suffice is one line") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16}", 16);
  check_bad_input(runs.run(file, "out", "--max-memory '60 MiB'"), "memory");
  check_bad_input(runs.run(file, "out", "--max-memory nothing"), "--max-memory");
  CHECK(runs.run(file, "out", "--max-memory '4 GiB'").exit_code() == 0);
}

TEST_CASE("firmware that finds something wrong ends with exit code 1 and a line that says what") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16}", 16);
  const RunOutcome missing = runs.run(file, "missing", "--set data.train=off");
  CHECK(missing.exit_code() == 1);
  CHECK(says(missing.uart, "error 47: the run needs a data set that is not given"));
  CHECK(says(missing.program.err, "the firmware ended with code "));
  // A learning rate at which the loss leaves the numbers.
  const RunOutcome loss =
      runs.run(file, "loss",
               "--set training.learning_rate=1e5 --set training.epochs=20 --set training.divergence=0 "
               "--set platform.npu.engine=reference");
  INFO(loss.uart);
  CHECK(loss.exit_code() == 1);
  CHECK(says(loss.uart, "error 70: the loss is not finite: training diverged"));
  CHECK(says(loss.program.err, "does not hold: the guest passes"));
}

TEST_CASE("a plan that needs what the NPU does not offer is refused by the firmware") {
  const BoardRuns runs;
  const std::string plan = runs.path("net.plan");
  REQUIRE(BoardRuns::program("plan " SOURCE_FOLDER "/configs/nets/s.yaml -o " + plan).exit_code == 0);
  std::string bytes = read_text(plan);
  bytes.at(offsetof(plan_header, formats) + 3) = 0x40;  // a format that no engine has
  const std::span<const uint8_t> all(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  const uint32_t crc = backboard::crc32_around(all, offsetof(plan_header, crc32));
  std::memcpy(bytes.data() + offsetof(plan_header, crc32), &crc, sizeof crc);
  runs.write("net.plan", bytes);
  const std::string file = runs.write("plan.yaml", "plan: net.plan\ndata: {train: {extends: " SOURCE_FOLDER
                                                   "/configs/data/optdigits_100.yaml}}\ntraining: {max_steps: 2}\n");
  const RunOutcome run = runs.run(file, "out");
  INFO(run.uart << run.program.err);
  CHECK(run.exit_code() == 1);
  CHECK(says(run.uart, "error 51: NPU: does not offer what the plan needs: "));
  CHECK(says(run.uart, "format"));
  CHECK(says(run.program.err, "the firmware ended with code 51"));
  CHECK(run.summary["npu"]["commands"] == 0);
}

TEST_CASE("a plan for another engine or buffer is refused before the board starts") {
  const BoardRuns runs;
  const std::string plan = runs.path("net.plan");
  REQUIRE(BoardRuns::program("plan " SOURCE_FOLDER "/configs/nets/s.yaml --engine reference -o " + plan).exit_code ==
          0);
  const std::string file =
      runs.write("plan.yaml",
                 "plan: net.plan\nplatform: {npu: {engine: reference}}\ndata: {train: "
                 "{extends: " SOURCE_FOLDER "/configs/data/optdigits_100.yaml}}\ntraining: {max_steps: 2}\n");
  const RunOutcome good = runs.run(file, "good");
  INFO(good.program.err);
  REQUIRE(good.exit_code() == 0);
  CHECK(good.summary["training"]["steps"] == 2);
  check_bad_input(runs.run(file, "engine", "--set platform.npu.engine=lnpu"), plan);
  check_bad_input(runs.run(file, "buffer", "--set platform.npu.buffer='32 KiB'"), plan);
}

TEST_CASE("truncated, damaged and foreign plans, data files, weights and programs name file and offset") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16}", 16);
  const std::string plan = runs.path("good.plan"), data = runs.path("good.data");
  REQUIRE(BoardRuns::program("plan " SOURCE_FOLDER "/configs/nets/s.yaml -o " + plan).exit_code == 0);
  REQUIRE(BoardRuns::program("pack " SOURCE_FOLDER "/configs/data/optdigits_100.yaml -o " + data).exit_code == 0);
  const std::string plan_bytes = read_text(plan), data_bytes = read_text(data);
  const std::string elf_bytes = read_text(FIRMWARE_FOLDER "/train.elf");
  const std::string weight_bytes = read_text(SOURCE_FOLDER "/data/weights/net_s_mnist.npz");
  const std::string text = "name: this is no binary file\n";
  const std::string with_plan = runs.write("plan.yaml", "plan: bad\ndata: {eval: {extends: " SOURCE_FOLDER
                                                        "/configs/data/optdigits_100.yaml}}\ntraining: {epochs: 0}\n");
  const std::string bad = runs.path("bad");
  const auto refuse = [&](const std::string& what, const std::string& bytes, const std::string& run_file,
                          const std::string& set, bool offset = true) {
    INFO(what << " of " << bytes.size() << " bytes");
    runs.write("bad", bytes);
    check_bad_input(runs.run(run_file, "out", set), offset ? bad + ": offset 0x" : bad);
  };
  for (const auto& [bytes, offset] : {std::pair<std::string, bool>{"", true},
                                      {plan_bytes.substr(0, plan_bytes.size() / 2), true},
                                      {flipped(plan_bytes, plan_bytes.size() - 5), true},
                                      {data_bytes, true},
                                      {text, true}}) {
    refuse("plan", bytes, with_plan, "", offset);
  }
  for (const std::string& bytes : {std::string(), data_bytes.substr(0, data_bytes.size() - 1),
                                   flipped(data_bytes, data_bytes.size() / 2), plan_bytes, text}) {
    refuse("data", bytes, file, "--set data.train=off --set data.train_file=" + bad);
  }
  for (const std::string& bytes : {std::string(), elf_bytes.substr(0, elf_bytes.size() / 2), plan_bytes, text}) {
    refuse("firmware", bytes, file, "--set firmware=" + bad);
  }
  for (const std::string& bytes : {std::string(), weight_bytes.substr(0, 1000), plan_bytes, text}) {
    refuse("weights", bytes, file, "--set weights=" + bad, false);
  }
  // An ELF of the machine that runs the test: foreign.
  check_bad_input(runs.run(file, "out", "--set firmware=" BACKBOARD_PROGRAM), BACKBOARD_PROGRAM ": offset 0x");
}

TEST_CASE("bad YAML of a run names file and line: unknown key, wrong type, out of range, overlapping map") {
  const BoardRuns runs;
  const auto refuse = [&](const std::string& text, const std::string& line_and_text) {
    INFO(text);
    const std::string file = runs.write("bad.yaml", "firmware: hello\n" + text);
    check_bad_input(runs.run(file, "out"), file + ":" + line_and_text);
  };
  refuse("platform:\n  npu:\n    engin: lnpu\n", "4: platform.npu: unknown key 'engin'; did you mean 'engine'?");
  refuse("training: {batch: many}\n", "2: training.batch: expected integer from 1 to 1024, found 'many'");
  refuse("training:\n  batch: [16]\n", "3: training.batch: ");
  refuse("training: {batch: 4096}\n", "2: training.batch: ");
  refuse("platform: {npu: {clock: 200}}\n",
         "2: platform.npu.clock: 200 is out of range: expected frequency from 1 MHz to 2 GHz");
  refuse("platform:\n  map:\n    uart: {base: 0x02000000}\n", "4: platform.map.");
  refuse("platform: {bus: {windows: {npu: [{base: 0x80000000, size: 1 MiB}, {base: 0x80080000, size: 1 MiB}]}}}\n",
         "2: ");
  refuse("platform: {extends: nowhere.yaml}\n", "2: ");
  refuse("training: {batch: 16\n", "");
  refuse("training: {batch: 16}\ntraining: {epochs: 1}\n", "3: ");
}
