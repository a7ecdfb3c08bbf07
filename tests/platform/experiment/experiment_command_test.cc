// `backboard experiment` from outside: points in processes, resumption, failures, interrupts.
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

using backboard::test::ProgramResult;
using backboard::test::read_text;
using backboard::test::TemporaryFolder;
using nlohmann::json;

namespace {

ProgramResult experiment(const std::string& arguments) {
  return backboard::test::run_program(BACKBOARD_PROGRAM, "experiment " + arguments);
}

/// Two steps of the smallest network.
const std::string kRun = "network: " SOURCE_FOLDER
                         "/configs/nets/mlp.yaml\n"
                         "platform: {npu: {engine: reference}}\n"
                         "data:\n"
                         "  train: {extends: " SOURCE_FOLDER
                         "/configs/data/optdigits_100.yaml}\n"
                         "training: {max_steps: 2, batch: 16, shuffle: 1, learning_rate: 0.02}\n"
                         "subsets: [4, 5]\n";

const std::string kExperiment =
    "run: run.yaml\n"
    "title: Two engines\n"
    "seeds: [1, 2]\n"
    "points:\n"
    "  - {name: plain}\n"
    "  - {name: lnpu, set: {platform.npu.engine: lnpu}}\n"
    "metrics: [{name: bytes, value: traffic.npu.all.activation, unit: B}]\n"
    "headlines: [{name: saved, value: '100 * (1 - bytes[lnpu] / bytes[plain])', unit: '%', published: 40, source: a "
    "test}]\n";

struct Files {
  TemporaryFolder folder;
  std::string file;
  explicit Files(const std::string& experiment) {
    folder.write("run.yaml", kRun);
    file = folder.write("two.yaml", experiment);
  }
  std::string out() const { return folder.path("out"); }
  json results() const { return json::parse(read_text(folder.path("out/results.json"))); }
};

}  // namespace

TEST_CASE("an experiment runs all points, prints ours beside the published figure and writes its files") {
  const Files files(kExperiment);
  const ProgramResult result = experiment(files.file + " --jobs 2 --out " + files.out());
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(result.err.empty());
  CHECK(result.out.find("Two engines\n") == 0);
  CHECK(result.out.find("40.00") != std::string::npos);
  const json results = files.results();
  CHECK(results["runs"].size() == 4);
  CHECK(results["headlines"][0]["ours"]["values"].size() == 2);
  CHECK(results["headlines"][0]["ours"]["mean"] > 10.0);  // FGMP against binary32
  CHECK(results["headlines"][0]["ours"]["mean"] < 90.0);
  CHECK(read_text(files.folder.path("out/page.md")).find("# Two engines") == 0);
  for (const char* name : {"summary.json", "stats.json", "traffic.csv", "power.csv", "effective.yaml", "uart.log"}) {
    CHECK(std::filesystem::exists(files.folder.path(std::string("out/points/lnpu/seed2/") + name)));
  }
  // Seeds went into the run's keys.
  CHECK(read_text(files.folder.path("out/points/lnpu/seed2/effective.yaml")).find("weights_seed: 2") !=
        std::string::npos);
}

TEST_CASE("resuming runs only points that are not finished or not the same, and comes to the same results") {
  const Files files(kExperiment);
  REQUIRE(experiment(files.file + " --quiet --out " + files.out()).exit_code == 0);
  const auto changed = [&](const std::string& point) {
    return std::filesystem::last_write_time(files.folder.path("out/points/" + point + "/summary.json"));
  };
  const auto before = files.results()["headlines"];
  const auto plain1 = changed("plain/seed1"), lnpu1 = changed("lnpu/seed1"), lnpu2 = changed("lnpu/seed2");
  std::filesystem::remove(files.folder.path("out/points/lnpu/seed2/point.json"));
  REQUIRE(experiment(files.file + " --quiet --resume --out " + files.out()).exit_code == 0);
  CHECK(changed("plain/seed1") == plain1);
  CHECK(changed("lnpu/seed1") == lnpu1);
  CHECK(changed("lnpu/seed2") != lnpu2);
  CHECK(files.results()["headlines"] == before);
  // Another configuration of one point: both of its seeds run again.
  const std::string other = " --set points.1.set='{platform.npu.engine: lnpu, platform.npu.buffer: 64 KiB}'";
  REQUIRE(experiment(files.file + " --quiet --resume --out " + files.out() + other).exit_code == 0);
  CHECK(changed("plain/seed1") == plain1);
  CHECK(changed("lnpu/seed1") != lnpu1);
  // Without --resume everything runs.
  REQUIRE(experiment(files.file + " --quiet --out " + files.out()).exit_code == 0);
  CHECK(changed("plain/seed1") != plain1);
}

