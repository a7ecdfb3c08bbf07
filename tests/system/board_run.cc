#include "tests/system/board_run.h"

#include <catch2/catch.hpp>
#include <sstream>

namespace backboard::test {
namespace {

nlohmann::json read_json(const std::string& path) {
  const std::string text = read_text(path);
  return text.empty() ? nlohmann::json() : nlohmann::json::parse(text);
}

}  // namespace

std::vector<TrafficLine> RunOutcome::traffic_lines() const {
  std::vector<TrafficLine> lines;
  std::istringstream text(traffic);
  std::string line;
  std::getline(text, line);
  REQUIRE(line == "initiator,layer,name,phase,tensor_class,read_bytes,write_bytes,reads,writes");
  while (std::getline(text, line)) {
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
    REQUIRE(cells.size() == 9);
    lines.push_back({cells[0], cells[1], cells[2], cells[3], cells[4], std::stoull(cells[5]), std::stoull(cells[6]),
                     std::stoull(cells[7]), std::stoull(cells[8])});
  }
  return lines;
}

std::string BoardRuns::small_run(const std::string& training, unsigned images) const {
  const std::string configs = SOURCE_FOLDER "/configs";
  return write("small.yaml", "name: small\nplatform: {extends: " + configs +
                                 "/platforms/edge.yaml}\nfirmware: train\nnetwork: " + configs +
                                 "/nets/s.yaml\nweights_seed: 7\ndata:\n  train: {extends: " + configs +
                                 "/data/optdigits_100.yaml, subset: {count: " + std::to_string(images) +
                                 "}}\n  eval: {extends: " + configs +
                                 "/data/optdigits_validation.yaml, rows: [800, 832]}\ntraining: " + training + "\n");
}

RunOutcome BoardRuns::run(const std::string& file, const std::string& name, const std::string& arguments) const {
  const std::string folder = path(name);
  const ProgramResult program = BoardRuns::program("run '" + file + "' --quiet --out '" + folder + "' " + arguments);
  RunOutcome outcome = read_outcome(folder);
  outcome.program = program;
  return outcome;
}

RunOutcome read_outcome(const std::string& folder) {
  RunOutcome outcome;
  outcome.folder = folder;
  outcome.summary = read_json(folder + "/summary.json");
  outcome.stats = read_json(folder + "/stats.json");
  outcome.traffic = read_text(folder + "/traffic.csv");
  outcome.uart = read_text(folder + "/uart.log");
  outcome.weights = read_text(folder + "/weights.npz");
  outcome.findings = read_text(folder + "/findings.json");
  return outcome;
}

void check_same_training(const RunOutcome& a, const RunOutcome& b) {
  INFO(a.folder << " and " << b.folder << "\n" << a.program.err << b.program.err);
  REQUIRE(a.exit_code() == b.exit_code());
  REQUIRE_FALSE(a.weights.empty());
  CHECK((a.weights == b.weights));  // in parentheses: a failure does not print them
  CHECK(a.training() == b.training());
}

void check_same_run(const RunOutcome& a, const RunOutcome& b) {
  check_same_training(a, b);
  CHECK(a.simulated_ps() == b.simulated_ps());
  CHECK(a.traffic == b.traffic);
  CHECK((a.stats == b.stats));
  CHECK(a.findings == b.findings);
}

}  // namespace backboard::test
