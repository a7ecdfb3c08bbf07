// The reference engine, through YAML, plan, packed data, firmware and core, against a trainer that shares no code.
#include <catch2/catch.hpp>

#include "platform/check/read_file.h"
#include "sw/npz/npz.h"
#include "sw/pack/pack.h"
#include "tests/system/board_run.h"
#include "tests/system/net_s_trainer.h"

using namespace backboard;
using namespace backboard::test;

namespace {

constexpr double kAgreement = 1e-4;  // largest difference over largest magnitude, per tensor
constexpr size_t kBatch = 16;

const std::string kWeights = SOURCE_FOLDER "/data/weights/net_s_mnist.npz";

struct Expected {
  std::vector<double> epoch_loss;
  double accuracy = 0;
};

/// `steps` steps in the order of the file, the last batch of an epoch as short as it comes.
Expected train(Trainer& trainer, const DataSet& data, const SgdOptions& options, size_t steps) {
  const size_t pixels = data.shape.c * data.shape.h * data.shape.w;
  const std::vector<double> images = images_of(data);
  Expected expected;
  double loss = 0;
  for (size_t step = 0, start = 0; step < steps; ++step) {
    const size_t count = std::min<size_t>(kBatch, data.count - start);
    loss +=
        trainer
            .step(std::span(images).subspan(start * pixels, count * pixels), data.labels.subspan(start, count), options)
            .loss_sum;
    start += count;
    if (start == data.count || step + 1 == steps) {
      expected.epoch_loss.push_back(loss / static_cast<double>(start));
      loss = 0;
      start = 0;
    }
  }
  expected.accuracy = 100.0 * static_cast<double>(trainer.evaluate(images, data.labels).correct) / data.count;
  return expected;
}

void check_weights(const Trainer& trainer, const std::string& file) {
  const Arrays weights = read_npz(file);
  for (const auto& [index, name] : net_s_layers()) {
    INFO(name);
    const LayerParameters& expected = trainer.parameters(index);
    CHECK(relative_difference(expected.weights, weights.at(name + ".weight").floats()) < kAgreement);
    CHECK(relative_difference(expected.bias, weights.at(name + ".bias").floats()) < kAgreement);
  }
}

/// 20 steps of net S on 100 digits (seven batches an epoch, the last of four images), on the board and beside it.
void hold_against_trainer(const SgdOptions& options, const std::string& more) {
  const BoardRuns runs;
  const std::string packed = runs.path("digits.data");
  REQUIRE(BoardRuns::program("pack " SOURCE_FOLDER "/configs/data/optdigits_100.yaml -o " + packed).exit_code == 0);
  const std::string file = runs.write(
      "yardstick.yaml", "platform: {extends: " SOURCE_FOLDER
                        "/configs/platforms/edge.yaml, npu: {engine: reference}}\nnetwork: " SOURCE_FOLDER
                        "/configs/nets/s.yaml\nweights: " +
                            kWeights + "\ndata: {train_file: " + packed + ", eval_file: " + packed +
                            "}\ntraining: {epochs: 3, max_steps: 20, batch: 16, shuffle: off, learning_rate: " +
                            std::to_string(options.learning_rate) + ", momentum: " + std::to_string(options.momentum) +
                            ", weight_decay: " + std::to_string(options.weight_decay) + "}\n");
  const RunOutcome run = runs.run(file, "out", more);
  INFO(run.program.err);
  REQUIRE(run.exit_code() == 0);
  REQUIRE(run.summary["training"]["steps"] == 20);

  const std::vector<uint8_t> bytes = read_file(packed);
  const DataSet data = parse_data(bytes, packed);
  REQUIRE(data.count == 100);
  Trainer trainer = net_s_from(kWeights);
  const double loss_before = [&] {
    const BatchLoss before = trainer.evaluate(images_of(data), data.labels);
    CHECK(run.summary["training"]["accuracy_before"].get<double>() == Approx(100.0 * before.correct / data.count));
    return before.loss_sum / data.count;
  }();
  const Expected expected = train(trainer, data, options, 20);
  REQUIRE(run.losses().size() == 3);
  for (size_t epoch = 0; epoch < 3; ++epoch) {
    CHECK(run.losses()[epoch].get<double>() == Approx(expected.epoch_loss[epoch]).epsilon(kAgreement));
  }
  CHECK(expected.epoch_loss[2] < loss_before / 2);  // it has learnt: 20 steps moved the weights
  CHECK(run.summary["training"]["accuracy_after"].get<double>() == Approx(expected.accuracy));
  check_weights(trainer, run.folder + "/weights.npz");
}

}  // namespace

TEST_CASE("reference: 20 steps of net S on the board agree with the double-precision trainer to 1e-4") {
  hold_against_trainer({.learning_rate = 0.02}, "");
}

TEST_CASE("reference: the same with momentum, weight decay, a loss scale and separate updates") {
  hold_against_trainer({.learning_rate = 0.01, .momentum = 0.9, .weight_decay = 0.001},
                       "--set training.loss_scale=1024 --set compile.fused=off");
}

TEST_CASE("the yardstick notices a learning rate that is one part in a hundred off") {
  const SgdOptions options{.learning_rate = 0.02};
  const std::vector<uint8_t> bytes = [] {
    const BoardRuns runs;
    const std::string packed = runs.path("digits.data");
    REQUIRE(BoardRuns::program("pack " SOURCE_FOLDER "/configs/data/optdigits_100.yaml -o " + packed).exit_code == 0);
    return read_file(packed);
  }();
  const DataSet data = parse_data(bytes, "digits");
  Trainer right = net_s_from(kWeights), wrong = net_s_from(kWeights);
  train(right, data, options, 20);
  train(wrong, data, {.learning_rate = 0.0202}, 20);
  for (const auto& [index, name] : net_s_layers()) {
    INFO(name);
    const std::vector<double>& weights = wrong.parameters(index).weights;
    CHECK(relative_difference(right.parameters(index).weights, std::vector<float>(weights.begin(), weights.end())) >
          kAgreement);
  }
}
