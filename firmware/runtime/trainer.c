#include "firmware/runtime/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "drivers/os/driver_os.h"
#include "firmware/board/board.h"
#include "firmware/runtime/checkpoint.h"
#include "firmware/runtime/inference.h"
#include "firmware/runtime/report.h"
#include "firmware/runtime/shuffle.h"

#define NOT_EVALUATED UINT32_MAX
#define CHECKPOINT_NEVER UINT32_MAX
#define STATE_RUNNING 0u
#define STATE_FINISHED 1u
#define STATE_FAILED 2u

static session the_session;
static flash storage;
static inference_server the_server;
static uint32_t order[SHUFFLE_MAX_IMAGES] MEMORY_NOINIT;
static float next_thresholds[SESSION_MAX_WATCHED];

static void serve_npu(void* device) {
  const uint32_t bits = npu_interrupt(device);
  if (the_server.device == device) inference_interrupt(&the_server, bits);
}

static void serve_flash(void* device) {
  flash_interrupt(device);
}

/* One program to its end, nothing beside it. */
static run_error program_run(session* s, uint32_t program) {
  uint32_t fence;
  const run_error error = session_submit(s, program, PLAN_PROGRAMS, &fence);
  return error == RUN_ERROR_NONE ? session_wait(s, fence) : error;
}

/* Accuracy over the evaluation data; busy cycles of the NPU go to the result. */
static run_error evaluate(session* s, uint32_t* correct) {
  *correct = 0;
  npu_counters before, after;
  npu_counters_read(&s->device, &before);
  session_select_data(s, &s->eval);
  session_publish_hyper(s, 0.0f, 1.0f);
  session_prepare_batch(s, &s->eval, NULL, 0);
  for (uint32_t start = 0; start < s->eval.count;) {
    session_publish_batch(s);
    start += s->batch.valid;
    uint32_t fence;
    run_error error = session_submit(s, PLAN_EVAL_STEP, PLAN_PROGRAMS, &fence);
    if (error != RUN_ERROR_NONE) return error;
    if (start < s->eval.count) session_prepare_batch(s, &s->eval, NULL, start);
    error = session_wait(s, fence);
    if (error != RUN_ERROR_NONE) return error;
    *correct += session_read_loss(s).correct;
  }
  npu_counters_read(&s->device, &after);
  const uint64_t cycles = after.busy_cycles - before.busy_cycles;
  s->result->infer_cycles_lo = (uint32_t)cycles;
  s->result->infer_cycles_hi = (uint32_t)(cycles >> 32);
  return RUN_ERROR_NONE;
}

/* Whether a step ends with an update of its own, which can be held back: gradients lie in memory. */
static bool updates_apart(const session* s) {
  const plan_header* h = s->plan.header;
  return h->fused == 0 && (h->accumulate > 1 || h->norms != 0 || h->optimizer != 0 || s->run->loss_scale_dynamic != 0);
}

/* Counts a step whose errors or gradients were not as they should be, and remembers the first. */
static void note_bad_step(session* s, bool overflow, float loss) {
  if (!overflow && isfinite(loss)) return;
  run_result* r = s->result;
  r->bad_steps++;
  if (r->first_bad_step != 0) return;
  r->first_bad_step = s->progress.steps_done;
  r->first_bad_tensor = session_first_bad_tensor(s);
}

/* The factor that holds the norm of all gradients, a mean over `batches`, to the run's limit. */
static float clip_factor(session* s, float batches) {
  const float limit = s->run->clip_norm;
  if (s->plan.header->norms == 0 || limit <= 0.0f) return 1.0f;
  const float norm = session_gradient_norm(s) / batches;
  return norm > limit ? limit / norm : 1.0f;
}

/* The update of one or more batches whose gradients lie in memory, unless they overflowed. */
static run_error update_step(session* s, float learning_rate) {
  checkpoint_progress* p = &s->progress;
  const float batches = (float)s->micro;
  const bool skip = s->micro_overflow && s->run->loss_scale_dynamic != 0;
  s->micro = 0;
  s->micro_overflow = false;
  if (skip) {
    p->skipped++;
    return RUN_ERROR_NONE;
  }
  session_publish_hyper(s, learning_rate, clip_factor(s, batches) / batches);
  session_publish_adam(s);
  const run_error error = program_run(s, PLAN_UPDATE);
  if (error == RUN_ERROR_NONE) p->updates_done++;
  return error;
}

