// The pairs of docs/accuracy.md, run as their run files say under `reference`, beside the same recipe in a
// double-precision trainer that shares no code with the board: same images, same order, same rates, same pretrained
// weights. What differs from accuracies published for other pretrained weights is then a matter of those weights alone.
#include <yaml-cpp/yaml.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "firmware/runtime/shuffle.h"
#include "platform/check/read_file.h"
#include "tests/system/board_run.h"
#include "tests/system/net_s_trainer.h"

using namespace backboard;
using namespace backboard::test;

namespace {

const std::string kRuns = SOURCE_FOLDER "/configs/runs/";
constexpr double kPointsBefore = 0.1;  // of accuracy; roundings may decide a few of thousands of images
constexpr double kPoints = 1.0;        // after 20 epochs, each subset
constexpr size_t kEvaluatedAtATime = 100;
constexpr size_t kFc1 = 9, kFc2 = 11;  // in net_s()

/// Labels and what a layer of net S gets to see of their images.
struct Examples {
  ImageSize size;
  std::vector<double> values;
  std::vector<uint8_t> labels;
  size_t count() const { return labels.size(); }
};

Examples load(const YAML::Node& spec, const BoardRuns& runs) {
  const std::string file = runs.write("spec.yaml", YAML::Dump(spec)), packed = runs.path("packed.data");
  const ProgramResult result = BoardRuns::program("pack " + file + " -o " + packed);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const std::vector<uint8_t> bytes = read_file(packed);
  const DataSet data = parse_data(bytes, packed);
  return {{data.shape.c, data.shape.h, data.shape.w}, images_of(data), {data.labels.begin(), data.labels.end()}};
}

/// Calls visit(first, images, labels) for the examples, some at a time.
template <class Visit>
void in_parts(const Examples& examples, Visit visit) {
  const size_t size = examples.size.elements();
  for (size_t first = 0; first < examples.count(); first += kEvaluatedAtATime) {
    const size_t count = std::min(kEvaluatedAtATime, examples.count() - first);
    visit(std::span(examples.values).subspan(first * size, count * size),
          std::span(examples.labels).subspan(first, count));
  }
}

/// What layer `layer` gets to see: a frozen part in front is evaluated once, not once an epoch.
Examples seen_by(Trainer& trainer, size_t layer, const Examples& images) {
  Examples seen{trainer.size_before(layer), {}, images.labels};
  in_parts(images, [&](std::span<const double> values, std::span<const uint8_t> labels) {
    trainer.evaluate(values, labels);
    const std::vector<double>& part = trainer.activation(layer);
    seen.values.insert(seen.values.end(), part.begin(), part.end());
  });
  return seen;
}

/// The layers from `first` on, with their parameters.
Trainer tail_of(const Trainer& trainer, size_t first) {
  const std::vector<LayerSpec> all = net_s();
  Trainer tail(trainer.size_before(first), {all.begin() + static_cast<ptrdiff_t>(first), all.end()});
  for (size_t i = first; i < trainer.layers(); ++i) tail.parameters(i - first) = trainer.parameters(i);
  return tail;
}

double accuracy(Trainer& trainer, const Examples& examples) {
  size_t correct = 0;
  in_parts(examples, [&](std::span<const double> values, std::span<const uint8_t> labels) {
    correct += trainer.evaluate(values, labels).correct;
  });
  return 100.0 * static_cast<double>(correct) / static_cast<double>(examples.count());
}

/// Plain SGD; the images of an epoch in the order that the firmware's shuffle defines. `biases_alone`: TinyTL-B, all
/// biases and the whole last layer.
void train(Trainer& trainer, const Examples& examples, const YAML::Node& training, bool biases_alone) {
  const size_t size = examples.size.elements(), batch = training["batch"].as<size_t>();
  const double rate = training["learning_rate"][0]["rate"].as<double>();
  REQUIRE(training["learning_rate"].size() == 1);
  REQUIRE(training["momentum"].as<double>() == 0);
  std::vector<uint32_t> order(examples.count());
  std::vector<LayerParameters> gradients;
  for (uint32_t epoch = 0; epoch < training["epochs"].as<uint32_t>(); ++epoch) {
    shuffle_order(order.data(), static_cast<uint32_t>(order.size()), training["shuffle"].as<uint32_t>(), epoch);
    for (size_t first = 0; first < order.size(); first += batch) {
      std::vector<double> values;
      std::vector<uint8_t> labels;
      for (size_t i = first; i < std::min(order.size(), first + batch); ++i) {
        const auto image = examples.values.begin() + static_cast<ptrdiff_t>(order[i] * size);
        values.insert(values.end(), image, image + static_cast<ptrdiff_t>(size));
        labels.push_back(examples.labels[order[i]]);
      }
      trainer.gradients(values, labels, gradients);
      for (size_t layer = 0; layer < trainer.layers(); ++layer) {
        LayerParameters& p = trainer.parameters(layer);
        const bool weights = !biases_alone || layer + 1 == trainer.layers();
        for (size_t i = 0; weights && i < p.weights.size(); ++i) p.weights[i] -= rate * gradients[layer].weights[i];
        for (size_t i = 0; i < p.bias.size(); ++i) p.bias[i] -= rate * gradients[layer].bias[i];
      }
    }
  }
}

/// What a variant of a run file trains.
struct Policy {
  size_t first_layer = 0;
  bool biases_alone = false;
};
constexpr Policy kFull{0}, kBias{0, true}, kLast2{kFc1}, kLast1{kFc2};

/// A variant as its run file, or the one which that extends, has it.
YAML::Node variant_of(const std::string& run, const std::string& name) {
  const YAML::Node file = YAML::LoadFile(kRuns + run);
  if (!file["variants"]) return variant_of(file["extends"].as<std::string>(), name);
  for (const YAML::Node& variant : file["variants"])
    if (variant["name"].as<std::string>() == name) return variant;
  FAIL(run << " has no variant " << name);
  return {};
}

/// Runs one variant of a run file on the board under `reference` and repeats each subset in the trainer.
void hold(const std::string& run, const std::string& variant, const Policy& policy, const std::string& subsets) {
  const BoardRuns runs;
  YAML::Node file;
  file["extends"] = kRuns + run;
  file["subsets"] = YAML::Load(subsets);
  file["variants"].push_back(variant_of(run, variant));
  file["compare"] = YAML::Load("[]");
  const RunOutcome all =
      runs.run(runs.write("pair.yaml", YAML::Dump(file)), "out", "--set platform.npu.engine=reference");
  INFO(all.program.out << all.program.err);
  REQUIRE(all.exit_code() == 0);
  for (const YAML::Node& subset : file["subsets"]) {
    const std::string folder = all.folder + "/" + variant + "/subset" + subset.as<std::string>();
    const YAML::Node config = YAML::LoadFile(folder + "/effective.yaml");
    Trainer whole = net_s_from(config["weights"].as<std::string>());
    const Examples seen = seen_by(whole, policy.first_layer, load(config["data"]["train"], runs));
    const Examples tested = seen_by(whole, policy.first_layer, load(config["data"]["eval"], runs));
    Trainer trainer = tail_of(whole, policy.first_layer);
    const double before = accuracy(trainer, tested);
    train(trainer, seen, config["training"], policy.biases_alone);
    const double after = accuracy(trainer, tested);
    const nlohmann::json board = read_outcome(folder).summary.at("training");
    const double board_before = board.at("accuracy_before"), board_after = board.at("accuracy_after");
    WARN(run << " " << variant << " subset " << subset << ": trainer " << before << " to " << after << ", board "
             << board_before << " to " << board_after);
    CHECK(std::abs(board_before - before) < kPointsBefore);
    CHECK(std::abs(board_after - after) <= kPoints);
  }
}

const std::string kAll = "[1, 2, 3]", kOne = "[1]";

}  // namespace

