#include "sw/plan/lower.h"

#include <algorithm>

#include "npu/command/operands.h"
#include "platform/check/check.h"
#include "platform/check/input_error.h"
#include "sw/plan/tensors.h"

namespace backboard {

namespace {

using npu::Opcode;
using npu::TensorFormat;

constexpr unsigned flag_if(bool condition, npu::CommandFlag flag) {
  return condition ? unsigned{flag} : 0u;
}

/// A layer of the network with the ReLU behind it, if that is part of its command.
struct Node {
  const NetLayer* layer = nullptr;
  TrainedParts trained;
  bool fused_relu = false;
  int x = kNoTensor, y = kNoTensor, index = kNoTensor;
  LayerParameters parameters;
};

/// The error of a node's output on its way down.
struct Error {
  int tensor = kNoTensor;
  bool masked = false;  ///< zero wherever the mask of the tensor (mask_of) is zero
};

class Lowering {
 public:
  Lowering(const Network& network, const PlanOptions& options, const npu::Offer& offer)
      : network_(network),
        options_(options),
        offer_(offer),
        formats_(resolve_formats(options.formats, offer)),
        tensors_(draft_, formats_, options) {
    draft_.batch = options.batch;
    draft_.fused = options.fused == Fusion::automatic ? offer.fused_sgd : options.fused == Fusion::on;
    if (draft_.fused && !offer.fused_sgd)
      throw InputError(
          fmt::format("engine {} has no SGD unit on the write-back path: `fused: on` is not possible", offer.name));
  }

  Draft run() {
    make_nodes();
    make_tensors();
    prepare();
    forward(PLAN_TRAIN_STEP);
    backward();
    update();
    forward(PLAN_EVAL_STEP);
    make_layers();
    mark_outputs();
    set_tiles();
    return std::move(draft_);
  }

 private:
  void make_nodes();
  void make_tensors();
  void make_layers();
  void prepare();
  void forward(plan_program_kind program);
  void backward();
  void update();
  void mark_outputs();
  void set_tiles();

  Error node_backward(size_t i, Error error);
  Error error_of_input(size_t i, const Error& error);
  void gradients(size_t i, int dy);
  void update_parameter(const Parameter& parameter, size_t i);
  int mask_of(size_t i) const;
  bool feeds_fc(size_t i) const { return i + 1 < nodes_.size() && nodes_[i + 1].layer->kind == LayerKind::fc; }
  uint16_t number_of(size_t i) const { return static_cast<uint16_t>(i); }
  uint16_t loss_layer() const { return static_cast<uint16_t>(nodes_.size()); }

  DraftCommand& emit(plan_program_kind program, Opcode opcode, Phase phase, uint16_t layer,
                     std::array<int, npu::kOperands> tensors, unsigned flags = 0);
  void set_geometry(DraftCommand& command, const NetLayer& layer);

