#include "drivers/npu/npu_commands.h"

#define DESCRIPTOR_ALIGNMENT 64u
#define RECORD_ALIGNMENT 32u
#define GATHER_ALIGNMENT 4u

/* A command under construction: copied out only when every argument was good. */
typedef struct draft {
  npu_command command;
  bool valid;
} draft;

static draft draft_start(uint8_t opcode, uint8_t phase, uint16_t layer) {
  return (draft){.command = {.opcode = opcode, .phase = phase, .layer = layer}, .valid = true};
}

static npu_result draft_finish(const draft* d, npu_command* command) {
  if (command == NULL || !d->valid) return NPU_BAD_ARGUMENT;
  *command = d->command;
  return NPU_OK;
}

static void require(draft* d, bool condition) {
  d->valid = d->valid && condition;
}

static void operand(draft* d, uint32_t slot, uint32_t address) {
  uint32_t* const slots[] = {&d->command.tensor0, &d->command.tensor1, &d->command.tensor2,
                             &d->command.tensor3, &d->command.tensor4, &d->command.tensor5};
  require(d, address != 0 && address % DESCRIPTOR_ALIGNMENT == 0);
  *slots[slot] = address;
}

/* An operand that a flag announces. */
static void optional(draft* d, uint32_t slot, uint32_t address, uint16_t flag) {
  if (address == 0) return;
  operand(d, slot, address);
  d->command.flags |= flag;
}

static void record(draft* d, uint32_t* field, uint32_t address) {
  require(d, address != 0 && address % RECORD_ALIGNMENT == 0);
  *field = address;
}

static uint8_t or_default(uint8_t value, uint8_t otherwise) {
  return value != 0 ? value : otherwise;
}

static void tiles(draft* d, const npu_tile* tile) {
  d->command.tile_k = tile->k;
  d->command.tile_rows = tile->rows;
  d->command.tile_c = tile->c;
  d->command.tile_n = tile->n;
}

static void convolution(draft* d, const npu_convolution* g, const npu_tile* tile) {
  d->command.stride_h = or_default(g->stride_h, 1);
  d->command.stride_w = or_default(g->stride_w, 1);
  d->command.pad_h = g->pad_h;
  d->command.pad_w = g->pad_w;
  d->command.dilation_h = or_default(g->dilation_h, 1);
  d->command.dilation_w = or_default(g->dilation_w, 1);
  d->command.groups = g->groups;
  tiles(d, tile);
}

static void pooling(draft* d, const npu_pooling* g) {
  require(d, g->kernel_h != 0 && g->kernel_w != 0);
  d->command.kernel_h = g->kernel_h;
  d->command.kernel_w = g->kernel_w;
  d->command.stride_h = or_default(g->stride_h, g->kernel_h);
  d->command.stride_w = or_default(g->stride_w, g->kernel_w);
  d->command.pad_h = g->pad_h;
  d->command.pad_w = g->pad_w;
}

static void update_operands(draft* d, const npu_update* update) {
  operand(d, 3, update->weights);
  optional(d, 4, update->momentum, NPU_FLAG_MOMENTUM);
  optional(d, 5, update->copy, NPU_FLAG_COPY);
  record(d, &d->command.parameters, update->parameters);
}

/* The gradient is stored, or an update takes its place. */
static void gradient_or_update(draft* d, uint32_t gradient, const npu_update* update, bool accumulate) {
  if (update->weights != 0) {
    require(d, gradient == 0 && !accumulate);
    d->command.flags |= NPU_FLAG_UPDATE;
    update_operands(d, update);
    return;
  }
  require(d, update->momentum == 0 && update->copy == 0 && update->parameters == 0);
  operand(d, 2, gradient);
  if (accumulate) d->command.flags |= NPU_FLAG_ACCUMULATE;
}

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
