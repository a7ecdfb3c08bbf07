// Batch normalisations that are part of the layer before them compute what they did apart, and come back whole.
#include <catch2/catch.hpp>
#include <cmath>

#include "npu/engine/table.h"
#include "platform/check/input_error.h"
#include "sw/plan/fold_batchnorm.h"
#include "tests/sw/plan/graph_reference.h"
#include "tests/sw/plan/plan_player.h"
#include "tests/sw/plan/plans.h"

using namespace backboard;
using namespace backboard::sw_test;

namespace {

/// Convolutions with and without bias, in groups, depthwise; an FC layer; a shortcut; a normalisation behind an
/// addition.
Network normalised_net() {
  return parse_network(
      "name: norms\ninput: {channels: 3, rows: 9, columns: 7}\nlayers:\n"
      "  - {type: conv, name: c1, channels: 6, kernel: 3, pad: 1, bias: off}\n"
      "  - {type: batchnorm, name: n1, epsilon: 0.001}\n  - {type: relu, name: r1}\n"
      "  - {type: conv, name: c2, channels: 6, kernel: 3, pad: 1, groups: 6}\n  - {type: batchnorm, name: n2}\n"
      "  - {type: relu6, name: r2}\n  - {type: conv, name: c3, channels: 6, kernel: 1, groups: 2, bias: off}\n"
      "  - {type: batchnorm, name: n3}\n  - {type: add, name: s1, inputs: [n3, r1]}\n"
      "  - {type: batchnorm, name: n4}\n  - {type: globalpool, name: p1}\n"
      "  - {type: fc, name: f1, channels: 11, bias: off}\n  - {type: batchnorm, name: n5}\n"
      "  - {type: tanh, name: t1}\n  - {type: fc, name: head, channels: 4}\n",
      "norms.yaml");
}

PlanOptions small_options(NormFolding folding, const std::string& policy = "none") {
  PlanOptions options;
  options.batch = 4;
  options.policy = policy;
  options.fold_batchnorm = folding;
  options.arena_base = kArenaAddress;
  options.arena_bytes = kRigBytes - (3u << 20);
  return options;
}

PlanPlayer player(const Network& network, const PlanOptions& options, const Arrays& weights,
                  const std::string& engine = "reference") {
  npu::NpuConfig config;
  config.engine = engine;
  return PlanPlayer(config,
                    parse_plan(compile_plan(network, options, plan_target(engine, 372 * 1024), weights), "plan"),
                    random_image_set(network, 8, 5));
}

/// Largest difference over largest magnitude.
double difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double error = 0, largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    error = std::max(error, std::fabs(double{a[i]} - b[i]));
    largest = std::max(largest, std::fabs(double{a[i]}));
  }
  REQUIRE(largest > 0);
  return error / largest;
}

size_t commands_of(const Plan& plan, plan_program_kind program, npu::Opcode opcode) {
  size_t count = 0;
  for (const npu::Command& command : plan.program(program)) count += command.opcode == static_cast<uint8_t>(opcode);
  return count;
}

std::vector<std::string> folded_names(const Network& network, const PlanOptions& options) {
  std::vector<std::string> names;
  for (const NormFold& fold : norm_folds(network, options)) names.push_back(network.layers[fold.norm].name);
  return names;
}

const std::vector<uint32_t> kImagesOfStep{0, 3, 5, 6};

}  // namespace

TEST_CASE("logits of a folded network are those of the network to 1e-4") {
  const Network mine = normalised_net(), resnet = load_network(kSource + "/configs/nets/resnet8.yaml");
  const std::tuple<const Network&, NormFolding, size_t> cases[] = {{mine, NormFolding::automatic, 1},
                                                                   {resnet, NormFolding::on, 0}};
  for (const auto& [network, folding, left] : cases) {
    const Arrays weights = random_weights(network, 3);
    PlanPlayer apart = player(network, small_options(NormFolding::off), weights);
    PlanPlayer folded = player(network, small_options(folding), weights);
    const std::string logits = network.layers.back().name + ".y";
    CAPTURE(network.name);
    const npu_loss_record a = apart.evaluate(kImagesOfStep, sgd(0.0f)), b = folded.evaluate(kImagesOfStep, sgd(0.0f));
    CHECK(b.loss_sum == Approx(a.loss_sum).epsilon(1e-4));
    CHECK(difference(apart.values(logits), folded.values(logits)) < 1e-4);
    CHECK(commands_of(apart.plan(), PLAN_EVAL_STEP, npu::Opcode::kBN_FF) > 2);
    CHECK(commands_of(folded.plan(), PLAN_EVAL_STEP, npu::Opcode::kBN_FF) == left);
    CHECK(folded.totals().busy_cycles < apart.totals().busy_cycles);
  }
}

