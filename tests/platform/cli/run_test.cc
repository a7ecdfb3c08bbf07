// `backboard run` from outside: what it writes, what it holds against expectations, and that saving changes nothing.
#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

using backboard::test::ProgramResult;
using backboard::test::read_text;
using backboard::test::TemporaryFolder;
using nlohmann::json;

namespace {

ProgramResult run(const std::string& arguments) {
  return backboard::test::run_program(BACKBOARD_PROGRAM, "run " + arguments);
}

/// A short training of the smallest network on the optical digits: two steps and an evaluation.
const std::string kTraining = "network: " SOURCE_FOLDER
                              "/configs/nets/mlp.yaml\n"
                              "platform: {npu: {engine: reference}}\n"
                              "data:\n"
                              "  train: {extends: " SOURCE_FOLDER
                              "/configs/data/optdigits_100.yaml}\n"
                              "  eval: {extends: " SOURCE_FOLDER
                              "/configs/data/optdigits_test.yaml}\n"
                              "training: {max_steps: 2, batch: 16, shuffle: 1, learning_rate: 0.02}\n";

/// Without what depends on the host.
json without_host_times(json summary) {
  summary.erase("wall_seconds");
  summary["cpu"].erase("mips");
  return summary;
}

struct TrafficSums {
  uint64_t read_bytes = 0, write_bytes = 0;
};

TrafficSums traffic_sums(const std::string& csv) {
  std::istringstream lines(csv);
  std::string line;
  std::getline(lines, line);
  CHECK(line == "initiator,layer,name,phase,tensor_class,read_bytes,write_bytes,reads,writes");
  TrafficSums sums;
  while (std::getline(lines, line)) {
    std::istringstream cells(line);
    std::string cell;
    for (unsigned column = 0; std::getline(cells, cell, ','); ++column) {
      if (column == 5) sums.read_bytes += std::stoull(cell);
      if (column == 6) sums.write_bytes += std::stoull(cell);
    }
  }
  return sums;
}

}  // namespace

TEST_CASE("a firmware without a plan runs, and its run folder is complete") {
  const TemporaryFolder folder;
  const std::string file =
      folder.write("greet.yaml", "firmware: hello\nexpect: {uart_contains: Hello, findings_max: 0}\n");
  const ProgramResult result = run(file + " --out " + folder.path("out"));
  CHECK(result.exit_code == 0);
  CHECK(result.err.empty());
  CHECK(result.out.find("Hello from the board.") == 0);
  CHECK(read_text(folder.path("out/uart.log")) == "Hello from the board.\r\n");
  const json summary = json::parse(read_text(folder.path("out/summary.json")));
  CHECK(summary["run"] == "greet");
  CHECK(summary["exit_code"] == 0);
  CHECK(summary["passed"] == true);
  CHECK(summary["training"].is_null());
  CHECK(summary["simulated_seconds"] > 0);
  CHECK(summary["cpu"]["instructions"] > 100);
  const TrafficSums sums = traffic_sums(read_text(folder.path("out/traffic.csv")));
  CHECK(sums.read_bytes == summary["dram"]["read_bytes"]);
  CHECK(sums.write_bytes == summary["dram"]["write_bytes"]);
  CHECK(json::parse(read_text(folder.path("out/findings.json")))["total"] == 0);
  CHECK(run(folder.path("out/effective.yaml") + " --quiet --out " + folder.path("again")).exit_code == 0);
  CHECK(read_text(folder.path("again/stats.json")) == read_text(folder.path("out/stats.json")));
}

TEST_CASE("power over time and energy by phase add up to the energy, leakage stands beside it") {
  const TemporaryFolder folder;
  const std::string file = folder.write("short.yaml", kTraining);
  REQUIRE(run(file + " --quiet --set platform.npu.power_bin='20 us' --out " + folder.path("out")).exit_code == 0);
  const json stats = json::parse(read_text(folder.path("out/stats.json")));
  const auto stat = [&](const std::string& path) { return stats.at(path).at("value").get<double>(); };
  const double total_pj = stat("npu.energy.total");
  double phases_pj = 0, cycles = 0, bins_pj = 0, leakage_mw = 0;
  for (const char* phase : {"ff", "wg", "bp", "update", "data", "other"}) {
    const std::string path = std::string("npu.by_phase.") + phase;
    if (!stats.contains(path + ".energy")) continue;
    phases_pj += stat(path + ".energy");
    cycles += stat(path + ".multiplier_cycles");
  }
  CHECK(phases_pj == Approx(total_pj));
  CHECK(cycles == stat("npu.cycles.multipliers"));
  CHECK(stat("npu.by_phase.ff.multiplier_cycles") > 0);
  CHECK(stat("npu.by_phase.wg.multiplier_cycles") > 0);
  std::istringstream lines(read_text(folder.path("out/power.csv")));
  std::string line;
  std::getline(lines, line);
  CHECK(line == "start_ps,width_ps,dynamic_mw,leakage_mw");
  while (std::getline(lines, line)) {
    double start = 0, width = 0, dynamic_mw = 0;
    char comma = 0;
    std::istringstream(line) >> start >> comma >> width >> comma >> dynamic_mw >> comma >> leakage_mw;
    bins_pj += dynamic_mw * width * 1e-3;
  }
  CHECK(bins_pj == Approx(total_pj).epsilon(1e-4));
  CHECK(leakage_mw == Approx(stat("npu.leakage.power")).epsilon(1e-4));
  CHECK(stat("npu.leakage.energy") == Approx(leakage_mw * stat("simulated_ps") * 1e-3).epsilon(1e-4));
  CHECK(stat("npu.area.total") == Approx(stat("npu.area.logic") + stat("npu.area.buffer")));
}