/* One step on the prepared batch. While the NPU works, the batch from `next` on is prepared. */
static run_error train_step(session* s, uint32_t epoch, uint32_t next) {
  checkpoint_progress* p = &s->progress;
  const uint32_t valid = s->batch.valid;
  const bool apart = updates_apart(s);
  const float learning_rate = steer_learning_rate(s->run, epoch, p->steps_done);
  session_publish_batch(s);
  session_publish_hyper(s, learning_rate, 1.0f);
  uint32_t fence;
  run_error error = apart ? session_submit_gradients(s, s->micro != 0, &fence)
                          : session_submit(s, PLAN_TRAIN_STEP, PLAN_UPDATE, &fence);
  if (error != RUN_ERROR_NONE) return error;
  if (next < s->train.count) session_prepare_batch(s, &s->train, order, next);
  error = session_wait(s, fence);
  if (error != RUN_ERROR_NONE) return error;
  const float loss = session_read_loss(s).sum;
  const bool overflow = session_overflowed(s);
  p->steps_done++;
  note_bad_step(s, overflow, loss);
  if (apart) {
    s->micro++;
    s->micro_overflow = s->micro_overflow || overflow;
    if (s->micro >= s->plan.header->accumulate || next >= s->train.count) error = update_step(s, learning_rate);
    if (error != RUN_ERROR_NONE) return error;
  } else {
    p->updates_done++;
  }
  p->epoch_loss_sum += loss;
  p->epoch_examples += valid;
  p->examples += valid;
  p->epoch_steps++;
  if (steer_loss_scale(p, s->run, overflow)) p->overflows++;
  if (session_steers(s)) s->result->fgmp_share = session_steer_thresholds(s);
  return isfinite(p->epoch_loss_sum) ? RUN_ERROR_NONE : RUN_ERROR_LOSS;
}

static bool step_limit_reached(const session* s) {
  return s->run->max_steps != 0 && s->progress.steps_done >= s->run->max_steps;
}

/* The steps of an epoch, from where it stands, to its end or the limit of steps. */
static run_error epoch_steps(session* s, uint32_t epoch) {
  if (s->run->shuffle != 0) {
    shuffle_order(order, s->train.count, s->run->seed, epoch);
  } else {
    shuffle_in_order(order, s->train.count);
  }
  const uint32_t batch = s->plan.header->batch;
  session_select_data(s, &s->train);
  uint32_t start = s->progress.epoch_steps * batch;
  if (start < s->train.count) session_prepare_batch(s, &s->train, order, start);
  for (; start < s->train.count && !step_limit_reached(s); start += batch) {
    const run_error error = train_step(s, epoch, start + batch);
    if (error != RUN_ERROR_NONE) return error;
    if (s->run->inference_address == 0) continue;
    const run_error inference_error = inference_step_done(&the_server, s->progress.steps_done);
    if (inference_error != RUN_ERROR_NONE) return inference_error;
  }
  return RUN_ERROR_NONE;
}

static void result_update(session* s) {
  const checkpoint_progress* p = &s->progress;
  run_result* r = s->result;
  r->epochs_done = p->epochs_done;
  r->steps_done = p->steps_done;
  r->examples = p->examples;
  r->overflows = p->overflows;
  r->skipped = p->skipped;
  r->loss_scale = p->loss_scale;
  session_publish_result(s);
}

static run_error checkpoint_write(session* s) {
  session_read_thresholds(s, next_thresholds);
  const checkpoint_state state = {.progress = s->progress,
                                  .loss = s->result->loss,
                                  .eval_correct = s->result->eval_correct,
                                  .history_count = s->progress.epochs_done,
                                  .next_thresholds = next_thresholds,
                                  .present_thresholds = s->present_thresholds};
  const run_error error = checkpoint_save(&storage, &s->plan, &state);
  if (error == RUN_ERROR_NONE)
    printf("checkpoint: epoch %" PRIu32 ", step %" PRIu32 "\n", s->progress.epochs_done, s->progress.steps_done);
  return error;
}

