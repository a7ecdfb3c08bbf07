// Which commands a policy needs.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "npu/command/operands.h"
#include "platform/check/input_error.h"
#include "sw/plan/policy.h"
#include "tests/sw/plan/plans.h"

using namespace backboard;
using namespace backboard::sw_test;
using Catch::Contains;
using npu::Opcode;

namespace {

/// "CONV_FF conv1" of each command of a program.
std::vector<std::string> lines(const Plan& plan, plan_program_kind kind) {
  std::vector<std::string> result;
  for (const npu::Command& command : plan.program(kind))
    result.push_back(std::string(npu::name_of(static_cast<Opcode>(command.opcode))) + " " +
                     plan.layer_name(command.layer));
  return result;
}

Plan compile_s(const std::string& policy, const std::string& engine = "lnpu", Fusion fused = Fusion::on) {
  PlanOptions options;
  options.policy = policy;
  options.batch = 4;
  options.fused = fused;
  return compile(net_s(), options, engine);
}

const std::vector<std::string> kForward = {
    "ENCODE none",   "CONV_FF conv1",       "MAXPOOL_FF maxpool1", "CONV_FF conv2", "MAXPOOL_FF maxpool2",
    "CONV_FF conv3", "MAXPOOL_FF maxpool3", "FC_FF fc1",           "FC_FF fc2",     "SOFTMAX_CE loss"};

std::vector<std::string> with(std::vector<std::string> lines, const std::vector<std::string>& more) {
  lines.insert(lines.end(), more.begin(), more.end());
  return lines;
}

int tensor_named(const Plan& plan, const std::string& name) {
  for (size_t i = 0; i < plan.tensors.size(); ++i)
    if (name == plan.tensors[i].name) return static_cast<int>(i);
  return -1;
}

PlanOptions policy(const std::string& name) {
  PlanOptions options;
  options.policy = name;
  return options;
}

}  // namespace

TEST_CASE("full training of net S: ReLU lives in flags, BP of a layer comes before its fused WG") {
  const Plan plan = compile_s("full");
  CHECK(lines(plan, PLAN_EVAL_STEP) == kForward);
  CHECK(lines(plan, PLAN_TRAIN_STEP) ==
        with(kForward,
             {"FC_BP fc2", "BIAS_WG fc2", "FC_WG fc2", "FC_BP fc1", "BIAS_WG fc1", "FC_WG fc1", "MAXPOOL_BP maxpool3",
              "CONV_BP conv3", "BIAS_WG conv3", "CONV_WG conv3", "MAXPOOL_BP maxpool2", "CONV_BP conv2",
              "BIAS_WG conv2", "CONV_WG conv2", "MAXPOOL_BP maxpool1", "BIAS_WG conv1", "CONV_WG conv1"}));
  CHECK(plan.program(PLAN_UPDATE).empty());
  CHECK(lines(plan, PLAN_PREPARE) ==
        std::vector<std::string>{"ENCODE conv1", "ENCODE conv2", "ENCODE conv3", "ENCODE fc1", "ENCODE fc2"});
  for (const npu::Command& command : plan.program(PLAN_TRAIN_STEP)) {
    const auto opcode = static_cast<Opcode>(command.opcode);
    if (npu::is_wg(opcode)) CHECK(command.has(npu::kFlagUPDATE));
    // Every error below a ReLU is masked where it is made.
    if (opcode == Opcode::kFC_BP || opcode == Opcode::kCONV_BP) CHECK(command.has(npu::kFlagMASK));
    if (opcode == Opcode::kMAXPOOL_BP) CHECK(!command.has(npu::kFlagMASK));
  }
}

TEST_CASE("without fusion WG stores gradients and PLAN_UPDATE applies them") {
  const Plan plan = compile_s("last:2", "lnpu", Fusion::off);
  CHECK(lines(plan, PLAN_TRAIN_STEP) ==
        with(kForward, {"FC_BP fc2", "BIAS_WG fc2", "FC_WG fc2", "BIAS_WG fc1", "FC_WG fc1"}));
  CHECK(lines(plan, PLAN_UPDATE) == std::vector<std::string>{"SGD fc2", "SGD fc2", "SGD fc1", "SGD fc1"});
  for (const npu::Command& command : plan.program(PLAN_TRAIN_STEP)) CHECK(!command.has(npu::kFlagUPDATE));
  CHECK(plan.header.fused == 0);
  CHECK(compile_s("full").header.fused == 1);
}

