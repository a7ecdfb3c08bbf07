#include "drivers/npu/npu_commands.h"

#include "drivers/npu/npu_draft.h"

#define GATHER_ALIGNMENT 4u

npu_result npu_nop(npu_command* command) {
  const draft d = draft_start(NPU_OP_NOP, NPU_PHASE_CONTROL, NPU_NO_LAYER);
  return draft_finish(&d, command);
}

npu_result npu_fence(npu_command* command, uint32_t value, bool interrupt) {
  draft d = draft_start(NPU_OP_FENCE, NPU_PHASE_CONTROL, NPU_NO_LAYER);
  d.command.auxiliary = value;
  if (interrupt) d.command.flags |= NPU_FLAG_INTERRUPT;
  return draft_finish(&d, command);
}

npu_result npu_group_begin(npu_command* command, uint16_t layer) {
  const draft d = draft_start(NPU_OP_GROUP_BEGIN, NPU_PHASE_CONTROL, layer);
  return draft_finish(&d, command);
}

npu_result npu_group_end(npu_command* command, uint16_t layer) {
  const draft d = draft_start(NPU_OP_GROUP_END, NPU_PHASE_CONTROL, layer);
  return draft_finish(&d, command);
}

npu_result npu_copy(npu_command* command, const npu_copy_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_COPY, a->phase, a->layer);
  operand(&d, 0, a->source);
  operand(&d, 1, a->destination);
  return draft_finish(&d, command);
}

npu_result npu_encode(npu_command* command, const npu_convert_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_ENCODE, a->phase, a->layer);
  operand(&d, 0, a->source);
  operand(&d, 1, a->destination);
  require(&d, a->gather % GATHER_ALIGNMENT == 0);
  d.command.auxiliary = a->gather;
  tiles(&d, &a->tile);
  return draft_finish(&d, command);
}

npu_result npu_decode(npu_command* command, const npu_convert_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_DECODE, a->phase, a->layer);
  operand(&d, 0, a->source);
  operand(&d, 1, a->destination);
  require(&d, a->gather == 0);
  tiles(&d, &a->tile);
  return draft_finish(&d, command);
}

npu_result npu_conv_ff(npu_command* command, const npu_conv_ff_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_CONV_FF, NPU_PHASE_FF, a->layer);
  operand(&d, 0, a->x);
  operand(&d, 1, a->weights);
  operand(&d, 2, a->y);
  optional(&d, 3, a->bias, NPU_FLAG_BIAS);
  if (a->relu) d.command.flags |= NPU_FLAG_RELU;
  convolution(&d, &a->geometry, &a->tile);
  return draft_finish(&d, command);
}

npu_result npu_conv_bp(npu_command* command, const npu_conv_bp_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_CONV_BP, NPU_PHASE_BP, a->layer);
  operand(&d, 0, a->dy);
  operand(&d, 1, a->weights);
  operand(&d, 2, a->dx);
  optional(&d, 3, a->mask, NPU_FLAG_MASK);
  convolution(&d, &a->geometry, &a->tile);
  return draft_finish(&d, command);
}

npu_result npu_conv_wg(npu_command* command, const npu_conv_wg_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_CONV_WG, NPU_PHASE_WG, a->layer);
  operand(&d, 0, a->x);
  operand(&d, 1, a->dy);
  gradient_or_update(&d, a->gradient, &a->update, a->accumulate);
  convolution(&d, &a->geometry, &a->tile);
  return draft_finish(&d, command);
}

npu_result npu_fc_ff(npu_command* command, const npu_fc_ff_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_FC_FF, NPU_PHASE_FF, a->layer);
  operand(&d, 0, a->x);
  operand(&d, 1, a->weights);
  operand(&d, 2, a->y);
  optional(&d, 3, a->bias, NPU_FLAG_BIAS);
  if (a->relu) d.command.flags |= NPU_FLAG_RELU;
  tiles(&d, &a->tile);
  return draft_finish(&d, command);
}

npu_result npu_fc_bp(npu_command* command, const npu_fc_bp_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_FC_BP, NPU_PHASE_BP, a->layer);
  operand(&d, 0, a->dy);
  operand(&d, 1, a->weights);
  operand(&d, 2, a->dx);
  optional(&d, 3, a->mask, NPU_FLAG_MASK);
  tiles(&d, &a->tile);
  return draft_finish(&d, command);
}