/* One epoch with its line, its evaluation and its checkpoint; one cut short by the limit of steps gets a line only. */
static run_error epoch_run(session* s) {
  checkpoint_progress* p = &s->progress;
  const uint32_t epoch = p->epochs_done;
  run_error error = epoch_steps(s, epoch);
  if (error != RUN_ERROR_NONE) return error;
  if (p->epoch_examples == 0) return RUN_ERROR_NONE;
  const float mean_loss = p->epoch_loss_sum / (float)p->epoch_examples;
  const float rate = steer_learning_rate(s->run, epoch, p->steps_done - 1);
  const bool complete = p->epoch_examples == s->train.count;
  uint32_t correct = NOT_EVALUATED;
  s->result->loss[epoch] = mean_loss;
  s->result->loss_count = epoch + 1;
  if (complete) {
    p->epochs_done++;
    p->epoch_steps = 0;
    p->epoch_loss_sum = 0.0f;
    p->epoch_examples = 0;
    steer_epoch_end(p, s->run, mean_loss);
    const uint32_t every = s->run->evaluate_every;
    if (every != 0 && p->epochs_done % every == 0 && s->eval.header != NULL) error = evaluate(s, &correct);
    if (error != RUN_ERROR_NONE) return error;
  }
  s->result->eval_correct[epoch] = correct;
  report_epoch(s, epoch, mean_loss, rate, correct);
  result_update(s);
  if (complete && s->run->max_loss > 0.0f && mean_loss > s->run->max_loss) return RUN_ERROR_LOSS_LIMIT;
  const uint32_t every = s->run->checkpoint_every;
  const bool last = p->epochs_done == s->run->epochs || step_limit_reached(s);
  const bool due = every != CHECKPOINT_NEVER && (last || (complete && every != 0 && p->epochs_done % every == 0));
  return due ? checkpoint_write(s) : RUN_ERROR_NONE;
}

/* Weights as they were, to be encoded with the thresholds of that time; those that they had next are in
 * next_thresholds. */
static run_error restore(session* s) {
  session_read_thresholds(s, next_thresholds);
  if (s->run->resume == 0) return RUN_ERROR_NONE;
  checkpoint_state state = {.loss = s->result->loss,
                            .eval_correct = s->result->eval_correct,
                            .next_thresholds = next_thresholds,
                            .present_thresholds = s->present_thresholds};
  bool found;
  const run_error error = checkpoint_load(&storage, &s->plan, RUN_MAX_EPOCHS, &state, &found);
  if (error != RUN_ERROR_NONE) return error;
  if (!found) {
    printf("resume: no checkpoint of this plan in flash; starts from the plan's weights\n");
    return RUN_ERROR_NONE;
  }
  session_write_thresholds(s, s->present_thresholds);
  s->progress = state.progress;
  s->result->loss_count = state.history_count;
  printf("resume: epoch %" PRIu32 ", step %" PRIu32 "\n", s->progress.epochs_done, s->progress.steps_done);
  return RUN_ERROR_NONE;
}

/* From the run block to weights that are ready on the NPU. */
static run_error start(session* s, uint32_t run_address) {
  const memory_limits limits = {.dram = {SOC_DRAM_BASE, SOC_DRAM_BYTES},
                                .image = {board_image_start(), board_image_end() - board_image_start()}};
  run_error error = session_check(s, run_address, &limits);
  if (error != RUN_ERROR_NONE) return error;
  s->result = memory_at(s->run->result_address);
  *s->result = (run_result){.magic = RESULT_MAGIC, .version = RUN_VERSION, .state = STATE_RUNNING};
  session_publish_result(s);
  if (s->run->inference_address != 0) {
    error = inference_check(s, &the_server.own);
    if (error != RUN_ERROR_NONE) return error;
    s->beside = the_server.own.plan.arena;
  }
  error = session_start_npu(s, SOC_NPU_BASE);
  if (error != RUN_ERROR_NONE) return error;
  board_on_interrupt(SOC_NPU_IRQ, serve_npu, &s->device);
  const bool stores = s->run->resume != 0 || s->run->checkpoint_every != CHECKPOINT_NEVER;
  if (stores && flash_init(&storage, SOC_FLASH_CTRL_BASE, SOC_FLASH_BASE) != FLASH_OK) return RUN_ERROR_FLASH;
  if (stores) board_on_interrupt(SOC_FLASH_IRQ, serve_flash, &storage);
  session_load(s);
  report_start(s);
  error = restore(s);
  if (error == RUN_ERROR_NONE) error = program_run(s, PLAN_PREPARE);
  session_write_thresholds(s, next_thresholds);
  if (error == RUN_ERROR_NONE && s->run->inference_address != 0) error = inference_start(&the_server, s);
  return error;
}