TEST_CASE("findings.json names function and source line of the instruction that erred") {
  const TemporaryFolder folder;
  const std::string file = folder.write("finding.yaml", "firmware: " FIRMWARE_FOLDER "/test_exec_finding.elf\n");
  const ProgramResult result = run(file + " --quiet --out " + folder.path("out"));
  CHECK(result.exit_code == 0);
  const json findings = json::parse(read_text(folder.path("out/findings.json")));
  INFO(findings.dump(2));
  REQUIRE(findings["findings"].size() == 1);
  const json& finding = findings["findings"][0];
  CHECK(finding["source_line"] == "finding.S:9");
  CHECK(finding["function"] == "_start");
  CHECK(finding["register"] == "FINISHER_CONTROL");
}

TEST_CASE("resets by the guest are counted in the summary, keep the UART's log and end at their limit") {
  const TemporaryFolder folder;
  const std::string file = folder.write("reboot.yaml", "firmware: " FIRMWARE_FOLDER "/test_exec_reboot.elf\n");
  const auto summary = [&](const std::string& arguments, int exit_code) {
    const ProgramResult result = run(file + " --quiet --out " + folder.path("out") + " " + arguments);
    INFO(result.err);
    CHECK(result.exit_code == exit_code);
    return json::parse(read_text(folder.path("out/summary.json")));
  };
  const json whole = summary("", 0);
  CHECK(whole["resets"] == 3);
  CHECK(whole["failures"].empty());  // every byte is accounted for
  CHECK(read_text(folder.path("out/uart.log")) == "0123");
  const json none = summary("--set limits.resets=0", 1);
  CHECK(none["resets"] == 0);
  CHECK(none["stop"] == "reset");
  CHECK(none["reason"] == "the firmware asked for reset number 1: the limit is 0");
  CHECK(read_text(folder.path("out/uart.log")) == "0");
}

TEST_CASE("a program that ends by tohost does so as well when it was saved and restored") {
  const TemporaryFolder folder;
  const std::string file = folder.write("late.yaml", "firmware: " FIRMWARE_FOLDER "/test_exec_tohost_late.elf\n");
  const auto ended = [&](const std::string& arguments) {
    const ProgramResult result = run(file + " --quiet --out " + folder.path("out") + " " + arguments);
    INFO(result.err);
    CHECK(result.exit_code == 0);
    const json summary = json::parse(read_text(folder.path("out/summary.json")));
    CHECK(summary["stop"] == "tohost");
    CHECK(summary["reason"] == "tohost: passed");
    return read_text(folder.path("out/stats.json")) + read_text(folder.path("out/traffic.csv"));
  };
  const std::string never = ended("");
  const std::string saved = folder.path("saved");
  CHECK(ended("--save " + saved + " --save-at '3 ms'") == never);
  CHECK(ended("--restore " + saved) == never);
}

TEST_CASE("an expectation that does not hold is exit code 1, said on stderr and in the summary") {
  const TemporaryFolder folder;
  const std::string file = folder.write("greet.yaml", "firmware: hello\n");
  const ProgramResult result = run(file + " --quiet --set expect.uart_contains=Goodbye --out " + folder.path("out"));
  CHECK(result.exit_code == 1);
  CHECK(result.out.empty());
  CHECK(result.err == "backboard: does not hold: the UART did not show 'Goodbye'\n");
  const json summary = json::parse(read_text(folder.path("out/summary.json")));
  CHECK(summary["passed"] == false);
  CHECK(summary["failures"].size() == 1);
  const ProgramResult limited = run(file + " --quiet --set limits.instructions=10 --out " + folder.path("limited"));
  CHECK(limited.exit_code == 1);
  CHECK(limited.err.find("the limit of 10 instructions was reached") != std::string::npos);
}