  const Network& network_;
  const PlanOptions& options_;
  const npu::Offer& offer_;
  Draft draft_;
  ResolvedFormats formats_;
  TensorTable tensors_;
  std::vector<Node> nodes_;
  size_t lowest_trained_ = 0;
  int logits_error_ = kNoTensor;
  std::vector<bool> has_bp_;
};

void Lowering::make_nodes() {
  const std::vector<TrainedParts> trained = apply_policy(options_.policy, network_);
  for (size_t i = 0; i < network_.layers.size(); ++i) {
    const NetLayer& layer = network_.layers[i];
    if (layer.sources != std::vector<int>{static_cast<int>(i) - 1} || network_.loss != LossKind::softmax_ce)
      throw InputError(fmt::format("layer {}: only chains that end in softmax are compiled so far", layer.name));
  }
  for (size_t i = 0; i < network_.layers.size(); ++i) {
    const NetLayer& layer = network_.layers[i];
    if (layer.kind == LayerKind::relu && i > 0 && network_.layers[i - 1].has_weights()) {
      nodes_.back().fused_relu = true;
      continue;
    }
    Node node;
    node.layer = &layer;
    node.trained = trained[i];
    nodes_.push_back(node);
  }
  lowest_trained_ = nodes_.size();
  for (size_t i = nodes_.size(); i-- > 0;)
    if (nodes_[i].trained.any()) lowest_trained_ = i;
  has_bp_.assign(nodes_.size(), false);
}

void Lowering::make_tensors() {
  const ImageShape in = network_.input_shape();
  draft_.packed_images = tensors_.packed_images(in, static_cast<float>(network_.input.scale));
  const bool input_is_flat = nodes_.front().layer->kind == LayerKind::fc;
  int x = tensors_.activation("input", in, formats_.input, TensorClass::kINPUT, kNoLayer, input_is_flat);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = nodes_[i];
    const NetLayer& layer = *node.layer;
    const bool last = i + 1 == nodes_.size();
    node.x = layer.kind == LayerKind::fc ? tensors_.flat(x) : x;
    node.y = tensors_.activation(layer.name + ".y", layer.out, last ? formats_.logits : formats_.activation,
                                 TensorClass::kACTIVATION, number_of(i), feeds_fc(i));
    if (layer.kind == LayerKind::maxpool && i > lowest_trained_)
      node.index = tensors_.pool_index(layer.name + ".index", layer.out, number_of(i));
    if (layer.has_weights()) {
      bool last_weights = true;
      for (size_t j = i + 1; j < nodes_.size(); ++j) last_weights &= !nodes_[j].layer->has_weights();
      node.parameters = tensors_.parameters(layer, number_of(i), node.trained,
                                            last_weights ? formats_.last_weight : formats_.weight, draft_.fused);
    }
    x = node.y;
  }
  draft_.labels = tensors_.labels();
  logits_error_ = tensors_.error("loss.dy", network_.layers.back().out, formats_.logits, loss_layer(), false);
}

void Lowering::make_layers() {
  const uint64_t batch = options_.batch;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    DraftLayer layer;
    layer.name = node.layer->name;
    layer.trained = node.trained.any();
    layer.macs_ff = batch * node.layer->macs();
    layer.macs_bp = has_bp_[i] ? layer.macs_ff : 0;
    layer.macs_wg = node.trained.weight ? layer.macs_ff : 0;
    for (const DraftCommand& command : draft_.programs[PLAN_EVAL_STEP])
      if (command.fields.layer == i) layer.kind = static_cast<Opcode>(command.fields.opcode);
    draft_.layers.push_back(layer);
  }
  DraftLayer loss;
  loss.name = "loss";
  loss.kind = Opcode::kSOFTMAX_CE;
  draft_.layers.push_back(loss);
}

DraftCommand& Lowering::emit(plan_program_kind program, Opcode opcode, Phase phase, uint16_t layer,
                             std::array<int, npu::kOperands> tensors, unsigned flags) {
  if (!offer_.offers(opcode))
    throw InputError(fmt::format("engine {} does not offer {}, which layer {} needs", offer_.name, npu::name_of(opcode),
                                 layer < nodes_.size() ? nodes_[layer].layer->name : "loss"));
  DraftCommand command;
  command.fields.opcode = static_cast<uint8_t>(opcode);
  command.fields.phase = static_cast<uint8_t>(phase);
  command.fields.layer = layer;
  command.fields.flags = static_cast<uint16_t>(flags);
  command.tensors = tensors;
  draft_.programs[program].push_back(command);
  return draft_.programs[program].back();
}