TEST_CASE("a head over folded layers trains as over layers apart, and the network gets all its weights back") {
  const Network network = normalised_net();
  const Arrays weights = random_weights(network, 3);
  const auto after = [&](NormFolding folding) {
    PlanPlayer play = player(network, small_options(folding, "last:1"), weights);
    for (int step = 0; step < 10; ++step) play.train(kImagesOfStep, sgd(0.05f, 64.0f));
    return play.weights();
  };
  const Arrays apart = after(NormFolding::off);
  const std::vector<NormFold> folds = norm_folds(network, small_options(NormFolding::automatic, "last:1"));
  REQUIRE(folds.size() == 4);
  const Arrays folded = unfolded_weights(network, folds, weights, after(NormFolding::automatic));
  REQUIRE(apart.size() == folded.size());
  for (const auto& [name, array] : apart) {
    CAPTURE(name);
    CHECK(folded.at(name).shape == array.shape);
    if (name.starts_with("head.")) {
      CHECK(array.bytes != weights.at(name).bytes);
      CHECK(difference(array.floats(), folded.at(name).floats()) < 1e-4);
    } else {
      CHECK(folded.at(name).bytes == array.bytes);
    }
  }
}

TEST_CASE("only what nothing trains in or below is folded") {
  const Network network = normalised_net();
  const auto folded = [&](const char* policy) {
    return folded_names(network, small_options(NormFolding::automatic, policy));
  };
  using Names = std::vector<std::string>;
  CHECK(folded("none") == Names{"n1", "n2", "n3", "n5"});  // n4 stands behind an addition
  CHECK(folded("last:1") == Names{"n1", "n2", "n3", "n5"});
  CHECK(folded("last:2") == Names{"n1", "n2", "n3"});
  CHECK(folded("last:3") == Names{"n1", "n2"});
  CHECK(folded("last:4") == Names{"n1"});
  CHECK(folded("full").empty());
  CHECK(folded("bias").empty());
  CHECK(folded("bn").empty());
  CHECK(folded_names(network, small_options(NormFolding::off)).empty());
  // An error would go back through c2: n2 stays.
  PlanOptions sparse = small_options(NormFolding::automatic, "sparse");
  sparse.sparse = {{"c1", 0.5, true}};
  CHECK(folded_names(network, sparse).empty());
}

TEST_CASE("a normalisation that cannot be folded is refused with its reason when all should be") {
  const auto error = [](const Network& network, const char* policy) {
    try {
      compile_plan(network, small_options(NormFolding::on, policy), plan_target("reference", 372 * 1024),
                   random_weights(network, 3));
    } catch (const InputError& e) {
      return std::string(e.what());
    }
    return std::string("none");
  };
  const Network network = normalised_net(), resnet = load_network(kSource + "/configs/nets/resnet8.yaml");
  const std::string start = "fold_batchnorm: batch normalisation ";
  CHECK(error(resnet, "last:1") == "none");
  CHECK(error(network, "full") == start + "n1 cannot be folded under policy full: it trains");
  Network fixed = network;
  fixed.layers[1].affine = false;
  CHECK(error(fixed, "full") == start + "n1 cannot be folded under policy full: it follows the moments of the batch");
  CHECK(error(network, "none") ==
        start + "n4 cannot be folded under policy none: s1 before it is no convolution or FC layer");
  const Network twice = parse_network(
      "name: twice\ninput: {channels: 3, rows: 4, columns: 4}\nlayers:\n"
      "  - {type: conv, name: c1, channels: 3, kernel: 1}\n  - {type: batchnorm, name: n1}\n"
      "  - {type: add, name: s1, inputs: [n1, c1]}\n  - {type: fc, name: head, channels: 2}\n",
      "twice.yaml");
  CHECK(error(twice, "last:1") ==
        start + "n1 cannot be folded under policy last:1: c1 before it is read by other layers too");
  const Network first = parse_network(
      "name: first\ninput: {channels: 3, rows: 4, columns: 4}\nlayers:\n"
      "  - {type: batchnorm, name: n1}\n  - {type: fc, name: head, channels: 2}\n",
      "first.yaml");
  CHECK(error(first, "last:1") == start + "n1 cannot be folded under policy last:1: it reads the images");
}

TEST_CASE("a folded network runs on every engine") {
  const Network network = load_network(kSource + "/configs/nets/resnet8.yaml");
  for (const npu::EngineRow& row : npu::engine_table()) {
    CAPTURE(row.name);
    const Arrays weights = random_weights(network, 3);
    PlanPlayer apart = player(network, small_options(NormFolding::off), weights, row.name);
    PlanPlayer folded = player(network, small_options(NormFolding::on), weights, row.name);
    const double loss = apart.evaluate(kImagesOfStep, sgd(0.0f)).loss_sum;
    CHECK(folded.evaluate(kImagesOfStep, sgd(0.0f)).loss_sum == Approx(loss).epsilon(0.25));
    CHECK(commands_of(folded.plan(), PLAN_EVAL_STEP, npu::Opcode::kBN_FF) == 0);
  }
}