TEST_CASE("a training reports losses and accuracies, and saving and restoring it changes nothing") {
  const TemporaryFolder folder;
  const std::string file = folder.write("train.yaml", kTraining);
  REQUIRE(run(file + " --quiet --out " + folder.path("whole")).exit_code == 0);
  const json whole = json::parse(read_text(folder.path("whole/summary.json")));
  CHECK(whole["training"]["steps"] == 2);
  CHECK(whole["training"]["examples"] == 32);
  CHECK(whole["training"]["loss"].size() == 1);
  CHECK(whole["training"]["accuracy_after"].is_number());
  CHECK(whole["npu"]["commands"] > 0);
  CHECK(whole["npu"]["interrupts"] > 0);
  const TrafficSums sums = traffic_sums(read_text(folder.path("whole/traffic.csv")));
  CHECK(sums.read_bytes == whole["dram"]["read_bytes"]);
  CHECK(sums.write_bytes == whole["dram"]["write_bytes"]);

  const double half_ps = whole["simulated_seconds"].get<double>() * 0.5e12;
  const std::string at = std::to_string(static_cast<uint64_t>(half_ps)) + " ps";
  REQUIRE(
      run(file + " --quiet --save " + folder.path("state") + " --save-at '" + at + "' --out " + folder.path("saved"))
          .exit_code == 0);
  REQUIRE(run(file + " --quiet --restore " + folder.path("state") + " --out " + folder.path("restored")).exit_code ==
          0);
  for (const std::string other : {"saved", "restored"}) {
    INFO(other);
    for (const char* name : {"weights.npz", "traffic.csv", "stats.json", "findings.json"}) {
      INFO(name);
      CHECK(read_text(folder.path(other + "/" + name)) == read_text(folder.path("whole/" + std::string(name))));
    }
    CHECK(without_host_times(json::parse(read_text(folder.path(other + "/summary.json")))) ==
          without_host_times(whole));
  }
  const ProgramResult late = run(file + " --quiet --save x --save-at '1 s' --out " + folder.path("late"));
  CHECK(late.exit_code == 2);
  CHECK(late.err.find("--save-at: the board stopped at") != std::string::npos);
}

TEST_CASE("a network that came as an ONNX model trains from its weights and leaves as one") {
  const TemporaryFolder folder;
  const std::string file = folder.write("train.yaml", kTraining);
  const std::string model = SOURCE_FOLDER "/tests/sw/onnx/data/s.onnx";
  const ProgramResult result =
      run(file + " --quiet --set network=" + model + " --set training.max_steps=1 --out " + folder.path("out"));
  CHECK(result.err.empty());
  REQUIRE(result.exit_code == 0);
  const auto weights_of = [&](const std::string& name, const std::string& to) {
    const std::string path = folder.path(to);
    CHECK(backboard::test::run_program(BACKBOARD_PROGRAM, "dump " + name + " --weights " + path).exit_code == 0);
    return read_text(path);
  };
  const std::string trained = read_text(folder.path("out/weights.npz"));
  CHECK((weights_of(folder.path("out/weights.onnx"), "trained.npz") == trained));
  CHECK((weights_of(model, "before.npz") != trained));
}

TEST_CASE("variants and subsets are points in folders of their own, and one table") {
  const TemporaryFolder folder;
  const std::string file =
      folder.write("group.yaml", kTraining +
                                     "subsets: [1, 2]\n"
                                     "variants:\n"
                                     "  - {name: all}\n"
                                     "  - {name: head, set: {policy: 'last:1', expect.accuracy_after_min: 100}}\n"
                                     "compare: [{variant: all, with: head, accuracy_within: 100}]\n");
  const ProgramResult result = run(file + " --jobs 2 --out " + folder.path("out"));
  CHECK(result.exit_code == 1);
  CHECK(result.out.find("\nall ") != std::string::npos);
  CHECK(result.out.find("\nhead ") != std::string::npos);
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(result.err.find("does not hold: head: accuracy after is ") != std::string::npos);
  const json summary = json::parse(read_text(folder.path("out/summary.json")));
  REQUIRE(summary["variants"].size() == 2);
  REQUIRE(summary["points"].size() == 4);
  CHECK(summary["variants"][1]["policy"] == "last:1");
  const double a = summary["points"][0]["training"]["accuracy_after"];
  const double b = summary["points"][1]["training"]["accuracy_after"];
  CHECK(summary["variants"][0]["accuracy_after"].get<double>() == Approx((a + b) / 2));
  const json point = json::parse(read_text(folder.path("out/head/subset2/summary.json")));
  CHECK(point == summary["points"][3]);
  CHECK(point["subset"] == 2);
  // One process at a time gives the same.
  CHECK(run(file + " --quiet --jobs 1 --out " + folder.path("serial")).exit_code == 1);
  for (const char* place : {"all/subset1", "head/subset2"}) {
    CHECK(read_text(folder.path("serial/" + std::string(place) + "/weights.npz")) ==
          read_text(folder.path("out/" + std::string(place) + "/weights.npz")));
  }
  CHECK(run(file + " --save x --save-at '1 ms' --out " + folder.path("no")).exit_code == 2);
}

