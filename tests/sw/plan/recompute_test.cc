// Outputs that the backward pass computes again: the same bytes of weights, moments and losses, less memory, more work.
#include <catch2/catch.hpp>

#include "npu/engine/table.h"
#include "platform/check/input_error.h"
#include "sw/plan/policy_report.h"
#include "tests/sw/plan/graph_reference.h"
#include "tests/sw/plan/plan_player.h"
#include "tests/sw/plan/plans.h"

using namespace backboard;
using namespace backboard::sw_test;

namespace {

/// Joins, normalisations, a dropout, an index of a pooling, activations whose error wants their input or their output.
Network deep_network(bool gelu) {
  return parse_network(
      "name: deep\ninput: {channels: 2, rows: 10, columns: 9}\nlayers:\n"
      "  - {type: conv, name: c1, channels: 6, kernel: 3, pad: 1}\n  - {type: batchnorm, name: n1}\n"
      "  - {type: relu, name: r1}\n  - {type: conv, name: c2, channels: 6, kernel: 3, pad: 1}\n"
      "  - {type: batchnorm, name: n2}\n  - {type: add, name: s1, inputs: [n2, r1]}\n  - {type: relu6, name: r2}\n"
      "  - {type: dropout, name: d1, rate: 0.25}\n  - {type: conv, name: c3, channels: 4, kernel: 1}\n  - {type: " +
          std::string(gelu ? "gelu" : "tanh") +
          ", name: a1}\n  - {type: concat, name: j1, inputs: [a1, r2]}\n"
          "  - {type: maxpool, name: m1, kernel: 3, stride: 2}\n  - {type: conv, name: c4, channels: 5, kernel: 3}\n"
          "  - {type: sigmoid, name: g1}\n  - {type: fc, name: f1, channels: 7}\n  - {type: relu, name: r3}\n"
          "  - {type: fc, name: head, channels: 3}\n",
      "deep.yaml");
}

PlanOptions small_options(uint32_t batch = 4) {
  PlanOptions options;
  options.batch = batch;
  options.momentum = true;
  options.arena_base = kArenaAddress;
  options.arena_bytes = kRigBytes - (3u << 20);
  return options;
}

struct Trained {
  std::vector<float> losses;
  Arrays weights;
  uint64_t macs = 0;
  size_t commands = 0, repeated = 0;
};

/// Ten steps, the last of each three with images that do not fill the batch.
Trained trained(const Network& network, const PlanOptions& options, const std::string& engine) {
  const Plan plan =
      parse_plan(compile_plan(network, options, plan_target(engine, 372 * 1024), random_weights(network, 3)), "plan");
  npu::NpuConfig config;
  config.engine = engine;
  Trained result;
  for (const bool repeats : plan.repeats(PLAN_TRAIN_STEP)) result.repeated += repeats;
  result.commands = plan.program(PLAN_TRAIN_STEP).size();
  PlanPlayer play(config, plan, random_image_set(network, 12, 5));
  npu_hyper hyper = sgd(0.05f, 64.0f, 0.5f);
  hyper.seed = 11;
  for (uint32_t step = 0; step < 10; ++step) {
    hyper.step = step;
    std::vector<uint32_t> images;
    for (uint32_t i = 0; i < options.batch - (step % 3 == 2); ++i) images.push_back((step * 5 + i * 3) % 12);
    result.losses.push_back(play.train(images, hyper).loss_sum);
    if (step % 4 == 3) result.losses.push_back(play.evaluate(images, hyper).loss_sum);
  }
  result.weights = play.weights();
  result.macs = play.totals().macs + play.totals().macs_skipped;
  return result;
}

void check_equal(const Trained& kept, const Trained& again) {
  CHECK(kept.losses == again.losses);
  REQUIRE(kept.weights.size() == again.weights.size());
  for (const auto& [name, array] : kept.weights) {
    CAPTURE(name);
    CHECK(array.bytes == again.weights.at(name).bytes);
  }
}

}  // namespace

TEST_CASE("outputs that are computed again leave the same bytes of weights, moments and losses, on every engine") {
  for (const npu::EngineRow& row : npu::engine_table()) {
    const Network network = deep_network(row.offer().offers(npu::Opcode::kGELU_FF));
    PlanOptions options = small_options();
    if (!row.offer().offers(npu::Opcode::kBN_WG)) options.policy = "bias";
    for (const Fusion fused : {Fusion::on, Fusion::off}) {
      options.fused = fused;
      options.recompute = "none";
      const Trained kept = trained(network, options, row.name);
      CHECK(kept.repeated == 0);
      for (const char* choice : {"sqrt", "every:2", "every:100", "n1,d1", "a1,m1,f1"}) {
        CAPTURE(row.name, fused == Fusion::on, choice);
        options.recompute = choice;
        const Trained again = trained(network, options, row.name);
        check_equal(kept, again);
        CHECK(again.repeated > 0);
        if (row.offer().group_commands == 0) CHECK(again.commands == kept.commands + again.repeated);
        CHECK(again.macs >= kept.macs);
      }
    }
  }
}

