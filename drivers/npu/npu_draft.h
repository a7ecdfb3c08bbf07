/* A command under construction, shared by the files that fill commands. Not for users of the driver. */
#ifndef DRIVERS_NPU_DRAFT_H
#define DRIVERS_NPU_DRAFT_H

#include "drivers/npu/npu_commands.h"

#define DESCRIPTOR_ALIGNMENT 64u
#define RECORD_ALIGNMENT 32u

/* A command under construction: copied out only when every argument was good. */
typedef struct draft {
  npu_command command;
  bool valid;
} draft;

static inline draft draft_start(uint8_t opcode, uint8_t phase, uint16_t layer) {
  return (draft){.command = {.opcode = opcode, .phase = phase, .layer = layer}, .valid = true};
}

static inline npu_result draft_finish(const draft* d, npu_command* command) {
  if (command == NULL || !d->valid) return NPU_BAD_ARGUMENT;
  *command = d->command;
  return NPU_OK;
}

static inline void require(draft* d, bool condition) {
  d->valid = d->valid && condition;
}

static inline void operand(draft* d, uint32_t slot, uint32_t address) {
  uint32_t* const slots[] = {&d->command.tensor0, &d->command.tensor1, &d->command.tensor2,
                             &d->command.tensor3, &d->command.tensor4, &d->command.tensor5};
  require(d, address != 0 && address % DESCRIPTOR_ALIGNMENT == 0);
  *slots[slot] = address;
}

/* An operand that a flag announces. */
static inline void optional(draft* d, uint32_t slot, uint32_t address, uint16_t flag) {
  if (address == 0) return;
  operand(d, slot, address);
  d->command.flags |= flag;
}

static inline void record(draft* d, uint32_t* field, uint32_t address) {
  require(d, address != 0 && address % RECORD_ALIGNMENT == 0);
  *field = address;
}

static inline uint8_t or_default(uint8_t value, uint8_t otherwise) {
  return value != 0 ? value : otherwise;
}

static inline void tiles(draft* d, const npu_tile* tile) {
  d->command.tile_k = tile->k;
  d->command.tile_rows = tile->rows;
  d->command.tile_c = tile->c;
  d->command.tile_n = tile->n;
}

static inline void convolution(draft* d, const npu_convolution* g, const npu_tile* tile) {
  d->command.stride_h = or_default(g->stride_h, 1);
  d->command.stride_w = or_default(g->stride_w, 1);
  d->command.pad_h = g->pad_h;
  d->command.pad_w = g->pad_w;
  d->command.pad_more_h = g->pad_more_h;
  d->command.pad_more_w = g->pad_more_w;
  d->command.dilation_h = or_default(g->dilation_h, 1);
  d->command.dilation_w = or_default(g->dilation_w, 1);
  d->command.groups = g->groups;
  tiles(d, tile);
}

static inline void pooling(draft* d, const npu_pooling* g) {
  require(d, g->kernel_h != 0 && g->kernel_w != 0);
  d->command.kernel_h = g->kernel_h;
  d->command.kernel_w = g->kernel_w;
  d->command.stride_h = or_default(g->stride_h, g->kernel_h);
  d->command.stride_w = or_default(g->stride_w, g->kernel_w);
  d->command.pad_h = g->pad_h;
  d->command.pad_w = g->pad_w;
}

static inline void update_operands(draft* d, const npu_update* update) {
  operand(d, 3, update->weights);
  optional(d, 4, update->momentum, NPU_FLAG_MOMENTUM);
  optional(d, 5, update->copy, NPU_FLAG_COPY);
  record(d, &d->command.parameters, update->parameters);
}

/* The gradient is stored, or an update takes its place. */
static inline void gradient_or_update(draft* d, uint32_t gradient, const npu_update* update, bool accumulate) {
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

#endif
