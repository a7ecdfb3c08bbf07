#include "platform/experiment/experiment_config.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "platform/experiment/experiment.h"

using namespace backboard;

namespace {

const std::string kRun = "run: " SOURCE_FOLDER "/configs/runs/adapt_optdigits.yaml\n";
const std::string kMetrics = "metrics: [{name: energy, value: npu.energy.total}]\n";

ExperimentPlan plan_of(const std::string& text, bool quick = false) {
  return plan_experiment(experiment_from(load_yaml_text(text, "/e/x.yaml"), "x"), quick);
}

std::string error_of(const std::string& text) {
  try {
    plan_of(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("an experiment is its points times seeds, then sensitivities on the first seed") {
  const ExperimentPlan plan =
      plan_of(kRun + kMetrics +
              "seeds: [7, 9]\n"
              "seed_keys: [data.train.subset.seed, weights_seed]\n"
              "set: {training.epochs: 3}\n"
              "points:\n"
              "  - {name: a, set: {platform.npu.engine: daa}}\n"
              "  - {name: b, set: {training.epochs: 4}}\n"
              "sensitivities:\n"
              "  - {name: rows, points: [a], cases: [{name: '8', set: {platform.npu.daa.rows: 8}}]}\n"
              "quick: {set: {training.epochs: 1}, seeds: [5]}\n");
  REQUIRE(plan.jobs.size() == 5);
  CHECK(plan.jobs[0].folder == "points/a/seed7");
  CHECK(plan.jobs[3].folder == "points/b/seed9");
  CHECK(plan.jobs[0].point.config.platform.npu.engine == "daa");
  CHECK(plan.jobs[0].point.config.training.epochs == 3);
  CHECK(plan.jobs[3].point.config.training.epochs == 4);
  CHECK(plan.jobs[3].point.config.weights_seed == 9);
  CHECK(plan.jobs[3].point.config.data.train->subset.seed == 9);
  CHECK(plan.jobs[4].folder == "sensitivities/0/8/a/seed7");
  CHECK(plan.jobs[4].point.config.platform.npu.engines.daa.rows == 8);
  // What the run file asks of its own variants is left out.
  for (const PointJob& job : plan.jobs) {
    CHECK(job.point.config.variants.empty());
    CHECK(job.point.config.compare.empty());
    CHECK_FALSE(job.point.config.expect.accuracy_after_min);
    CHECK(job.point.config.name == "x");
  }
}

TEST_CASE("a quick experiment has the quick seeds and no sensitivities, and a point's own keys win") {
  const std::string text = kRun + kMetrics +
                           "seeds: [7, 9]\n"
                           "points: [{name: a}, {name: b, set: {training.epochs: 4}}]\n"
                           "sensitivities: [{name: s, cases: [{name: c, set: {training.batch: 8}}]}]\n"
                           "quick: {set: {training.epochs: 1}";
  const ExperimentPlan quick = plan_of(text + ", seeds: [5]}\n", true);
  REQUIRE(quick.jobs.size() == 2);
  CHECK(quick.seeds == std::vector<uint32_t>{5});
  CHECK(quick.jobs[0].point.config.training.epochs == 1);
  CHECK(quick.jobs[1].point.config.training.epochs == 4);
  CHECK(plan_of(text + "}\n", true).seeds == std::vector<uint32_t>{7});
  CHECK(plan_of(text + ", sensitivities: true}\n", true).jobs.size() == 4);
  CHECK(plan_of(text + "}\n").jobs.size() == 6);
}

TEST_CASE("axes are multiplied into points") {
  const ExperimentPlan plan = plan_of(kRun + kMetrics +
                                      "axes:\n"
                                      "  - {cases: [{name: lnpu, set: {platform.npu.engine: lnpu}}, {name: daa, set: "
                                      "{platform.npu.engine: daa}}]}\n"
                                      "  - {cases: [{name: b4, set: {training.batch: 4}}, {name: b8, set: "
                                      "{training.batch: 8}}]}\n"
                                      "headlines: [{name: h, value: 'energy[lnpu-b4] / energy[daa-b8]'}]\n");
  REQUIRE(plan.points.size() == 4);
  CHECK(plan.points[3].name == "daa-b8");
  CHECK(plan.jobs[3].point.config.platform.npu.engine == "daa");
  CHECK(plan.jobs[3].point.config.training.batch == 8);
}

TEST_CASE("what is wrong with an experiment file is one line with file, line and key") {
  const std::string points = "points: [{name: a}, {name: b}]\n";
  CHECK(error_of(kRun + kMetrics + "pionts: []\n").find("/e/x.yaml:3: unknown key 'pionts'; did you mean 'points'?") ==
        0);
  CHECK(error_of(kRun + kMetrics) == "/e/x.yaml:1: points: an experiment has points or axes, one of them");
  CHECK(error_of(kMetrics + points) == "/e/x.yaml:2: points.0.run: no run file is named");
  CHECK(error_of(kRun + kMetrics + "points: [{name: a}, {name: a}]\n") ==
        "/e/x.yaml:3: points.1.name: another one has this name");
  CHECK(error_of(kRun + kMetrics + "points: [{name: a/b}]\n").find("/e/x.yaml:3: points.0.name: must be letters") == 0);
  CHECK(error_of(kRun + points + "metrics: [{name: e, value: 'npu.x +'}]\n") ==
        "/e/x.yaml:3: metrics.0.value: column 8: expected a value, found the end");
  CHECK(error_of(kRun + points + "metrics: [{name: e, value: 'e[a]'}]\n") ==
        "/e/x.yaml:3: metrics.0.value: a metric is of one point: no '[...]'");
  CHECK(error_of(kRun + kMetrics + points + "headlines: [{name: h, value: 'enrgy[a]'}]\n") ==
        "/e/x.yaml:4: headlines.0.value: there is no metric 'enrgy'; did you mean 'energy'? known: energy");
  CHECK(error_of(kRun + kMetrics + points + "headlines: [{name: h, value: 'energy[c]'}]\n")
            .find("/e/x.yaml:4: headlines.0.value: there is no point 'c'") == 0);
  CHECK(error_of(kRun + kMetrics + points + "headlines: [{name: h, value: energy}]\n") ==
        "/e/x.yaml:4: headlines.0.value: of which point? energy[POINT]");
  const std::string lost = "headlines: [{name: h, value: 'energy[a]', mark: loses";
  CHECK(error_of("seeds: [1, 2, 3, 4]\n" + kRun + kMetrics + points + lost + "}]\n")
            .find("headlines.0.mark: needs 5 seeds") != std::string::npos);
  CHECK(error_of("seeds: [1, 2, 3, 4, 5]\n" + kRun + kMetrics + points + lost + ", tolerance: 1}]\n")
            .find("headlines.0.tolerance: is of mark: keeps") != std::string::npos);
  CHECK(error_of("seeds: [1, 2, 3, 4, 5]\n" + kRun + kMetrics + points + lost + "}]\n") == "no error");
  CHECK(error_of(kRun + kMetrics + points + "headlines: [{name: h, value: 'energy[a]', published: 2}]\n") ==
        "/e/x.yaml:4: headlines.0.source: a published figure needs one");
  CHECK(error_of(kRun + kMetrics + points + "set: {variants: []}\n") ==
        "/e/x.yaml:4: set: an experiment cannot set variants");
  CHECK(error_of(kRun + kMetrics + "axes: [{cases: [{name: a}]}, {}]\n") == "/e/x.yaml:3: axes.1.cases: is missing");
  CHECK(error_of(kRun + kMetrics + points + "sensitivities: [{name: s}]\n") ==
        "/e/x.yaml:4: sensitivities.0.cases: is missing");
  // Equal seeds, or seeds that go nowhere, would look like several runs.
  CHECK(error_of(kRun + kMetrics + points + "seeds: [1, 2, 1]\n") == "/e/x.yaml:4: seeds.2: 1 is there twice");
  CHECK(error_of(kRun + kMetrics + points + "quick: {seeds: [1, 1]}\n") ==
        "/e/x.yaml:4: quick.seeds.1: 1 is there twice");
  CHECK(error_of(kRun + kMetrics + points + "seeds: [1, 2]\nseed_keys: []\n") ==
        "/e/x.yaml:5: seed_keys: several seeds need a key to be put into");
  // A point's own configuration is checked as a whole, at the line that says it.
  CHECK(error_of(kRun + kMetrics + "points:\n  - {name: a, set: {platform.npu.daa.rows: 0}}\n").find("/e/x.yaml:4: ") ==
        0);
  CHECK(error_of(kRun + kMetrics + "points:\n  - {name: a, set: {platform.npu.daa.rwos: 8}}\n")
            .find("did you mean 'rows'?") != std::string::npos);
  CHECK(error_of("run: absent.yaml\n" + kMetrics + points).find("/e/absent.yaml") != std::string::npos);
}

TEST_CASE(
    "every experiment file of the repository is a plan, whole and quick, and names the source of what it quotes") {
  unsigned files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SOURCE_FOLDER "/configs/experiments")) {
    INFO(entry.path());
    ++files;
    const ExperimentConfig config = load_experiment(entry.path().string(), {});
    const ExperimentPlan whole = plan_experiment(config, false), quick = plan_experiment(config, true);
    CHECK(quick.jobs.size() <= whole.jobs.size());
    CHECK_FALSE(config.conditions.empty());
    CHECK_FALSE(config.headlines.empty());
    for (const HeadlineConfig& headline : config.headlines) {
      if (headline.published) CHECK_FALSE(headline.conditions.empty());
    }
  }
  CHECK(files >= 1);
}