TEST_CASE("what the backward pass does not read is not computed again") {
  const Network network = deep_network(true);
  PlanOptions options = small_options();
  options.recompute = "every:100";
  const auto repeated = [&](const char* policy) {
    options.policy = policy;
    std::vector<std::string> names;
    const Plan plan = compile(network, options, "reference");
    const std::vector<bool> repeats = plan.repeats(PLAN_TRAIN_STEP);
    for (size_t i = 0; i < repeats.size(); ++i)
      if (repeats[i]) names.push_back(plan.layer_name(plan.program(PLAN_TRAIN_STEP)[i].layer));
    return names;
  };
  // last:2 wants f1's input and its sign: from the images on all that leads there, deepest first.
  CHECK(repeated("last:1") ==
        std::vector<std::string>{"c1", "n1", "c2", "n2", "s1", "d1", "c3", "a1", "j1", "m1", "c4", "g1", "f1"});
  options.recompute = "g1";
  CHECK(repeated("last:1").empty());
  CHECK(repeated("last:2") == std::vector<std::string>{"g1"});
  options.recompute = "f1";
  CHECK(repeated("last:1") == std::vector<std::string>{"f1"});
}

TEST_CASE("computing again takes less memory and more work: ResNet-8") {
  const Network network = load_network(kSource + "/configs/nets/resnet8.yaml");
  const PlanTarget target = plan_target("reference", 372 * 1024);
  PlanOptions options;
  const auto memory = [&](const char* choice) {
    options.recompute = choice;
    return plan_memory(network, options, target);
  };
  const auto macs = [&](const char* choice) {
    options.recompute = choice;
    uint64_t sum = 0;
    for (const plan_layer& layer : compile(network, options, "reference").layers)
      sum += layer.macs_ff + layer.macs_bp + layer.macs_wg;
    return sum;
  };
  const PlanMemory kept = memory("none"), root = memory("sqrt"), two = memory("every:2");
  CHECK(root.kept < two.kept);
  CHECK(two.kept < kept.kept);
  CHECK(root.kept < kept.kept / 2);
  CHECK(root.peak < kept.peak);
  CHECK(root.weights == kept.weights);
  CHECK(root.gradients == kept.gradients);
  // A convolution is computed again once at most.
  CHECK(macs("sqrt") > macs("none"));
  CHECK(macs("sqrt") < macs("none") + options.batch * network.macs());
}

TEST_CASE("the explanation says what is computed again, and nothing when nothing is") {
  const Network network = deep_network(true);
  PlanOptions options = small_options();
  CHECK(explain_plan(compile(network, options, "reference")).find("again") == std::string::npos);
  options.recompute = "n1,d1";
  const Plan plan = compile(network, options, "reference");
  CHECK_THAT(explain_plan(plan),
             Catch::Contains("computed again in the backward pass, their outputs are not kept: d1, n1\n2 of "));
  CHECK_THAT(explain_schedules(plan, plan_target("reference", 372 * 1024)), Catch::Contains("computed again; every"));
}

TEST_CASE("a choice of outputs that cannot be followed is refused by name") {
  const Network network = deep_network(false);
  const auto error = [&](const std::string& choice) {
    PlanOptions options = small_options();
    options.recompute = choice;
    try {
      compile(network, options, "reference");
    } catch (const InputError& e) {
      return std::string(e.what());
    }
    return std::string("none");
  };
  CHECK(error("every:1") == "recompute 'every:1': K of every:K is a number from 2 on");
  CHECK(error("every:two") == "recompute 'every:two': K of every:K is a number from 2 on");
  CHECK(error("every:99999999999") == "recompute 'every:99999999999': K of every:K is a number from 2 on");
  CHECK(error("c9") == "recompute 'c9': no layer of network deep; offered: none, sqrt, every:K, names of layers");
  CHECK(error("c1,,c2") == "recompute '': no layer of network deep; offered: none, sqrt, every:K, names of layers");
  CHECK(error("r1") == "recompute 'r1': it is part of the command of layer n1; name that one");
  CHECK(error("c1,head") == "recompute 'c1,head': head makes the logits, which are kept");
}
