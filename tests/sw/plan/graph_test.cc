// Networks that are graphs, compiled and played on the NPU, against the independent trainer in double precision.
#include <catch2/catch.hpp>

#include "npu/sgd/random_stream.h"
#include "sw/plan/policy_report.h"
#include "tests/sw/plan/graph_reference.h"
#include "tests/sw/plan/plan_player.h"
#include "tests/sw/plan/plans.h"

using namespace backboard;
using namespace backboard::sw_test;

namespace {

/// A network around `layers` that read (channels, rows, columns) from layer `body`, so that an error must go through
/// them; `head` reads the last of them.
Network around(const std::string& layers, uint32_t channels, uint32_t rows, uint32_t columns,
               const std::string& loss = "softmax_ce") {
  return parse_network("name: x\nloss: " + loss + "\ninput: {channels: 2, rows: " + std::to_string(rows) +
                           ", columns: " + std::to_string(columns) +
                           "}\nlayers:\n  - {type: conv, name: body, channels: " + std::to_string(channels) +
                           ", kernel: 1}\n" + layers + "  - {type: fc, name: head, channels: 3}\n",
                       "graph.yaml");
}

PlanOptions rig_options(uint32_t batch) {
  PlanOptions options;
  options.batch = batch;
  options.arena_base = kArenaAddress;
  options.arena_bytes = kRigBytes - (3u << 20);
  return options;
}

npu::NpuConfig npu_config(const std::string& engine, uint64_t buffer_bytes = 372 * 1024) {
  npu::NpuConfig config;
  config.engine = engine;
  config.buffer_bytes = buffer_bytes;
  return config;
}

PlanPlayer player(const Network& network, const PlanOptions& options, const std::string& engine, const Arrays& weights,
                  uint32_t images, uint64_t buffer_bytes = 372 * 1024) {
  const PlanTarget target = plan_target(engine, static_cast<uint32_t>(buffer_bytes));
  return PlanPlayer(npu_config(engine, buffer_bytes),
                    parse_plan(compile_plan(network, options, target, weights), "plan"),
                    random_image_set(network, images, 5));
}

/// Steps on the NPU and in the trainer; gives the largest difference between their parameters.
double difference_after(const Network& network, PlanOptions options, uint32_t steps, uint32_t images_a_step,
                        const std::string& engine = "reference") {
  const Arrays weights = random_weights(network, 3);
  PlanPlayer play = player(network, options, engine, weights, 12);
  test::GraphTrainer trainer = graph_trainer(network, weights);
  npu_hyper hyper = sgd(0.05f, 64.0f, options.momentum ? 0.5f : 0.0f);
  hyper.seed = 11;
  for (uint32_t step = 0; step < steps; ++step) {
    std::vector<uint32_t> images;
    for (uint32_t i = 0; i < images_a_step; ++i) images.push_back((step * 5 + i * 3) % 12);
    hyper.step = step;
    const npu_loss_record loss = play.train(images, hyper);
    const double expected = trainer.step(batch_maps(play.data(), images), batch_labels(play.data(), images),
                                         {.learning_rate = 0.05, .momentum = options.momentum ? 0.5 : 0.0});
    CHECK(loss.loss_sum == Approx(expected).epsilon(1e-4));
  }
  return largest_difference(trainer, play.weights(), 1e-2);
}

/// Everything that joins, normalises and activates, in one small network of odd sizes.
const char* const kMixture =
    "  - {type: batchnorm, name: n1}\n  - {type: relu, name: r1}\n"
    "  - {type: conv, name: c2, channels: 6, kernel: 3, pad: 1, groups: 3, bias: off}\n"
    "  - {type: batchnorm, name: n2, epsilon: 0.001, momentum: 0.2}\n"
    "  - {type: add, name: s1, inputs: [n2, r1]}\n  - {type: relu6, name: r2}\n"
    "  - {type: conv, name: c3, channels: 6, kernel: 3, pad: 2, dilation: 2, groups: 6}\n"
    "  - {type: leakyrelu, name: l1, slope: 0.125}\n"
    "  - {type: conv, name: c4, inputs: [r2], channels: 5, kernel: 1}\n  - {type: sigmoid, name: g1}\n"
    "  - {type: concat, name: j1, inputs: [l1, g1]}\n"
    "  - {type: avgpool, name: p1, kernel: 2}\n  - {type: upsample, name: u1, kernel: 2}\n"
    "  - {type: conv, name: c5, channels: 4, kernel: 3, stride: 2}\n  - {type: tanh, name: t1}\n";

}  // namespace

