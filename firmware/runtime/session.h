/* A run as the firmware holds it: checked plan and data, the NPU, and where the training stands. */
#ifndef FIRMWARE_RUNTIME_SESSION_H
#define FIRMWARE_RUNTIME_SESSION_H

#include "drivers/flash/flash.h"
#include "drivers/npu/npu.h"
#include "drivers/npu/npu_records.h"
#include "firmware/runtime/run_check.h"
#include "firmware/runtime/steer.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Slots of the command ring: the longest program and a fence must fit. */
#define SESSION_RING_COMMANDS 4096u
/** Slots of the second ring, for what runs beside: its program and a fence must fit. */
#define SESSION_SECOND_RING_COMMANDS 1024u
/** Tensors that are steered or watched for overflow. */
#define SESSION_MAX_WATCHED 512u

/** A batch as it is put together while the NPU works on the one before. */
typedef struct session_batch {
  uint32_t valid; /**< images that count */
  uint32_t gather[PLAN_MAX_BATCH];
  uint32_t labels[PLAN_MAX_BATCH / 2]; /**< of one or two bytes, as the plan has them */
} session_batch;

/** What a program left in the loss record. */
typedef struct session_loss {
  float sum;
  uint32_t correct;
} session_loss;

typedef struct session {
  memory_limits limits;
  const run_block* run;
  region beside; /**< memory that the NPU uses beside the plan's arena, size 0: none. Before session_start_npu */
  plan_view plan;
  data_view train, eval;
  run_result* result; /**< null until the run block was checked */
  npu device;
  npu_patience patience;
  checkpoint_progress progress;
  uint32_t watched_count; /**< tensors whose statistics tell of an overflow: errors and gradients */
  uint32_t steered_count;
  uint16_t watched[SESSION_MAX_WATCHED];
  uint16_t steered[SESSION_MAX_WATCHED];
  /** With which the present contents of each steered tensor were produced. */
  float present_thresholds[SESSION_MAX_WATCHED];
  session_batch batch;
  uint32_t micro;      /**< batches whose gradients wait for an update */
  bool micro_overflow; /**< one of them overflowed */
} session;

/** First bad tensor of a run's result: the loss. */
#define SESSION_NO_TENSOR UINT32_MAX

/** Checks run block, plan and data sets, fills the result block's head. Nothing else is written; the NPU is not
 * touched. RUN_ERROR_NONE or the code of what is wrong. */
run_error session_check(session* s, uint32_t run_address, const memory_limits* limits);

/** What the plan needs of an NPU. */
npu_needs session_needs(const session* s);

/** Starts the NPU (registers at `npu_base`) with access windows for this run, and checks it against the plan. One
 * window spans the plan's arena and `beside`. */
run_error session_start_npu(session* s, uintptr_t npu_base);

/** From the lower start to the higher end of two regions; of `a` alone when b is empty. */
region session_hull(region a, region b);

/** Memory for the second ring, which lies in the NPU's windows. */
npu_ring_config session_second_ring(void);

/** Writes initial contents and descriptors into the arena. Before the programs run. */
void session_load(session* s);

/** Points the descriptor of the packed images at a data set. */
void session_select_data(session* s, const data_view* data);

/** Puts together the batch of images order[start .. start + valid) of the chosen ones (order null: in order). Rows from
 *  `valid` on repeat the first chosen image with label 0: they do not count. */
void session_prepare_batch(session* s, const data_view* data, const uint32_t* order, uint32_t start);

/** Hands the prepared batch to the NPU: gather list, labels, number of valid images. */
void session_publish_batch(session* s);

/** Writes the hyper-parameters of a step. Gradients count `gradient_factor` times 1 / loss scale. */
void session_publish_hyper(session* s, float learning_rate, float gradient_factor);

/** Writes what Adam needs for the update that comes. */
void session_publish_adam(session* s);

/** The norm of all gradients, unscaled, as the plan's norm records say; infinite when a gradient is not finite. */
float session_gradient_norm(session* s);

/** Submits TRAIN_STEP and a fence; `continues`: the gradients in memory go on. RUN_ERROR_NONE or RUN_ERROR_NPU_RING. */
run_error session_submit_gradients(session* s, bool continues, uint32_t* fence);

/** The first tensor of the plan, in the order of its table, that was not finite, or is watched and saturated, when it
 * was last produced; SESSION_NO_TENSOR: none. */
uint32_t session_first_bad_tensor(const session* s);

/** Submits one or two programs (second: PLAN_PROGRAMS for none) and a fence. RUN_ERROR_NONE or RUN_ERROR_NPU_RING. */
run_error session_submit(session* s, uint32_t program, uint32_t second, uint32_t* fence);

/** Sleeps until the fence. RUN_ERROR_NONE or RUN_ERROR_NPU_ COMMAND, HUNG or SLOW. */
run_error session_wait(session* s, uint32_t fence);

/** Loss and hits that SOFTMAX_CE left. */
session_loss session_read_loss(session* s);

/** Whether a watched tensor saturated or was not finite when it was last produced. */
bool session_overflowed(const session* s);

/** Whether the run steers thresholds. */
static inline bool session_steers(const session* s) {
  return s->steered_count != 0 && s->run->fgmp_share >= 0.0f;
}

/** Reads the thresholds in the descriptors of all steered tensors, and writes them. */
void session_read_thresholds(const session* s, float* thresholds);
void session_write_thresholds(session* s, const float* thresholds);

/** Moves the thresholds of all steered tensors towards the target share; returns the measured share over all of them.
 */
float session_steer_thresholds(session* s);

/** Makes the result block visible in memory. */
void session_publish_result(session* s);

#ifdef __cplusplus
}
#endif

#endif
