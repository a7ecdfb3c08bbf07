// The graph trainer is trusted because its gradients are those of its loss: central differences of every parameter and
// of the images, for every operation, over odd shapes.
#include "tests/support/graph_trainer.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <random>

using namespace backboard::test;

namespace {

double noise(std::mt19937& random) {
  return static_cast<double>(random()) / 2147483648.0 - 1.0;
}

GraphOp op_of(const std::string& op, const std::string& name, std::vector<int> sources) {
  GraphOp result;
  result.op = op;
  result.name = name;
  result.sources = std::move(sources);
  return result;
}

/// A head over `ops`, with random parameters.
GraphTrainer trainer_of(std::vector<GraphOp> ops, size_t c, size_t h, size_t w, bool squared, unsigned seed) {
  GraphOp head = op_of("fc", "head", {static_cast<int>(ops.size()) - 1});
  head.outputs = 3;
  ops.push_back(head);
  GraphTrainer trainer(ops, squared);
  std::mt19937 random(seed);
  // Shapes by a forward pass with parameters as large as any op of these tests could want.
  const auto fill = [&](const std::string& name, size_t count, double around, double scale) {
    std::vector<double>& values = trainer.parameters[name];
    values.resize(count);
    for (double& value : values) value = around + scale * noise(random);
  };
  for (const GraphOp& op : ops) {
    if (op.op == "conv") fill(op.name + ".weight", op.outputs * (c / op.groups) * op.kh * op.kw, 0, 0.5);
    if (op.op == "conv") fill(op.name + ".bias", op.outputs, 0, 0.3);
    if (op.op != "batchnorm") continue;
    fill(op.name + ".weight", c, 1, 0.3);
    fill(op.name + ".bias", c, 0, 0.3);
    fill(op.name + ".mean", c, 0, 0.3);
    fill(op.name + ".variance", c, 1, 0.3);
  }
  fill("head.weight", 3 * 4096, 0, 0.4);
  fill("head.bias", 3, 0, 0.3);
  trainer.forward(Maps(1, c, h, w), {0}, false);
  const Maps& last = trainer.output(ops.size() - 2);
  fill("head.weight", 3 * last.c * last.h * last.w, 0, 0.4);
  return trainer;
}

/// Largest difference between gradients and central differences over the largest gradient.
double gradient_error(GraphTrainer& trainer, Maps images, const std::vector<uint16_t>& labels) {
  trainer.forward(images, labels, true);
  const GraphTrainer::Arrays gradients = trainer.gradients(labels);
  const std::vector<double> of_images = trainer.image_error().v;
  double error = 0, largest = 0;
  const auto compare = [&](double& value, double gradient) {
    const double kept = value, h = 1e-6;
    value = kept + h;
    const double above = trainer.forward(images, labels, true);
    value = kept - h;
    const double below = trainer.forward(images, labels, true);
    value = kept;
    const double difference = (above - below) / (2 * h) / static_cast<double>(labels.size());
    error = std::max(error, std::fabs(difference - gradient));
    largest = std::max(largest, std::fabs(gradient));
  };
  for (const auto& [name, gradient] : gradients) {
    std::vector<double>& values = trainer.parameters.at(name);
    for (size_t i = 0; i < values.size(); i += values.size() / 12 + 1) compare(values[i], gradient[i]);
  }
  for (size_t i = 0; i < images.v.size(); i += images.v.size() / 12 + 1) compare(images.v[i], of_images[i]);
  REQUIRE(largest > 1e-4);
  return error / largest;
}

}  // namespace