TEST_CASE("every operation trains as the independent trainer does, over odd shapes") {
  const std::pair<const char*, const char*> operations[] = {
      {"batchnorm", "  - {type: batchnorm}\n"},
      {"batchnorm relu", "  - {type: batchnorm}\n  - {type: relu}\n"},
      {"batchnorm that keeps gamma and beta", "  - {type: batchnorm, affine: off}\n  - {type: relu}\n"},
      {"batchnorm by running moments", "  - {type: batchnorm, moments: running}\n"},
      {"frozen batchnorm", "  - {type: batchnorm, affine: off, moments: running}\n  - {type: relu6}\n"},
      {"relu6", "  - {type: relu6}\n"},
      {"relu6 apart", "  - {type: tanh}\n  - {type: relu6}\n"},
      {"leaky", "  - {type: leakyrelu}\n"},
      {"sigmoid", "  - {type: sigmoid}\n"},
      {"tanh", "  - {type: tanh}\n"},
      {"gelu", "  - {type: gelu}\n"},
      {"gelu of what is read twice",
       "  - {type: relu, name: r}\n  - {type: gelu, name: g}\n  - {type: add, inputs: [g, r]}\n"},
      {"gelu twice", "  - {type: gelu}\n  - {type: gelu}\n"},
      {"globalpool", "  - {type: globalpool}\n"},
      {"avgpool of the whole map, also beyond the largest window", "  - {type: avgpool, kernel: [ROWS, COLUMNS]}\n"},
      {"maxpool that is cut off", "  - {type: maxpool, kernel: [3, 2], stride: [2, 3], pad: 1, ceil: on}\n"},
      {"avgpool that is cut off", "  - {type: avgpool, kernel: [3, 2], stride: [2, 3], pad: 1, ceil: on}\n"},
      {"avgpool that leaves padding out",
       "  - {type: avgpool, kernel: 3, stride: [1, 2], pad: [2, 1], count_include_pad: off}\n"},
      {"avgpool that leaves padding out and is cut off",
       "  - {type: avgpool, kernel: [2, 3], stride: [3, 2], pad: 1, ceil: on, count_include_pad: off}\n"},
      {"upsample", "  - {type: upsample, kernel: [2, 3]}\n"},
      {"add", "  - {type: conv, name: a, channels: CH, kernel: 1}\n  - {type: add, inputs: [a, body]}\n"},
      {"add relu",
       "  - {type: conv, name: a, channels: CH, kernel: 1}\n  - {type: add, inputs: [body, a]}\n"
       "  - {type: relu}\n"},
      {"add of one", "  - {type: relu, name: r}\n  - {type: add, inputs: [r, r]}\n"},
      {"concat",
       "  - {type: conv, name: a, channels: 3, kernel: 1}\n  - {type: relu}\n"
       "  - {type: concat, inputs: [relu1, body]}\n"},
      {"depthwise", "  - {type: conv, channels: CH, kernel: 3, pad: 1, groups: CH}\n"},
      {"depthwise stride", "  - {type: conv, channels: CH, kernel: [1, 2], pad: [0, 1], stride: 2, groups: CH}\n"},
      {"dilation", "  - {type: conv, channels: 4, kernel: [2, 3], pad: [2, 3], dilation: [3, 2]}\n"},
      {"padding that is uneven", "  - {type: conv, channels: 5, kernel: [4, 3], pad: [0, 2, 3, 0], stride: 2}\n"},
      {"depthwise padding that is uneven",
       "  - {type: conv, channels: CH, kernel: 3, pad: [2, 0, 0, 2], stride: [1, 2], groups: CH}\n"},
  };
  const std::array<uint32_t, 3> shapes[] = {{1, 1, 1}, {2, 3, 5}, {7, 1, 17}, {13, 11, 2}, {16, 15, 16}, {17, 16, 33}};
  for (const auto& [name, layers] : operations) {
    for (const auto& [channels, rows, columns] : shapes) {
      std::string text = layers;
      const std::pair<std::string, uint32_t> sizes[] = {{"CH", channels}, {"ROWS", rows}, {"COLUMNS", columns}};
      for (const auto& [word, size] : sizes)
        for (size_t at; (at = text.find(word)) != std::string::npos;)
          text.replace(at, word.size(), std::to_string(size));
      for (const uint32_t batch : {3u, 5u}) {
        CAPTURE(name, channels, rows, columns, batch);
        const Network network = around(text, channels, rows, columns);
        // A channel of one element has no variance: its normalised value is noise over epsilon.
        CHECK(difference_after(network, rig_options(batch), 1, batch) < 1e-4);
      }
    }
  }
}

