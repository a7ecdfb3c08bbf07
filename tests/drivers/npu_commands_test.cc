// Every command against the table of operands in npu_command.def.
#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "drivers/npu/npu_commands.h"
#include "drivers/npu/npu_graph_commands.h"

namespace {

struct Operand {
  std::string name;
  unsigned slot;
  std::string need;
};

const std::map<int, std::vector<Operand>>& operands() {
  static const std::map<int, std::vector<Operand>> table = [] {
    std::map<int, std::vector<Operand>> rows;
#define OPERAND(opcode, name, slot, direction, need, description) rows[NPU_OP_##opcode].push_back({#name, slot, #need});
#include "drivers/npu/npu_command.def"
    return rows;
  }();
  return table;
}

uint32_t tensor(const npu_command& command, unsigned slot) {
  const uint32_t slots[] = {command.tensor0, command.tensor1, command.tensor2,
                            command.tensor3, command.tensor4, command.tensor5};
  return slots[slot];
}

// Addresses by the name of the operand, so that a mix-up shows.
uint32_t address_of(const std::string& name) {
  static const std::vector<std::string> names = {
      "source",   "destination", "x",      "weights", "y",     "bias", "dy", "dx",     "mask",    "gradient", "copy",
      "momentum", "index",       "logits", "labels",  "error", "a",    "b",  "affine", "moments", "running",  "second"};
  for (size_t i = 0; i < names.size(); i++) {
    if (names[i] == name) return static_cast<uint32_t>(0x80000000 + 64 * i);
  }
  FAIL("no address for operand " << name);
  return 0;
}
uint32_t a(const char* name) {
  return address_of(name);
}

constexpr uint32_t kHyper = 0x80001020, kLoss = 0x80001040, kGather = 0x80001004;
const npu_convolution kConvolution = {2, 1, 3, 4, 1, 2, 1, -1, 2};
const npu_pooling kPooling = {2, 3, 1, 2, 0, 1};
const npu_tile kTile = {8, 4, 16, 2};

/// Each command of npu_graph_commands.h with everything that it can carry.
npu_result fill_graph(npu_command* c, int opcode) {
  const npu_add_arguments add = {5, NPU_PHASE_BP, a("a"), a("b"), a("y"), a("mask"), false};
  const npu_concat_arguments concat = {5, a("a"), a("b"), a("y")};
  const npu_slice_arguments slice = {5, NPU_PHASE_BP, a("x"), a("y"), a("mask"), 0};
  const npu_bn_moments_arguments moments = {5, a("x"), a("moments"), a("running"), 0.0f, kLoss};
  const npu_bn_ff_arguments bn_ff = {5, a("x"), a("affine"), a("y"), a("moments"), 1e-5f, true};
  const npu_bn_bp_arguments bn_bp = {5,      a("dy"),       a("dx"), a("affine"), a("moments"),
                                     a("x"), a("gradient"), 1e-5f,   kLoss};
  const npu_bn_wg_arguments bn_wg = {5, a("dy"), a("x"), a("gradient"), a("moments"), 1e-5f, kLoss};
  const npu_activation_ff_arguments ff = {5, a("x"), a("y"), 0.0f};
  const npu_activation_bp_arguments bp = {5, a("dy"), a("dx"), a("y"), 0.0f};
  const npu_gelu_bp_arguments gelu_bp = {5, a("dy"), a("dx"), a("x")};
  const npu_dropout_arguments dropout = {5, NPU_PHASE_FF, a("x"), a("y"), 0.0f, kHyper};
  const npu_softmax_ce_arguments loss = {5, a("logits"), a("labels"), a("error"), kHyper, kLoss};
  const npu_norm_arguments norm = {5, a("gradient"), kLoss};
  const npu_adam_arguments adam = {5,           a("gradient"), a("weights"), a("momentum"),
                                   a("second"), a("copy"),     kHyper,       kLoss};
  switch (opcode) {
    case NPU_OP_ADD:
      return npu_add(c, &add);
    case NPU_OP_CONCAT:
      return npu_concat(c, &concat);
    case NPU_OP_SLICE:
      return npu_slice(c, &slice);
    case NPU_OP_BN_MOMENTS:
      return npu_bn_moments(c, &moments);
    case NPU_OP_BN_FF:
      return npu_bn_ff(c, &bn_ff);
    case NPU_OP_BN_BP:
      return npu_bn_bp(c, &bn_bp);
    case NPU_OP_BN_WG:
      return npu_bn_wg(c, &bn_wg);
    case NPU_OP_LEAKY_FF:
      return npu_leaky_ff(c, &ff);
    case NPU_OP_LEAKY_BP:
      return npu_leaky_bp(c, &bp);
    case NPU_OP_SIGMOID_FF:
      return npu_sigmoid_ff(c, &ff);
    case NPU_OP_SIGMOID_BP:
      return npu_sigmoid_bp(c, &bp);
    case NPU_OP_TANH_FF:
      return npu_tanh_ff(c, &ff);
    case NPU_OP_TANH_BP:
      return npu_tanh_bp(c, &bp);
    case NPU_OP_GELU_FF:
      return npu_gelu_ff(c, &ff);
    case NPU_OP_GELU_BP:
      return npu_gelu_bp(c, &gelu_bp);
    case NPU_OP_DROPOUT:
      return npu_dropout(c, &dropout);
    case NPU_OP_NORM:
      return npu_norm(c, &norm);
    case NPU_OP_ADAM:
      return npu_adam_update(c, &adam);
    case NPU_OP_MSE:
      return npu_mse(c, &loss);
    default:
      FAIL("opcode " << opcode << " has no typed function");
      return NPU_BAD_ARGUMENT;
  }
}

/// Each opcode with everything that it can carry; `update` chooses the SGD unit for weight gradients.
npu_result fill(npu_command* c, int opcode, bool update) {
  const npu_update sgd = {a("weights"), a("momentum"), a("copy"), kHyper};
  const npu_update unit = update ? sgd : npu_update{};
  npu_update bias_unit = unit;
  bias_unit.copy = 0;
  const uint32_t gradient = update ? 0 : a("gradient");
  const npu_copy_arguments copy = {5, NPU_PHASE_UPDATE, a("source"), a("destination")};
  npu_convert_arguments convert = {5, NPU_PHASE_DATA, a("source"), a("destination"), kGather, kTile};
  const npu_conv_ff_arguments conv_ff = {5, a("x"), a("weights"), a("y"), a("bias"), true, kConvolution, kTile};
  const npu_conv_bp_arguments conv_bp = {5, a("dy"), a("weights"), a("dx"), a("mask"), kConvolution, kTile};
  const npu_conv_wg_arguments conv_wg = {5, a("x"), a("dy"), gradient, unit, !update, kConvolution, kTile};
  const npu_fc_ff_arguments fc_ff = {5, a("x"), a("weights"), a("y"), a("bias"), true, kTile};
  const npu_fc_bp_arguments fc_bp = {5, a("dy"), a("weights"), a("dx"), a("mask"), kTile};
  const npu_fc_wg_arguments fc_wg = {5, a("x"), a("dy"), gradient, unit, !update, kTile};
  const npu_relu_ff_arguments relu_ff = {5, a("x"), a("y")};
  const npu_relu_bp_arguments relu_bp = {5, a("dy"), a("dx"), a("mask")};
  const npu_maxpool_ff_arguments max_ff = {5, a("x"), a("y"), a("index"), kPooling};
  const npu_maxpool_bp_arguments max_bp = {5, a("dy"), a("index"), a("dx"), a("mask"), kPooling};
  const npu_avgpool_ff_arguments avg_ff = {5, a("x"), a("y"), kPooling};
  const npu_avgpool_bp_arguments avg_bp = {5, a("dy"), a("dx"), kPooling};
  const npu_globalpool_ff_arguments global_ff = {5, a("x"), a("y")};
  const npu_globalpool_bp_arguments global_bp = {5, a("dy"), a("dx")};
  const npu_bias_ff_arguments bias_ff = {5, a("x"), a("y"), a("bias")};
  const npu_bias_wg_arguments bias_wg = {5, a("dy"), gradient, bias_unit, !update};
  const npu_softmax_ce_arguments softmax = {5, a("logits"), a("labels"), a("error"), kHyper, kLoss};
  const npu_sgd_arguments update_only = {5, a("gradient"), sgd};
  switch (opcode) {
    case NPU_OP_NOP:
      return npu_nop(c);
    case NPU_OP_FENCE:
      return npu_fence(c, 77, true);
    case NPU_OP_GROUP_BEGIN:
      return npu_group_begin(c, 5);
    case NPU_OP_GROUP_END:
      return npu_group_end(c, 5);
    case NPU_OP_COPY:
      return npu_copy(c, &copy);
    case NPU_OP_ENCODE:
      return npu_encode(c, &convert);
    case NPU_OP_DECODE:
      convert.gather = 0;
      return npu_decode(c, &convert);
    case NPU_OP_CONV_FF:
      return npu_conv_ff(c, &conv_ff);
    case NPU_OP_CONV_BP:
      return npu_conv_bp(c, &conv_bp);
    case NPU_OP_CONV_WG:
      return npu_conv_wg(c, &conv_wg);
    case NPU_OP_FC_FF:
      return npu_fc_ff(c, &fc_ff);
    case NPU_OP_FC_BP:
      return npu_fc_bp(c, &fc_bp);
    case NPU_OP_FC_WG:
      return npu_fc_wg(c, &fc_wg);
    case NPU_OP_RELU_FF:
      return npu_relu_ff(c, &relu_ff);
    case NPU_OP_RELU_BP:
      return npu_relu_bp(c, &relu_bp);
    case NPU_OP_MAXPOOL_FF:
      return npu_maxpool_ff(c, &max_ff);
    case NPU_OP_MAXPOOL_BP:
      return npu_maxpool_bp(c, &max_bp);
    case NPU_OP_AVGPOOL_FF:
      return npu_avgpool_ff(c, &avg_ff);
    case NPU_OP_AVGPOOL_BP:
      return npu_avgpool_bp(c, &avg_bp);
    case NPU_OP_GLOBALPOOL_FF:
      return npu_globalpool_ff(c, &global_ff);
    case NPU_OP_GLOBALPOOL_BP:
      return npu_globalpool_bp(c, &global_bp);
    case NPU_OP_BIAS_FF:
      return npu_bias_ff(c, &bias_ff);
    case NPU_OP_BIAS_WG:
      return npu_bias_wg(c, &bias_wg);
    case NPU_OP_SOFTMAX_CE:
      return npu_softmax_ce(c, &softmax);
    case NPU_OP_SGD:
      return npu_sgd(c, &update_only);
    default:
      return fill_graph(c, opcode);
  }
}

uint16_t flag_of(const std::string& need) {
#define COMMAND_FLAG(name, bit, description) \
  if (need == #name) return 1 << (bit);
#include "drivers/npu/npu_command.def"
  return 0;
}

void check_operands(const npu_command& command, int opcode, bool update) {
  std::array<bool, 6> used{};
  const auto row = operands().find(opcode);
  if (row != operands().end()) {
    for (const Operand& operand : row->second) {
      INFO(npu_opcode_name(command.opcode) << " " << operand.name << (update ? " with update" : ""));
      // A weight gradient is stored, or an update takes its place.
      const bool weight_gradient = opcode == NPU_OP_CONV_WG || opcode == NPU_OP_FC_WG || opcode == NPU_OP_BIAS_WG;
      const bool absent = weight_gradient && (update ? operand.name == "gradient" : operand.need != "REQUIRED");
      CHECK(tensor(command, operand.slot) == (absent ? 0 : address_of(operand.name)));
      if (operand.need != "REQUIRED") CHECK(((command.flags & flag_of(operand.need)) != 0) == !absent);
      used[operand.slot] = used[operand.slot] || !absent;
    }
  }
  for (unsigned slot = 0; slot < 6; slot++) {
    INFO(npu_opcode_name(command.opcode) << " slot " << slot);
    if (!used[slot]) CHECK(tensor(command, slot) == 0);
  }
  CHECK(command.first_channel == 0);
  const bool normalises = opcode == NPU_OP_BN_FF || opcode == NPU_OP_BN_BP || opcode == NPU_OP_BN_WG;
  CHECK(command.immediate == (normalises ? 1e-5f : 0.0f));
}

}  // namespace

TEST_CASE("every opcode has a typed function that fills the operands of its row") {
#define OPCODE(name, value, description)                      \
  for (const bool update : {false, true}) {                   \
    npu_command command;                                      \
    std::memset(&command, 0xEE, sizeof command);              \
    REQUIRE(fill(&command, NPU_OP_##name, update) == NPU_OK); \
    CHECK(command.opcode == (value));                         \
    check_operands(command, value, update);                   \
  }
#include "drivers/npu/npu_command.def"
}

TEST_CASE("geometry, tiles, records and phases come out in their fields") {
  npu_command c;
  REQUIRE(fill(&c, NPU_OP_CONV_FF, false) == NPU_OK);
  CHECK(c.phase == NPU_PHASE_FF);
  CHECK(c.layer == 5);
  CHECK(c.flags == (NPU_FLAG_BIAS | NPU_FLAG_RELU));
  CHECK(c.stride_h == 2);
  CHECK(c.stride_w == 1);
  CHECK(c.pad_h == 3);
  CHECK(c.pad_w == 4);
  CHECK(c.pad_more_h == -1);
  CHECK(c.pad_more_w == 2);
  CHECK(c.dilation_h == 1);
  CHECK(c.dilation_w == 2);
  CHECK(c.kernel_h == 0);
  CHECK(c.groups == 1);
  CHECK(c.tile_k == 8);
  CHECK(c.tile_rows == 4);
  CHECK(c.tile_c == 16);
  CHECK(c.tile_n == 2);
  REQUIRE(fill(&c, NPU_OP_MAXPOOL_FF, false) == NPU_OK);
  CHECK(c.kernel_h == 2);
  CHECK(c.kernel_w == 3);
  CHECK(c.stride_w == 2);
  CHECK(c.pad_w == 1);
  CHECK(c.pad_more_h == 0);
  CHECK(c.pad_more_w == 0);
  CHECK(c.dilation_h == 0);
  REQUIRE(fill(&c, NPU_OP_SOFTMAX_CE, false) == NPU_OK);
  CHECK(c.parameters == kHyper);
  CHECK(c.auxiliary == kLoss);
  REQUIRE(fill(&c, NPU_OP_FC_WG, true) == NPU_OK);
  CHECK(c.phase == NPU_PHASE_WG);
  CHECK(c.flags == (NPU_FLAG_UPDATE | NPU_FLAG_MOMENTUM | NPU_FLAG_COPY));
  CHECK(c.parameters == kHyper);
  REQUIRE(fill(&c, NPU_OP_FC_WG, false) == NPU_OK);
  CHECK(c.flags == NPU_FLAG_ACCUMULATE);
  CHECK(c.parameters == 0);
  REQUIRE(fill(&c, NPU_OP_FENCE, false) == NPU_OK);
  CHECK(c.auxiliary == 77);
  REQUIRE(fill(&c, NPU_OP_ENCODE, false) == NPU_OK);
  CHECK(c.auxiliary == kGather);
}

TEST_CASE("numbers of graph commands come out in their fields, and bad ones are refused") {
  npu_command c;
  const npu_slice_arguments slice = {5, NPU_PHASE_FF, a("x"), a("y"), 0, 7};
  REQUIRE(npu_slice(&c, &slice) == NPU_OK);
  CHECK(c.first_channel == 7);
  CHECK(c.flags == 0);
  const npu_bn_moments_arguments moments = {5, a("x"), a("moments"), a("running"), 0.25f, kLoss};
  REQUIRE(npu_bn_moments(&c, &moments) == NPU_OK);
  CHECK(c.immediate == 0.25f);
  CHECK(c.auxiliary == kLoss);
  const npu_bn_bp_arguments half = {5, a("dy"), a("dx"), a("affine"), a("moments"), a("x"), 0, 1e-5f, 0};
  CHECK(npu_bn_bp(&c, &half) == NPU_BAD_ARGUMENT);
  const npu_activation_ff_arguments slope = {5, a("x"), a("y"), 0.25f};
  CHECK(npu_tanh_ff(&c, &slope) == NPU_BAD_ARGUMENT);
  CHECK(npu_gelu_ff(&c, &slope) == NPU_BAD_ARGUMENT);
  REQUIRE(npu_leaky_ff(&c, &slope) == NPU_OK);
  CHECK(c.immediate == 0.25f);
  CHECK(npu_clip6(&c) == NPU_BAD_ARGUMENT);
  CHECK(npu_sum(&c) == NPU_BAD_ARGUMENT);
  const npu_dropout_arguments all = {5, NPU_PHASE_FF, a("x"), a("y"), 1.0f, kHyper};
  CHECK(npu_dropout(&c, &all) == NPU_BAD_ARGUMENT);
  const npu_relu_ff_arguments relu = {5, a("x"), a("y")};
  REQUIRE(npu_relu_ff(&c, &relu) == NPU_OK);
  REQUIRE(npu_clip6(&c) == NPU_OK);
  CHECK(c.flags == NPU_FLAG_CLIP6);
  const npu_avgpool_ff_arguments pool = {0, a("x"), a("y"), {2, 3, 0, 0, 0, 0}};
  REQUIRE(npu_avgpool_ff(&c, &pool) == NPU_OK);
  REQUIRE(npu_sum(&c) == NPU_OK);
  CHECK(c.flags == NPU_FLAG_SUM);
  REQUIRE(npu_avgpool_ff(&c, &pool) == NPU_OK);
  REQUIRE(npu_exclude_pad(&c) == NPU_OK);
  CHECK(c.flags == NPU_FLAG_EXCLUDE_PAD);
  REQUIRE(npu_relu_ff(&c, &relu) == NPU_OK);
  CHECK(npu_exclude_pad(&c) == NPU_BAD_ARGUMENT);
  CHECK(npu_exclude_pad(nullptr) == NPU_BAD_ARGUMENT);
}

TEST_CASE("strides and dilations of zero mean one, and the pooling window itself") {
  npu_command c;
  const npu_conv_ff_arguments conv = {0, a("x"), a("weights"), a("y"), 0, false, {}, {}};
  REQUIRE(npu_conv_ff(&c, &conv) == NPU_OK);
  CHECK(c.stride_h == 1);
  CHECK(c.dilation_w == 1);
  const npu_avgpool_ff_arguments pool = {0, a("x"), a("y"), {2, 3, 0, 0, 0, 0}};
  REQUIRE(npu_avgpool_ff(&c, &pool) == NPU_OK);
  CHECK(c.stride_h == 2);
  CHECK(c.stride_w == 3);
}

TEST_CASE("bad arguments leave the command as it was") {
  npu_command c, before;
  std::memset(&c, 0xEE, sizeof c);
  before = c;
  const npu_conv_ff_arguments missing = {0, 0, a("weights"), a("y"), 0, false, {}, {}};
  CHECK(npu_conv_ff(&c, &missing) == NPU_BAD_ARGUMENT);
  const npu_conv_ff_arguments misaligned = {0, a("x") + 32, a("weights"), a("y"), 0, false, {}, {}};
  CHECK(npu_conv_ff(&c, &misaligned) == NPU_BAD_ARGUMENT);
  const npu_conv_ff_arguments bias = {0, a("x"), a("weights"), a("y"), 4, false, {}, {}};
  CHECK(npu_conv_ff(&c, &bias) == NPU_BAD_ARGUMENT);
  const npu_fc_wg_arguments both = {0, a("x"), a("dy"), a("gradient"), {a("weights"), 0, 0, kHyper}, false, {}};
  CHECK(npu_fc_wg(&c, &both) == NPU_BAD_ARGUMENT);
  const npu_fc_wg_arguments neither = {0, a("x"), a("dy"), 0, {}, false, {}};
  CHECK(npu_fc_wg(&c, &neither) == NPU_BAD_ARGUMENT);
  const npu_fc_wg_arguments no_hyper = {0, a("x"), a("dy"), 0, {a("weights"), 0, 0, 0}, false, {}};
  CHECK(npu_fc_wg(&c, &no_hyper) == NPU_BAD_ARGUMENT);
  const npu_fc_wg_arguments accumulate = {0, a("x"), a("dy"), 0, {a("weights"), 0, 0, kHyper}, true, {}};
  CHECK(npu_fc_wg(&c, &accumulate) == NPU_BAD_ARGUMENT);
  const npu_maxpool_ff_arguments no_window = {0, a("x"), a("y"), 0, {}};
  CHECK(npu_maxpool_ff(&c, &no_window) == NPU_BAD_ARGUMENT);
  const npu_softmax_ce_arguments no_loss = {0, a("logits"), a("labels"), a("error"), kHyper, 0};
  CHECK(npu_softmax_ce(&c, &no_loss) == NPU_BAD_ARGUMENT);
  CHECK(npu_conv_ff(&c, nullptr) == NPU_BAD_ARGUMENT);
  CHECK(npu_nop(nullptr) == NPU_BAD_ARGUMENT);
  CHECK(std::memcmp(&c, &before, sizeof c) == 0);
}
