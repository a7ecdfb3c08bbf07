#include "firmware/runtime/refresh.h"

#include <string.h>

#include "drivers/npu/npu_commands.h"

#define NO_TENSOR UINT32_MAX

static uint32_t descriptor_address(const session* s, uint32_t index) {
  return s->plan.header->descriptors_address + index * (uint32_t)sizeof(npu_descriptor);
}

static bool parameter(const session* s, uint32_t index) {
  return (s->plan.tensors[index].flags & PLAN_TENSOR_PARAMETER) != 0;
}

/* The parameter of the name that tensor `index` of `other` has. */
static uint32_t parameter_like(const session* s, const session* other, uint32_t index) {
  const char* name = other->plan.tensors[index].name;
  for (uint32_t i = 0; i < s->plan.header->tensors.count; i++) {
    if (parameter(s, i) && strncmp(s->plan.tensors[i].name, name, PLAN_NAME_BYTES) == 0) return i;
  }
  return NO_TENSOR;
}

static bool alike(const npu_descriptor* a, const npu_descriptor* b) {
  return a->format == b->format && a->shape_n == b->shape_n && a->shape_c == b->shape_c && a->shape_h == b->shape_h &&
         a->shape_w == b->shape_w;
}

run_error refresh_prepare(refresh_commands* refresh, const session* training, const session* inference) {
  refresh->count = 0;
  const uint32_t prepare = inference->plan.programs[PLAN_PREPARE].count;
  for (uint32_t to = 0; to < inference->plan.header->tensors.count; to++) {
    if (!parameter(inference, to)) continue;
    const uint32_t from = parameter_like(training, inference, to);
    if (from == NO_TENSOR) return RUN_ERROR_INFERENCE_WEIGHTS;
    if (!alike(&training->plan.descriptors[from], &inference->plan.descriptors[to])) return RUN_ERROR_INFERENCE_WEIGHTS;
    /* One command less than the ring has slots, and the fence. */
    if (prepare + refresh->count + 2 >= SESSION_SECOND_RING_COMMANDS) return RUN_ERROR_INFERENCE_RING;
    const npu_copy_arguments copy = {.layer = (uint16_t)inference->plan.tensors[to].layer,
                                     .phase = NPU_PHASE_INFERENCE,
                                     .source = descriptor_address(training, from),
                                     .destination = descriptor_address(inference, to)};
    if (npu_copy(&refresh->commands[refresh->count++], &copy) != NPU_OK) return RUN_ERROR_INFERENCE_WEIGHTS;
  }
  for (uint32_t i = 0; i < training->plan.header->tensors.count; i++) {
    const bool trained = parameter(training, i) && (training->plan.tensors[i].flags & PLAN_TENSOR_TRAINED) != 0;
    if (trained && parameter_like(inference, training, i) == NO_TENSOR) return RUN_ERROR_INFERENCE_WEIGHTS;
  }
  return RUN_ERROR_NONE;
}
