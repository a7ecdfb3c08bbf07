#include "drivers/npu/npu_graph_commands.h"

#include "drivers/npu/npu_draft.h"

/* The record is optional: 0 for none. */
static void counted_images(draft* d, uint32_t loss) {
  if (loss != 0) record(d, &d->command.auxiliary, loss);
}

npu_result npu_add(npu_command* command, const npu_add_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_ADD, a->phase, a->layer);
  operand(&d, 0, a->a);
  operand(&d, 1, a->b);
  operand(&d, 2, a->y);
  optional(&d, 3, a->mask, NPU_FLAG_MASK);
  if (a->relu) d.command.flags |= NPU_FLAG_RELU;
  return draft_finish(&d, command);
}

npu_result npu_concat(npu_command* command, const npu_concat_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_CONCAT, NPU_PHASE_FF, a->layer);
  operand(&d, 0, a->a);
  operand(&d, 1, a->b);
  operand(&d, 2, a->y);
  return draft_finish(&d, command);
}

npu_result npu_slice(npu_command* command, const npu_slice_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_SLICE, a->phase, a->layer);
  operand(&d, 0, a->x);
  operand(&d, 2, a->y);
  optional(&d, 3, a->mask, NPU_FLAG_MASK);
  d.command.first_channel = a->first_channel;
  return draft_finish(&d, command);
}

npu_result npu_bn_moments(npu_command* command, const npu_bn_moments_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_BN_MOMENTS, NPU_PHASE_FF, a->layer);
  operand(&d, 0, a->x);
  operand(&d, 2, a->moments);
  optional(&d, 3, a->running, NPU_FLAG_RUNNING);
  require(&d, a->running != 0 ? a->share >= 0.0f && a->share <= 1.0f : a->share == 0.0f);
  d.command.immediate = a->share;
  counted_images(&d, a->loss);
  return draft_finish(&d, command);
}

npu_result npu_bn_ff(npu_command* command, const npu_bn_ff_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_BN_FF, NPU_PHASE_FF, a->layer);
  operand(&d, 0, a->x);
  operand(&d, 1, a->affine);
  operand(&d, 2, a->y);
  operand(&d, 3, a->moments);
  if (a->relu) d.command.flags |= NPU_FLAG_RELU;
  require(&d, a->epsilon > 0.0f);
  d.command.immediate = a->epsilon;
  return draft_finish(&d, command);
}

npu_result npu_bn_bp(npu_command* command, const npu_bn_bp_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_BN_BP, NPU_PHASE_BP, a->layer);
  operand(&d, 0, a->dy);
  optional(&d, 1, a->x, NPU_FLAG_BATCH);
  operand(&d, 2, a->dx);
  operand(&d, 3, a->affine);
  operand(&d, 4, a->moments);
  optional(&d, 5, a->gradient, NPU_FLAG_BATCH);
  require(&d, (a->x == 0) == (a->gradient == 0));
  require(&d, a->epsilon > 0.0f);
  d.command.immediate = a->epsilon;
  counted_images(&d, a->loss);
  return draft_finish(&d, command);
}

npu_result npu_bn_wg(npu_command* command, const npu_bn_wg_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_BN_WG, NPU_PHASE_WG, a->layer);
  operand(&d, 0, a->dy);
  operand(&d, 1, a->x);
  operand(&d, 2, a->gradient);
  operand(&d, 3, a->moments);
  require(&d, a->epsilon > 0.0f);
  d.command.immediate = a->epsilon;
  counted_images(&d, a->loss);
  return draft_finish(&d, command);
}

static npu_result activation_ff(npu_command* command, uint8_t opcode, const npu_activation_ff_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(opcode, NPU_PHASE_FF, a->layer);
  operand(&d, 0, a->x);
  operand(&d, 2, a->y);
  require(&d, opcode == NPU_OP_LEAKY_FF || a->number == 0.0f);
  d.command.immediate = a->number;
  return draft_finish(&d, command);
}

static npu_result activation_bp(npu_command* command, uint8_t opcode, const npu_activation_bp_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(opcode, NPU_PHASE_BP, a->layer);
  operand(&d, 0, a->dy);
  operand(&d, 2, a->dx);
  operand(&d, 3, a->y);
  require(&d, opcode == NPU_OP_LEAKY_BP || a->number == 0.0f);
  d.command.immediate = a->number;
  return draft_finish(&d, command);
}