npu_result npu_fc_wg(npu_command* command, const npu_fc_wg_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_FC_WG, NPU_PHASE_WG, a->layer);
  operand(&d, 0, a->x);
  operand(&d, 1, a->dy);
  gradient_or_update(&d, a->gradient, &a->update, a->accumulate);
  tiles(&d, &a->tile);
  return draft_finish(&d, command);
}

npu_result npu_relu_ff(npu_command* command, const npu_relu_ff_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_RELU_FF, NPU_PHASE_FF, a->layer);
  operand(&d, 0, a->x);
  operand(&d, 2, a->y);
  return draft_finish(&d, command);
}

npu_result npu_relu_bp(npu_command* command, const npu_relu_bp_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_RELU_BP, NPU_PHASE_BP, a->layer);
  operand(&d, 0, a->dy);
  operand(&d, 2, a->dx);
  operand(&d, 3, a->mask);
  return draft_finish(&d, command);
}

npu_result npu_maxpool_ff(npu_command* command, const npu_maxpool_ff_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_MAXPOOL_FF, NPU_PHASE_FF, a->layer);
  operand(&d, 0, a->x);
  operand(&d, 2, a->y);
  optional(&d, 3, a->index, NPU_FLAG_INDEX);
  pooling(&d, &a->geometry);
  return draft_finish(&d, command);
}

npu_result npu_maxpool_bp(npu_command* command, const npu_maxpool_bp_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_MAXPOOL_BP, NPU_PHASE_BP, a->layer);
  operand(&d, 0, a->dy);
  operand(&d, 1, a->index);
  operand(&d, 2, a->dx);
  optional(&d, 3, a->mask, NPU_FLAG_MASK);
  pooling(&d, &a->geometry);
  return draft_finish(&d, command);
}

npu_result npu_avgpool_ff(npu_command* command, const npu_avgpool_ff_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_AVGPOOL_FF, NPU_PHASE_FF, a->layer);
  operand(&d, 0, a->x);
  operand(&d, 2, a->y);
  pooling(&d, &a->geometry);
  return draft_finish(&d, command);
}

npu_result npu_avgpool_bp(npu_command* command, const npu_avgpool_bp_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_AVGPOOL_BP, NPU_PHASE_BP, a->layer);
  operand(&d, 0, a->dy);
  operand(&d, 2, a->dx);
  pooling(&d, &a->geometry);
  return draft_finish(&d, command);
}

npu_result npu_globalpool_ff(npu_command* command, const npu_globalpool_ff_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_GLOBALPOOL_FF, NPU_PHASE_FF, a->layer);
  operand(&d, 0, a->x);
  operand(&d, 2, a->y);
  return draft_finish(&d, command);
}

npu_result npu_globalpool_bp(npu_command* command, const npu_globalpool_bp_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_GLOBALPOOL_BP, NPU_PHASE_BP, a->layer);
  operand(&d, 0, a->dy);
  operand(&d, 2, a->dx);
  return draft_finish(&d, command);
}

npu_result npu_bias_ff(npu_command* command, const npu_bias_ff_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_BIAS_FF, NPU_PHASE_FF, a->layer);
  operand(&d, 0, a->x);
  operand(&d, 2, a->y);
  operand(&d, 3, a->bias);
  return draft_finish(&d, command);
}

npu_result npu_bias_wg(npu_command* command, const npu_bias_wg_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_BIAS_WG, NPU_PHASE_WG, a->layer);
  operand(&d, 0, a->dy);
  require(&d, a->update.copy == 0);
  gradient_or_update(&d, a->gradient, &a->update, a->accumulate);
  return draft_finish(&d, command);
}

npu_result npu_softmax_ce(npu_command* command, const npu_softmax_ce_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_SOFTMAX_CE, NPU_PHASE_FF, a->layer);
  operand(&d, 0, a->logits);
  operand(&d, 1, a->labels);
  operand(&d, 2, a->error);
  record(&d, &d.command.parameters, a->parameters);
  record(&d, &d.command.auxiliary, a->loss);
  return draft_finish(&d, command);
}

npu_result npu_sgd(npu_command* command, const npu_sgd_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_SGD, NPU_PHASE_UPDATE, a->layer);
  operand(&d, 0, a->gradient);
  update_operands(&d, &a->update);
  return draft_finish(&d, command);
}