void Lowering::set_geometry(DraftCommand& command, const NetLayer& layer) {
  if (!layer.has_window()) return;
  const uint32_t kernel = std::max(layer.kernel_h, layer.kernel_w), stride = std::max(layer.stride_h, layer.stride_w);
  if (kernel > offer_.largest_kernel || stride > offer_.largest_stride)
    throw InputError(fmt::format("layer {}: kernel {} x {}, stride {} x {}: engine {} goes up to {} and {}", layer.name,
                                 layer.kernel_h, layer.kernel_w, layer.stride_h, layer.stride_w, offer_.name,
                                 offer_.largest_kernel, offer_.largest_stride));
  npu::Command& fields = command.fields;
  fields.stride_h = static_cast<uint8_t>(layer.stride_h);
  fields.stride_w = static_cast<uint8_t>(layer.stride_w);
  fields.pad_h = static_cast<uint8_t>(layer.pad_h);
  fields.pad_w = static_cast<uint8_t>(layer.pad_w);
  if (layer.kind == LayerKind::conv) {
    fields.dilation_h = static_cast<uint8_t>(layer.dilation_h);
    fields.dilation_w = static_cast<uint8_t>(layer.dilation_w);
    fields.groups = static_cast<uint16_t>(layer.groups == 1 ? 0 : layer.groups);
  } else {
    fields.kernel_h = static_cast<uint8_t>(layer.kernel_h);
    fields.kernel_w = static_cast<uint8_t>(layer.kernel_w);
  }
}

void Lowering::prepare() {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Parameter& weight = nodes_[i].parameters.weight;
    if (weight.copy != weight.master)
      emit(PLAN_PREPARE, Opcode::kENCODE, Phase::kUPDATE, number_of(i), {weight.master, weight.copy, -1, -1, -1, -1});
  }
}

void Lowering::forward(plan_program_kind program) {
  const int input = tensors_.spatial(nodes_.front().x);
  emit(program, Opcode::kENCODE, Phase::kDATA, kNoLayer, {draft_.packed_images, input, -1, -1, -1, -1}).auxiliary =
      Auxiliary::gather;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    const auto ff = [&](Opcode opcode, int second, int fourth, unsigned flags) {
      set_geometry(emit(program, opcode, Phase::kFF, number_of(i), {node.x, second, node.y, fourth, -1, -1}, flags),
                   *node.layer);
    };
    switch (node.layer->kind) {
      case LayerKind::conv:
      case LayerKind::fc: {
        const int bias = node.parameters.bias.master;
        const unsigned flags = flag_if(bias != kNoTensor, npu::kFlagBIAS) | flag_if(node.fused_relu, npu::kFlagRELU);
        ff(node.layer->kind == LayerKind::conv ? Opcode::kCONV_FF : Opcode::kFC_FF, node.parameters.weight.copy, bias,
           flags);
        break;
      }
      case LayerKind::relu:
        ff(Opcode::kRELU_FF, kNoTensor, kNoTensor, 0);
        break;
      case LayerKind::maxpool: {
        const int index = program == PLAN_TRAIN_STEP ? node.index : kNoTensor;
        ff(Opcode::kMAXPOOL_FF, kNoTensor, index, flag_if(index != kNoTensor, npu::kFlagINDEX));
        break;
      }
      case LayerKind::avgpool:
        ff(Opcode::kAVGPOOL_FF, kNoTensor, kNoTensor, 0);
        break;
      case LayerKind::globalpool:
        ff(Opcode::kGLOBALPOOL_FF, kNoTensor, kNoTensor, 0);
        break;
      default:
        throw InputError(
            fmt::format("layer {}: {} is not compiled so far", node.layer->name, name_of(node.layer->kind)));
    }
  }
  DraftCommand& loss = emit(program, Opcode::kSOFTMAX_CE, Phase::kFF, loss_layer(),
                            {nodes_.back().y, draft_.labels, logits_error_, -1, -1, -1});
  loss.hyper = true;
  loss.auxiliary = Auxiliary::loss;
}

int Lowering::mask_of(size_t i) const {
  const Node& node = nodes_[i];
  if (node.fused_relu) return node.y;
  if (node.layer->kind == LayerKind::maxpool && i > 0 && mask_of(i - 1) != kNoTensor) return node.y;
  return kNoTensor;
}