TEST_CASE("frozen layers have no WG, no BP below the lowest trained layer and no pooling indices") {
  const Plan last = compile_s("last:1");
  CHECK(lines(last, PLAN_TRAIN_STEP) == with(kForward, {"BIAS_WG fc2", "FC_WG fc2"}));
  for (const npu::Command& command : last.commands) CHECK(!command.has(npu::kFlagINDEX));
  CHECK(tensor_named(last, "maxpool1.index") == -1);
  CHECK(tensor_named(last, "fc1.dy") == -1);
  const Plan bias = compile_s("bias");
  CHECK(lines(bias, PLAN_TRAIN_STEP) ==
        with(kForward, {"FC_BP fc2", "BIAS_WG fc2", "FC_WG fc2", "FC_BP fc1", "BIAS_WG fc1", "MAXPOOL_BP maxpool3",
                        "CONV_BP conv3", "BIAS_WG conv3", "MAXPOOL_BP maxpool2", "CONV_BP conv2", "BIAS_WG conv2",
                        "MAXPOOL_BP maxpool1", "BIAS_WG conv1"}));
}

TEST_CASE("MACs of a layer count where its passes run") {
  const Plan plan = compile_s("last:2");
  std::vector<std::vector<uint64_t>> macs;
  for (const plan_layer& layer : plan.layers) macs.push_back({layer.macs_ff, layer.macs_bp, layer.macs_wg});
  const uint64_t conv1 = 4 * 28 * 28 * 8 * 9, fc1 = 4 * 288 * 64, fc2 = 4 * 640;
  CHECK(macs.front() == std::vector<uint64_t>{conv1, 0, 0});
  CHECK(macs[6] == std::vector<uint64_t>{fc1, 0, fc1});
  CHECK(macs[7] == std::vector<uint64_t>{fc2, fc2, fc2});
  CHECK(std::string(plan.layers[8].name) == "loss");
}

TEST_CASE("a ReLU's mask goes through max pooling but not through average pooling") {
  PlanOptions options;
  options.batch = 2;
  const Plan plan = compile(odd_net(), options, "reference");
  const std::vector<std::string> all = lines(plan, PLAN_TRAIN_STEP);
  const std::vector<std::string> backward(std::find(all.begin(), all.end(), "SOFTMAX_CE loss") + 1, all.end());
  CHECK(backward == std::vector<std::string>{
                        "FC_BP fc2", "BIAS_WG fc2", "FC_WG fc2", "FC_BP fc1", "BIAS_WG fc1", "FC_WG fc1",
                        "AVGPOOL_BP avgpool2",
                        // Behind conv3 and its ReLU comes a max pooling whose error has no mask yet: MASK.
                        "MAXPOOL_BP maxpool2", "CONV_BP conv3", "BIAS_WG conv3", "CONV_WG conv3", "RELU_BP relu2",
                        "MAXPOOL_BP maxpool1", "CONV_BP conv2", "BIAS_WG conv2", "CONV_WG conv2", "AVGPOOL_BP avgpool1",
                        // conv1's ReLU lies above an average pooling, which cannot mask: a command of its own.
                        "RELU_BP conv1", "CONV_WG conv1"});
  std::vector<bool> masks;
  for (const npu::Command& command : plan.program(PLAN_TRAIN_STEP))
    if (static_cast<Opcode>(command.opcode) == Opcode::kMAXPOOL_BP) masks.push_back(command.has(npu::kFlagMASK));
  CHECK(masks == std::vector<bool>{true, false});
}

TEST_CASE("an FC layer reads a coded feature map as flat blocks of the same bytes") {
  for (const Network& network : {net_s(), wide_fc_net()}) {
    PlanOptions options;
    options.batch = 2;
    const Plan plan = compile(network, options, "lnpu");
    size_t views = 0;
    for (size_t i = 0; i < plan.tensors.size(); ++i) {
      const std::string name = plan.tensors[i].name;
      if (!name.ends_with(".flat")) continue;
      ++views;
      const npu::Descriptor& flat = plan.descriptors[i];
      const npu::Descriptor& map = plan.descriptors[tensor_named(plan, name.substr(0, name.size() - 5))];
      CHECK(flat.address == map.address);
      CHECK(flat.metadata == map.metadata);
      CHECK(flat.shape_c == map.shape_c * map.shape_h * map.shape_w);
      const npu::BlockGeometry a{{flat.shape_n, flat.shape_c, 1, 1}, flat.block_channels, 1};
      const npu::BlockGeometry b{
          {map.shape_n, map.shape_c, map.shape_h, map.shape_w}, map.block_channels, map.block_rows};
      REQUIRE(a.blocks() == b.blocks());
      CHECK(a.slot_bytes(npu::TensorFormat::kFGMP) == b.slot_bytes(npu::TensorFormat::kFGMP));
      for (uint32_t block = 0; block < a.blocks(); ++block) {
        // The first element of a block, counted within its image in (c, h, w) order, and the number of elements.
        const npu::BlockBox x = a.box(block), y = b.box(block);
        CHECK(x.n == y.n);
        CHECK(x.c0 == (y.c0 * map.shape_h + y.h0) * map.shape_w);
        CHECK(x.elements() == y.elements());
      }
    }
    CHECK(views == 2);
  }
}

