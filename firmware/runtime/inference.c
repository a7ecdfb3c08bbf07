#include "firmware/runtime/inference.h"

#include <inttypes.h>
#include <stdio.h>

#include "drivers/crc/crc32.h"
#include "drivers/os/driver_os.h"
#include "firmware/board/board.h"
#include "firmware/runtime/refresh.h"
#include "firmware/runtime/report.h"

#define RING 1u
#define MICROSECONDS_PER_MS 1000u

static refresh_commands refresh MEMORY_NOINIT;

static run_error wait(const inference_server* server, uint32_t fence) {
  switch (npu_ring_wait_fence(server->device, RING, fence, server->patience)) {
    case NPU_OK:
      return RUN_ERROR_NONE;
    case NPU_DEVICE_ERROR:
      return RUN_ERROR_INFERENCE_COMMAND;
    default:
      return RUN_ERROR_INFERENCE_HUNG;
  }
}

static run_error submit(inference_server* server, uint32_t program, uint32_t* fence) {
  const plan_program* p = &server->own.plan.programs[program];
  const npu_command* commands = &server->own.plan.commands[p->first];
  const npu_result result = npu_ring_submit_fenced(server->device, RING, commands, p->count, fence);
  return result == NPU_OK ? RUN_ERROR_NONE : RUN_ERROR_INFERENCE_RING;
}

run_error inference_start(inference_server* server, session* training) {
  server->device = &training->device;
  server->patience = &training->patience;
  server->block = memory_at(training->run->inference_address);
  server->result = memory_at(server->block->result_address);
  *server->result = (inference_result){.magic = INFERENCE_RESULT_MAGIC, .version = INFERENCE_VERSION};
  driver_os_clean(server->result, sizeof *server->result);
  npu_needs needs = session_needs(&server->own);
  if (server->block->refresh_steps != 0) {
    const run_error error = refresh_prepare(&refresh, training, &server->own);
    if (error != RUN_ERROR_NONE) return error;
    needs.ops_lo |= UINT32_C(1) << NPU_OP_COPY;
  }
  if (npu_check(server->device, &needs, NULL) != NPU_OK) return RUN_ERROR_NPU_CAPABILITY;
  const npu_ring_config ring = session_second_ring();
  if (npu_ring_open(server->device, RING, &ring) != NPU_OK) return RUN_ERROR_INFERENCE_RING;
  npu_ring_set_priority(server->device, 0, server->block->priority_training);
  npu_ring_set_priority(server->device, RING, server->block->priority_inference);
  session_load(&server->own);
  session_select_data(&server->own, &server->own.eval);
  session_publish_hyper(&server->own, 0.0f, 1.0f);
  uint32_t fence;
  const run_error error = submit(server, PLAN_PREPARE, &fence);
  return error == RUN_ERROR_NONE ? wait(server, fence) : error;
}

/* Puts the next request that has come on the ring, if none is there. With interrupts off. */
static void serve(inference_server* server) {
  if (server->held || server->running || server->error != RUN_ERROR_NONE || server->served == server->due) return;
  session* own = &server->own;
  const uint32_t batch = own->plan.header->batch;
  const uint32_t rounds = (own->eval.count + batch - 1) / batch;
  session_prepare_batch(own, &own->eval, NULL, server->served % rounds * batch);
  session_publish_batch(own);
  const run_error error = submit(server, PLAN_EVAL_STEP, &server->fence);
  if (error == RUN_ERROR_NONE) {
    server->running = true;
  } else {
    server->error = error;
  }
}

/* Takes the answer of the request on the ring. With interrupts off. */
static void answer(inference_server* server) {
  if (!server->running || !npu_ring_fence_reached(server->device, RING, server->fence)) return;
  driver_os_barrier();
  inference_result* r = server->result;
  const session_loss loss = session_read_loss(&server->own);
  r->digest = crc32_update(crc32_update(r->digest, &loss.sum, sizeof loss.sum), &loss.correct, sizeof loss.correct);
  r->correct += loss.correct;
  r->images += server->own.batch.valid;
  r->latency_ticks[server->served] = (uint32_t)(driver_os_now() - server->current_due_ticks);
  server->running = false;
  server->served++;
  if (server->served < server->block->requests) {
    server->current_due_ticks += requests_interval(server->block, server->served);
  }
}