TEST_CASE("a file that a point reads is part of what it is") {
  const Files files(kExperiment);
  files.folder.write("own.yaml", "extends: " SOURCE_FOLDER "/configs/nets/mlp.yaml\n");
  const std::string arguments =
      files.file + " --quiet --resume --set set.network=" + files.folder.path("own.yaml") + " --out " + files.out();
  REQUIRE(experiment(arguments).exit_code == 0);
  const auto when = [&] {
    return std::filesystem::last_write_time(files.folder.path("out/points/plain/seed1/summary.json"));
  };
  const auto first = when();
  REQUIRE(experiment(arguments).exit_code == 0);
  CHECK(when() == first);
  files.folder.write("own.yaml", "extends: " SOURCE_FOLDER "/configs/nets/mlp.yaml\nname: other\n");
  REQUIRE(experiment(arguments).exit_code == 0);
  CHECK(when() != first);
}

TEST_CASE("another build of the program runs its points again") {
  const Files files(kExperiment);
  namespace fs = std::filesystem;
  fs::create_directories(files.folder.path("build"));
  fs::copy(BACKBOARD_PROGRAM, files.folder.path("build/backboard"));
  fs::create_directory_symlink(fs::path(BACKBOARD_PROGRAM).parent_path() / "firmware",
                               files.folder.path("build/firmware"));
  const auto resume = [&] {
    const ProgramResult result = backboard::test::run_program(
        files.folder.path("build/backboard"), "experiment " + files.file + " --quiet --resume --out " + files.out());
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    return fs::last_write_time(files.folder.path("out/points/plain/seed1/summary.json"));
  };
  const auto first = resume();
  CHECK(resume() == first);
  // A byte behind its end makes another file that runs like the old one.
  std::ofstream(files.folder.path("build/backboard"), std::ios::binary | std::ios::app) << 'x';
  CHECK(resume() != first);
}

/// Starts the experiment with a second point that would train for minutes, and does `commands` of the shell when each
/// of `seeds` of it is under way; $pid is the experiment.
ProgramResult experiment_meanwhile(const Files& files, const std::string& seeds, const std::string& commands) {
  const std::string script = files.folder.write(
      "go.sh", BACKBOARD_PROGRAM " experiment " + files.file +
                   " --set points.1.set='{platform.npu.engine: lnpu, training.max_steps: 0, training.epochs: 1024, "
                   "training.batch: 1}'"
                   " --jobs 1 --out " +
                   files.out() + " &\npid=$!\nfor seed in " + seeds + "; do\n  while [ ! -d " + files.out() +
                   "/points/lnpu/seed$seed ]; do sleep 0.1; kill -0 $pid || exit 9; done\n  sleep 1\n  " + commands +
                   "\ndone\nwait $pid\n");
  return backboard::test::run_program("/bin/sh", script);
}

TEST_CASE("Ctrl-C ends the points that run, and --resume goes on from those that had ended") {
  const Files files(kExperiment);
  const ProgramResult result = experiment_meanwhile(files, "1", "kill -TERM $pid");
  INFO(result.err);
  CHECK(result.exit_code == 1);
  CHECK(result.err.find("interrupted; --resume goes on") != std::string::npos);
  const std::string mark = "/point.json", points = files.folder.path("out/points/");
  CHECK(std::filesystem::exists(points + "plain/seed2" + mark));
  CHECK_FALSE(std::filesystem::exists(points + "lnpu/seed1" + mark));
  CHECK_FALSE(std::filesystem::exists(points + "lnpu/seed2"));
  REQUIRE(experiment(files.file + " --quiet --resume --out " + files.out()).exit_code == 0);
  CHECK(files.results()["runs"][2]["finished"] == true);
}