TEST_CASE("MNIST to optdigits: every policy reaches what the double-precision trainer reaches") {
  hold("adapt_optdigits.yaml", "last1", kLast1, kAll);
  hold("adapt_optdigits.yaml", "last2", kLast2, kAll);
  hold("adapt_optdigits.yaml", "reference", kFull, kAll);
}

TEST_CASE("dead rows: the last layers reach what the double-precision trainer reaches") {
  hold("adapt_dead_rows.yaml", "reference-last1", kLast1, kAll);
  hold("adapt_dead_rows.yaml", "reference-last2", kLast2, kAll);
}

TEST_CASE("dead rows: biases and all weights reach what the double-precision trainer reaches") {
  hold("adapt_dead_rows.yaml", "reference-bias", kBias, kOne);
  hold("adapt_dead_rows.yaml", "reference", kFull, kOne);
}

TEST_CASE("noise: the last layers and the biases reach what the double-precision trainer reaches") {
  hold("adapt_noise.yaml", "reference-last1", kLast1, kAll);
  hold("adapt_noise.yaml", "reference-last2", kLast2, kAll);
  hold("adapt_noise.yaml", "reference-bias", kBias, kOne);
}

TEST_CASE("new classes: a head that grows reaches what the double-precision trainer reaches, with replay and without") {
  hold("adapt_new_classes.yaml", "reference-last1", kLast1, kAll);
  hold("adapt_new_classes.yaml", "reference-last2", kLast2, kAll);
  hold("adapt_new_classes.yaml", "last1-no-replay", kLast1, kAll);
}

namespace {

bool has_mnist() {
  const bool there = std::filesystem::exists(SOURCE_FOLDER "/build/data/mnist");
  if (!there) WARN("nothing was tested: MNIST comes by scripts/fetch-mnist");
  return there;
}

}  // namespace

TEST_CASE("inverted sensor: the last layers reach what the double-precision trainer reaches") {
  if (!has_mnist()) return;
  hold("adapt_inverted.yaml", "reference-last1", kLast1, kAll);
  hold("adapt_inverted.yaml", "reference-last2", kLast2, kAll);
}

TEST_CASE("inverted sensor: all weights reach what the double-precision trainer reaches") {
  if (has_mnist()) hold("adapt_inverted.yaml", "reference", kFull, kOne);
}
