// Networks exported from PyTorch in training mode mean here what they mean there: logits, losses and SGD steps. The
// files under data/ and what PyTorch computed from them in binary64 come from export_networks.py.
#include <catch2/catch.hpp>
#include <cmath>

#include "sw/onnx/import.h"
#include "sw/plan/compiler.h"
#include "tests/sw/plan/graph_reference.h"
#include "tests/sw/plan/plan_player.h"

using namespace backboard;
using namespace backboard::sw_test;

namespace {

constexpr double kRate = 0.02;  // of export_networks.py

/// A model and what PyTorch says about it.
struct Exported {
  OnnxNetwork model;
  std::vector<double> inference, training, losses, after;
  test::Maps images;
  std::vector<uint8_t> labels;
};

std::vector<double> doubles(const Array& array) {
  std::vector<double> values(array.elements());
  for (uint64_t i = 0; i < values.size(); ++i) values[i] = array.at(i);
  return values;
}

std::string data_path(const std::string& name) {
  return std::string(BACKBOARD_TEST_DATA) + "/" + name;
}

Exported exported(const std::string& name) {
  const std::string path = data_path(name);
  Exported e;
  e.model = import_onnx(path + ".onnx");
  const Arrays arrays = read_npz(path + ".npz");
  e.inference = doubles(arrays.at("inference"));
  e.training = doubles(arrays.at("training"));
  e.losses = doubles(arrays.at("losses"));
  e.after = doubles(arrays.at("after"));
  e.labels = arrays.at("labels").bytes;
  const std::vector<uint8_t>& pixels = arrays.at("pixels").bytes;
  const ImageShape shape = e.model.network.input_shape();
  e.images = test::Maps(e.labels.size(), shape.c, shape.h, shape.w);
  REQUIRE(e.images.v.size() == pixels.size());
  for (size_t i = 0; i < pixels.size(); ++i) e.images.v[i] = pixels[i] / 255.0;
  return e;
}

/// Largest difference over largest magnitude.
double difference(const std::vector<double>& expected, const std::vector<double>& actual) {
  REQUIRE(expected.size() == actual.size());
  double largest = 0, most = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::fabs(expected[i]));
    const double here = std::fabs(expected[i] - actual[i]);
    most = here > most || std::isnan(here) ? here : most;
  }
  return most / largest;
}

/// The trainer with dropout that keeps everything, as in export_networks.py.
test::GraphTrainer trainer_of(const Exported& e) {
  test::GraphTrainer trainer = graph_trainer(e.model.network, e.model.weights);
  for (size_t i = 0; i < e.model.network.layers.size(); ++i)
    if (e.model.network.layers[i].kind == LayerKind::dropout)
      trainer.ops()[i].keep.assign(e.labels.size() * e.model.network.layers[i].out.elements(), 1.0);
  return trainer;
}

void check_double(const std::string& name) {
  const Exported e = exported(name);
  test::GraphTrainer trainer = trainer_of(e);
  const size_t last = trainer.ops().size() - 1;
  trainer.forward(e.images, e.labels, false);
  CHECK(difference(e.inference, trainer.output(last).v) < 1e-9);
  trainer.forward(e.images, e.labels, true);
  CHECK(difference(e.training, trainer.output(last).v) < 1e-9);
  REQUIRE(e.losses.size() == 10);
  for (const double loss : e.losses) {
    const double sum = trainer.step(e.images, e.labels, {.learning_rate = kRate});
    CHECK(sum / static_cast<double>(e.labels.size()) == Approx(loss).epsilon(1e-9));
  }
  trainer.forward(e.images, e.labels, false);
  CHECK(difference(e.after, trainer.output(last).v) < 1e-9);
}

/// The same on the NPU's `reference` engine, compiled from the model.
void check_reference(const std::string& name) {
  Exported e = exported(name);
  for (NetLayer& layer : e.model.network.layers)
    if (layer.kind == LayerKind::dropout) layer.rate = 0.0;
  e.model.network.check();
  const auto images = static_cast<uint32_t>(e.labels.size());
  PackSpec spec;
  spec.images = data_path(name) + ".npz:pixels";
  spec.labels = data_path(name) + ".npz:labels";
  PlanOptions options;
  options.batch = images;
  options.arena_base = kArenaAddress;
  options.arena_bytes = kRigBytes - (3u << 20);
  npu::NpuConfig config;
  config.engine = "reference";
  PlanPlayer play(
      config,
      parse_plan(compile_plan(e.model.network, options,
                              plan_target("reference", static_cast<uint32_t>(config.buffer_bytes)), e.model.weights),
                 name),
      pack_data(spec));
  std::vector<uint32_t> batch;
  for (uint32_t i = 0; i < images; ++i) batch.push_back(i);
  const std::string logits = e.model.network.layers.back().name + ".y";
  const auto now = [&] {
    const std::vector<float> values = play.values(logits);
    return std::vector<double>(values.begin(), values.end());
  };
  play.evaluate(batch, sgd(0.0f));
  CHECK(difference(e.inference, now()) < 1e-4);
  for (const double expected : e.losses) {
    const npu_loss_record loss = play.train(batch, sgd(static_cast<float>(kRate)));
    CHECK(loss.loss_sum / images == Approx(expected).epsilon(1e-4));
  }
  play.evaluate(batch, sgd(0.0f));
  CHECK(difference(e.after, now()) < 1e-4);
}

}  // namespace

TEST_CASE("onnx torch: net S in double precision is PyTorch's, 10 steps of SGD included") {
  check_double("s");
}

TEST_CASE("onnx torch: ResNet-8 in double precision is PyTorch's, 10 steps of SGD included") {
  check_double("resnet8");
}

TEST_CASE("onnx torch: a DS-CNN in double precision is PyTorch's, 10 steps of SGD included") {
  check_double("dscnn");
}

TEST_CASE("onnx torch: every other operation in double precision is PyTorch's, 10 steps of SGD included") {
  check_double("mixture");
}

TEST_CASE("onnx torch: net S under the engine reference agrees with PyTorch, 10 steps of SGD included") {
  check_reference("s");
}

TEST_CASE("onnx torch: ResNet-8 under the engine reference agrees with PyTorch, 10 steps of SGD included") {
  check_reference("resnet8");
}

TEST_CASE("onnx torch: a DS-CNN under the engine reference agrees with PyTorch, 10 steps of SGD included") {
  check_reference("dscnn");
}

TEST_CASE(
    "onnx torch: every other operation under the engine reference agrees with PyTorch, 10 steps of SGD included") {
  check_reference("mixture");
}
