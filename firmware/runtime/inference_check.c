#include "firmware/runtime/inference_check.h"

#include "drivers/npu/npu.h"

#define BLOCK_ALIGNMENT 4u
#define RESULT_ALIGNMENT 64u

static run_error block_check(uint32_t address, const memory_limits* limits) {
  const region place = {address, sizeof(inference_block)};
  if (address % BLOCK_ALIGNMENT != 0 || !region_inside(place, limits->dram)) return RUN_ERROR_INFERENCE_BLOCK;
  const inference_block* block = memory_at(address);
  const region result = {block->result_address, block->result_bytes};
  const bool sound = block->magic == INFERENCE_MAGIC && block->version == INFERENCE_VERSION && block->requests != 0 &&
                     block->requests <= INFERENCE_MAX_REQUESTS && block->interval_ticks >= INFERENCE_SLOTS &&
                     block->interval_ticks <= INT32_MAX && block->random <= 1 &&
                     block->priority_training <= NPU_PRIORITY_MAX && block->priority_inference <= NPU_PRIORITY_MAX &&
                     result.base % RESULT_ALIGNMENT == 0 && result.size_bytes >= sizeof(inference_result) &&
                     region_inside(result, limits->dram);
  return sound ? RUN_ERROR_NONE : RUN_ERROR_INFERENCE_BLOCK;
}

/* What the inference writes meets nothing, what it reads nothing that is written. The NPU's window spans both arenas:
 * nothing of the run may lie between them either. */
static run_error apart(const session* t, const session* inference) {
  const inference_block* block = memory_at(t->run->inference_address);
  const region none = {0, 0};
  const region result = {block->result_address, block->result_bytes};
  const region arena = inference->plan.arena, plan = inference->plan.place;
  const region own = {t->run->inference_address, sizeof(inference_block)};
  const region train = t->train.header != NULL ? t->train.place : none;
  const region eval = t->eval.header != NULL ? t->eval.place : none;
  const region run_result_place = {t->run->result_address, t->run->result_bytes};
  if (region_overlap(arena, t->plan.arena)) return RUN_ERROR_RUN_OVERLAP;
  const region span = session_hull(t->plan.arena, arena);
  const region written[] = {span, result, t->limits.image, run_result_place};
  const region read[] = {plan, own, t->plan.place, train, eval};
  for (unsigned i = 0; i < sizeof written / sizeof written[0]; i++) {
    for (unsigned j = i + 1; j < sizeof written / sizeof written[0]; j++) {
      if (region_overlap(written[i], written[j])) return RUN_ERROR_RUN_OVERLAP;
    }
    for (unsigned j = 0; j < sizeof read / sizeof read[0]; j++) {
      if (region_overlap(written[i], read[j])) return RUN_ERROR_RUN_OVERLAP;
    }
  }
  return RUN_ERROR_NONE;
}

run_error inference_check(const session* training, session* inference) {
  const run_block* run = training->run;
  run_error error = block_check(run->inference_address, &training->limits);
  if (error != RUN_ERROR_NONE) return error;
  if (training->eval.header == NULL) return RUN_ERROR_DATA_MISSING;
  const inference_block* block = memory_at(run->inference_address);
  *inference = (session){.limits = training->limits, .run = run, .progress = {.loss_scale = 1.0f}};
  error = plan_check(block->plan_address, block->plan_bytes, &training->limits, &inference->plan);
  if (error == RUN_ERROR_NONE) {
    error = data_check(run->eval_address, run->eval_bytes, run->eval_first, run->eval_count, &inference->plan,
                       &training->limits, &inference->eval);
  }
  if (error != RUN_ERROR_NONE) return error;
  const plan_program* programs = inference->plan.programs;
  if (programs[PLAN_EVAL_STEP].count >= SESSION_SECOND_RING_COMMANDS ||
      programs[PLAN_PREPARE].count >= SESSION_SECOND_RING_COMMANDS) {
    return RUN_ERROR_INFERENCE_RING;
  }
  return apart(training, inference);
}
