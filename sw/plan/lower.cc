#include "sw/plan/lower.h"

#include <algorithm>

#include "npu/command/operands.h"
#include "platform/check/check.h"
#include "platform/check/input_error.h"
#include "sw/plan/lowering.h"
#include "sw/plan/recompute.h"

namespace backboard {

using npu::Opcode;
using npu::TensorFormat;

Lowering::Lowering(const Network& network, const PlanOptions& options, const npu::Offer& offer)
    : network_(network),
      options_(options),
      offer_(offer),
      formats_(resolve_formats(options.formats, offer)),
      tensors_(draft_, formats_, options),
      graph_(make_graph(network, apply_policy(options, network))),
      nodes_(graph_.size()),
      errors_(graph_.size()),
      error_count_(graph_.size(), 0),
      has_bp_(graph_.size(), false),
      forgotten_(recomputed_outputs(network, graph_, options.recompute)) {
  draft_.batch = options.batch;
  draft_.adam = options.optimizer == Optimizer::adam;
  const bool separate = options.optimizer != Optimizer::sgd || options.accumulate > 1 || options.gradient_norm;
  draft_.fused = options.fused == Fusion::automatic ? offer.fused_sgd && !separate : options.fused == Fusion::on;
  if (draft_.fused && !offer.fused_sgd)
    throw InputError(
        fmt::format("engine {} has no SGD unit on the write-back path: `fused: on` is not possible", offer.name));
  for (const GraphNode& node : graph_) {
    if (options.accumulate > 1 && node.is(LayerKind::batchnorm) && (node.trained.weight || node.batch_moments))
      throw InputError(
          fmt::format("layer {}: a batch normalisation {} cannot add gradients of several batches "
                      "(`accumulate`)",
                      node.layer->name, node.trained.weight ? "whose gamma trains" : "with the moments of its batch"));
  }
}

Draft Lowering::run() {
  make_tensors();
  prepare();
  if (options_.policy != "none") {
    forward(PLAN_TRAIN_STEP);
    backward();
    measure_norms();
    update();
  }
  forward(PLAN_EVAL_STEP);
  make_layers();
  mark_outputs();
  set_tiles();
  return std::move(draft_);
}

bool Lowering::feeds_fc(int i) const {
  if (i == kImages) {
    for (const GraphNode& node : graph_)
      for (const int source : node.sources)
        if (source == kImages && node.is(LayerKind::fc)) return true;
    return false;
  }
  for (const int reader : graph_[i].readers)
    if (graph_[reader].is(LayerKind::fc) || (graph_[reader].is(LayerKind::dropout) && feeds_fc(reader))) return true;
  return false;
}

void Lowering::make_tensors() {
  const ImageShape in = network_.input_shape();
  draft_.packed_images = tensors_.packed_images(in, static_cast<float>(network_.input.scale));
  input_ = tensors_.activation("input", in, formats_.input, TensorClass::kINPUT, kNoLayer, feeds_fc(kImages));
  size_t last_weights = 0;
  for (size_t i = 0; i < graph_.size(); ++i)
    if (graph_[i].layer->has_weights()) last_weights = i;
  for (size_t i = 0; i < graph_.size(); ++i) {
    const GraphNode& node = graph_[i];
    const NetLayer& layer = *node.layer;
    NodeTensors& tensors = nodes_[i];
    for (size_t input = 0; input < node.sources.size(); ++input)
      tensors.x.push_back(input_of(PLAN_TRAIN_STEP, i, input));
    const bool last = i + 1 == graph_.size();
    tensors.y = tensors_.activation(layer.name + ".y", layer.out, last ? formats_.logits : formats_.activation,
                                    TensorClass::kACTIVATION, number_of(i), feeds_fc(static_cast<int>(i)),
                                    layer.groups > 1 ? layer.channels / layer.groups : 0);
    if (node.is(LayerKind::maxpool) && sends_error(graph_, i))
      tensors.index = tensors_.pool_index(layer.name + ".index", layer.out, number_of(i));
    maker_of_[tensors.y] = i;
    if (tensors.index != kNoTensor) maker_of_[tensors.index] = i;
    if (layer.has_weights())
      tensors.parameters = tensors_.parameters(
          layer, number_of(i), node.trained, i == last_weights ? formats_.last_weight : formats_.weight, draft_.fused);
    if (node.is(LayerKind::batchnorm))
      tensors.norm = tensors_.norm_parameters(layer, number_of(i), node.trained, sends_error(graph_, i), draft_.fused);
  }
  draft_.labels = tensors_.labels(network_.classes());
  logits_error_ = tensors_.error("loss.dy", network_.layers.back().out, formats_.logits, loss_layer(), false);
}

void Lowering::make_layers() {
  const uint64_t batch = options_.batch;
  for (size_t i = 0; i < graph_.size(); ++i) {
    const GraphNode& node = graph_[i];
    DraftLayer layer;
    layer.name = node.layer->name;
    layer.trained = node.trained.any();
    const uint64_t macs = batch * node.layer->macs();
    layer.macs_bp = has_bp_[i] ? macs : 0;
    layer.macs_wg = node.trained.weight ? macs : 0;
    const bool trains = !draft_.programs[PLAN_TRAIN_STEP].empty();
    const auto forward_phase = static_cast<uint8_t>(options_.beside_training ? Phase::kINFERENCE : Phase::kFF);
    for (const DraftCommand& command : draft_.programs[trains ? PLAN_TRAIN_STEP : PLAN_EVAL_STEP])
      if (command.fields.layer == i && command.fields.phase == forward_phase) {
        layer.kind = static_cast<Opcode>(command.fields.opcode);
        if (layer.kind == Opcode::kCONV_FF || layer.kind == Opcode::kFC_FF) layer.macs_ff += macs;
      }
    draft_.layers.push_back(layer);
  }
  DraftLayer loss;
  loss.name = "loss";
  loss.kind = network_.loss == LossKind::mse ? Opcode::kMSE : Opcode::kSOFTMAX_CE;
  draft_.layers.push_back(loss);
}

DraftCommand& Lowering::emit(plan_program_kind program, Opcode opcode, Phase phase, uint16_t layer,
                             const Operands& tensors, unsigned flags) {
  if (!offer_.offers(opcode))
    throw InputError(fmt::format("engine {} does not offer {}, which layer {} needs", offer_.name, npu::name_of(opcode),
                                 layer < graph_.size() ? graph_[layer].layer->name : "loss"));
  if (backward_ && program == PLAN_TRAIN_STEP)
    for (const int tensor : tensors)
      if (tensor != kNoTensor) restore(tensor);
  DraftCommand command;
  command.fields.opcode = static_cast<uint8_t>(opcode);
  command.fields.phase = static_cast<uint8_t>(options_.beside_training ? Phase::kINFERENCE : phase);
  command.fields.layer = layer;
  command.fields.flags = static_cast<uint16_t>(flags);
  command.tensors = tensors;
  draft_.programs[program].push_back(command);
  return draft_.programs[program].back();
}

void Lowering::set_geometry(DraftCommand& command, const NetLayer& layer) {
  npu::Command& fields = command.fields;
  if (layer.kind == LayerKind::upsample) {
    fields.kernel_h = fields.stride_h = static_cast<uint8_t>(layer.kernel_h);
    fields.kernel_w = fields.stride_w = static_cast<uint8_t>(layer.kernel_w);
    return;
  }
  if (!layer.has_window() || layer.pools_whole_map()) return;
  const uint32_t kernel = std::max(layer.kernel_h, layer.kernel_w), stride = std::max(layer.stride_h, layer.stride_w);
  const uint32_t dilation = std::max(layer.dilation_h, layer.dilation_w);
  if (kernel > offer_.largest_kernel || stride > offer_.largest_stride || dilation > offer_.largest_dilation)
    throw InputError(fmt::format(
        "layer {}: kernel {} x {}, stride {} x {}, dilation {} x {}: engine {} goes up to {}, {} and {}", layer.name,
        layer.kernel_h, layer.kernel_w, layer.stride_h, layer.stride_w, layer.dilation_h, layer.dilation_w, offer_.name,
        offer_.largest_kernel, offer_.largest_stride, offer_.largest_dilation));
  fields.stride_h = static_cast<uint8_t>(layer.stride_h);
  fields.stride_w = static_cast<uint8_t>(layer.stride_w);
  fields.pad_h = static_cast<uint8_t>(layer.pad_h);
  fields.pad_w = static_cast<uint8_t>(layer.pad_w);
  if (layer.kind == LayerKind::conv) {
    fields.pad_more_h = static_cast<int8_t>(layer.pad_more_h);
    fields.pad_more_w = static_cast<int8_t>(layer.pad_more_w);
    fields.dilation_h = static_cast<uint8_t>(layer.dilation_h);
    fields.dilation_w = static_cast<uint8_t>(layer.dilation_w);
    fields.groups = static_cast<uint16_t>(layer.groups == 1 ? 0 : layer.groups);
  } else {
    fields.kernel_h = static_cast<uint8_t>(layer.kernel_h);
    fields.kernel_w = static_cast<uint8_t>(layer.kernel_w);
  }
}

void Lowering::prepare() {
  for (size_t i = 0; i < graph_.size(); ++i) {
    const Parameter& weight = nodes_[i].parameters.weight;
    if (weight.copy != weight.master)
      emit(PLAN_PREPARE, Opcode::kENCODE, Phase::kUPDATE, number_of(i), {weight.master, weight.copy, -1, -1, -1, -1});
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

Draft lower(const Network& network, const PlanOptions& options, const npu::Offer& offer) {
  return Lowering(network, options, offer).run();
}

}  // namespace backboard