static void due(void* context) {
  inference_server* server = context;
  const inference_block* block = server->block;
  if (server->error != RUN_ERROR_NONE) return;
  while (server->due < block->requests && server->next_due_ticks <= driver_os_now()) {
    server->due++;
    if (server->due < block->requests) server->next_due_ticks += requests_interval(block, server->due);
  }
  const uint32_t waiting = server->due - server->served;
  if (waiting > server->result->most_waiting) server->result->most_waiting = waiting;
  serve(server);
  if (server->due < block->requests) board_alarm_at(server->next_due_ticks, due, server);
}

void inference_open(inference_server* server) {
  server->next_due_ticks = driver_os_now() + requests_interval(server->block, 0);
  server->current_due_ticks = server->next_due_ticks;
  board_alarm_at(server->next_due_ticks, due, server);
}

void inference_interrupt(inference_server* server, uint32_t npu_bits) {
  if ((npu_bits & NPU_INTERRUPT_RING1_ERROR) != 0 && server->error == RUN_ERROR_NONE) {
    server->error = RUN_ERROR_INFERENCE_COMMAND;
  }
  if ((npu_bits & NPU_INTERRUPT_RING1_FENCE) == 0) return;
  answer(server);
  serve(server);
}

/* With the ring empty and requests held back. */
static run_error take_over(inference_server* server) {
  const npu_result copied = npu_ring_submit(server->device, RING, refresh.commands, refresh.count);
  if (copied != NPU_OK) return RUN_ERROR_INFERENCE_RING;
  uint32_t fence;
  const run_error error = submit(server, PLAN_PREPARE, &fence);
  return error == RUN_ERROR_NONE ? wait(server, fence) : error;
}

run_error inference_step_done(inference_server* server, uint32_t steps) {
  const uint32_t every = server->block->refresh_steps;
  if (every == 0 || steps % every != 0 || server->error != RUN_ERROR_NONE) return RUN_ERROR_NONE;
  uint32_t state = driver_os_lock();
  server->held = true;
  const bool running = server->running;
  driver_os_unlock(state);
  run_error error = running ? wait(server, server->fence) : RUN_ERROR_NONE;
  state = driver_os_lock();
  answer(server); /* unless its interrupt has done so */
  driver_os_unlock(state);
  if (error == RUN_ERROR_NONE) error = take_over(server);
  state = driver_os_lock();
  server->held = false;
  if (error == RUN_ERROR_NONE) {
    server->result->refreshes++;
    serve(server);
  }
  driver_os_unlock(state);
  return error;
}

void inference_training_over(inference_server* server) {
  const uint32_t state = driver_os_lock();
  server->result->beside = server->due;
  driver_os_unlock(state);
}

run_error inference_finish(inference_server* server) {
  const uint64_t longest_ticks =
      server->patience->period_ticks + (uint64_t)REQUESTS_MOST_SLOTS * server->block->interval_ticks;
  uint64_t deadline = driver_os_now() + longest_ticks;
  uint32_t served = server->served;
  while (server->served != server->block->requests && server->error == RUN_ERROR_NONE) {
    const uint32_t state = driver_os_lock();
    if (server->served != server->block->requests && server->error == RUN_ERROR_NONE) driver_os_wait(deadline);
    driver_os_unlock(state);
    if (driver_os_now() < deadline) continue;
    if (server->served == served) server->error = RUN_ERROR_INFERENCE_HUNG;
    served = server->served;
    deadline = driver_os_now() + longest_ticks;
  }
  server->result->served = server->served;
  if (server->result->beside > server->served) server->result->beside = server->served;
  driver_os_clean(server->result, sizeof *server->result);
  return server->error;
}

static const char* microseconds(char* text, uint32_t ticks) {
  return report_fixed(text, (float)ticks * (float)MICROSECONDS_PER_MS / (float)driver_os_ticks_per_ms(), 1);
}

void inference_report(const inference_server* server) {
  const inference_result* r = server->result;
  const uint32_t counted = r->beside != 0 ? r->beside : r->served;
  char percent[REPORT_FIXED_BYTES], p50[REPORT_FIXED_BYTES], p99[REPORT_FIXED_BYTES];
  printf("inference: %" PRIu32 " requests, %" PRIu32 " beside training, accuracy %" PRIu32 "/%" PRIu32
         " %s %%, p50 %s us, p99 %s us, at most %" PRIu32 " waiting, %" PRIu32 " refreshes, digest %08" PRIx32 "\n",
         r->served, r->beside, r->correct, r->images, report_fixed(percent, report_percent(r->correct, r->images), 2),
         microseconds(p50, requests_percentile(r, counted, 50)), microseconds(p99, requests_percentile(r, counted, 99)),
         r->most_waiting, r->refreshes, r->digest);
}