TEST_CASE("a network of every join, activation and normalisation agrees after ten steps, fused or not") {
  const Network network = around(kMixture, 6, 9, 8);
  for (const Fusion fused : {Fusion::on, Fusion::off}) {
    PlanOptions options = rig_options(4);
    options.fused = fused;
    options.momentum = true;
    CHECK(difference_after(network, options, 10, 4) < 1e-4);
  }
}

TEST_CASE("normalisations that keep gamma and beta, or their moments, agree after ten steps, fused or not") {
  std::string layers = kMixture;
  layers.insert(layers.find("name: n1") + 8, ", affine: off");
  layers.insert(layers.find("name: n2") + 8, ", moments: running");
  const Network network = around(layers, 6, 9, 8);
  for (const Fusion fused : {Fusion::on, Fusion::off}) {
    PlanOptions options = rig_options(4);
    options.fused = fused;
    options.momentum = true;
    CHECK(difference_after(network, options, 10, 4) < 1e-4);
  }
  // What stays is the same bytes, under any policy; moments follow what the policy says of gamma.
  const Arrays weights = random_weights(network, 3);
  for (const std::string policy : {"full", "bn", "bias"}) {
    PlanOptions options = rig_options(4);
    options.policy = policy;
    PlanPlayer play = player(network, options, "reference", weights, 12);
    play.train(std::vector<uint32_t>{0, 1, 2, 3}, sgd(0.05f));
    const Arrays after = play.weights();
    const auto stays = [&](const char* array) { return after.at(array).bytes == weights.at(array).bytes; };
    CAPTURE(policy);
    CHECK((stays("n1.weight") && stays("n1.bias") && stays("n2.mean") && stays("n2.variance")));
    CHECK(stays("n1.mean") == (policy == "bias"));
    CHECK(stays("n2.weight") == (policy == "bias"));
    CHECK_FALSE(stays("n2.bias"));
  }
  PlanOptions several = rig_options(4);
  several.accumulate = 2;
  CHECK_THROWS_WITH(player(network, several, "reference", weights, 12),
                    Catch::Contains("layer n1: a batch normalisation with the moments of its batch cannot add"));
}

TEST_CASE("images that pad a batch count neither for the moments nor for the gradients") {
  const Network network = around(kMixture, 6, 9, 8);
  CHECK(difference_after(network, rig_options(6), 4, 4) < 1e-4);
}

TEST_CASE("mean squared error trains as the independent trainer does") {
  for (const char* loss : {"mse", "softmax_ce"})
    CHECK(difference_after(around("  - {type: tanh}\n", 3, 4, 5, loss), rig_options(5), 3, 4) < 1e-4);
}

TEST_CASE("257 and 1000 classes train as the independent trainer does") {
  for (const uint32_t classes : {256u, 257u, 1000u}) {
    for (const char* loss : {"softmax_ce", "mse"}) {
      CAPTURE(classes, loss);
      const Network network = parse_network("name: wide\nloss: " + std::string(loss) +
                                                "\ninput: {channels: 2, rows: 5, columns: 4}\nlayers:\n"
                                                "  - {type: conv, name: c1, channels: 7, kernel: 3}\n  - {type: relu}\n"
                                                "  - {type: fc, name: head, channels: " +
                                                std::to_string(classes) + "}\n",
                                            "wide.yaml");
      CHECK(difference_after(network, rig_options(5), 4, 4) < 1e-4);
    }
  }
}

