/* What the host tells the firmware of a run, and what the firmware reports. C11 and C++. The loader writes the run
 * block and passes its address in a1 (a0: hart number). The firmware fills the result block; nothing in it is
 * computed by the host. */
#ifndef DRIVERS_RUN_BLOCK_H
#define DRIVERS_RUN_BLOCK_H

#include <stdint.h>

#define RUN_MAGIC 0x4E555242u    /* "BRUN" */
#define RESULT_MAGIC 0x53455242u /* "BRES" */
#define RUN_VERSION 1u
#define RUN_SCHEDULE_POINTS 8u
#define RUN_MAX_EPOCHS 1024u

typedef struct run_schedule_point {
  uint32_t epoch;      /**< from this epoch on, 0 the first */
  float learning_rate; /**< before warm-up */
} run_schedule_point;

typedef struct run_block {
  uint32_t magic;
  uint32_t version;
  uint32_t plan_address, plan_bytes;
  uint32_t train_address, train_bytes; /**< packed data set; 0: none (inference only) */
  uint32_t eval_address, eval_bytes;   /**< packed data set; 0: none */
  uint32_t result_address, result_bytes;
  uint32_t train_first, train_count; /**< range of images used; count 0: all */
  uint32_t eval_first, eval_count;
  uint32_t epochs;
  uint32_t max_steps; /**< 0: no limit */
  uint32_t shuffle;   /**< 1: shuffle each epoch by the stream of `seed` */
  uint32_t seed;
  float momentum, weight_decay;
  float loss_scale;            /**< initial */
  uint32_t loss_scale_dynamic; /**< 1: halve on overflow, double after `loss_scale_interval` clean steps */
  uint32_t loss_scale_interval;
  float fgmp_share;          /**< target FP16 share of non-zeros; < 0: thresholds stay as compiled */
  float fgmp_stall_step;     /**< added to the share when an epoch's loss stalls; 0: never */
  uint32_t evaluate_every;   /**< epochs; 0: only before and after */
  uint32_t checkpoint_every; /**< epochs; 0: only at the end; 0xffffffff: never */
  uint32_t resume;           /**< 1: start from the newest valid checkpoint in flash */
  uint32_t schedule_points;
  run_schedule_point schedule[RUN_SCHEDULE_POINTS];
  uint32_t warmup_steps;      /**< the learning rate grows linearly over the first steps; 0: no warm-up */
  uint32_t hyper_flags;       /**< NPU_HYPER_* of every update */
  float clip_norm;            /**< largest norm of all gradients together; 0: none. The plan must measure it */
  float beta2;                /**< Adam */
  float adam_epsilon;         /**< Adam */
  float max_loss;             /**< an epoch whose mean loss is larger ends the run as diverged; 0: no limit */
  uint32_t dram_bytes;        /**< DRAM of this board from the base of the map; 0: as in memory_map.def */
  uint32_t inference_address; /**< inference_block; 0: no inference beside the training */
} run_block;

typedef struct run_result {
  uint32_t magic;
  uint32_t version;
  uint32_t state; /**< 0 running, 1 finished, 2 failed */
  uint32_t error; /**< firmware's result code when failed */
  uint32_t epochs_done, steps_done;
  uint32_t examples;  /**< images trained on, repeats counted */
  uint32_t overflows; /**< steps with an overflow that moved the loss scale */
  float loss_scale;   /**< last */
  float fgmp_share;   /**< last measured */
  uint32_t before_correct, before_total;
  uint32_t after_correct, after_total;
  uint32_t loss_count;
  uint32_t infer_cycles_lo, infer_cycles_hi; /**< NPU busy cycles of the last evaluation */
  uint32_t skipped;                          /**< updates left out because of an overflow */
  uint32_t bad_steps;      /**< steps in which an error or gradient saturated or was not finite, or the loss was not */
  uint32_t first_bad_step; /**< counted from 1; 0: none */
  uint32_t first_bad_tensor; /**< in the plan's table of tensors; 0xffffffff: the loss itself */
  uint32_t reserved;
  uint32_t train_ticks_lo, train_ticks_hi; /**< of the core's timer, from before the first epoch to behind the last */
  float loss[RUN_MAX_EPOCHS];              /**< mean training loss of each epoch */
  uint32_t eval_correct[RUN_MAX_EPOCHS];   /**< after each evaluated epoch; 0xffffffff: not evaluated */
} run_result;

#endif
