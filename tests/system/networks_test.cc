// The networks of MLPerf Tiny and MobileNetV2 learn on the board: quick forms of configs/runs/train_*.yaml.
#include <catch2/catch.hpp>

#include "tests/system/board_run.h"

using namespace backboard::test;

namespace {

struct Learnt {
  std::vector<double> losses, accuracies;
  double before = 0;
};

/// Two digits alone, `images` of them; `training` is the text behind `training:`.
Learnt learn(const std::string& run, const std::string& engine, unsigned images, const std::string& training) {
  const BoardRuns runs;
  const std::string file = runs.write(
      "quick.yaml",
      "extends: " SOURCE_FOLDER "/configs/runs/" + run +
          ".yaml\nvariants: []\ncompare: []\ndata:\n  train: {keep: [0, 1], subset: {count: " + std::to_string(images) +
          ", seed: 1}}\n  eval: {keep: [0, 1], subset: {count: 64, seed: 1}}\ntraining: " + training + "\n");
  const RunOutcome outcome = runs.run(file, "out", "--set platform.npu.engine=" + engine);
  INFO(outcome.program.out << outcome.program.err << outcome.uart);
  REQUIRE(outcome.exit_code() == 0);
  const nlohmann::json& found = outcome.summary.at("training");
  return {found.at("loss"), found.at("accuracy_by_epoch"), found.at("accuracy_before")};
}

/// From less than one in two to more than two in three.
void check_learnt(const Learnt& learnt) {
  REQUIRE(learnt.losses.size() > 1);
  REQUIRE(learnt.accuracies.size() == learnt.losses.size());
  INFO(learnt.losses.front() << " to " << learnt.losses.back() << ", " << learnt.before << " % to "
                             << learnt.accuracies.back());
  CHECK(learnt.losses.back() < 0.7 * learnt.losses.front());
  CHECK(learnt.before <= 50);
  CHECK(learnt.accuracies.back() >= 67);
}

}  // namespace

TEST_CASE("DS-CNN learns two digits from seeded weights, under reference and lnpu") {
  for (const std::string engine : {"reference", "lnpu"}) {
    INFO(engine);
    check_learnt(learn("train_ds_cnn", engine, 96, "{epochs: 3, batch: 8}"));
  }
}

TEST_CASE("MobileNetV2-0.35 learns two digits from seeded weights, under reference and lnpu") {
  for (const std::string engine : {"reference", "lnpu"}) {
    INFO(engine);
    check_learnt(learn("train_mobilenetv2", engine, 48,
                       "{epochs: 4, batch: 4, learning_rate: [{epoch: 0, rate: 0.01}, {epoch: 2, rate: 0.002}]}"));
  }
}