TEST_CASE("an interrupt while the files of an experiment or a search are read ends it with a word") {
  const Files files(kExperiment);
  const std::string search =
      files.folder.write("t.yaml", "run: run.yaml\nset: {platform.npu.engine: lnpu}\nthresholds: {}\n");
  // The pipe has a writer when the program has opened it, and the program waits for what it will say.
  const auto interrupt = [&](const std::string& command, const std::string& file) {
    const std::string pipe = files.folder.path(command + ".pipe");
    const std::string script = files.folder.write(
        command + ".sh", "mkfifo " + pipe + "\n" BACKBOARD_PROGRAM " " + command + " " + pipe + " --out " +
                             files.out() + " &\npid=$!\nexec 3>" + pipe + "\nkill -TERM $pid\nsleep 0.2\ncat " + file +
                             " >&3\nexec 3>&-\nwait $pid\n");
    return backboard::test::run_program("/bin/sh", script);
  };
  for (const auto& [command, file] : {std::pair{std::string("experiment"), files.file}, {"search", search}}) {
    const ProgramResult result = interrupt(command, file);
    CHECK(result.exit_code == 1);
    CHECK(result.err.find("backboard: interrupted; --resume goes on from the finished points\n") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(files.out() + "/points"));
  }
}

TEST_CASE("a second experiment or search leaves a folder alone in which one works") {
  const Files files(kExperiment);
  const std::string second = BACKBOARD_PROGRAM " experiment " + files.file + " --quiet --out " + files.out();
  const ProgramResult result = experiment_meanwhile(
      files, "1",
      second + "; echo experiment $?; " BACKBOARD_PROGRAM " search " +
          files.folder.write("t.yaml", "run: run.yaml\nset: {platform.npu.engine: lnpu}\nthresholds: {}\n") +
          " --out " + files.out() + "; echo search $?; kill -TERM $pid");
  INFO(result.err);
  CHECK(result.out.find("experiment 2\nsearch 2\n") != std::string::npos);
  const std::string refusal =
      "backboard: error: " + files.out() + ": another run, experiment or search works in this folder\n";
  CHECK(result.err.find(refusal + refusal) != std::string::npos);
  CHECK(result.exit_code == 1);
  CHECK(files.results()["runs"][1]["finished"] == true);
  CHECK(experiment(files.file + " --quiet --resume --out " + files.out()).exit_code == 0);  // nobody holds it now
}

TEST_CASE("a point whose process is killed has failed by a signal, and the others go on") {
  const Files files(kExperiment);
  const ProgramResult result = experiment_meanwhile(files, "1 2", "kill -KILL $(cat /proc/$pid/task/$pid/children)");
  INFO(result.err);
  CHECK(result.exit_code == 1);
  CHECK(result.err.find("backboard: failed: lnpu, seed 1: ended by signal 9 (Killed)") != std::string::npos);
  const json results = files.results();
  CHECK(results["runs"][1]["finished"] == true);
  CHECK(results["runs"][2]["finished"] == false);
  CHECK(results["runs"][3]["finished"] == false);
  CHECK(results["headlines"][0]["ours"].is_null());
}

TEST_CASE("a point that fails is reported, the others go on, and the exit code is 1") {
  const Files files(kExperiment + "set: {limits.instructions: 100000000}\n");
  // The second point ends before its training does.
  const std::string set = " --set points.1.set='{platform.npu.engine: lnpu, limits.instructions: 1000}'";
  const ProgramResult result = experiment(files.file + set + " --out " + files.out());
  CHECK(result.exit_code == 1);
  CHECK(result.err.find("backboard: failed: lnpu, seed 1: ") != std::string::npos);
  const json results = files.results();
  CHECK(results["runs"][0]["finished"] == true);
  CHECK(results["runs"][2]["finished"] == false);
  CHECK(results["headlines"][0]["ours"].is_null());
  CHECK(results["headlines"][0]["missing"] == "bytes[lnpu] has no value");
  // It is not taken for finished.
  CHECK(experiment(files.file + " --quiet --resume --out " + files.out()).exit_code == 0);
}

