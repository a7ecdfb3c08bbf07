// Plans played on the NPU: what is compiled trains.
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "platform/config/config.h"
#include "tests/support/trainer.h"
#include "tests/sw/plan/plan_player.h"
#include "tests/sw/plan/plans.h"

using namespace backboard;
using namespace backboard::sw_test;

namespace {

PackSpec digits(uint32_t count) {
  PackSpec spec = load_config<PackSpec>(kSource + "/configs/data/optdigits_100.yaml");
  spec.subset.count = count;
  return spec;
}

npu::NpuConfig npu_config(const std::string& engine, uint64_t buffer_bytes = 372 * 1024) {
  npu::NpuConfig config;
  config.engine = engine;
  config.buffer_bytes = buffer_bytes;
  return config;
}

PlanOptions rig_options(uint32_t batch) {
  PlanOptions options;
  options.batch = batch;
  options.arena_base = kArenaAddress;
  options.arena_bytes = kRigBytes - (3u << 20);
  return options;
}

PlanPlayer player(const Network& network, const PlanOptions& options, const std::string& engine, const PackSpec& spec,
                  uint32_t seed = 1) {
  const PlanTarget target = plan_target(engine, 372 * 1024);
  return PlanPlayer(npu_config(engine),
                    parse_plan(compile_plan(network, options, target, initial_weights(network, seed)), "plan"),
                    pack_data(spec));
}

std::vector<test::LayerSpec> specs_of(const Network& network) {
  std::vector<test::LayerSpec> specs;
  for (const NetLayer& layer : network.layers) {
    test::LayerSpec spec;
    switch (layer.kind) {
      case LayerKind::conv:
        spec.kind = test::LayerKind::convolution;
        break;
      case LayerKind::fc:
        spec.kind = test::LayerKind::fully_connected;
        break;
      case LayerKind::relu:
        spec.kind = test::LayerKind::relu;
        break;
      case LayerKind::maxpool:
        spec.kind = test::LayerKind::max_pool;
        break;
      case LayerKind::avgpool:
        spec.kind = test::LayerKind::average_pool;
        break;
      case LayerKind::globalpool:
        spec.kind = test::LayerKind::global_pool;
        break;
      default:
        FAIL("the chain trainer knows no " << name_of(layer.kind));
    }
    spec.outputs = layer.channels;
    spec.kernel_h = layer.kernel_h;
    spec.kernel_w = layer.kernel_w;
    spec.stride_h = layer.stride_h;
    spec.stride_w = layer.stride_w;
    spec.pad_h = layer.pad_h;
    spec.pad_w = layer.pad_w;
    spec.bias = layer.bias;
    specs.push_back(spec);
  }
  return specs;
}

std::vector<double> doubles(const Array& array) {
  std::vector<double> values(array.elements());
  for (uint64_t i = 0; i < values.size(); ++i) values[i] = array.at(i);
  return values;
}

/// The independent trainer with a network's weights.
test::Trainer trainer_of(const Network& network, const Arrays& weights) {
  test::Trainer trainer({network.input.channels, network.input.rows, network.input.columns}, specs_of(network));
  for (size_t i = 0; i < network.layers.size(); ++i) {
    const NetLayer& layer = network.layers[i];
    if (!layer.has_weights()) continue;
    trainer.parameters(i).weights = doubles(weights.at(layer.name + ".weight"));
    if (layer.bias) trainer.parameters(i).bias = doubles(weights.at(layer.name + ".bias"));
  }
  return trainer;
}

double largest_difference(const Network& network, const test::Trainer& trainer, const Arrays& weights) {
  double largest = 0;
  for (size_t i = 0; i < network.layers.size(); ++i) {
    const NetLayer& layer = network.layers[i];
    if (!layer.has_weights()) continue;
    largest = std::max(
        largest, test::relative_difference(trainer.parameters(i).weights, weights.at(layer.name + ".weight").floats()));
    if (layer.bias)
      largest = std::max(
          largest, test::relative_difference(trainer.parameters(i).bias, weights.at(layer.name + ".bias").floats()));
  }
  return largest;
}

PackSpec spec_for(const Network& network, uint32_t count) {
  PackSpec spec = digits(count);
  if (network.input.rows != 28) {
    spec.resize = {network.input.rows, network.input.columns};
    spec.pad = {};
  }
  return spec;
}

/// Images (n, c, h, w) of a batch as numbers, one channel.
std::vector<double> batch_values(const DataSet& data, std::span<const uint32_t> images) {
  std::vector<double> values;
  for (const uint32_t image : images)
    for (uint64_t i = 0; i < data.shape.elements(); ++i)
      values.push_back(
          static_cast<double>(static_cast<float>(data.images[image * data.shape.elements() + i]) * data.scale));
  return values;
}

/// Odd sizes and every kind of layer, one input channel.
Network uneven_net() {
  return parse_network(
      "name: uneven\ninput: {channels: 1, rows: 21, columns: 18}\nlayers:\n"
      "  - {type: conv, channels: 5, kernel: 3, pad: 1, bias: off}\n  - {type: relu}\n  - {type: avgpool, kernel: 2}\n"
      "  - {type: conv, channels: 6, kernel: [3, 2], stride: 2, pad: [1, 0]}\n"
      "  - {type: maxpool, kernel: 3, stride: 2, pad: 1}\n  - {type: relu}\n"
      "  - {type: conv, channels: 7, kernel: 1}\n  - {type: relu}\n  - {type: maxpool, kernel: 2, stride: 1}\n"
      "  - {type: fc, channels: 9}\n  - {type: relu}\n  - {type: fc, channels: 10}\n",
      "uneven.yaml");
}

Arrays weights_after(const Network& network, const PlanOptions& options, const std::string& engine, uint32_t epochs,
                     const npu_hyper& hyper, uint32_t images = 20) {
  PlanPlayer play = player(network, options, engine, spec_for(network, images));
  for (uint32_t i = 0; i < epochs; ++i) play.train_epoch(hyper);
  return play.weights();
}

bool equal(const Arrays& a, const Arrays& b) {
  bool same = a.size() == b.size();
  for (const auto& [name, array] : a) same = same && b.at(name).bytes == array.bytes;
  return same;
}

}  // namespace