void Lowering::backward() {
  Error error{logits_error_, false};
  for (size_t i = nodes_.size(); i-- > lowest_trained_;) error = node_backward(i, error);
}

/// The commands of one node, given the error of its output; returns the error of its input.
Error Lowering::node_backward(size_t i, Error error) {
  const Node& node = nodes_[i];
  if (node.fused_relu && !error.masked) {
    // Whatever made this error has no write-back mask. Coded tensors cannot be changed in place.
    const int masked = tensors_.error(node.layer->name + ".dr", node.layer->out, tensors_.format_of(error.tensor),
                                      number_of(i), feeds_fc(i));
    emit(PLAN_TRAIN_STEP, Opcode::kRELU_BP, Phase::kBP, number_of(i), {error.tensor, -1, masked, node.y, -1, -1});
    error.tensor = masked;
    error.masked = true;
  }
  Error below;
  if (i > lowest_trained_) below = error_of_input(i, error);
  if (node.trained.any()) gradients(i, error.tensor);
  return below;
}

Error Lowering::error_of_input(size_t i, const Error& error) {
  const Node& node = nodes_[i];
  const NetLayer& layer = *node.layer;
  const int dx = tensors_.error(nodes_[i - 1].layer->name + ".dy", nodes_[i - 1].layer->out, formats_.error,
                                number_of(i - 1), feeds_fc(i - 1));
  const int mask = mask_of(i - 1);
  has_bp_[i] = true;
  const auto bp = [&](Opcode opcode, std::array<int, npu::kOperands> tensors, unsigned flags) {
    set_geometry(emit(PLAN_TRAIN_STEP, opcode, Phase::kBP, number_of(i), tensors, flags), layer);
  };
  switch (layer.kind) {
    case LayerKind::conv:
    case LayerKind::fc: {
      const bool fc = layer.kind == LayerKind::fc;
      const auto view = [&](int tensor) { return fc && tensor != kNoTensor ? tensors_.flat(tensor) : tensor; };
      bp(fc ? Opcode::kFC_BP : Opcode::kCONV_BP,
         {error.tensor, node.parameters.weight.copy, view(dx), view(mask), -1, -1},
         flag_if(mask != kNoTensor, npu::kFlagMASK));
      return {dx, mask != kNoTensor};
    }
    case LayerKind::relu:
      bp(Opcode::kRELU_BP, {error.tensor, -1, dx, node.y, -1, -1}, 0);
      return {dx, false};
    case LayerKind::maxpool: {
      // A mask of the input exists: what came through the maximum carries it.
      const bool here = mask != kNoTensor && !error.masked;
      bp(Opcode::kMAXPOOL_BP, {error.tensor, node.index, dx, here ? node.y : kNoTensor, -1, -1},
         flag_if(here, npu::kFlagMASK));
      return {dx, mask != kNoTensor};
    }
    case LayerKind::avgpool:
      bp(Opcode::kAVGPOOL_BP, {error.tensor, -1, dx, -1, -1, -1}, 0);
      return {dx, false};
    case LayerKind::globalpool:
      bp(Opcode::kGLOBALPOOL_BP, {error.tensor, -1, dx, -1, -1, -1}, 0);
      return {dx, false};
    default:
      break;
  }
  BB_CHECK(false, "kind {}", static_cast<int>(layer.kind));
}

