// What the numbers of points come to, without running any.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "platform/experiment/experiment.h"
#include "platform/experiment/report.h"
#include "tests/support/program.h"

using namespace backboard;
using backboard::test::TemporaryFolder;

namespace {

const std::string kExperiment =
    "run: " SOURCE_FOLDER
    "/configs/runs/adapt_optdigits.yaml\n"
    "seeds: [1, 2]\n"
    "points: [{name: a}, {name: b, set: {platform.npu.engine: daa}}]\n"
    "metrics:\n"
    "  - {name: energy, unit: pJ, value: npu.energy.total}\n"
    "  - {name: bytes, value: 'traffic.npu.ff + traffic.npu.all.weight + traffic.npu.bp.error?'}\n"
    "  - {name: loss, value: summary.training.loss.last}\n"
    "headlines:\n"
    "  - {name: ratio, value: 'energy[a] / energy[b]', published: 3, source: here}\n"
    "  - {name: limit, value: 'energy[b] - 5', published: 4, bound: at_most, source: here}\n"
    "sensitivities: [{name: s, points: [b], cases: [{name: c, set: {platform.npu.daa.rows: 8}}]}]\n";

/// The folder of a point as `run` would leave it.
PointOutcome outcome(const TemporaryFolder& folder, const std::string& name, double energy) {
  nlohmann::json summary{{"training", {{"loss", {2.0, 0.5}}}}, {"passed", true}};
  nlohmann::json stats;
  stats["npu.energy.total"] = {{"value", energy}, {"unit", "pJ"}};
  folder.write(name + "/summary.json", summary.dump());
  folder.write(name + "/stats.json", stats.dump());
  folder.write(name + "/traffic.csv",
               "initiator,layer,name,phase,tensor_class,read_bytes,write_bytes,reads,writes\n"
               "npu,0,c,FF,INPUT,10,0,1,0\nnpu,0,c,FF,WEIGHT,3,0,1,0\nnpu,0,c,WG,WEIGHT,0,5,0,1\n"
               "core_data,-,,CODE,NONE,1000,0,1,0\n");
  PointOutcome result;
  result.finished = true;
  result.folder = folder.path(name);
  result.values = PointValues::read(result.folder);
  return result;
}

}  // namespace

TEST_CASE("headlines are computed by seed, then averaged, sensitivities change the points that they are of") {
  const TemporaryFolder folder;
  const ExperimentPlan plan = plan_experiment(experiment_from(load_yaml_text(kExperiment, "/e/x.yaml"), "x"), false);
  REQUIRE(plan.jobs.size() == 5);  // a1 a2 b1 b2, b with the case
  std::vector<PointOutcome> outcomes;
  for (const double energy : {20.0, 24.0, 10.0, 6.0, 5.0}) {
    outcomes.push_back(outcome(folder, std::to_string(outcomes.size()), energy));
  }
  const ExperimentResult result = evaluate(plan, outcomes);
  CHECK(result.failures.empty());
  CHECK(result.headlines[0].ours.values == std::vector<double>{2.0, 4.0});
  CHECK(result.headlines[0].ours.mean() == 3.0);
  CHECK(result.headlines[0].ours.spread() == Approx(std::sqrt(2.0)));
  CHECK(result.metrics[0][0].values == std::vector<double>{20.0, 24.0});
  CHECK(result.metrics[0][1].mean() == 13 + 8);
  CHECK(result.metrics[0][2].mean() == 0.5);
  REQUIRE(result.sensitivities.size() == 1);
  CHECK(result.sensitivities[0].headlines[0].ours.values == std::vector<double>{4.0});  // 20 / 5
  const auto json = nlohmann::json::parse(experiment_json(plan, result));
  CHECK(json["headlines"][0]["gap"] == 0.0);
  CHECK(json["headlines"][1]["holds"] == true);  // 8 - 5 = 3, at most 4
  CHECK(json["points"][1]["metrics"]["energy"]["mean"] == 8.0);
  CHECK(json["constants"]["energy"].contains("fp16_mul"));
  CHECK(json["constants"]["area"].contains("sram_cell"));
  const std::string page = experiment_page(plan, result);
  CHECK(page.find("| ratio |  | 3.000 | 3.000 +- 1.414 | +0.000 |") != std::string::npos);
  CHECK(page.find("| limit |  | <= 4.000 | 3.000 +- 2.828 | holds |") != std::string::npos);
  CHECK(page.find("| s: c | 4.000 | 0.000 |") != std::string::npos);
  CHECK(page.find("`npu.energy.fp16_add`") != std::string::npos);
}

