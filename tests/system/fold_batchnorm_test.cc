// Folded batch normalisations on the whole board, with inference beside the training.
#include <catch2/catch.hpp>

#include "sw/npz/npz.h"
#include "tests/system/board_run.h"

using namespace backboard;
using namespace backboard::test;

TEST_CASE("a head trains over folded layers, answers come from its weights, and weights.npz is the network's") {
  const BoardRuns runs;
  const std::string configs = SOURCE_FOLDER "/configs";
  const std::string file = runs.write(
      "fold.yaml",
      "name: fold\nplatform: {extends: " + configs +
          "/platforms/edge.yaml, npu: {engine: reference}}\nfirmware: train\n" + "network: " + configs +
          "/nets/resnet8_gray.yaml\nweights_seed: 7\npolicy: \"last:1\"\ndata:\n  train: {extends: " + configs +
          "/data/optdigits_100.yaml, pad: [32, 32], subset: {count: 16}}\n  eval: {extends: " + configs +
          "/data/optdigits_validation.yaml, pad: [32, 32], rows: [800, 808]}\ntraining: {epochs: 1, batch: 8, shuffle: "
          "3, " +
          "learning_rate: 0.02, inference: {every: 5 ms, requests: 2, refresh_steps: 1}}\n");
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
  CHECK(BoardRuns::program("plan " + configs +
                           "/nets/resnet8_gray.yaml --policy last:1 --set fold_batchnorm=on --explain")
            .out.find("batch normalisation ") == 0);
  const ProgramResult full =
      BoardRuns::program("plan " + configs + "/nets/resnet8_gray.yaml --policy full --set fold_batchnorm=on");
  CHECK(full.exit_code == 2);
  CHECK(full.err.find("cannot be folded under policy full: it trains") != std::string::npos);
}