TEST_CASE("gradients of every operation of the graph trainer agree with central differences") {
  for (const std::string name : {"batchnorm",
                                 "frozen",
                                 "relu",
                                 "relu6",
                                 "leakyrelu",
                                 "sigmoid",
                                 "tanh",
                                 "gelu",
                                 "maxpool",
                                 "maxpool cut off",
                                 "avgpool",
                                 "avgpool cut off",
                                 "avgpool without padding",
                                 "globalpool",
                                 "add",
                                 "concat",
                                 "dropout",
                                 "upsample",
                                 "conv",
                                 "depthwise"}) {
    for (const auto& [c, h, w] : std::vector<std::array<size_t, 3>>{{1, 1, 1}, {2, 3, 5}, {6, 7, 4}}) {
      for (const bool squared : {false, true}) {
        CAPTURE(name, c, h, w, squared);
        GraphOp op = op_of(name, "x", {-1});
        if (name == "frozen") op.op = "batchnorm", op.batch_moments = false;
        if (name == "add" || name == "concat") op.sources = {-1, -1};
        if (name == "conv" || name == "depthwise") {
          op.op = "conv", op.outputs = name == "conv" ? 4 : c, op.groups = name == "conv" ? (c % 2 == 0 ? 2 : 1) : c;
          op.kh = 2, op.kw = 3, op.ph = op.ph_end = 2, op.pw = 3, op.pw_end = 2, op.dh = 3, op.dw = 2, op.sh = 2;
        }
        if (name == "maxpool cut off")
          op.op = "maxpool", op.kh = 3, op.kw = 2, op.sh = 3, op.sw = 3, op.ph = op.pw = 1, op.ceil = true;
        if (name == "avgpool cut off")
          op.op = "avgpool", op.kh = 3, op.kw = 2, op.sh = 3, op.sw = 3, op.ph = op.pw = 1, op.ceil = true;
        if (name == "avgpool without padding")
          op.op = "avgpool", op.kh = op.kw = 3, op.sh = 2, op.ph = op.pw = 2, op.ceil = true, op.count_pad = false;
        if (name == "maxpool" || name == "avgpool") op.kh = 3, op.kw = 2, op.sh = 2, op.ph = 1, op.pw = 1;
        if (name == "upsample") op.kh = 2, op.kw = 3;
        std::mt19937 random(7);
        Maps images(3, c, h, w);
        for (double& value : images.v) value = (name == "relu6" ? 8 : 1) * noise(random);
        if (name == "dropout")
          for (size_t i = 0; i < images.v.size(); ++i) op.keep.push_back(random() % 2 ? 2.0 : 0.0);
        GraphTrainer trainer = trainer_of({op}, c, h, w, squared, 9);
        CHECK(gradient_error(trainer, images, {2, 0, 1}) < 1e-5);
      }
    }
  }
}

TEST_CASE("errors of several readers add up") {
  GraphOp first = op_of("tanh", "a", {-1}), second = op_of("sigmoid", "b", {0}), sum = op_of("add", "s", {0, 1});
  GraphOp both = op_of("concat", "j", {2, 0});
  GraphTrainer trainer = trainer_of({first, second, sum, both}, 2, 3, 2, false, 4);
  std::mt19937 random(3);
  Maps images(2, 2, 3, 2);
  for (double& value : images.v) value = noise(random);
  CHECK(gradient_error(trainer, images, {1, 2}) < 1e-5);
}

TEST_CASE("Nesterov's step is that of its definition") {
  GraphOp fc = op_of("fc", "f", {-1});
  fc.outputs = 2;
  fc.bias = false;
  GraphTrainer trainer({fc}, true);
  trainer.parameters["f.weight"] = {0.5, -0.25};
  Maps image(1, 1, 1, 1);
  image.v = {1.0};
  // loss = mean of (w - t)^2: gradient = w - t. t = (1, 0): g = (-0.5, -0.25).
  trainer.step(image, {0}, {.learning_rate = 0.1, .momentum = 0.5, .nesterov = true});
  // v = g; w -= 0.1 (g + 0.5 v) = 0.15 g.
  CHECK(trainer.parameters["f.weight"][0] == Approx(0.5 + 0.075));
  CHECK(trainer.parameters["f.weight"][1] == Approx(-0.25 + 0.0375));
}
