// Training beside a camera and a display that want the same memory: configs/runs/train_beside_camera.yaml.
#include <catch2/catch.hpp>

#include "tests/system/board_run.h"

using namespace backboard::test;

namespace {

const std::string kFile = SOURCE_FOLDER "/configs/runs/train_beside_camera.yaml";

double bytes(const RunOutcome& run, const std::string& master, const std::string& what) {
  return static_cast<double>(run.stat("bus.requests." + master + ".contended." + what));
}

std::string finding(const RunOutcome& run, const std::string& initiator, const std::string& part) {
  const nlohmann::json all = nlohmann::json::parse(run.findings);
  for (const auto& entry : all.at("findings")) {
    const std::string reason = entry.at("reason");
    if (entry.at("initiator") == initiator && reason.find(part) != std::string::npos) return reason;
  }
  return "";
}

}  // namespace

TEST_CASE("NPU training, camera and display get the memory by their weights, and what is late or starved is told") {
  const BoardRuns runs;
  const ProgramResult program = BoardRuns::program("run " + kFile + " --quiet --out '" + runs.path("out") + "'");
  INFO(program.err);
  CHECK(program.exit_code == 0);
  const RunOutcome vga = read_outcome(runs.path("out") + "/vga"),
                   saturated = read_outcome(runs.path("out") + "/saturated"),
                   starved = read_outcome(runs.path("out") + "/starved");
  for (const RunOutcome* run : {&vga, &saturated, &starved}) {
    REQUIRE_FALSE(run->weights.empty());
    CHECK((run->weights == vga.weights));  // whoever else moves bytes, the training is the same
    CHECK(run->stat("npu.read_bytes") == vga.stat("npu.read_bytes"));
    for (const std::string generator : {"camera", "display"}) {
      const uint64_t moved =
          run->stat("traffic." + generator + ".read_bytes") + run->stat("traffic." + generator + ".write_bytes");
      uint64_t attributed = 0;
      for (const TrafficLine& line : run->traffic_lines()) attributed += line.initiator == generator ? line.bytes() : 0;
      CHECK(attributed == moved);
    }
  }

  // A VGA camera and panel fit beside the training: nothing is lost or late.
  CHECK(vga.summary["findings"] == 0);
  CHECK(vga.stat("traffic.camera.deadlines") > 1000);
  for (const std::string none : {"camera.deadlines_missed", "display.deadlines_missed", "camera.fifo_overflow_bytes",
                                 "display.fifo_underflow_bytes"}) {
    CHECK(vga.stat("traffic." + none) == 0);
  }

  // Saturated: weights 4 (NPU), 2 (camera), 1 (display). The two that never pause share by their weights all the time;
  // over the times at which a master wants the memory together with others it gets its part of it.
  CHECK(bytes(saturated, "camera", "bytes") == Approx(2 * bytes(saturated, "display", "bytes")).epsilon(0.05));
  for (const std::string master : {"npu", "camera", "display"}) {
    INFO(master);
    CHECK(bytes(saturated, master, "bytes") > 10e6);
    CHECK(bytes(saturated, master, "bytes") == Approx(bytes(saturated, master, "fair_bytes")).epsilon(0.05));
  }
  // The core contends now and then, for a line at a time: it gets its part all the same.
  CHECK(bytes(saturated, "core", "bytes") > 100e3);
  CHECK(bytes(saturated, "core", "bytes") == Approx(bytes(saturated, "core", "fair_bytes")).epsilon(0.05));
  CHECK(saturated.simulated_ps() > vga.simulated_ps());
  CHECK(saturated.stat("traffic.camera.deadlines_missed") > 1000);
  CHECK(saturated.stat("traffic.display.deadlines_missed") > 1000);
  CHECK(saturated.stat("traffic.camera.fifo_overflow_bytes") > 0);
  CHECK(finding(saturated, "camera", "FIFO overflow") != "");
  CHECK(finding(saturated, "display", "FIFO underflow") != "");
  CHECK(finding(saturated, "display", "starves") == "");

  // Fixed priorities: the display gets next to nothing, and that is found, although its turn never comes.
  CHECK(starved.stat("traffic.display.read_bytes") < 16 * 256);
  CHECK(starved.stat("traffic.display.deadlines_missed") > 0);
  CHECK(starved.stat("bus.requests.display.starved") > 0);
  CHECK(finding(starved, "display", "requests of display wait longer than 100000 ns for their turn") != "");
  CHECK(finding(starved, "npu", "starves") == "");
}

TEST_CASE("beside a camera a saved training ends as the one never saved, at both levels, and lt trains the same") {
  const BoardRuns runs;
  const std::string camera =
      "{name: camera, kind: camera, base: 0x8E000000, size: 4 MiB, frame: {line_time: 2 us, lines: 16}}";
  const std::string display =
      "{name: display, kind: display, base: 0x8F000000, size: 4 MiB, frame: {line_time: 3 us, lines: 16}}";
  const std::string file =
      runs.write("beside.yaml", "extends: " + runs.small_run("{epochs: 1, batch: 16, shuffle: 3}", 16) +
                                    "\nplatform:\n  traffic:\n    - " + camera + "\n    - " + display + "\n");
  RunOutcome first;
  for (const std::string level : {"lt", "at"}) {
    INFO(level);
    const std::string set = "--set platform.timing=" + level + " ";
    const RunOutcome never = runs.run(file, "never", set);
    INFO(never.program.err);
    REQUIRE(never.exit_code() == 0);
    CHECK(never.stat("traffic.camera.frames") > 10);
    CHECK(never.stat("traffic.display.frames") > 10);
    CHECK(never.stat("traffic.camera.latency.min") > 40);
    const std::string saved = runs.path("saved");
    const std::string when = "'" + std::to_string(never.simulated_ps() / 3 + 777) + " ps'";
    check_same_run(never, runs.run(file, "went_on", set + "--save " + saved + " --save-at " + when));
    check_same_run(never, runs.run(file, "restored", set + "--restore " + saved));
    if (level == "lt") first = never;
    check_same_training(first, never);
    CHECK(first.stat("npu.write_bytes") == never.stat("npu.write_bytes"));
  }
}

TEST_CASE("a generator whose memory the run uses, or that leaves the DRAM, is refused with its name") {
  const BoardRuns runs;
  const std::string small = runs.small_run("{epochs: 1, batch: 16}", 16);
  const auto error_of = [&](const std::string& base) {
    const std::string file = runs.write(
        "bad.yaml", "extends: " + small + "\nplatform:\n  traffic: [{name: radio, kind: random, base: " + base +
                        ", size: 1 MiB, random: {}}]\n");
    const RunOutcome run = runs.run(file, "bad");
    CHECK(run.exit_code() == 2);
    return run.program.err;
  };
  CHECK_THAT(error_of("0x80000000"), Catch::Contains("'radio'") && Catch::Contains("overlaps the firmware"));
  CHECK_THAT(error_of("0x80200000"), Catch::Contains("'radio'") && Catch::Contains("overlaps the"));
  CHECK_THAT(error_of("0x88000000"), Catch::Contains("'radio'") && Catch::Contains("overlaps the plan's arena"));
  CHECK_THAT(error_of("0x8ff80000"), Catch::Contains("bad.yaml:3") && Catch::Contains("does not lie in DRAM"));
}
