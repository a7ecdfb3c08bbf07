/* Checkpoints in flash: master weights, optimiser state, thresholds and progress, in two slots (format:
 * drivers/plan/checkpoint_format.h). A power cut at any moment leaves the newest complete checkpoint readable. */
#ifndef FIRMWARE_RUNTIME_CHECKPOINT_H
#define FIRMWARE_RUNTIME_CHECKPOINT_H

#include "drivers/flash/flash.h"
#include "drivers/plan/checkpoint_format.h"
#include "firmware/runtime/plan_check.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What is saved besides the tensors, which lie in the plan's arena. */
typedef struct checkpoint_state {
  checkpoint_progress progress;
  float* loss;            /**< mean loss of each epoch done */
  uint32_t* eval_correct; /**< of each epoch done */
  uint32_t history_count; /**< epochs done */
  /** Of each steered tensor, in order of the plan: the threshold for the next time that it is produced, and the one
   * with which its present contents were. A restored run encodes the weights with the latter, then goes on with the
   * former. */
  float *next_thresholds, *present_thresholds;
} checkpoint_state;

/** Saves into the slot that does not hold the newest valid checkpoint. RUN_ERROR_NONE; RUN_ERROR_CHECKPOINT_SPACE:
 *  nothing was changed; RUN_ERROR_FLASH: the other slot is as it was. */
run_error checkpoint_save(flash* device, const plan_view* plan, const checkpoint_state* state);

/** Restores the newest valid checkpoint of this plan: tensors into the arena, the rest into `state` (whose histories
 * hold at least `history_limit` entries, and its thresholds one a steered tensor). *found says whether there was one;
 * if not, nothing was changed. RUN_ERROR_NONE or RUN_ERROR_FLASH (a read failed; arena and state may be changed). */
run_error checkpoint_load(flash* device, const plan_view* plan, uint32_t history_limit, checkpoint_state* state,
                          bool* found);

#ifdef __cplusplus
}
#endif

#endif