TEST_CASE("tile sizes, buffers and host threads do not change a byte of a graph's weights") {
  const Network network = around(kMixture, 6, 9, 8);
  for (const char* engine : {"reference", "lnpu"}) {
    const auto after = [&](const PlanTiles& tiles, uint64_t buffer_bytes) {
      PlanOptions options = rig_options(5);
      options.tiles = tiles;
      PlanPlayer play = player(network, options, engine, random_weights(network, 3), 10, buffer_bytes);
      for (int epoch = 0; epoch < 2; ++epoch) play.train_epoch(sgd(0.05f, 64.0f));
      return play.weights();
    };
    const Arrays whole = after({}, 372 * 1024);
    for (const uint64_t buffer_bytes : {uint64_t{6 * 1024}, uint64_t{12 * 1024}}) {
      const Arrays small = after({}, buffer_bytes);
      for (const auto& [name, array] : whole) {
        CAPTURE(engine, buffer_bytes, name);
        CHECK(small.at(name).bytes == array.bytes);
      }
    }
    const Arrays tiled = after({2, 3, 2, 1}, 372 * 1024);
    for (const auto& [name, array] : whole) CHECK(tiled.at(name).bytes == array.bytes);
  }
}

TEST_CASE("a dropout keeps what its stream says, in both directions, and nothing of it is left in an evaluation") {
  const Network network = around("  - {type: dropout, name: d, rate: 0.375}\n", 5, 4, 3);
  const Arrays weights = random_weights(network, 3);
  PlanPlayer play = player(network, rig_options(4), "reference", weights, 8);
  test::GraphTrainer trainer = graph_trainer(network, weights);
  npu_hyper hyper = sgd(0.05f, 64.0f);
  hyper.seed = 77;
  const std::vector<uint32_t> images{0, 3, 5, 6};
  for (uint32_t step = 0; step < 3; ++step) {
    hyper.step = step;
    std::vector<double>& keep = trainer.ops()[1].keep;
    keep.clear();
    size_t kept = 0;
    for (uint32_t i = 0; i < 4 * 5 * 4 * 3; ++i) {
      // Layer 1 of the plan: the second stream.
      const bool passes = static_cast<double>(npu::random_bits(77 + 2 * 0x9E3779B9u, step, i) >> 40) >= 0.375 * 0x1p24;
      keep.push_back(passes ? 1 / 0.625 : 0.0);
      kept += passes;
    }
    CHECK(kept > 240 * 0.5);
    CHECK(kept < 240 * 0.75);
    const npu_loss_record loss = play.train(images, hyper);
    const double expected =
        trainer.step(batch_maps(play.data(), images), batch_labels(play.data(), images), {.learning_rate = 0.05});
    CHECK(loss.loss_sum == Approx(expected).epsilon(1e-4));
  }
  CHECK(largest_difference(trainer, play.weights(), 1e-2) < 1e-4);
  const double evaluated = trainer.forward(batch_maps(play.data(), images), batch_labels(play.data(), images), false);
  CHECK(play.evaluate(images, hyper).loss_sum == Approx(evaluated).epsilon(1e-4));
}

TEST_CASE("an evaluation normalises by the running moments") {
  const Network network = around(kMixture, 6, 9, 8);
  const Arrays weights = random_weights(network, 3);
  PlanPlayer play = player(network, rig_options(4), "reference", weights, 8);
  test::GraphTrainer trainer = graph_trainer(network, weights);
  const std::vector<uint32_t> images{0, 3, 5, 6};
  for (int step = 0; step < 3; ++step) {
    const double expected = trainer.forward(batch_maps(play.data(), images), batch_labels(play.data(), images), false);
    CHECK(play.evaluate(images, sgd(0.0f)).loss_sum == Approx(expected).epsilon(1e-4));
    play.train(images, sgd(0.05f));
    trainer.step(batch_maps(play.data(), images), batch_labels(play.data(), images), {.learning_rate = 0.05});
  }
}

