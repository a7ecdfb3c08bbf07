#include "firmware/runtime/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char* report_fixed(char* text, float value, unsigned digits) {
  static const uint32_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
  if (value != value) return strcpy(text, "nan");
  char* out = text;
  if (value < 0.0f) {
    *out++ = '-';
    value = -value;
  }
  if (value >= 4294967296.0f) {
    strcpy(out, ">4294967295");
    return text;
  }
  const uint32_t power = powers[digits <= 6 ? digits : 6];
  uint32_t whole = (uint32_t)value;
  uint32_t fraction = (uint32_t)((value - (float)whole) * (float)power + 0.5f); /* the difference is exact */
  if (fraction >= power) {
    fraction -= power;
    whole++;
  }
  out += snprintf(out, 12, "%" PRIu32, whole);
  if (power == 1) return text;
  snprintf(out, 9, ".%0*" PRIu32, (int)digits, fraction);
  return text;
}

float report_percent(uint32_t correct, uint32_t total) {
  return total != 0 ? (float)correct * 100.0f / (float)total : 0.0f;
}

const char* run_error_text(run_error error) {
  switch (error) {
#define RUN_ERROR(name, code, description) \
  case RUN_ERROR_##name:                   \
    return description;
#include "drivers/plan/run_error.def"
  }
  return "unknown";
}

void report_start(const session* s) {
  const plan_header* h = s->plan.header;
  printf("npu: engine %s, %" PRIu32 " bytes of buffer\n", npu_engine_name(s->device.capabilities.engine),
         s->device.capabilities.buffer_bytes);
  printf("plan: %" PRIu32 " layers, %" PRIu32 " commands a step, batch %" PRIu32 ", input %" PRIu32 "x%" PRIu32
         "x%" PRIu32 ", %" PRIu32 " classes\n",
         h->layers.count, s->plan.programs[PLAN_TRAIN_STEP].count + s->plan.programs[PLAN_UPDATE].count, h->batch,
         h->input_c, h->input_h, h->input_w, h->classes);
  printf("data: %" PRIu32 " images to train, %" PRIu32 " to evaluate\n", s->train.count, s->eval.count);
}

void report_accuracy(const char* when, uint32_t correct, uint32_t total) {
  char percent[REPORT_FIXED_BYTES];
  printf("%s: accuracy %" PRIu32 "/%" PRIu32 " %s %%\n", when, correct, total,
         report_fixed(percent, report_percent(correct, total), 2));
}

void report_epoch(const session* s, uint32_t epoch, float mean_loss, float learning_rate, uint32_t correct) {
  char loss[REPORT_FIXED_BYTES], rate[REPORT_FIXED_BYTES], scale[REPORT_FIXED_BYTES], share[REPORT_FIXED_BYTES];
  printf("epoch %" PRIu32 "/%" PRIu32 " step %" PRIu32 " loss %s rate %s scale %s", epoch + 1, s->run->epochs,
         s->progress.steps_done, report_fixed(loss, mean_loss, 6), report_fixed(rate, learning_rate, 6),
         report_fixed(scale, s->progress.loss_scale, 0));
  if (session_steers(s)) printf(" fp16 %s %%", report_fixed(share, s->result->fgmp_share * 100.0f, 1));
  if (correct != UINT32_MAX) {
    printf(" eval %" PRIu32 "/%" PRIu32 " %s %%", correct, s->eval.count,
           report_fixed(share, report_percent(correct, s->eval.count), 2));
  }
  if (s->progress.overflows != 0) printf(" overflows %" PRIu32, s->progress.overflows);
  if (s->progress.skipped != 0) printf(" skipped %" PRIu32, s->progress.skipped);
  printf("\n");
}

/* Where a divergence began: the first step in which something was not finite or was held at a largest value. */
static void report_divergence(const session* s) {
  const run_result* r = s->result;
  const plan_header* h = s->plan.header;
  if (r == NULL) return;
  if (r->first_bad_step == 0) {
    printf(": seen at step %" PRIu32 "; no error or gradient saturated or was not finite", s->progress.steps_done);
    return;
  }
  printf(": began at step %" PRIu32, r->first_bad_step);
  if (r->first_bad_tensor < h->tensors.count) {
    const plan_tensor* tensor = &s->plan.tensors[r->first_bad_tensor];
    printf(" in %s", tensor->name);
    if (tensor->layer < h->layers.count) printf(" of layer %s", s->plan.layers[tensor->layer].name);
  } else {
    printf(" in the loss");
  }
  printf("; seen at step %" PRIu32 ", in %" PRIu32 " steps", s->progress.steps_done, r->bad_steps);
}

/* Which command of a ring failed, and why; `slots` are the ring's. */
static void report_npu_error(const session* s, uint32_t ring, const npu_command* slots, uint32_t size) {
  npu_error_report report;
  npu_ring_error_read(&s->device, ring, &report);
  const npu_command* command = &slots[report.index & (size - 1)];
  const uint32_t layer = command->layer;
  printf(": %s", npu_opcode_name(command->opcode));
  if (layer < s->plan.header->layers.count) printf(" of layer %s", s->plan.layers[layer].name);
  printf(" (command %" PRIu32 "): %s: %s; address 0x%08" PRIx32 ", field at byte %" PRIu32, report.index,
         npu_error_name(report.code), npu_error_text(report.code), report.address, report.detail);
}

static void report_npu_missing(const session* s) {
  const npu_needs needs = session_needs(s);
  npu_missing missing;
  npu_check(&s->device, &needs, &missing);
  printf(": %s", npu_missing_text(missing));
}

void report_failure(const session* s, run_error error) {
  printf("error %d: %s", (int)error, run_error_text(error));
  if (error == RUN_ERROR_LOSS || error == RUN_ERROR_LOSS_LIMIT) report_divergence(s);
  if (error == RUN_ERROR_NPU_COMMAND) {
    report_npu_error(s, 0, s->device.config.ring, s->device.config.ring_commands);
  } else if (error == RUN_ERROR_INFERENCE_COMMAND) { /* its layers have the same names */
    const npu_ring_config ring = session_second_ring();
    report_npu_error(s, 1, ring.slots, ring.commands);
  }
  if (error == RUN_ERROR_NPU_CAPABILITY) report_npu_missing(s);
  printf("\n");
}