TEST_CASE("FGMP tensors that commands produce are steered and counted, their views are not") {
  const Plan plan = compile_s("full");
  std::set<std::string> steered;
  for (size_t i = 0; i < plan.tensors.size(); ++i) {
    if (!(plan.tensors[i].flags & PLAN_TENSOR_STEERED)) continue;
    steered.insert(plan.tensors[i].name);
    CHECK(plan.descriptors[i].statistics != 0);
    CHECK(plan.descriptors[i].threshold > 0.0f);
  }
  CHECK(steered.count("conv1.y") == 1);
  CHECK(steered.count("maxpool3.y") == 1);
  CHECK(steered.count("maxpool3.y.flat") == 0);
  CHECK(steered.count("maxpool3.dy.flat") == 1);  // FC_BP writes the error through it
  CHECK(steered.count("maxpool3.dy") == 0);
  CHECK(steered.count("conv2.weight.c") == 1);
  CHECK(steered.count("conv2.weight") == 0);
}

TEST_CASE("policies: unknown ones and bad arguments list what is offered") {
  const Network net = net_s();
  CHECK_THROWS_WITH(apply_policy(policy("lasst:1"), net), Contains("unknown policy 'lasst:1'") && Contains("last:N"));
  CHECK_THROWS_WITH(apply_policy(policy("last"), net), Contains("offered"));
  CHECK_THROWS_WITH(apply_policy(policy("last:x"), net), Contains("offered"));
  CHECK_THROWS_WITH(apply_policy(policy("full:1"), net), Contains("offered"));
  CHECK_THROWS_WITH(apply_policy(policy("last:0"), net), Contains("5 layers"));
  CHECK_THROWS_WITH(apply_policy(policy("last:6"), net), Contains("5 layers"));
  CHECK(apply_policy(policy("last:5"), net)[0].any());
  CHECK(apply_policy(policy("bias"), net)[0].bias);
  CHECK(!apply_policy(policy("bias"), net)[0].weight);
  CHECK(apply_policy(policy("bias"), net).back().weight);
}