TEST_CASE("jobs with one configuration run once") {
  const Files files(kExperiment +
                    "sensitivities: [{name: s, points: [plain], cases: [{name: same, set: {training.batch: 16}}]}]\n");
  REQUIRE(experiment(files.file + " --quiet --out " + files.out()).exit_code == 0);
  CHECK_FALSE(std::filesystem::exists(files.folder.path("out/sensitivities/0/same/plain/seed1/summary.json")));
  const json results = files.results();
  CHECK(results["sensitivities"][0]["headlines"]["saved"]["mean"] == results["headlines"][0]["ours"]["values"][0]);
}

TEST_CASE("bad input to experiment is one line and exit code 2") {
  const Files files(kExperiment);
  const auto error = [&](const std::string& arguments) {
    const ProgramResult result = experiment(arguments);
    CHECK(result.exit_code == 2);
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    return result.err;
  };
  CHECK(error(files.folder.path("absent.yaml")).find("absent.yaml") != std::string::npos);
  CHECK(error(files.folder.write("a.yaml", "run: run.yaml\nmetrix: []\n")).find("a.yaml:2: unknown key 'metrix'") !=
        std::string::npos);
  CHECK(error(files.file + " --set set.weights=/nowhere/w.npz").find("/nowhere/w.npz") != std::string::npos);
  CHECK(error(files.file + " " + files.file).find("another file has the name two, too") != std::string::npos);
  CHECK(error("").find("FILES") != std::string::npos);
  CHECK(error(files.file + " --out " + files.file) ==
        "backboard: error: " + files.file + ": cannot be made a folder: Not a directory\n");
  CHECK(error(files.file + " --out /proc/results") ==
        "backboard: error: /proc/results: cannot be made a folder: No such file or directory\n");
  CHECK(experiment("--help").exit_code == 0);
}

TEST_CASE("check, explain and schema know experiment files") {
  const Files files(kExperiment);
  const auto program = [](const std::string& arguments) {
    return backboard::test::run_program(BACKBOARD_PROGRAM, arguments);
  };
  const ProgramResult checked = program("check " + files.file);
  INFO(checked.err);
  CHECK(checked.exit_code == 0);
  CHECK(checked.out.find("# experiment: ") == 0);
  CHECK(program("check " + files.file + " --set points.0.set='{training.batsch: 1}'").exit_code == 2);
  CHECK(program("explain headlines --kind experiment").out.find("headlines[].published") != std::string::npos);
  CHECK(json::parse(program("schema experiment").out)["properties"].contains("sensitivities"));
}

TEST_CASE("a search for thresholds runs the platform, comes to the share and resumes without running again") {
  const Files files(kExperiment);
  const std::string file =
      files.folder.write("search.yaml",
                         "run: run.yaml\n"
                         "set: {platform.npu.engine: lnpu}\n"
                         "thresholds: {share: 0.3, tolerance: 0.05, rounds: 10, classes: [activation]}\n");
  const auto search = [&](const std::string& arguments) {
    return backboard::test::run_program(BACKBOARD_PROGRAM, "search " + file + " --out " + files.out() + arguments);
  };
  const ProgramResult result = search("");
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const json results = files.results();
  CHECK(results["classes"][0]["share"].get<double>() == Approx(0.3).margin(0.05));
  CHECK(read_text(files.folder.path("out/found.yaml")).find("activation: ") != std::string::npos);
  const auto changed = [&] {
    return std::filesystem::last_write_time(files.folder.path("out/points/round1-1/summary.json"));
  };
  const auto first = changed();
  REQUIRE(search(" --resume").exit_code == 0);
  CHECK(changed() == first);
  CHECK(files.results() == results);
  CHECK(search(" --set thresholds.classes='[wieght]'").exit_code == 2);
  // A file that a point needs and that is not there is bad input, as anywhere.
  const ProgramResult bare = search(" --set set.firmware=nowhere");
  CHECK(bare.exit_code == 2);
  CHECK(bare.err.find("backboard: error: firmware nowhere: no such file") == 0);
}