static run_error evaluate_before(session* s) {
  if (s->eval.header == NULL) return RUN_ERROR_NONE;
  const run_error error = evaluate(s, &s->result->before_correct);
  if (error != RUN_ERROR_NONE) return error;
  s->result->before_total = s->eval.count;
  report_accuracy("before", s->result->before_correct, s->eval.count);
  return RUN_ERROR_NONE;
}

/* The last epoch's evaluation is that of the result, when there was one. */
static run_error evaluate_after(session* s, bool trained) {
  if (s->eval.header == NULL) return RUN_ERROR_NONE;
  run_result* r = s->result;
  const bool known = trained && r->loss_count != 0 && r->eval_correct[r->loss_count - 1] != NOT_EVALUATED;
  r->after_correct = known ? r->eval_correct[r->loss_count - 1] : 0;
  const run_error error = known ? RUN_ERROR_NONE : evaluate(s, &r->after_correct);
  if (error != RUN_ERROR_NONE) return error;
  r->after_total = s->eval.count;
  report_accuracy("after", r->after_correct, s->eval.count);
  return RUN_ERROR_NONE;
}

static run_error train(session* s, uint32_t run_address) {
  run_error error = start(s, run_address);
  if (error != RUN_ERROR_NONE) return error;
  if (s->run->epochs != 0 && s->train.header == NULL) return RUN_ERROR_DATA_MISSING;
  if (s->train.count > SHUFFLE_MAX_IMAGES) return RUN_ERROR_DATA_SELECTION;
  if (s->run->epochs != 0 && s->plan.programs[PLAN_TRAIN_STEP].count == 0) return RUN_ERROR_PLAN_PROGRAM;
  error = evaluate_before(s);
  const bool serves = error == RUN_ERROR_NONE && s->run->inference_address != 0;
  if (serves) inference_open(&the_server);
  const uint64_t start_ticks = driver_os_now();
  bool trained = false;
  while (error == RUN_ERROR_NONE && s->progress.epochs_done < s->run->epochs && !step_limit_reached(s)) {
    error = epoch_run(s);
    trained = true;
  }
  const uint64_t ticks = trained ? driver_os_now() - start_ticks : 0;
  s->result->train_ticks_lo = (uint32_t)ticks;
  s->result->train_ticks_hi = (uint32_t)(ticks >> 32);
  if (serves) {
    if (trained) inference_training_over(&the_server);
    const run_error inference_error = inference_finish(&the_server);
    inference_report(&the_server);
    if (error == RUN_ERROR_NONE) error = inference_error;
  }
  return error == RUN_ERROR_NONE ? evaluate_after(s, trained) : error;
}

static run_error infer(session* s, uint32_t run_address) {
  run_error error = start(s, run_address);
  if (error != RUN_ERROR_NONE) return error;
  if (s->eval.header == NULL) return RUN_ERROR_DATA_MISSING;
  run_result* r = s->result;
  error = evaluate(s, &r->after_correct);
  if (error != RUN_ERROR_NONE) return error;
  r->before_correct = r->after_correct;
  r->before_total = r->after_total = s->eval.count;
  report_accuracy("inference", r->after_correct, s->eval.count);
  const uint64_t cycles = (uint64_t)r->infer_cycles_hi << 32 | r->infer_cycles_lo;
  printf("npu: %" PRIu64 " cycles an image\n", cycles / s->eval.count);
  return RUN_ERROR_NONE;
}

/* Result block and line of the end. */
static uint32_t finish(session* s, run_error error) {
  if (error != RUN_ERROR_NONE) report_failure(s, error);
  if (s->result != NULL) {
    s->result->state = error == RUN_ERROR_NONE ? STATE_FINISHED : STATE_FAILED;
    s->result->error = (uint32_t)error;
    result_update(s);
  }
  return (uint32_t)error;
}

uint32_t trainer_train(uint32_t run_address) {
  return finish(&the_session, train(&the_session, run_address));
}

uint32_t trainer_infer(uint32_t run_address) {
  return finish(&the_session, infer(&the_session, run_address));
}