TEST_CASE("bad input of every part is one line and exit code 2, before anything runs") {
  const TemporaryFolder folder;
  const std::string file = folder.write("train.yaml", kTraining);
  const std::string out = " --out " + folder.path("out");
  for (const std::string set :
       {"firmware=nothing", "policy=lst:1", "network=absent.yaml", "data.train.images=absent.csv", "weights=absent.npz",
        "platform.timing=it", "platform.npu.engine=lnpv", "training.batch=0", "training.epoch=3", "plan=x.plan"}) {
    INFO(set);
    const ProgramResult result = run(file + " --set " + set + out);
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    CHECK(result.err.find("backboard: error: ") == 0);
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  }
  const auto error = [&](const std::string& run_file, const std::string& set) {
    const ProgramResult result = run(run_file + set + out);
    CHECK(result.exit_code == 2);
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    return result.err;
  };
  CHECK(error(folder.write("empty.yaml", ""), "").find("/empty.yaml:1: network: is missing, and plan too: ") !=
        std::string::npos);
  for (const std::string key : {"firmware", "network", "weights", "plan"}) {
    const std::string own = folder.write(key + ".yaml", "extends: train.yaml\nname: absent\n" + key + ": no/where\n");
    CHECK(error(own, "").find("/" + key + ".yaml:3: " + key + ": ") != std::string::npos);
  }
  const std::string absent = "the plan has no layer 3: its layers are 0 (fc1) to 2 (loss)";
  const std::string taxonn = "platform: {npu: {engine: taxonn, taxonn: {layers: [{layer: 2},\n{layer: 3}]}}}\n";
  CHECK(error(folder.write("taxonn.yaml", "extends: train.yaml\n" + taxonn), "")
            .find("/taxonn.yaml:3: platform.npu.taxonn.layers.1.layer: " + absent) != std::string::npos);
  for (const std::string list : {"dense_layers", "low_layers"}) {
    CHECK(error(file, " --set npu.engine=daa --set npu.daa." + list + "='[2, 3]'")
              .find("platform.npu.daa." + list + ".1: " + absent) != std::string::npos);
  }
  const std::string garbage = folder.write("state", "no state at all");
  CHECK(run(file + " --restore " + garbage + out).exit_code == 2);
  CHECK(run(file + " --save x" + out).err.find("--save and --save-at go together") != std::string::npos);
}

TEST_CASE("a second run leaves a folder alone in which one works") {
  const TemporaryFolder folder;
  const std::string file = folder.write("train.yaml", kTraining), out = folder.path("out");
  const std::string second =
      BACKBOARD_PROGRAM " run " + folder.write("greet.yaml", "firmware: hello\n") + " --quiet --out ";
  const std::string script = folder.write(
      "go.sh",
      BACKBOARD_PROGRAM " run " + file + " --set training.max_steps=0 --set training.epochs=1000 --quiet --out " + out +
          " &\npid=$!\nwhile [ ! -f " + out + "/effective.yaml ]; do sleep 0.1; kill -0 $pid || exit 9; done\n" +
          second + out + "; echo there $?\n" + second + folder.path("other") +
          "; echo elsewhere $?\nkill -TERM $pid\nwait $pid\n");
  const ProgramResult result = backboard::test::run_program("/bin/sh", script);
  INFO(result.err);
  CHECK(result.out == "there 2\nelsewhere 0\n");
  CHECK(result.err.find("backboard: error: " + out + ": another run, experiment or search works in this folder\n") !=
        std::string::npos);
  CHECK(result.exit_code == 1);
  CHECK(json::parse(read_text(folder.path("out/summary.json")))["run"] == "train");
  CHECK(run(folder.path("greet.yaml") + " --quiet --out " + out).exit_code == 0);  // nobody holds it now
}

TEST_CASE("Ctrl-C ends a run with its reports written") {
  const TemporaryFolder folder;
  const std::string file = folder.write("train.yaml", kTraining);
  const std::string out = folder.path("out");
  const ProgramResult result =
      backboard::test::run_program("/bin/sh", "-c '" BACKBOARD_PROGRAM " run " + file +
                                                  " --set training.max_steps=0 --set training.epochs=1000 --out " +
                                                  out + " --quiet & pid=$!; sleep 2; kill -TERM $pid; wait $pid'");
  CHECK(result.exit_code == 1);
  CHECK(result.err.find("interrupted") != std::string::npos);
  const json summary = json::parse(read_text(folder.path("out/summary.json")));
  CHECK(summary["interrupted"] == true);
  CHECK(summary["stop"] == "interrupted");
  CHECK_FALSE(read_text(folder.path("out/traffic.csv")).empty());
}
