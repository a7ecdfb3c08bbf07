// Folded batch normalisations on the whole board, with inference beside the training.
#include <catch2/catch.hpp>

#include "sw/npz/npz.h"
#include "tests/system/board_run.h"

using namespace backboard;
using namespace backboard::test;

namespace {

const std::string kConfigs = SOURCE_FOLDER "/configs";

/// ResNet-8 whose head trains on 16 images, and `inference` beside it.
std::string head_run(const BoardRuns& runs, const std::string& inference) {
  return runs.write(
      "fold.yaml",
      "name: fold\nplatform: {extends: " + kConfigs +
          "/platforms/edge.yaml, npu: {engine: reference}}\nfirmware: train\nnetwork: " + kConfigs +
          "/nets/resnet8_gray.yaml\nweights_seed: 7\npolicy: \"last:1\"\ndata:\n  train: {extends: " + kConfigs +
          "/data/optdigits_100.yaml, pad: [32, 32], subset: {count: 16}}\n  eval: {extends: " + kConfigs +
          "/data/optdigits_validation.yaml, pad: [32, 32], rows: [800, 808]}\ntraining: {epochs: 1, batch: 8, shuffle: "
          "3, learning_rate: 0.02, inference: " +
          inference + "}\n");
}

}  // namespace

TEST_CASE("a head trains over folded layers, answers come from its weights, and weights.npz is the network's") {
  const BoardRuns runs;
  const std::string file = head_run(runs, "{every: 5 ms, requests: 2, refresh_steps: 1}");
  const RunOutcome apart = runs.run(file, "apart"),
                   folded = runs.run(file, "folded", "--set compile.fold_batchnorm=on");
  INFO(folded.program.err << folded.uart);
  REQUIRE(apart.exit_code() == 0);
  REQUIRE(folded.exit_code() == 0);
  const Arrays a = read_npz(apart.folder + "/weights.npz"), b = read_npz(folded.folder + "/weights.npz");
  REQUIRE(a.size() == b.size());
  for (const auto& [name, array] : a) {
    CAPTURE(name);
    REQUIRE(b.count(name) == 1);
    CHECK(b.at(name).shape == array.shape);
    if (!name.starts_with("fc.")) {
      CHECK((b.at(name).bytes == array.bytes));
      continue;
    }
    double error = 0, largest = 0;
    for (uint64_t i = 0; i < array.elements(); ++i) {
      error = std::max(error, std::abs(array.at(i) - b.at(name).at(i)));
      largest = std::max(largest, std::abs(array.at(i)));
    }
    CHECK(error < 1e-4 * largest);
  }
  CHECK(folded.dram_bytes() < apart.dram_bytes());
  CHECK(folded.simulated_ps() < apart.simulated_ps());
  CHECK(BoardRuns::program("plan " + kConfigs +
                           "/nets/resnet8_gray.yaml --policy last:1 --set fold_batchnorm=on --explain")
            .out.find("batch normalisation ") == 0);
  const ProgramResult full =
      BoardRuns::program("plan " + kConfigs + "/nets/resnet8_gray.yaml --policy full --set fold_batchnorm=on");
  CHECK(full.exit_code == 2);
  CHECK(full.err.find("cannot be folded under policy full: it trains") != std::string::npos);
}

TEST_CASE("answers follow a training over folded layers, and are those of a board that starts with its weights") {
  const BoardRuns runs;
  // All requests come behind the last step. Under last:3 the normalisations of the last block train and the others
  // fold.
  const std::string file = head_run(runs, "{every: 200 ms, requests: 8, refresh_steps: 2}");
  for (const std::string set :
       {"--set compile.fold_batchnorm=on ", "--set compile.fold_batchnorm=auto --set policy=last:3 ",
        "--set compile.fold_batchnorm=on --set platform.npu.engine=lnpu "}) {
    INFO(set);
    const RunOutcome trained = runs.run(file, "trained", set);
    INFO(trained.program.err << trained.uart);
    REQUIRE(trained.exit_code() == 0);
    const nlohmann::json& answers = trained.summary.at("inference");
    CHECK(answers.at("refreshes") == 1);
    CHECK(answers.at("beside_training") == 0);
    CHECK(answers.at("served") == 8);
    const std::string weights = runs.write("trained.npz", trained.weights);
    const RunOutcome started = runs.run(file, "started", set + "--set training.epochs=0 --set weights=" + weights);
    INFO(started.program.err << started.uart);
    REQUIRE(started.exit_code() == 0);
    CHECK(started.summary.at("inference").at("refreshes") == 0);
    for (const char* key : {"served", "images", "correct", "digest"})
      CHECK(answers.at(key) == started.summary.at("inference").at(key));
    const RunOutcome frozen = runs.run(file, "frozen", set + "--set training.inference.refresh_steps=0");
    CHECK(frozen.summary.at("inference").at("digest") != answers.at("digest"));
  }
}