npu_result npu_leaky_ff(npu_command* command, const npu_activation_ff_arguments* a) {
  return activation_ff(command, NPU_OP_LEAKY_FF, a);
}

npu_result npu_leaky_bp(npu_command* command, const npu_activation_bp_arguments* a) {
  return activation_bp(command, NPU_OP_LEAKY_BP, a);
}

npu_result npu_sigmoid_ff(npu_command* command, const npu_activation_ff_arguments* a) {
  return activation_ff(command, NPU_OP_SIGMOID_FF, a);
}

npu_result npu_sigmoid_bp(npu_command* command, const npu_activation_bp_arguments* a) {
  return activation_bp(command, NPU_OP_SIGMOID_BP, a);
}

npu_result npu_tanh_ff(npu_command* command, const npu_activation_ff_arguments* a) {
  return activation_ff(command, NPU_OP_TANH_FF, a);
}

npu_result npu_tanh_bp(npu_command* command, const npu_activation_bp_arguments* a) {
  return activation_bp(command, NPU_OP_TANH_BP, a);
}

npu_result npu_gelu_ff(npu_command* command, const npu_activation_ff_arguments* a) {
  return activation_ff(command, NPU_OP_GELU_FF, a);
}

npu_result npu_gelu_bp(npu_command* command, const npu_gelu_bp_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_GELU_BP, NPU_PHASE_BP, a->layer);
  operand(&d, 0, a->dy);
  operand(&d, 2, a->dx);
  operand(&d, 3, a->x);
  return draft_finish(&d, command);
}

npu_result npu_dropout(npu_command* command, const npu_dropout_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_DROPOUT, a->phase, a->layer);
  operand(&d, 0, a->x);
  operand(&d, 2, a->y);
  require(&d, a->rate >= 0.0f && a->rate < 1.0f);
  d.command.immediate = a->rate;
  record(&d, &d.command.parameters, a->parameters);
  return draft_finish(&d, command);
}

npu_result npu_mse(npu_command* command, const npu_softmax_ce_arguments* a) {
  npu_command draft_of_loss;
  const npu_result result = npu_softmax_ce(&draft_of_loss, a);
  if (result != NPU_OK || command == NULL) return NPU_BAD_ARGUMENT;
  draft_of_loss.opcode = NPU_OP_MSE;
  *command = draft_of_loss;
  return NPU_OK;
}

npu_result npu_norm(npu_command* command, const npu_norm_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_NORM, NPU_PHASE_UPDATE, a->layer);
  operand(&d, 0, a->gradient);
  record(&d, &d.command.auxiliary, a->norm);
  return draft_finish(&d, command);
}

npu_result npu_adam_update(npu_command* command, const npu_adam_arguments* a) {
  if (a == NULL) return NPU_BAD_ARGUMENT;
  draft d = draft_start(NPU_OP_ADAM, NPU_PHASE_UPDATE, a->layer);
  operand(&d, 0, a->gradient);
  operand(&d, 1, a->second);
  operand(&d, 3, a->weights);
  operand(&d, 4, a->momentum);
  optional(&d, 5, a->copy, NPU_FLAG_COPY);
  record(&d, &d.command.parameters, a->parameters);
  record(&d, &d.command.auxiliary, a->adam);
  return draft_finish(&d, command);
}

npu_result npu_clip6(npu_command* command) {
  if (command == NULL) return NPU_BAD_ARGUMENT;
  const bool activates = command->opcode == NPU_OP_RELU_FF || command->opcode == NPU_OP_RELU_BP;
  if (!activates && (command->flags & (NPU_FLAG_RELU | NPU_FLAG_MASK)) == 0) return NPU_BAD_ARGUMENT;
  command->flags |= NPU_FLAG_CLIP6;
  return NPU_OK;
}

npu_result npu_sum(npu_command* command) {
  if (command == NULL) return NPU_BAD_ARGUMENT;
  if (command->opcode != NPU_OP_AVGPOOL_FF && command->opcode != NPU_OP_AVGPOOL_BP) return NPU_BAD_ARGUMENT;
  command->flags |= NPU_FLAG_SUM;
  return NPU_OK;
}

npu_result npu_exclude_pad(npu_command* command) {
  if (command == NULL) return NPU_BAD_ARGUMENT;
  if (command->opcode != NPU_OP_AVGPOOL_FF && command->opcode != NPU_OP_AVGPOOL_BP) return NPU_BAD_ARGUMENT;
  command->flags |= NPU_FLAG_EXCLUDE_PAD;
  return NPU_OK;
}
