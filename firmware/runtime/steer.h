/* What the firmware steers while it trains: learning rate, loss scale, FGMP thresholds. Pure functions of counters that
 * the NPU returns; no decision depends on time. */
#ifndef FIRMWARE_RUNTIME_STEER_H
#define FIRMWARE_RUNTIME_STEER_H

#include <stdbool.h>

#include "drivers/npu/npu_records.h"
#include "drivers/plan/checkpoint_format.h"
#include "drivers/plan/run_block.h"

#ifdef __cplusplus
extern "C" {
#endif

#define STEER_LOSS_SCALE_MIN 1.0f
#define STEER_LOSS_SCALE_MAX 16777216.0f /**< 2^24 */
/** An epoch stalls when its mean loss is not below this part of the best before. */
#define STEER_STALL_RATIO 0.99f
/** `best_loss` before the first epoch. */
#define STEER_NO_LOSS 3.0e38f

/** Progress at the start of a run. */
checkpoint_progress steer_start(const run_block* run);

/** Learning rate of an epoch and step (both from 0): that of the last schedule point not after the epoch; during
 * warm-up times (step + 1) / warmup_steps. */
float steer_learning_rate(const run_block* run, uint32_t epoch, uint32_t step);

/** Moves the loss scale after a step: halved on overflow (not below 1), doubled after loss_scale_interval clean steps
 *  (not above 2^24). Returns whether an overflow moved it. Fixed when loss_scale_dynamic is 0. */
bool steer_loss_scale(checkpoint_progress* progress, const run_block* run, bool overflow);

/** The next threshold of a steered tensor. Share = high / (low + high) of the last time that it was produced; above
 *  1.1 x target the threshold grows by 1/4 (above 2 x: doubles), below 0.9 x target it shrinks by 1/5 (below 0.5 x:
 *  halves). Bounds: rule 0 [2^-24, 2^15], rule 1 [2^-12, 1]. A threshold of 0 starts at a quarter of the largest
 *  magnitude (rule 1: 2^-4). Without non-zeros it stays. */
float steer_threshold(float threshold, uint8_t rule, const npu_tensor_statistics* statistics, float target);

/** At the end of an epoch: a stalled loss raises the target share by fgmp_stall_step, to 1 at most. */
void steer_epoch_end(checkpoint_progress* progress, const run_block* run, float mean_loss);

#ifdef __cplusplus
}
#endif

#endif
