// Training on the NPU, commands by hand: `reference` against the independent trainer and finite differences, `lnpu`
// near it, and the bytes of the weights whatever the tile sizes, the fusing of commands and the host threads.
#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <memory>
#include <random>

#include "tests/npu/training/npu_rig.h"
#include "tests/npu/training/training_program.h"

using namespace backboard;
using namespace backboard::test;
using npu::TensorFormat;

namespace {

constexpr float kLossScale = 1024.0f;
const npu_hyper kHyper{0.01f, 0.9f, 1e-4f, 1.0f / kLossScale, kLossScale, 0, 0, 0};

/// Images that a network can learn: a bright bar whose place tells the class, over noise.
struct Data {
  std::vector<uint8_t> pixels, labels;
};

Data make_data(ImageSize size, uint32_t images, size_t classes, unsigned seed) {
  std::mt19937 random(seed);
  Data data{std::vector<uint8_t>(images * size.elements()), {}};
  for (uint32_t i = 0; i < images; ++i) {
    const size_t label = random() % classes;
    data.labels.push_back(static_cast<uint8_t>(label));
    for (size_t p = 0; p < size.elements(); ++p) {
      const size_t column = p % size.w;
      const bool bar = column * classes / size.w == label;
      data.pixels[i * size.elements() + p] = static_cast<uint8_t>(random() % 60 + (bar ? 150 : 0));
    }
  }
  return data;
}

void initialise(Trainer& trainer, unsigned seed) {
  std::mt19937 random(seed);
  const auto draw = [&] { return static_cast<double>(random()) / 2147483648.0 - 1.0; };
  for (size_t layer = 0; layer < trainer.layers(); ++layer) {
    auto& p = trainer.parameters(layer);
    const size_t outputs = trainer.size_before(layer + 1).c;
    for (double& w : p.weights)
      w = draw() * std::sqrt(6.0 * static_cast<double>(outputs) / static_cast<double>(p.weights.size()));
    for (double& b : p.bias) b = 0.1 * draw();
  }
}

/// A network, its data, the trainer and the NPU side by side.
struct Run {
  ImageSize size;
  std::vector<LayerSpec> layers;
  ProgramOptions options;
  Trainer trainer;
  NpuRig rig;
  TrainingProgram program;
  Data data;

  Run(const std::string& engine, ImageSize image, std::vector<LayerSpec> specs, ProgramOptions given,
      uint32_t threads = 1, uint64_t buffer_bytes = 372 * 1024)
      : size(image),
        layers(std::move(specs)),
        options(given),
        trainer(size, layers),
        rig(config(engine, threads, buffer_bytes)),
        program(rig.memory(), FlatMemory::kBase, size, layers, options),
        data(make_data(size, options.images, trainer.classes(), 5)) {
    initialise(trainer, 17);
    program.set_images(data.pixels);
    program.set_parameters(trainer);
    program.set_hyper(kHyper);
    rig.run(program.prepare());
  }

  static npu::NpuConfig config(const std::string& engine, uint32_t threads, uint64_t buffer_bytes) {
    npu::NpuConfig c;
    c.engine = engine;
    c.host_threads = threads;
    c.buffer_bytes = buffer_bytes;
    return c;
  }