TEST_CASE("reference: 20 steps of compiled plans agree with the independent trainer to 1e-4, fused or not") {
  for (const Network& network : {net_s(), uneven_net()}) {
    for (const Fusion fused : {Fusion::on, Fusion::off}) {
      CAPTURE(network.name, fused == Fusion::on);
      PlanOptions options = rig_options(8);
      options.fused = fused;
      options.momentum = true;
      PlanPlayer play = player(network, options, "reference", spec_for(network, 40));
      test::Trainer trainer = trainer_of(network, initial_weights(network, 1));
      const npu_hyper hyper = sgd(0.02f, 256.0f, 0.5f);
      for (uint32_t step = 0; step < 20; ++step) {
        std::vector<uint32_t> images;
        std::vector<uint8_t> labels;
        // Every fifth batch is not full.
        for (uint32_t i = 0; i < (step % 5 == 4 ? 5u : 8u); ++i) images.push_back((step * 7 + i * 3) % 40);
        for (const uint32_t image : images) labels.push_back(play.data().labels[image]);
        const npu_loss_record loss = play.train(images, hyper);
        const test::BatchLoss expected =
            trainer.step(batch_values(play.data(), images), labels, {.learning_rate = 0.02f, .momentum = 0.5});
        CHECK(loss.loss_sum == Approx(expected.loss_sum).epsilon(1e-4));
        CHECK(loss.correct == expected.correct);
      }
      CHECK(largest_difference(network, trainer, play.weights()) < 1e-4);
    }
  }
}

TEST_CASE("fused and separate updates give the same weights") {
  for (const char* engine : {"reference", "lnpu"}) {
    PlanOptions options = rig_options(8);
    options.momentum = true;
    const npu_hyper hyper = sgd(0.02f, 128.0f, 0.9f);
    options.fused = Fusion::on;
    const Arrays fused = weights_after(net_s(), options, engine, 2, hyper);
    options.fused = Fusion::off;
    CHECK(equal(fused, weights_after(net_s(), options, engine, 2, hyper)));
  }
}

TEST_CASE("tile sizes do not change a weight") {
  for (const char* engine : {"reference", "lnpu"}) {
    for (const Network& network : {net_s(), uneven_net()}) {
      PlanOptions options = rig_options(6);
      const npu_hyper hyper = sgd(0.02f, 128.0f);
      const Arrays chosen = weights_after(network, options, engine, 2, hyper);
      for (const PlanTiles& tiles : {PlanTiles{4, 5, 3, 1}, PlanTiles{7, 3, 100, 4}, PlanTiles{0, 9, 0, 2}}) {
        options.tiles = tiles;
        CAPTURE(engine, network.name, tiles.k, tiles.rows, tiles.c, tiles.n);
        CHECK(equal(chosen, weights_after(network, options, engine, 2, hyper)));
      }
    }
  }
}