void Lowering::gradients(size_t i, int dy) {
  const Node& node = nodes_[i];
  const auto wg = [&](Opcode opcode, int first, int second, const Parameter& p) {
    unsigned flags = 0;
    std::array<int, npu::kOperands> tensors{first, second, p.gradient, -1, -1, -1};
    if (draft_.fused) {
      const bool copies = p.copy != p.master;
      flags = npu::kFlagUPDATE | flag_if(p.momentum != kNoTensor, npu::kFlagMOMENTUM) | flag_if(copies, npu::kFlagCOPY);
      tensors = {first, second, kNoTensor, p.master, p.momentum, copies ? p.copy : kNoTensor};
    }
    DraftCommand& command = emit(PLAN_TRAIN_STEP, opcode, Phase::kWG, number_of(i), tensors, flags);
    command.hyper = draft_.fused;
    if (opcode != Opcode::kBIAS_WG) set_geometry(command, *node.layer);
  };
  if (node.trained.bias) wg(Opcode::kBIAS_WG, dy, kNoTensor, node.parameters.bias);
  if (node.trained.weight)
    wg(node.layer->kind == LayerKind::conv ? Opcode::kCONV_WG : Opcode::kFC_WG, node.x, dy, node.parameters.weight);
}

void Lowering::update_parameter(const Parameter& p, size_t i) {
  const bool copies = p.copy != p.master;
  const unsigned flags = flag_if(p.momentum != kNoTensor, npu::kFlagMOMENTUM) | flag_if(copies, npu::kFlagCOPY);
  emit(PLAN_UPDATE, Opcode::kSGD, Phase::kUPDATE, number_of(i),
       {p.gradient, kNoTensor, kNoTensor, p.master, p.momentum, copies ? p.copy : kNoTensor}, flags)
      .hyper = true;
}

void Lowering::update() {
  if (draft_.fused) return;
  for (size_t i = nodes_.size(); i-- > 0;) {
    if (nodes_[i].trained.bias) update_parameter(nodes_[i].parameters.bias, i);
    if (nodes_[i].trained.weight) update_parameter(nodes_[i].parameters.weight, i);
  }
}

/// Tensors that commands produce keep statistics; thresholds of those in FGMP are firmware's to steer.
void Lowering::mark_outputs() {
  for (const auto& program : draft_.programs) {
    for (const DraftCommand& command : program) {
      for (unsigned slot = 0; slot < npu::kOperands; ++slot) {
        const npu::OperandRow* row = npu::operand_of(command.fields, slot);
        if (row == nullptr || row->direction != npu::Direction::OUT) continue;
        DraftTensor& tensor = draft_.tensors[command.tensors[slot]];
        tensor.wants_statistics = keeps_statistics(tensor.tensor_class);
        if (tensor.format == TensorFormat::kFGMP) tensor.flags |= PLAN_TENSOR_STEERED;
      }
    }
  }
}

/// The tile sizes that were asked for, rounded up to blocks of what the command stores (the NPU refuses to cut one).
void Lowering::set_tiles() {
  const PlanTiles& tiles = options_.tiles;
  for (auto& program : draft_.programs) {
    for (DraftCommand& command : program) {
      const auto opcode = static_cast<Opcode>(command.fields.opcode);
      if (opcode < Opcode::kCONV_FF || opcode > Opcode::kFC_WG) continue;
      const bool wg = npu::is_wg(opcode);
      const int stored = command.tensors[wg ? 5 : 2];
      npu::BlockGeometry blocks;
      if (stored != kNoTensor && npu::is_coded(draft_.tensors[stored].format)) blocks = draft_.tensors[stored].geometry;
      const auto size = [](uint32_t asked, uint32_t unit) {
        return static_cast<uint16_t>(std::min<uint32_t>((asked + unit - 1) / unit * unit, UINT16_MAX));
      };
      command.fields.tile_k = size(tiles.k, wg ? 1 : blocks.block_channels);
      command.fields.tile_rows = size(tiles.rows, wg ? 1 : blocks.block_rows);
      command.fields.tile_c = size(tiles.c, wg ? blocks.block_channels : 1);
      command.fields.tile_n = size(tiles.n, 1);
    }
  }
}

}  // namespace

Draft lower(const Network& network, const PlanOptions& options, const npu::Offer& offer) {
  return Lowering(network, options, offer).run();
}

}  // namespace backboard
