// scripts/plot draws what runs and experiments wrote, the same bytes each time, and refuses anything else in one line.
#include <catch2/catch.hpp>

#include "tests/support/program.h"

using namespace backboard::test;

namespace {

const std::string kSource = SOURCE_FOLDER;

ProgramResult plot(const std::string& arguments) {
  return run_program(kSource + "/scripts/plot", arguments);
}

/// The pictures that `plot` says it wrote hold these words, in the order of the names.
void check_pictures(const std::string& folder,
                    const std::vector<std::pair<std::string, std::vector<std::string>>>& names) {
  for (const auto& [name, words] : names) {
    const std::string picture = read_text(folder + "/" + name + ".svg");
    CAPTURE(folder, name);
    CHECK(picture.starts_with("<?xml"));
    CHECK(picture.find("</svg>") != std::string::npos);
    for (const std::string& word : words) {
      CAPTURE(word);
      CHECK(picture.find("<!-- " + word + " -->") != std::string::npos);
    }
  }
}

void check_refused(const std::string& folder, const std::string& what) {
  const ProgramResult result = plot(folder);
  CAPTURE(result.err);
  CHECK(result.exit_code == 2);
  CHECK(result.out.empty());
  CHECK(result.err.starts_with("plot: error: "));
  CHECK(result.err.find(what) != std::string::npos);
  CHECK(result.err.find('\n') == result.err.size() - 1);
}

}  // namespace

TEST_CASE("plot: variants, and with --all each point: time, traffic by layer, energy, training") {
  const TemporaryFolder folder;
  const std::string run = "run " + kSource + "/configs/runs/adapt_optdigits.yaml --quiet --set training.epochs=1" +
                          " --set subsets=[1] --set expect={} --out " + folder.path("run");
  run_program(BACKBOARD_PROGRAM, run);  // one epoch falls short of what the file expects
  const ProgramResult result = plot(folder.path("run") + " --all --out " + folder.path("a"));
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  check_pictures(folder.path("a"),
                 {{"variants", {"reference", "last1", "DRAM, MB", "before"}}, {"training", {"epoch"}}});
  check_pictures(folder.path("a") + "/lnpu/subset1",
                 {{"time", {"DRAM, GB/s", "NPU power, mW", "core data", "npu", "leakage"}},
                  {"traffic", {"conv1", "maxpool3", "fc2", "activation", "error", "wg", "core_data"}},
                  {"energy", {"multiply high", "refresh"}},
                  {"training", {"accuracy, %"}}});
  REQUIRE(plot(folder.path("run") + " --all --out " + folder.path("b")).exit_code == 0);
  for (const char* name : {"variants", "lnpu/subset1/time", "lnpu/subset1/traffic", "reference/subset1/energy"}) {
    CAPTURE(name);
    CHECK(read_text(folder.path("a/") + name + ".svg") == read_text(folder.path("b/") + name + ".svg"));
  }
}

TEST_CASE("plot: an experiment's headlines beside the published figures, and its sensitivities") {
  const TemporaryFolder folder;
  folder.write("results.json", R"({"experiment": "e", "title": "Two headlines", "headlines": [
    {"name": "speed", "unit": "x", "ours": {"mean": 1.5, "spread": 0.1, "values": [1.4, 1.6]}, "published": 2.0},
    {"name": "traffic", "unit": "%", "ours": {"mean": -20, "spread": 1, "values": [-19, -21]}, "published": null}],
    "sensitivities": [{"changed": "batch: 8", "headlines": {"speed": {"mean": 1.7, "spread": 0, "values": [1.7]}}}]})");
  const ProgramResult result = plot(folder.path());
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(result.out == folder.path("plots/headlines.svg") + "\n" + folder.path("plots/sensitivities.svg") + "\n");
  check_pictures(folder.path("plots"), {{"headlines", {"Two headlines", "speed", "traffic", "published"}},
                                        {"sensitivities", {"as stated", "batch: 8"}}});
}

TEST_CASE("plot: what the program did not write is refused in one line") {
  const TemporaryFolder folder;
  check_refused(folder.path(), "neither summary.json");
  check_refused(folder.path("absent"), "neither summary.json");
  folder.write("broken/summary.json", "{");
  check_refused(folder.path("broken"), "broken/summary.json: ");
  folder.write("search/results.json", "{\"layers\": []}");
  check_refused(folder.path("search"), "of no experiment");
  folder.write("empty/results.json", "{\"title\": \"t\", \"headlines\": []}");
  check_refused(folder.path("empty"), "no headline has a figure yet");
  folder.write("table/summary.json", "{\"run\": \"r\"}");
  folder.write("table/bandwidth.csv", "start_ps,width_ps,npu_bytes\n0,100,seven\n");
  check_refused(folder.path("table"), "bandwidth.csv: column npu_bytes");
  CHECK(plot(folder.path() + " --format gif").exit_code == 2);
  // matplotlib has nowhere to keep its cache here, and must not say so.
  const ProgramResult homeless =
      run_program("/usr/bin/env", "HOME=/proc " + kSource + "/scripts/plot " + folder.path());
  CHECK(homeless.exit_code == 2);
  CHECK(homeless.err.find('\n') == homeless.err.size() - 1);
}
