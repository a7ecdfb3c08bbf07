#include "platform/run/run_points.h"

#include <catch2/catch.hpp>

using namespace backboard;

namespace {

const std::string kRun =
    "network: nets/s.yaml\n"
    "data: {train: {images: a.npz, classes: 10}, eval: {images: b.npz}}\n"
    "training: {epochs: 3, batch: 16}\n";

RunPlan plan_of(const std::string& text) {
  return run_from(load_yaml_text(text, "/runs/r.yaml"), "r");
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

TEST_CASE("a run without variants and subsets is one point in the run's own folder") {
  const RunPlan plan = plan_of(kRun);
  REQUIRE(plan.points.size() == 1);
  CHECK(plan.config.name == "r");
  CHECK(plan.points[0].folder.empty());
  CHECK(plan.points[0].config.network == "/runs/nets/s.yaml");
  CHECK(plan.points[0].config.training.epochs == 3);
}

TEST_CASE("variants times subsets are points, each with its overrides and its draw") {
  const RunPlan plan = plan_of(kRun +
                               "subsets: [7, 8]\n"
                               "variants:\n"
                               "  - {name: full, set: {expect.accuracy_after_min: 92}}\n"
                               "  - {name: 'last:1', set: {policy: 'last:1', training: {epochs: 5}}}\n");
  REQUIRE(plan.points.size() == 4);
  CHECK(plan.points[0].folder == "full/subset7");
  CHECK(plan.points[3].folder == "last:1/subset8");
  CHECK(plan.points[0].config.data.train->subset.seed == 7);
  CHECK(plan.points[3].config.data.train->subset.seed == 8);
  CHECK(plan.points[0].config.policy == "full");
  CHECK(plan.points[0].config.expect.accuracy_after_min == 92.0);
  CHECK(plan.points[3].config.policy == "last:1");
  CHECK(plan.points[3].config.training.epochs == 5);
  CHECK(plan.points[3].config.training.batch == 16);
  CHECK_FALSE(plan.points[3].config.expect.accuracy_after_min.has_value());
  for (const RunPoint& point : plan.points) {
    CHECK(point.config.variants.empty());
    CHECK(point.config.subsets.empty());
    CHECK(config_from<RunConfig>(parse_yaml(dump_config(point.config), "dump")).policy == point.config.policy);
  }
}

TEST_CASE("what a draw leaves is validated on with the seed of the draw, and other test images keep theirs") {
  const std::string subset =
      "data: {train: {images: a.npz, subset: {count: 5, seed: 1}}, eval: {images: a.npz, subset: ";
  const std::string run = "network: n\nsubsets: [7, 8]\n" + subset;
  for (const RunPoint& point : plan_of(run + "{count: 5, rest: on}}}\n").points)
    CHECK(point.config.data.eval->subset.seed == point.subset);
  for (const RunPoint& point : plan_of(run + "{count: 5, seed: 3}}}\n").points)
    CHECK(point.config.data.eval->subset.seed == 3);
  CHECK(error_of(run + "{rest: on}}}\n").find("rest: needs count or per_class") != std::string::npos);
}

TEST_CASE("a learning rate is a number or a schedule, and epochs must ascend") {
  CHECK(plan_of(kRun + "# one\n").config.training.learning_rate.size() == 1);
  const std::string two =
      "network: n\ndata: {eval_file: e}\ntraining:\n  learning_rate: [0.02, {epoch: 10, rate: 0.002}]\n";
  const RunPlan plan = plan_of(two);
  REQUIRE(plan.config.training.learning_rate.size() == 2);
  CHECK(plan.config.training.learning_rate[0].rate == 0.02f);
  CHECK(plan.config.training.learning_rate[1].epoch == 10);
  CHECK(error_of("training:\n  learning_rate: [0.02, {epoch: 0, rate: 1}]\n") ==
        "/runs/r.yaml:2: training.learning_rate: epochs must start at 0 and ascend");
}

TEST_CASE("an error in a variant names its line") {
  CHECK(error_of(kRun + "variants:\n  - name: a\n    set: {training.epoch: 3}\n")
            .find("/runs/r.yaml:6: training: unknown key 'epoch'; did you mean 'epochs'?") == 0);
  CHECK(error_of(kRun + "variants:\n  - {name: a}\n  - {name: a}\n") ==
        "/runs/r.yaml:6: variants.1.name: another variant has this name");
  CHECK(error_of(kRun + "variants: [{name: a/b}]\n").find("letters, digits") != std::string::npos);
  CHECK(error_of(kRun + "variants: [{name: a, set: {subsets: [1]}}]\n").find("a variant cannot set subsets") !=
        std::string::npos);
  CHECK(error_of(kRun + "variants: [{name: a}]\ncompare: [{variant: a, with: b}]\n").find("there is no variant 'b'") !=
        std::string::npos);
}

TEST_CASE("parts that do not go together are errors") {
  CHECK(error_of("network: n\nplan: p\n").find(":2: plan: stands instead of network") != std::string::npos);
  CHECK(error_of("network: n\n") == "/runs/r.yaml:1: network: needs data");
  CHECK(error_of("data: {eval_file: e}\n") == "/runs/r.yaml:1: data: needs a network or a plan");
  CHECK(error_of("network: n\ndata: {eval_file: e}\nsubsets: [1]\n").find("subsets: needs data.train") !=
        std::string::npos);
  CHECK(error_of(kRun + "subsets: [1, 2, 1]\n").find("subsets: must differ") != std::string::npos);
  CHECK(error_of("firmware: hello\n") == "no error");
  CHECK(error_of("platform: {timing: at}\n") == "no error");
  CHECK(error_of("platform: {dram: {check_commands: true}}\n") ==
        "/runs/r.yaml:1: platform.dram.check_commands: there are commands in timing: at only");
}

TEST_CASE("on the command line of a run the board's keys go without their prefix, and the run's own keys come first") {
  const auto key_of = [](const std::string& said) {
    const Overrides::Item item = parse_override(said, "--set");
    return run_overrides({&item, 1}).front().key;
  };
  CHECK(key_of("npu.engine=daa") == "platform.npu.engine");
  CHECK(key_of("timing=at") == "platform.timing");
  CHECK(key_of("platform.timing=at") == "platform.timing");
  CHECK(key_of("training.batch=8") == "training.batch");
  CHECK(key_of("firmware=hello") == "firmware");
  CHECK(key_of("nonsense.key=8") == "nonsense.key");
}

TEST_CASE("an override that variants set themselves is noted, for these only") {
  const Overrides::Item engine = parse_override("npu.engine=daa", "--set");
  const std::string runs = SOURCE_FOLDER "/configs/runs/";
  const RunPlan demo = load_run(runs + "adapt_optdigits.yaml", {&engine, 1});
  CHECK(demo.points.front().config.platform.npu.engine == "daa");
  CHECK(demo.notes ==
        std::vector<std::string>{"note: variant reference sets platform.npu.engine itself, --set does not reach it"});
  // The same key inside a mapping that a variant sets; a mapping that says other keys hides nothing.
  const RunPlan engines = load_run(runs + "engines_optdigits.yaml", {&engine, 1});
  CHECK(engines.notes.size() == engines.config.variants.size() - 1);
  const Overrides::Item masters = parse_override("npu.taxonn.masters=fixed", "--set");
  CHECK(load_run(runs + "engines_optdigits.yaml", {&masters, 1}).notes.empty());
}