TEST_CASE("a point that failed leaves out what needs it, and says so, and the others count") {
  const TemporaryFolder folder;
  const ExperimentPlan plan = plan_experiment(experiment_from(load_yaml_text(kExperiment, "/e/x.yaml"), "x"), false);
  std::vector<PointOutcome> outcomes;
  for (const double energy : {20.0, 24.0, 10.0, 6.0, 5.0}) {
    outcomes.push_back(outcome(folder, std::to_string(outcomes.size()), energy));
  }
  outcomes[2] = PointOutcome{};
  outcomes[2].failure = "training diverged";
  const ExperimentResult result = evaluate(plan, outcomes);
  REQUIRE(result.failures.size() == 1);
  CHECK(result.failures[0] == "b, seed 1: training diverged");
  CHECK(result.headlines[0].ours.values == std::vector<double>{4.0});
  CHECK(result.headlines[0].missing == "energy[b] has no value");
}

TEST_CASE("a value that a point has not is named with what it may have been") {
  const TemporaryFolder folder;
  std::string text = kExperiment;
  text.replace(text.find("npu.energy.total"), 16, "npu.energy.totl");
  const ExperimentPlan plan = plan_experiment(experiment_from(load_yaml_text(text, "/e/x.yaml"), "x"), false);
  std::vector<PointOutcome> outcomes(plan.jobs.size(), outcome(folder, "0", 1.0));
  const ExperimentResult result = evaluate(plan, outcomes);
  REQUIRE(result.failures.size() == 5);
  CHECK(
      result.failures[0].find("metric energy: there is no value 'npu.energy.totl'; did you mean 'npu.energy.total'?") !=
      std::string::npos);
}

TEST_CASE("a mark is held against the headline by seed, in the table, the page and results.json") {
  const TemporaryFolder folder;
  std::string text = kExperiment.substr(0, kExperiment.find("sensitivities"));
  text.replace(text.find("[1, 2]"), 6, "[1, 2, 3, 4, 5]");
  text +=
      "  - {name: lost, value: 'energy[a] - energy[b]', mark: loses}\n"
      "  - {name: kept, value: 'energy[a] - energy[b]', mark: keeps, tolerance: 0.5}\n";
  const ExperimentPlan plan = plan_experiment(experiment_from(load_yaml_text(text, "/e/x.yaml"), "x"), false);
  REQUIRE(plan.jobs.size() == 10);
  std::vector<PointOutcome> outcomes;
  for (const double energy : {11.0, 12.0, 13.0, 14.0, 15.0, 10.0, 10.0, 10.0, 10.0, 10.0})
    outcomes.push_back(outcome(folder, std::to_string(outcomes.size()), energy));
  const ExperimentResult result = evaluate(plan, outcomes);
  // Losses of 1 to 5: mean 3, standard error 0.71.
  const std::string table = experiment_table(plan, result);
  CHECK(table.find("above zero in 5 of 5, by chance 0.031: loses, holds") != std::string::npos);
  CHECK(table.find("keeps, does not hold") != std::string::npos);
  CHECK(experiment_page(plan, result).find("loses, holds") != std::string::npos);
  const auto json = nlohmann::json::parse(experiment_json(plan, result));
  CHECK(json.at("headlines")[2].at("mark").at("holds") == true);
  CHECK(json.at("headlines")[3].at("mark").at("holds") == false);
  CHECK(json.at("headlines")[2].at("mark").at("above") == 5);
  CHECK_FALSE(json.at("headlines")[0].contains("mark"));
}
