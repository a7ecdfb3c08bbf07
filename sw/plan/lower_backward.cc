// Back-propagation, weight gradients and updates of a network as commands.
#include "platform/check/check.h"
#include "sw/plan/lowering.h"

namespace backboard {

using npu::Opcode;

int Lowering::mask_of(size_t i) const {
  const GraphNode& node = graph_[i];
  if (node.relu != FusedRelu::none) return nodes_[i].y;
  const int source = node.sources.front();
  // What a maximum let through carries the sign of what it came from, if nothing else sends errors there.
  if (node.is(LayerKind::maxpool) && source != kImages && graph_[source].readers.size() == 1 &&
      mask_of(source) != kNoTensor)
    return nodes_[i].y;
  return kNoTensor;
}

bool Lowering::mask_clips(size_t i) const {
  const GraphNode& node = graph_[i];
  if (node.relu != FusedRelu::none) return node.relu == FusedRelu::relu6;
  return node.is(LayerKind::maxpool) && mask_clips(node.sources.front());
}

int Lowering::write_back_mask(int source) const {
  return graph_[source].readers.size() == 1 ? mask_of(source) : kNoTensor;
}

int Lowering::new_error(size_t i, uint32_t group) {
  const NetLayer& layer = *graph_[i].layer;
  const uint32_t number = error_count_[i]++;
  const std::string suffix = number == 0 ? ".dy" : fmt::format(".dy{}", number);
  return tensors_.error(layer.name + suffix, layer.out, formats_.error, number_of(i), feeds_fc(static_cast<int>(i)),
                        group);
}

void Lowering::restore(int tensor) {
  const auto maker = maker_of_.find(tensors_.spatial(tensor));
  if (maker == maker_of_.end() || !forgotten_[maker->second]) return;
  forgotten_[maker->second] = false;
  // Its inputs are restored as its command is emitted.
  forward_node(PLAN_TRAIN_STEP, maker->second);
}

void Lowering::backward() {
  backward_ = true;
  if (graph_.back().wants_error) errors_.back().push_back({logits_error_, false});
  for (size_t i = graph_.size(); i-- > 0;)
    if (graph_[i].wants_error) node_backward(i);
  backward_ = false;
}

/// The commands of one node, given what its readers sent.
void Lowering::node_backward(size_t i) {
  const GraphNode& node = graph_[i];
  Error error = gather_error(i);
  if (node.relu != FusedRelu::none && !error.masked) {
    // Whatever made this error has no write-back mask. Coded tensors cannot be changed in place.
    const int masked = tensors_.error(node.layer->name + ".dr", node.layer->out, tensors_.format_of(error.tensor),
                                      number_of(i), feeds_fc(static_cast<int>(i)));
    emit(PLAN_TRAIN_STEP, Opcode::kRELU_BP, Phase::kBP, number_of(i), {error.tensor, -1, masked, nodes_[i].y, -1, -1},
         flag_if(mask_clips(i), npu::kFlagCLIP6));
    error = {masked, true};
  }
  if (node.is(LayerKind::batchnorm)) return norm_gradients(i, error.tensor);
  send_errors(i, error);
  if (node.trained.any()) gradients(i, error.tensor);
}

/// The sum of what the readers sent, added in the order in which they came; the last addition applies the mask.
Error Lowering::gather_error(size_t i) {
  const std::vector<Error>& parts = errors_[i];
  BB_CHECK(!parts.empty(), "no error reaches {}", graph_[i].layer->name);
  Error sum = parts.front();
  for (size_t part = 1; part < parts.size(); ++part) {
    const bool last = part + 1 == parts.size();
    const bool mask = last && graph_[i].relu != FusedRelu::none;
    const int y = new_error(i);
    emit(PLAN_TRAIN_STEP, Opcode::kADD, Phase::kBP, number_of(i),
         {sum.tensor, parts[part].tensor, y, mask ? nodes_[i].y : kNoTensor, -1, -1},
         flag_if(mask, npu::kFlagMASK) | flag_if(mask && mask_clips(i), npu::kFlagCLIP6));
    sum = {y, mask};
  }
  return sum;
}

void Lowering::send_errors(size_t i, const Error& error) {
  const GraphNode& node = graph_[i];
  for (size_t input = 0; input < node.sources.size(); ++input) {
    const int source = node.sources[input];
    if (source != kImages && graph_[source].wants_error) send_error(i, input, error);
  }
}

void Lowering::send_error(size_t i, size_t input, const Error& error) {
  const GraphNode& node = graph_[i];
  const NodeTensors& tensors = nodes_[i];
  const NetLayer& layer = *node.layer;
  const int source = node.sources[input];
  const int mask = write_back_mask(source);
  const unsigned mask_flags =
      mask == kNoTensor ? 0u : unsigned{npu::kFlagMASK} | flag_if(mask_clips(source), npu::kFlagCLIP6);
  has_bp_[i] = true;
  if (node.is(LayerKind::add)) {  // the error of the sum is that of both inputs: no command
    errors_[source].push_back({error.tensor, false});
    return;
  }
  const int dx = new_error(source, layer.groups > 1 ? layer.in.c / layer.groups : 0);
  const auto bp = [&](Opcode opcode, const Operands& operands, unsigned flags, bool masked) -> DraftCommand& {
    DraftCommand& command = emit(PLAN_TRAIN_STEP, opcode, Phase::kBP, number_of(i), operands, flags);
    set_geometry(command, layer);
    errors_[source].push_back({dx, masked});
    return command;
  };
  switch (layer.kind) {
    case LayerKind::conv:
    case LayerKind::fc: {
      const bool fc = layer.kind == LayerKind::fc;
      const auto view = [&](int tensor) { return fc && tensor != kNoTensor ? tensors_.flat(tensor) : tensor; };
      bp(fc ? Opcode::kFC_BP : Opcode::kCONV_BP,
         {error.tensor, tensors.parameters.weight.copy, view(dx), view(mask), -1, -1}, mask_flags, mask != kNoTensor);
      return;
    }
    case LayerKind::relu:
    case LayerKind::relu6:
      bp(Opcode::kRELU_BP, {error.tensor, -1, dx, tensors.y, -1, -1},
         flag_if(layer.kind == LayerKind::relu6, npu::kFlagCLIP6), false);
      return;
    case LayerKind::leakyrelu:
      bp(Opcode::kLEAKY_BP, {error.tensor, -1, dx, tensors.y, -1, -1}, 0, false).fields.immediate =
          static_cast<float>(layer.slope);
      return;
    case LayerKind::sigmoid:
      bp(Opcode::kSIGMOID_BP, {error.tensor, -1, dx, tensors.y, -1, -1}, 0, false);
      return;
    case LayerKind::tanh:
      bp(Opcode::kTANH_BP, {error.tensor, -1, dx, tensors.y, -1, -1}, 0, false);
      return;
    case LayerKind::gelu:
      bp(Opcode::kGELU_BP, {error.tensor, -1, dx, tensors.x.front(), -1, -1}, 0, false);
      return;
    case LayerKind::maxpool: {
      // A mask of the input exists: what came through the maximum carries it.
      const bool here = mask != kNoTensor && !error.masked;
      bp(Opcode::kMAXPOOL_BP, {error.tensor, tensors.index, dx, here ? tensors.y : kNoTensor, -1, -1},
         here ? mask_flags : 0u, mask != kNoTensor);
      return;
    }
    case LayerKind::avgpool:
    case LayerKind::globalpool:
      if (layer.pools_whole_map())
        bp(Opcode::kGLOBALPOOL_BP, {error.tensor, -1, dx, -1, -1, -1}, 0, false);
      else
        bp(Opcode::kAVGPOOL_BP, {error.tensor, -1, dx, -1, -1, -1},
           flag_if(!layer.count_include_pad, npu::kFlagEXCLUDE_PAD), false);
      return;
    case LayerKind::concat:
      bp(Opcode::kSLICE, {error.tensor, -1, dx, mask, -1, -1}, mask_flags, mask != kNoTensor).fields.first_channel =
          static_cast<uint16_t>(input == 0 ? 0 : layer.ins[0].c);
      return;
    case LayerKind::dropout: {
      DraftCommand& command = bp(Opcode::kDROPOUT, {error.tensor, -1, dx, -1, -1, -1}, 0, false);
      command.fields.immediate = static_cast<float>(layer.rate);
      command.hyper = true;
      return;
    }
    case LayerKind::upsample:
      bp(Opcode::kAVGPOOL_FF, {error.tensor, -1, dx, -1, -1, -1}, npu::kFlagSUM, false);
      return;
    case LayerKind::batchnorm:  // norm_gradients
    case LayerKind::add:
      break;
  }
  BB_CHECK(false, "kind {}", static_cast<int>(layer.kind));
}

/// Gradients of gamma and beta come first: the error through the batch's moments needs them, also where both stay.
void Lowering::norm_gradients(size_t i, int dy) {
  const GraphNode& node = graph_[i];
  const NormParameters& norm = nodes_[i].norm;
  const int x = nodes_[i].x.front();
  const int moments = node.batch_moments ? norm.moments : norm.running;
  const auto epsilon = static_cast<float>(node.layer->epsilon);
  if (norm.sums != kNoTensor) {
    DraftCommand& command =
        emit(PLAN_TRAIN_STEP, Opcode::kBN_WG, Phase::kWG, number_of(i), {dy, x, norm.sums, moments, -1, -1});
    command.fields.immediate = epsilon;
    command.auxiliary = Auxiliary::loss;
  }
  if (sends_error(graph_, i)) {
    const int source = node.sources.front();
    const int dx = new_error(source);
    has_bp_[i] = true;
    const bool batch = node.batch_moments;
    DraftCommand& command = emit(PLAN_TRAIN_STEP, Opcode::kBN_BP, Phase::kBP, number_of(i),
                                 {dy, batch ? x : kNoTensor, dx, norm.affine, moments, batch ? norm.sums : -1},
                                 flag_if(batch, npu::kFlagBATCH));
    command.fields.immediate = epsilon;
    if (batch) command.auxiliary = Auxiliary::loss;
    errors_[source].push_back({dx, false});
  }
  if (!node.trained.weight && node.trained.bias) {  // beta alone: a bias
    const Parameter& beta = norm.beta;
    DraftCommand& command =
        emit(PLAN_TRAIN_STEP, Opcode::kBIAS_WG, Phase::kWG, number_of(i),
             draft_.fused ? Operands{dy, -1, -1, beta.master, beta.momentum, -1}
                          : Operands{dy, -1, beta.gradient, -1, -1, -1},
             draft_.fused ? npu::kFlagUPDATE | flag_if(beta.momentum != kNoTensor, npu::kFlagMOMENTUM) : 0u);
    command.hyper = draft_.fused;
  }
  // The gradient is used twice, so it is stored, also where updates are fused.
  if (node.trained.weight && draft_.fused) emit_update(PLAN_TRAIN_STEP, i, norm.both);
}

int Lowering::first_channels(size_t i, int tensor, const char* suffix, Phase phase) {
  const DraftTensor whole = draft_.tensors[tensor];
  const ImageShape shape{graph_[i].trained.channels, whole.shape[2], whole.shape[3]};
  const int part =
      tensors_.activation(graph_[i].layer->name + suffix, shape, whole.format, whole.tensor_class, number_of(i), false);
  emit(PLAN_TRAIN_STEP, Opcode::kSLICE, phase, number_of(i), {tensor, -1, part, -1, -1, -1});
  return part;
}

void Lowering::renew_copy(plan_program_kind program, const Parameter& p, size_t i) {
  if (p.copy == p.master || p.updates_copy()) return;
  emit(program, Opcode::kENCODE, Phase::kUPDATE, number_of(i), {p.master, p.copy, -1, -1, -1, -1});
}

void Lowering::gradients(size_t i, int dy) {
  const GraphNode& node = graph_[i];
  const NodeTensors& tensors = nodes_[i];
  const auto wg = [&](Opcode opcode, int first, int second, const Parameter& p) -> npu::Command& {
    unsigned flags = 0;
    Operands operands{first, second, p.gradient, -1, -1, -1};
    if (draft_.fused) {
      const bool copies = p.updates_copy();
      flags = npu::kFlagUPDATE | flag_if(p.momentum != kNoTensor, npu::kFlagMOMENTUM) | flag_if(copies, npu::kFlagCOPY);
      operands = {first, second, kNoTensor, p.trained, p.momentum, copies ? p.copy : kNoTensor};
    }
    DraftCommand& command = emit(PLAN_TRAIN_STEP, opcode, Phase::kWG, number_of(i), operands, flags);
    command.hyper = draft_.fused;
    if (opcode != Opcode::kBIAS_WG) set_geometry(command, *node.layer);
    return command.fields;
  };
  if (node.trained.bias) wg(Opcode::kBIAS_WG, dy, kNoTensor, tensors.parameters.bias);
  if (!node.trained.weight) return;
  int x = tensors.x.front();
  const bool depthwise = node.layer->groups > 1 && node.trained.channels != 0;
  if (node.trained.channels != 0) x = tensors.kept;
  if (depthwise) dy = first_channels(i, dy, ".dyk", Phase::kWG);
  npu::Command& command =
      wg(node.is(LayerKind::conv) ? Opcode::kCONV_WG : Opcode::kFC_WG, x, dy, tensors.parameters.weight);
  if (depthwise) command.groups = static_cast<uint16_t>(node.trained.channels == 1 ? 0 : node.trained.channels);
  if (draft_.fused) renew_copy(PLAN_TRAIN_STEP, tensors.parameters.weight, i);
}

void Lowering::emit_update(plan_program_kind program, size_t i, const Parameter& p) {
  const bool copies = p.updates_copy(), adam = options_.optimizer == Optimizer::adam;
  const unsigned flags =
      flag_if(!adam && p.momentum != kNoTensor, npu::kFlagMOMENTUM) | flag_if(copies, npu::kFlagCOPY);
  DraftCommand& command =
      emit(program, adam ? Opcode::kADAM : Opcode::kSGD, Phase::kUPDATE, number_of(i),
           {p.gradient, p.second, kNoTensor, p.trained, p.momentum, copies ? p.copy : kNoTensor}, flags);
  command.hyper = true;
  if (adam) command.auxiliary = Auxiliary::adam;
  renew_copy(program, p, i);
}

void Lowering::update() {
  if (draft_.fused) return;
  for (size_t i = graph_.size(); i-- > 0;) {
    const NodeTensors& tensors = nodes_[i];
    for (const Parameter* p :
         {&tensors.norm.both, &tensors.norm.beta, &tensors.parameters.bias, &tensors.parameters.weight})
      if (p->gradient != kNoTensor) emit_update(PLAN_UPDATE, i, *p);
  }
}

/// Behind the last gradient: what firmware needs to clip their common norm.
void Lowering::measure_norms() {
  if (!options_.gradient_norm) return;
  for (size_t i = graph_.size(); i-- > 0;) {
    const NodeTensors& tensors = nodes_[i];
    for (const Parameter* p :
         {&tensors.norm.both, &tensors.norm.beta, &tensors.parameters.bias, &tensors.parameters.weight}) {
      if (p->gradient == kNoTensor) continue;
      DraftCommand& command = emit(PLAN_TRAIN_STEP, Opcode::kNORM, Phase::kUPDATE, number_of(i),
                                   {p->gradient, kNoTensor, kNoTensor, kNoTensor, kNoTensor, kNoTensor});
      command.auxiliary = Auxiliary::norm;
      command.norm = draft_.norms++;
    }
  }
}

}  // namespace backboard