namespace {

/// Parameters that differ from their first values.
std::set<std::string> changed_by(const Network& network, const PlanOptions& options, const std::string& engine) {
  const Arrays weights = random_weights(network, 3);
  PlanPlayer play = player(network, options, engine, weights, 8);
  play.train_epoch(sgd(0.05f, 64.0f));
  std::set<std::string> changed;
  for (const auto& [name, array] : play.weights())
    if (!weights.contains(name) || weights.at(name).bytes != array.bytes) changed.insert(name);
  return changed;
}

const char* const kResidual =
    "  - {type: batchnorm, name: n1}\n  - {type: relu, name: r1}\n"
    "  - {type: conv, name: c2, channels: 6, kernel: 3, pad: 1}\n  - {type: batchnorm, name: n2}\n"
    "  - {type: add, name: s1, inputs: [n2, r1]}\n  - {type: relu, name: r2}\n"
    "  - {type: conv, name: c3, channels: 6, kernel: 3, pad: 1, groups: 6}\n  - {type: globalpool}\n";

}  // namespace

TEST_CASE("each policy trains in a residual network what it says, and nothing else") {
  const Network network = around(kResidual, 6, 8, 8);
  const std::set<std::string> head{"head.weight", "head.bias"};
  const auto with_head = [&](std::set<std::string> names) {
    names.insert(head.begin(), head.end());
    return names;
  };
  for (const char* engine : {"reference", "lnpu"}) {
    for (const Fusion fused : {Fusion::on, Fusion::off}) {
      CAPTURE(engine, fused == Fusion::on);
      PlanOptions options = rig_options(4);
      options.fused = fused;
      options.policy = "last:1";
      CHECK(changed_by(network, options, engine) == head);
      options.policy = "bias";
      CHECK(changed_by(network, options, engine) ==
            with_head({"body.bias", "c2.bias", "c3.bias", "n1.bias", "n2.bias"}));
      options.policy = "bn";
      CHECK(changed_by(network, options, engine) == with_head({"n1.weight", "n1.bias", "n1.mean", "n1.variance",
                                                               "n2.weight", "n2.bias", "n2.mean", "n2.variance"}));
      options.batchnorm = NormMoments::running;
      CHECK(changed_by(network, options, engine) == with_head({"n1.weight", "n1.bias", "n2.weight", "n2.bias"}));
      options.policy = "sparse";
      options.sparse = {{"c2", 0.5, true}, {"c3", 0.3, false}, {"head", 0.5, true}};
      CHECK(changed_by(network, options, engine) ==
            std::set<std::string>{"c2.weight", "c2.bias", "c3.weight", "head.weight", "head.bias"});
    }
  }
}

TEST_CASE("a sparse policy changes the first input channels of its layers as a full one does") {
  const Network network = around(kResidual, 6, 8, 8);
  for (const char* engine : {"reference", "lnpu"}) {
    for (const Fusion fused : {Fusion::on, Fusion::off}) {
      const Arrays before = random_weights(network, 3);
      const auto after = [&](const char* policy) {
        PlanOptions options = rig_options(4);
        options.policy = policy;
        options.fused = fused;
        options.momentum = true;
        options.batchnorm = NormMoments::running;
        options.sparse = {{"c2", 0.5, true}, {"c3", 0.3, true}, {"head", 0.5, true}};
        PlanPlayer play = player(network, options, engine, before, 4);
        play.train(std::vector<uint32_t>{0, 1, 2, 3}, sgd(0.05f, 64.0f, 0.5f));
        return play.weights();
      };
      const Arrays full = after("full"), sparse = after("sparse");
      // c2 is (6, 6, 3, 3): three of six input channels. c3 is depthwise (6, 1, 3, 3): two of six channels. head is
      // (3, 6): three inputs.
      const auto check = [&](const std::string& name, auto&& trains) {
        for (uint64_t i = 0; i < sparse.at(name).elements(); ++i) {
          CAPTURE(engine, name, i);
          CHECK(sparse.at(name).at(i) == (trains(i) ? full : before).at(name).at(i));
        }
      };
      check("c2.weight", [](uint64_t i) { return i / 9 % 6 < 3; });
      check("c3.weight", [](uint64_t i) { return i / 9 < 2; });
      check("head.weight", [](uint64_t i) { return i % 6 < 3; });
      check("c2.bias", [](uint64_t) { return true; });
    }
  }
}