TEST_CASE("formats that hold the same numbers give the same weights") {
  // FP16 with a zero bitmap, and FGMP whose threshold makes every element high, hold what dense FP16 holds.
  PlanOptions options = rig_options(8);
  const npu_hyper hyper = sgd(0.02f, 128.0f);
  options.formats.all = "fp16";
  const Arrays dense = weights_after(net_s(), options, "lnpu", 2, hyper);
  options.formats.all = "fp16z";
  CHECK(equal(dense, weights_after(net_s(), options, "lnpu", 2, hyper)));
  options.formats.all = "fgmp";
  options.thresholds = {0.0f, 0.0f, 0.0f, 0.0f};
  CHECK(equal(dense, weights_after(net_s(), options, "lnpu", 2, hyper)));
  options.thresholds = {};
  CHECK(!equal(dense, weights_after(net_s(), options, "lnpu", 2, hyper)));
}

TEST_CASE("a policy trains its parameters and no other") {
  const Network network = net_s();
  const Arrays first = initial_weights(network, 1);
  const std::vector<std::pair<std::string, std::set<std::string>>> cases = {
      {"last:1", {"fc2.weight", "fc2.bias"}},
      {"last:2", {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}},
      {"bias", {"conv1.bias", "conv2.bias", "conv3.bias", "fc1.bias", "fc2.weight", "fc2.bias"}},
  };
  for (const char* engine : {"reference", "lnpu"}) {
    for (const auto& [policy, trained] : cases) {
      PlanOptions options = rig_options(8);
      options.policy = policy;
      const Arrays after = weights_after(network, options, engine, 1, sgd(0.05f, 128.0f));
      for (const auto& [name, array] : first) {
        CAPTURE(engine, policy, name);
        CHECK((after.at(name).bytes != array.bytes) == (trained.count(name) == 1));
      }
    }
  }
}

TEST_CASE("a frozen policy's step equals the full step's for what both train") {
  // Freezing drops commands; it must not change the gradient of what is left.
  PlanOptions options = rig_options(8);
  const Arrays full = weights_after(net_s(), options, "reference", 1, sgd(0.05f), 8);
  options.policy = "last:2";
  const Arrays last = weights_after(net_s(), options, "reference", 1, sgd(0.05f), 8);
  for (const char* name : {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"})
    CHECK(full.at(name).bytes == last.at(name).bytes);
}

TEST_CASE("both engines learn 40 digits from scratch in compiled plans") {
  for (const char* engine : {"reference", "lnpu"}) {
    for (const char* file : {"mlp.yaml", "s.yaml"}) {
      CAPTURE(engine, file);
      PlanOptions options = rig_options(8);
      options.momentum = true;
      PlanPlayer play = player(load_network(kSource + "/configs/nets/" + file), options, engine, digits(40));
      const double before = play.accuracy();
      const double first = play.train_epoch(sgd(0.02f, 1024.0f, 0.9f));
      double last = first;
      for (int epoch = 0; epoch < 24; ++epoch) last = play.train_epoch(sgd(0.02f, 1024.0f, 0.9f));
      CHECK(before < 0.5);
      CHECK(last < 0.3 * first);
      CHECK(play.accuracy() > 0.9);
    }
  }
}

TEST_CASE("statistics of coded tensors count their elements, zeros and classes") {
  PlanPlayer play = player(net_s(), rig_options(8), "lnpu", digits(40));
  play.train_epoch(sgd(0.02f));
  for (const auto& [name, elements] : std::vector<std::pair<std::string, uint32_t>>{{"conv1.y", 8 * 8 * 28 * 28},
                                                                                    {"maxpool3.y", 8 * 288},
                                                                                    {"maxpool3.dy.flat", 8 * 288},
                                                                                    {"conv2.weight.c", 1152}}) {
    CAPTURE(name);
    const npu_tensor_statistics record = play.statistics(name);
    CHECK(record.elements == elements);
    CHECK(record.zeros + record.low + record.high == elements);
    CHECK(record.nonfinite == 0);
    CHECK(record.low > 0);
  }
  CHECK(play.statistics("conv1.y").zeros > 8 * 8 * 28 * 28 / 5);
}
