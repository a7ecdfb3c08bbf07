// The forward pass of a network as commands.
#include "platform/check/check.h"
#include "sw/plan/lowering.h"

namespace backboard {

using npu::Opcode;

int Lowering::output_of(plan_program_kind program, int i) const {
  if (i == kImages) return input_;
  const GraphNode& node = graph_[i];
  if (program == PLAN_EVAL_STEP && node.is(LayerKind::dropout)) return output_of(program, node.sources.front());
  return nodes_[i].y;
}

int Lowering::input_of(plan_program_kind program, size_t i, size_t input) {
  const int tensor = output_of(program, graph_[i].sources[input]);
  return graph_[i].is(LayerKind::fc) ? tensors_.flat(tensor) : tensor;
}

void Lowering::forward(plan_program_kind program) {
  emit(program, Opcode::kENCODE, Phase::kDATA, kNoLayer, {draft_.packed_images, input_, -1, -1, -1, -1}).auxiliary =
      Auxiliary::gather;
  for (size_t i = 0; i < graph_.size(); ++i) forward_node(program, i);
  const int logits = output_of(program, static_cast<int>(graph_.size()) - 1);
  const Opcode opcode = network_.loss == LossKind::mse ? Opcode::kMSE : Opcode::kSOFTMAX_CE;
  DraftCommand& loss =
      emit(program, opcode, Phase::kFF, loss_layer(), {logits, draft_.labels, logits_error_, -1, -1, -1});
  loss.hyper = true;
  loss.auxiliary = Auxiliary::loss;
}

void Lowering::forward_node(plan_program_kind program, size_t i) {
  const GraphNode& node = graph_[i];
  const NodeTensors& tensors = nodes_[i];
  const NetLayer& layer = *node.layer;
  const int x = input_of(program, i, 0);
  const unsigned relu =
      flag_if(node.relu != FusedRelu::none, npu::kFlagRELU) | flag_if(node.relu == FusedRelu::relu6, npu::kFlagCLIP6);
  const auto ff = [&](Opcode opcode, int second, int fourth, unsigned flags) -> DraftCommand& {
    DraftCommand& command =
        emit(program, opcode, Phase::kFF, number_of(i), {x, second, tensors.y, fourth, -1, -1}, flags);
    set_geometry(command, layer);
    return command;
  };
  // The channels that WG will read are kept; the whole input can go.
  if (program == PLAN_TRAIN_STEP && node.trained.channels != 0 && !backward_)
    nodes_[i].kept = first_channels(i, x, ".xk", Phase::kFF);
  switch (layer.kind) {
    case LayerKind::conv:
    case LayerKind::fc: {
      const int bias = tensors.parameters.bias.master;
      ff(layer.kind == LayerKind::conv ? Opcode::kCONV_FF : Opcode::kFC_FF, tensors.parameters.weight.copy, bias,
         relu | flag_if(bias != kNoTensor, npu::kFlagBIAS));
      return;
    }
    case LayerKind::batchnorm:
      return forward_norm(program, i);
    case LayerKind::relu:
      ff(Opcode::kRELU_FF, kNoTensor, kNoTensor, 0);
      return;
    case LayerKind::relu6:
      ff(Opcode::kRELU_FF, kNoTensor, kNoTensor, npu::kFlagCLIP6);
      return;
    case LayerKind::leakyrelu:
      ff(Opcode::kLEAKY_FF, kNoTensor, kNoTensor, 0).fields.immediate = static_cast<float>(layer.slope);
      return;
    case LayerKind::sigmoid:
      ff(Opcode::kSIGMOID_FF, kNoTensor, kNoTensor, 0);
      return;
    case LayerKind::tanh:
      ff(Opcode::kTANH_FF, kNoTensor, kNoTensor, 0);
      return;
    case LayerKind::gelu:
      ff(Opcode::kGELU_FF, kNoTensor, kNoTensor, 0);
      return;
    case LayerKind::maxpool: {
      const int index = program == PLAN_TRAIN_STEP ? tensors.index : kNoTensor;
      ff(Opcode::kMAXPOOL_FF, kNoTensor, index, flag_if(index != kNoTensor, npu::kFlagINDEX));
      return;
    }
    case LayerKind::avgpool:
    case LayerKind::globalpool:
      if (layer.pools_whole_map())
        ff(Opcode::kGLOBALPOOL_FF, kNoTensor, kNoTensor, 0);
      else
        ff(Opcode::kAVGPOOL_FF, kNoTensor, kNoTensor, flag_if(!layer.count_include_pad, npu::kFlagEXCLUDE_PAD));
      return;
    case LayerKind::add:
      ff(Opcode::kADD, input_of(program, i, 1), kNoTensor, relu);
      return;
    case LayerKind::concat:
      ff(Opcode::kCONCAT, input_of(program, i, 1), kNoTensor, 0);
      return;
    case LayerKind::dropout: {
      if (program == PLAN_EVAL_STEP) return;
      DraftCommand& command = ff(Opcode::kDROPOUT, kNoTensor, kNoTensor, 0);
      command.fields.immediate = static_cast<float>(layer.rate);
      command.hyper = true;
      return;
    }
    case LayerKind::upsample:
      ff(Opcode::kAVGPOOL_BP, kNoTensor, kNoTensor, npu::kFlagSUM);
      return;
  }
  BB_CHECK(false, "kind {}", static_cast<int>(layer.kind));
}

/// Training on the batch's moments makes them first; everything else uses the running ones.
void Lowering::forward_norm(plan_program_kind program, size_t i) {
  const GraphNode& node = graph_[i];
  const NormParameters& norm = nodes_[i].norm;
  const int x = input_of(program, i, 0);
  const bool batch = program == PLAN_TRAIN_STEP && node.batch_moments;
  if (batch && !backward_) {  // computed again, it finds its moments: running ones must not move twice
    DraftCommand& moments = emit(program, Opcode::kBN_MOMENTS, Phase::kFF, number_of(i),
                                 {x, -1, norm.moments, norm.running, -1, -1}, npu::kFlagRUNNING);
    moments.fields.immediate = static_cast<float>(node.layer->momentum);
    moments.auxiliary = Auxiliary::loss;
  }
  DraftCommand& command = emit(
      program, Opcode::kBN_FF, Phase::kFF, number_of(i),
      {x, norm.affine, nodes_[i].y, batch ? norm.moments : norm.running, -1, -1},
      flag_if(node.relu != FusedRelu::none, npu::kFlagRELU) | flag_if(node.relu == FusedRelu::relu6, npu::kFlagCLIP6));
  command.fields.immediate = static_cast<float>(node.layer->epsilon);
}

}  // namespace backboard