TEST_CASE("lite residual branches start as nothing, then learn, while the network's own weights stay") {
  for (const auto& [network, branches] : {std::pair(around(kResidual, 6, 8, 8), 1), {net_s(), 2}}) {
    PlanOptions options = rig_options(4);
    const Arrays weights = random_weights(network, 3);
    const std::vector<uint32_t> images{0, 1, 2, 3};
    PlanPlayer plain = player(network, options, "reference", weights, 8);
    options.policy = "lite-residual";
    PlanPlayer lite = player(network, options, "reference", weights, 8);
    CHECK(lite.evaluate(images, sgd(0.0f)).loss_sum == plain.evaluate(images, sgd(0.0f)).loss_sum);
    lite.train_epoch(sgd(0.05f, 64.0f));
    lite.train_epoch(sgd(0.05f, 64.0f));
    const Arrays after = lite.weights();
    int found = 0;
    for (const auto& [name, array] : after) {
      if (name.starts_with("lr") && name.ends_with(".g.weight")) ++found;
      if (!weights.contains(name) || !name.ends_with(".weight")) continue;
      CAPTURE(network.name, name);
      const bool last = name == "head.weight" || name == "fc2.weight";
      CHECK((array.bytes == weights.at(name).bytes) == !last);
    }
    CHECK(found == branches);
    double largest = 0;
    for (const float value : after.at("lr1.p.weight").floats()) largest = std::max(largest, std::fabs(double{value}));
    CHECK(largest > 0);
  }
}

TEST_CASE("Nesterov's momentum is that of the independent trainer") {
  const Network network = around(kResidual, 6, 8, 8);
  const Arrays weights = random_weights(network, 3);
  for (const Fusion fused : {Fusion::on, Fusion::off}) {
    PlanOptions options = rig_options(4);
    options.momentum = true;
    options.fused = fused;
    PlanPlayer play = player(network, options, "reference", weights, 8);
    test::GraphTrainer trainer = graph_trainer(network, weights);
    npu_hyper hyper = sgd(0.05f, 64.0f, 0.75f);
    hyper.flags = NPU_HYPER_NESTEROV;
    const std::vector<uint32_t> images{7, 2, 3, 1};
    for (int step = 0; step < 5; ++step) {
      play.train(images, hyper);
      trainer.step(batch_maps(play.data(), images), batch_labels(play.data(), images),
                   {.learning_rate = 0.05, .momentum = 0.75, .nesterov = true});
    }
    CHECK(largest_difference(trainer, play.weights(), 1e-2) < 1e-4);
  }
}

TEST_CASE("the larger networks compile for both engines, and freezing lowers what is kept, moved and needed") {
  for (const char* file : {"resnet8.yaml", "ds_cnn.yaml", "mobilenetv2_035.yaml"}) {
    const Network network = load_network(kSource + "/configs/nets/" + file);
    for (const char* engine : {"reference", "lnpu"}) {
      const PlanTarget target = plan_target(engine, 372 * 1024);
      PlanOptions options;
      options.batch = 2;
      options.arena_base = 0x80000000;
      options.arena_bytes = 0x40000000;
      const auto memory = [&](const char* policy) {
        options.policy = policy;
        return plan_memory(network, options, target);
      };
      CAPTURE(file, engine);
      const PlanMemory full = memory("full"), last = memory("last:1"), bias = memory("bias");
      CHECK(last.kept < bias.kept);
      CHECK(bias.kept < full.kept);
      CHECK(last.peak < full.peak);
      CHECK(last.weights == full.weights);
      options.policy = "full";
      const Plan plan = parse_plan(compile_plan(network, options, target, initial_weights(network, 1)), "plan");
      CHECK(plan.program(PLAN_TRAIN_STEP).size() > 3 * network.layers.size() / 2);
    }
  }
}

TEST_CASE("two steps of ResNet-18, all layers trained, on 64 x 64 images agree with the independent trainer") {
  Network network = load_network(kSource + "/configs/nets/resnet18.yaml");
  network.input.rows = network.input.columns = 64;
  network.check();
  PlanOptions options = rig_options(4);
  options.arena_bytes = 160u << 20;
  CHECK(difference_after(network, options, 2, 4) < 1e-4);
}

TEST_CASE("two steps of ResNet-8 agree with the independent trainer") {
  const Network network = load_network(kSource + "/configs/nets/resnet8.yaml");
  PlanOptions options = rig_options(2);
  CHECK(difference_after(network, options, 2, 2) < 1e-4);
}