TEST_CASE("what an engine does not take is an error before anything is compiled") {
  const auto error = [](const std::function<void(PlanOptions&)>& change, const std::string& engine, uint32_t buffer) {
    PlanOptions options;
    change(options);
    try {
      compile(net_s(), options, engine, buffer);
    } catch (const InputError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  const uint32_t buffer = 372 * 1024;
  CHECK_THAT(error([](PlanOptions& o) { o.formats.activation = "fgmp"; }, "reference", buffer),
             Contains("reference does not take fgmp as format of activations; it takes: fp32"));
  CHECK_THAT(error([](PlanOptions& o) { o.formats.weight = "fp32"; }, "lnpu", buffer), Contains("does not take fp32"));
  CHECK_THAT(error([](PlanOptions& o) { o.formats.error = "u8"; }, "lnpu", buffer), Contains("does not take u8"));
  CHECK_THAT(error([](PlanOptions& o) { o.formats.weight = "s8"; }, "lnpu", buffer), Contains("does not take s8"));
  CHECK_THAT(error([](PlanOptions&) {}, "tpu", buffer), Contains("unknown engine 'tpu'; offered: reference, lnpu"));
  CHECK_THAT(error([](PlanOptions& o) { o.arena_bytes = 4096; }, "lnpu", buffer), Contains("more than the 4096 bytes"));
  CHECK_THAT(error([](PlanOptions&) {}, "lnpu", 600), Contains("refuses") && Contains("BUFFER"));
}

TEST_CASE("tensors in fixed point take whole bytes and the fraction of their class") {
  PlanOptions options;
  options.formats.input = options.formats.activation = options.formats.weight = "s8";
  options.formats.error = "s16";
  options.fractions = {.input = 6, .activation = 3, .error = 14, .weight = -2};
  const Plan plan = compile(net_s(), options, "neuroflix");
  std::map<TensorClass, unsigned> fixed;
  for (const npu::Descriptor& d : plan.descriptors) {
    const auto format = static_cast<npu::TensorFormat>(d.format);
    if (!npu::has_format(npu::kFixedFormats, format)) continue;
    const auto of = static_cast<TensorClass>(d.tensor_class);
    ++fixed[of];
    const bool error = of == TensorClass::kERROR;
    CHECK(format == (error ? npu::TensorFormat::kS16 : npu::TensorFormat::kS8));
    const uint64_t elements = uint64_t{d.shape_n} * d.shape_c * d.shape_h * d.shape_w;
    CHECK(d.size_bytes == elements * (error ? 2 : 1));
    CHECK(d.scale == (error                            ? 0x1p-14f
                      : of == TensorClass::kINPUT      ? 0x1p-6f
                      : of == TensorClass::kACTIVATION ? 0x1p-3f
                                                       : 4.0f));
  }
  for (const TensorClass of :
       {TensorClass::kINPUT, TensorClass::kACTIVATION, TensorClass::kERROR, TensorClass::kWEIGHT})
    CHECK(fixed[of] > 0);
  CHECK(fixed.size() == 4);
}

TEST_CASE("rowpipe has no moments of a batch and no gradient of gamma: a plan that needs them is refused") {
  const Network network = parse_network(
      "name: bn\ninput: {channels: 1, rows: 8, columns: 8}\nlayers:\n"
      "  - {type: conv, name: c, channels: 4, kernel: 3, pad: 1}\n  - {type: batchnorm, name: norm}\n"
      "  - {type: relu}\n  - {type: globalpool}\n  - {type: fc, channels: 3}\n",
      "bn.yaml");
  for (const char* policy : {"full", "bn"}) {
    PlanOptions options;
    options.policy = policy;
    CHECK_THROWS_WITH(compile(network, options, "rowpipe"),
                      Catch::Contains("engine rowpipe does not offer BN_MOMENTS, which layer norm needs"));
    options.batchnorm = NormMoments::running;
    CHECK_THROWS_WITH(compile(network, options, "rowpipe"),
                      Catch::Contains("engine rowpipe does not offer BN_WG, which layer norm needs"));
  }
  for (const char* policy : {"bias", "last:1"}) {
    PlanOptions options;
    options.policy = policy;
    CHECK_NOTHROW(compile(network, options, "rowpipe"));
  }
}

TEST_CASE("GELU is planned for the engines that offer it, and refused by name for the others") {
  const Network network = parse_network(
      "name: gelu\ninput: {channels: 1, rows: 8, columns: 8}\nlayers:\n"
      "  - {type: conv, name: c, channels: 4, kernel: 3, pad: 1}\n  - {type: gelu, name: act}\n"
      "  - {type: globalpool}\n  - {type: fc, channels: 3}\n",
      "gelu.yaml");
  for (const char* engine : {"reference", "lnpu", "daa", "neuroflix"}) CHECK_NOTHROW(compile(network, {}, engine));
  for (const std::string engine : {"taxonn", "rowpipe"}) {
    for (const char* policy : {"full", "none"}) {
      PlanOptions options;
      options.policy = policy;
      CHECK_THROWS_WITH(compile(network, options, engine),
                        Catch::Contains("engine " + engine + " does not offer GELU_FF, which layer act needs"));
    }
  }
}

TEST_CASE("every combination of network, engine, policy, formats and updates passes the NPU's own checks") {
  // compile_plan runs them; here it must not throw, and the schedule of each command must fit.
  for (const PlanCase& c : plan_cases()) {
    CAPTURE(c.name());
    CHECK_NOTHROW(compile(network_of(c), options_of(c), c.engine));
  }
}

TEST_CASE("tile sizes that were asked for pass for every engine and format, rounded to blocks") {
  for (const char* engine : {"reference", "lnpu"}) {
    for (const uint32_t size : {3u, 4u, 5u, 8u, 13u, 100u}) {
      PlanOptions options;
      options.batch = 3;
      options.tiles = {size, size, size, size};
      const Plan plan = compile(net_s(), options, engine);
      for (const npu::Command& command : plan.commands)
        if (static_cast<Opcode>(command.opcode) == Opcode::kCONV_FF) CHECK(command.tile_k >= size);
    }
  }
}

TEST_CASE("the policy none leaves the forward pass and nothing else") {
  const Plan plan = compile_s("none");
  CHECK(plan.program(PLAN_TRAIN_STEP).empty());
  CHECK(plan.program(PLAN_UPDATE).empty());
  CHECK(lines(plan, PLAN_EVAL_STEP) == kForward);
  CHECK(lines(plan, PLAN_PREPARE) == lines(compile_s("full"), PLAN_PREPARE));
  CHECK(plan.layers[0].kind == static_cast<uint32_t>(Opcode::kCONV_FF));
  CHECK(plan.layers[0].trained == 0);
}

TEST_CASE("a plan for inference beside a training says so in the phase of every command") {
  PlanOptions options;
  options.policy = "none";
  options.beside_training = true;
  const Plan plan = compile(net_s(), options, "lnpu");
  for (const npu::Command& command : plan.commands) CHECK(command.phase == static_cast<uint8_t>(Phase::kINFERENCE));
  CHECK(plan.layers[0].kind == static_cast<uint32_t>(Opcode::kCONV_FF));
}