  /// Images of step `step`: every image once, in an order that is not that of the data set.
  std::vector<uint32_t> batch(uint32_t step) const {
    std::vector<uint32_t> images;
    for (uint32_t i = 0; i < options.batch; ++i) images.push_back((step * options.batch + i) * 7 % options.images);
    return images;
  }
  std::vector<uint8_t> labels(uint32_t step) const {
    std::vector<uint8_t> result;
    for (const uint32_t i : batch(step)) result.push_back(data.labels[i]);
    return result;
  }
  /// The same images as numbers: byte * scale, as the NPU's format U8 says.
  std::vector<double> values(uint32_t step) const {
    std::vector<double> result;
    for (const uint32_t i : batch(step))
      for (size_t p = 0; p < size.elements(); ++p)
        result.push_back(static_cast<float>(data.pixels[i * size.elements() + p]) * options.pixel_scale);
    return result;
  }
  void npu_step(uint32_t step) {
    program.set_batch(batch(step), labels(step));
    rig.run(program.step());
  }
  BatchLoss trainer_step(uint32_t step) {
    const SgdOptions sgd{static_cast<double>(kHyper.learning_rate),
                         options.momentum ? static_cast<double>(kHyper.momentum) : 0.0,
                         static_cast<double>(kHyper.weight_decay)};
    return trainer.step(values(step), labels(step), sgd);
  }
  /// Largest relative difference of any parameter tensor.
  double difference() const {
    double largest = 0.0;
    for (size_t layer = 0; layer < layers.size(); ++layer) {
      largest = std::max(largest, relative_difference(trainer.parameters(layer).weights, program.weights(layer)));
      largest = std::max(largest, relative_difference(trainer.parameters(layer).bias, program.bias(layer)));
    }
    return largest;
  }
  /// Bytes of all parameters and momenta.
  std::vector<float> parameters() const {
    std::vector<float> all;
    for (size_t layer = 0; layer < layers.size(); ++layer)
      for (const auto& tensor : {program.weights(layer), program.bias(layer), program.weight_momentum(layer)})
        all.insert(all.end(), tensor.begin(), tensor.end());
    return all;
  }
};

constexpr ImageSize kDigit{1, 28, 28};

bool same_bytes(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Parameters after `steps` steps of net S.
std::vector<float> train(const std::string& engine, const ProgramOptions& options, uint32_t steps, uint32_t threads = 1,
                         uint64_t buffer_bytes = 372 * 1024) {
  Run run(engine, kDigit, net_s(), options, threads, buffer_bytes);
  const std::vector<float> before = run.parameters();
  for (uint32_t step = 0; step < steps; ++step) run.npu_step(step);
  REQUIRE_FALSE(same_bytes(before, run.parameters()));
  return run.parameters();
}

ProgramOptions lnpu_options(bool coded) {
  ProgramOptions options;
  options.activation = coded ? TensorFormat::kFGMP : TensorFormat::kFP16;
  options.error = options.activation;
  options.weight = TensorFormat::kFP16;
  options.activation_threshold = 0.25f;
  options.error_threshold = 4.0f;  // errors carry the loss scale
  return options;
}

}  // namespace

TEST_CASE("reference: 20 steps of net S agree with the double-precision trainer to 1e-4, with and without momentum") {
  for (const bool momentum : {false, true}) {
    ProgramOptions options;
    options.momentum = momentum;
    Run run("reference", kDigit, net_s(), options);
    for (uint32_t step = 0; step < 20; ++step) {
      run.npu_step(step);
      const BatchLoss expected = run.trainer_step(step);
      const npu_loss_record found = run.program.loss();
      INFO("step " << step);
      CHECK(std::fabs(static_cast<double>(found.loss_sum) - expected.loss_sum) < 1e-5 * (1.0 + expected.loss_sum));
      CHECK(found.correct == expected.correct);
    }
    INFO("largest relative difference " << run.difference());
    CHECK(run.difference() < 1e-4);
  }
}

TEST_CASE("reference: gradients of net S agree with finite differences of the loss") {
  ProgramOptions options;
  options.fuse_update = false;
  Run run("reference", kDigit, net_s(), options);
  Trainer& t = run.trainer;
  run.npu_step(0);
  const auto images = run.values(0);
  const auto labels = run.labels(0);
  const auto check = [&](std::vector<double>& parameters, const std::vector<float>& gradient) {
    REQUIRE(gradient.size() == parameters.size());
    double error = 0.0, largest = 0.0;
    const size_t step = parameters.size() / 40 + 1;
    for (size_t i = 0; i < parameters.size(); i += step) {
      const double kept = parameters[i], h = 1e-5;
      parameters[i] = kept + h;
      const double above = t.evaluate(images, labels).loss_sum;
      parameters[i] = kept - h;
      const double below = t.evaluate(images, labels).loss_sum;
      parameters[i] = kept;
      const double expected = (above - below) / (2 * h) / options.batch;
      error = std::max(error, std::fabs(expected - static_cast<double>(gradient[i]) / kLossScale));
      largest = std::max(largest, std::fabs(expected));
    }
    CHECK(largest > 0.0);
    CHECK(error < 1e-4 * largest);
  };
  for (size_t layer = 0; layer < run.layers.size(); ++layer) {
    if (t.parameters(layer).weights.empty()) continue;
    INFO("layer " << layer);
    check(t.parameters(layer).weights, run.program.weight_gradient(layer));
    check(t.parameters(layer).bias, run.program.bias_gradient(layer));
  }
}

TEST_CASE("reference: every kind of layer, uneven windows and odd sizes agree with the trainer") {
  LayerSpec uneven = LayerSpec::conv(5, 3, 2, 1);
  uneven.kernel_w = 2;
  uneven.pad_w = 0;
  uneven.stride_w = 1;
  const LayerSpec relu{};
  const std::vector<std::vector<LayerSpec>> networks = {
      {uneven, relu, LayerSpec::pool(LayerKind::max_pool, 3, 2, 1), LayerSpec::conv(7, 3, 1, 1), relu,
       LayerSpec::pool(LayerKind::global_pool, 1, 1), LayerSpec::fc(4)},
      {LayerSpec::conv(6, 5, 1, 2), relu, LayerSpec::pool(LayerKind::average_pool, 3, 2, 1),
       LayerSpec::conv(3, 1, 2, 0), relu, LayerSpec::fc(9), relu, LayerSpec::fc(5)},
  };
  for (const auto& layers : networks)
    for (const bool fused : {false, true}) {
      ProgramOptions options;
      options.fuse_elementwise = fused;
      options.batch = 3;
      options.images = 12;
      Run run("reference", {2, 13, 11}, layers, options);
      for (uint32_t step = 0; step < 4; ++step) {
        run.npu_step(step);
        run.trainer_step(step);
      }
      INFO("largest relative difference " << run.difference());
      CHECK(run.difference() < 1e-5);
    }
}

TEST_CASE("an update at write-back, and bias, ReLU and masks at write-back, give the bytes of commands of their own") {
  ProgramOptions fused;
  fused.momentum = true;
  ProgramOptions update_apart = fused, elements_apart = fused;
  update_apart.fuse_update = false;
  elements_apart.fuse_elementwise = false;
  const auto expected = train("reference", fused, 3);
  CHECK(same_bytes(train("reference", update_apart, 3), expected));
  CHECK(same_bytes(train("reference", elements_apart, 3), expected));

  ProgramOptions low = lnpu_options(true), low_apart = low;
  low_apart.fuse_update = false;
  CHECK(same_bytes(train("lnpu", low, 3), train("lnpu", low_apart, 3)));
}

TEST_CASE("tile sizes, the local buffer and host threads never change a byte of the weights") {
  for (const std::string engine : {"reference", "lnpu"}) {
    INFO(engine);
    const ProgramOptions plain = engine == "lnpu" ? lnpu_options(false) : ProgramOptions{};
    const auto expected = train(engine, plain, 2);
    const uint16_t tiles[][4] = {{3, 0, 0, 0}, {0, 2, 0, 1}, {0, 0, 5, 0}, {0, 0, 0, 3}, {7, 5, 3, 1}, {1, 1, 1, 1}};
    for (const auto& tile : tiles) {
      ProgramOptions options = plain;
      options.tile_k = tile[0];
      options.tile_rows = tile[1];
      options.tile_c = tile[2];
      options.tile_n = tile[3];
      INFO("tile k " << tile[0] << " rows " << tile[1] << " c " << tile[2] << " n " << tile[3]);
      CHECK(same_bytes(train(engine, options, 2), expected));
    }
    CHECK(same_bytes(train(engine, plain, 2, 2), expected));
    CHECK(same_bytes(train(engine, plain, 2, 1, 48 * 1024), expected));
  }
}

TEST_CASE("lnpu: coded tensors give the weights of any tiles and threads too") {
  const ProgramOptions plain = lnpu_options(true);
  const auto expected = train("lnpu", plain, 2);
  ProgramOptions images = plain;
  images.tile_n = 1;
  CHECK(same_bytes(train("lnpu", images, 2), expected));
  CHECK(same_bytes(train("lnpu", plain, 2, 2), expected));
  CHECK(same_bytes(train("lnpu", plain, 2, 1, 64 * 1024), expected));
}

TEST_CASE("lnpu: 20 steps of net S stay near the trainer, nearer in FP16 than in FGMP") {
  double difference[2] = {};
  for (const bool coded : {false, true}) {
    Run run("lnpu", kDigit, net_s(), lnpu_options(coded));
    double expected = 0.0, found = 0.0;
    for (uint32_t step = 0; step < 20; ++step) {
      run.npu_step(step);
      expected += run.trainer_step(step).loss_sum;
      found += static_cast<double>(run.program.loss().loss_sum);
    }
    difference[coded] = run.difference();
    INFO("largest relative difference " << run.difference() << ", losses " << expected << " and " << found);
    CHECK(run.difference() > 0.0);
    CHECK(run.difference() < (coded ? 5e-2 : 5e-3));
    CHECK(std::fabs(found - expected) < (coded ? 2e-2 : 2e-3) * expected);
  }
  CHECK(difference[0] < difference[1]);
}
