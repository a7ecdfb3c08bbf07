#include "firmware/runtime/session.h"

#include <math.h>

#include <stddef.h>

#include "drivers/npu/npu_tensor.h"
#include "drivers/os/driver_os.h"

#define PERIOD_MS 10000u /* a command takes less than this */
#define PERIODS 1000u
#define NPU_WATCHDOG_CYCLES 0x7FFFFFFFu

/* Of both rings: one window lets the NPU read them. */
static npu_command ring[SESSION_RING_COMMANDS + SESSION_SECOND_RING_COMMANDS] MEMORY_NOINIT;

static npu_descriptor* descriptor_at(const session* s, uint32_t index) {
  return (npu_descriptor*)memory_at(s->plan.header->descriptors_address) + index;
}

static npu_tensor_statistics* statistics_at(const session* s, uint32_t index) {
  return memory_at(s->plan.descriptors[index].statistics);
}

/* Which tensors are looked at after each step. */
static run_error tensors_sort(session* s) {
  for (uint32_t i = 0; i < s->plan.header->tensors.count; i++) {
    const npu_descriptor* d = &s->plan.descriptors[i];
    if (d->statistics == 0) continue;
    const bool watched = d->tensor_class == NPU_CLASS_ERROR || d->tensor_class == NPU_CLASS_GRADIENT;
    const bool steered = (s->plan.tensors[i].flags & PLAN_TENSOR_STEERED) != 0;
    if (s->watched_count == SESSION_MAX_WATCHED || s->steered_count == SESSION_MAX_WATCHED) return RUN_ERROR_PLAN_LIMIT;
    if (watched) s->watched[s->watched_count++] = (uint16_t)i;
    if (steered) s->steered[s->steered_count++] = (uint16_t)i;
  }
  return RUN_ERROR_NONE;
}

static run_error data_sets_check(session* s) {
  const run_block* run = s->run;
  run_error error = RUN_ERROR_NONE;
  if (run->train_address != 0) {
    error = data_check(run->train_address, run->train_bytes, run->train_first, run->train_count, &s->plan, &s->limits,
                       &s->train);
  }
  if (error == RUN_ERROR_NONE && run->eval_address != 0) {
    error = data_check(run->eval_address, run->eval_bytes, run->eval_first, run->eval_count, &s->plan, &s->limits,
                       &s->eval);
  }
  return error;
}

run_error session_check(session* s, uint32_t run_address, const memory_limits* limits) {
  *s = (session){.limits = *limits};
  run_error error = run_check(run_address, limits);
  if (error != RUN_ERROR_NONE) return error;
  s->run = memory_at(run_address);
  if (s->run->dram_bytes != 0) s->limits.dram.size_bytes = s->run->dram_bytes;
  error = plan_check(s->run->plan_address, s->run->plan_bytes, &s->limits, &s->plan);
  if (error == RUN_ERROR_NONE) error = data_sets_check(s);
  if (error == RUN_ERROR_NONE) error = overlap_check(run_address, &s->plan, &s->train, &s->eval, &s->limits);
  if (error == RUN_ERROR_NONE) error = tensors_sort(s);
  if (error == RUN_ERROR_NONE) s->progress = steer_start(s->run);
  return error;
}

static npu_window window_of(region place, bool write) {
  return (npu_window){.base = place.base, .last = place.base + (place.size_bytes - 1), .read = true, .write = write};
}

npu_needs session_needs(const session* s) {
  const plan_header* h = s->plan.header;
  return (npu_needs){.engine = h->engine,
                     .ops_lo = h->ops_lo,
                     .ops_hi = h->ops_hi,
                     .formats = h->formats,
                     .buffer_bytes = h->buffer_bytes,
                     .fused_sgd = h->fused != 0};
}

region session_hull(region a, region b) {
  if (b.size_bytes == 0) return a;
  const uint32_t base = a.base < b.base ? a.base : b.base;
  const uint32_t a_last = a.base + (a.size_bytes - 1), b_last = b.base + (b.size_bytes - 1);
  return (region){base, (a_last > b_last ? a_last : b_last) - base + 1};
}

npu_ring_config session_second_ring(void) {
  npu_command* slots = ring + SESSION_RING_COMMANDS;
  return (npu_ring_config){.slots = slots,
                           .address = npu_address(slots),
                           .commands = SESSION_SECOND_RING_COMMANDS,
                           .watchdog_cycles = NPU_WATCHDOG_CYCLES};
}

run_error session_start_npu(session* s, uintptr_t npu_base) {
  npu_config config = {.base = npu_base,
                       .ring = ring,
                       .ring_address = npu_address(ring),
                       .ring_commands = SESSION_RING_COMMANDS,
                       .watchdog_cycles = NPU_WATCHDOG_CYCLES};
  config.windows[0] = window_of(session_hull(s->plan.arena, s->beside), true);
  config.windows[1] = window_of((region){config.ring_address, sizeof ring}, false);
  if (s->train.header != NULL) config.windows[2] = window_of(s->train.place, false);
  if (s->eval.header != NULL) config.windows[3] = window_of(s->eval.place, false);
  s->patience = (npu_patience){.period_ticks = PERIOD_MS * driver_os_ticks_per_ms(), .periods = PERIODS};
  if (npu_init(&s->device, &config) != NPU_OK) return RUN_ERROR_NPU_START;
  const npu_needs needs = session_needs(s);
  return npu_check(&s->device, &needs, NULL) == NPU_OK ? RUN_ERROR_NONE : RUN_ERROR_NPU_CAPABILITY;
}

static void segment_load(const session* s, const plan_segment* segment) {
  uint8_t* to = memory_at(segment->address);
  const uint32_t words_bytes = segment->size_bytes & ~UINT32_C(3);
  if (segment->fill != 0) {
    uint32_t* word = (uint32_t*)(void*)to;
    for (uint32_t i = 0; i < words_bytes / 4; i++) word[i] = 0;
    for (uint32_t i = words_bytes; i < segment->size_bytes; i++) to[i] = 0;
  } else {
    const uint8_t* from = s->plan.bytes + segment->offset;
    memory_copy_words(to, from, words_bytes);
    for (uint32_t i = words_bytes; i < segment->size_bytes; i++) to[i] = from[i];
  }
  driver_os_clean(to, segment->size_bytes);
}

void session_load(session* s) {
  const plan_header* h = s->plan.header;
  for (uint32_t i = 0; i < h->segments.count; i++) segment_load(s, &s->plan.segments[i]);
  const uint32_t table_bytes = h->descriptors.count * (uint32_t)sizeof(npu_descriptor);
  memory_copy_words(descriptor_at(s, 0), s->plan.descriptors, table_bytes);
  driver_os_clean(descriptor_at(s, 0), table_bytes);
  for (uint32_t i = 0; i < h->descriptors.count; i++) {
    if (s->plan.descriptors[i].statistics == 0) continue;
    npu_tensor_statistics* statistics = statistics_at(s, i);
    *statistics = (npu_tensor_statistics){0};
    driver_os_clean(statistics, sizeof *statistics);
  }
  session_read_thresholds(s, s->present_thresholds);
}

void session_select_data(session* s, const data_view* data) {
  npu_descriptor* d = descriptor_at(s, s->plan.header->data_descriptor);
  d->address = data->images_address;
  d->shape_n = data->header->count;
  d->size_bytes = data->header->count * (d->shape_c * d->shape_h * d->shape_w);
  driver_os_clean(d, sizeof *d);
}

static void put_label(session* s, uint32_t i, uint32_t label) {
  const uint32_t label_bytes = PLAN_LABEL_BYTES(s->plan.header->classes);
  uint8_t* to = (uint8_t*)s->batch.labels + i * label_bytes;
  to[0] = (uint8_t)label;
  if (label_bytes == 2) to[1] = (uint8_t)(label >> 8);
}

void session_prepare_batch(session* s, const data_view* data, const uint32_t* order, uint32_t start) {
  const uint32_t batch = s->plan.header->batch;
  const uint32_t left = data->count - start;
  session_batch* b = &s->batch;
  b->valid = left < batch ? left : batch;
  for (uint32_t i = 0; i < b->valid; i++) {
    const uint32_t image = data->first + (order != NULL ? order[start + i] : start + i);
    b->gather[i] = image;
    put_label(s, i, data_label(data, image));
  }
  for (uint32_t i = b->valid; i < batch; i++) {
    b->gather[i] = data->first;
    put_label(s, i, 0);
  }
}

void session_publish_batch(session* s) {
  const plan_header* h = s->plan.header;
  void* gather = memory_at(h->gather_address);
  uint8_t* labels = memory_at(h->labels_address);
  npu_loss_record* loss = memory_at(h->loss_address);
  memory_copy_words(gather, s->batch.gather, 4 * h->batch);
  const uint32_t label_bytes = h->batch * PLAN_LABEL_BYTES(h->classes), words = label_bytes & ~UINT32_C(3);
  memory_copy_words(labels, s->batch.labels, words);
  for (uint32_t i = words; i < label_bytes; i++) labels[i] = ((const uint8_t*)s->batch.labels)[i];
  *loss = (npu_loss_record){.valid = s->batch.valid};
  driver_os_clean(gather, 4 * h->batch);
  driver_os_clean(labels, label_bytes);
  driver_os_clean(loss, sizeof *loss);
}

void session_publish_hyper(session* s, float learning_rate, float gradient_factor) {
  npu_hyper* hyper = memory_at(s->plan.header->hyper_address);
  *hyper = (npu_hyper){.learning_rate = learning_rate,
                       .momentum = s->run->momentum,
                       .weight_decay = s->run->weight_decay,
                       .gradient_scale = gradient_factor / s->progress.loss_scale,
                       .loss_scale = s->progress.loss_scale,
                       .flags = s->run->hyper_flags,
                       .seed = s->run->seed,
                       .step = s->progress.steps_done};
  driver_os_clean(hyper, sizeof *hyper);
}

/* base^exponent, by squaring: the same products on every core. */
static float power(float base, uint32_t exponent) {
  float result = 1.0f;
  for (; exponent != 0; exponent >>= 1) {
    if ((exponent & 1u) != 0) result = result * base;
    base = base * base;
  }
  return result;
}

void session_publish_adam(session* s) {
  if (s->plan.header->adam_address == 0) return;
  npu_adam* adam = memory_at(s->plan.header->adam_address);
  const uint32_t update = s->progress.updates_done + 1;
  *adam = (npu_adam){.beta2 = s->run->beta2,
                     .epsilon = s->run->adam_epsilon,
                     .correction1 = 1.0f / (1.0f - power(s->run->momentum, update)),
                     .correction2 = 1.0f / (1.0f - power(s->run->beta2, update))};
  driver_os_clean(adam, sizeof *adam);
}

float session_gradient_norm(session* s) {
  const plan_header* h = s->plan.header;
  float sum = 0.0f;
  for (uint32_t i = 0; i < h->norms; i++) {
    npu_norm_record* record = memory_at(h->norms_address + i * (uint32_t)sizeof(npu_norm_record));
    driver_os_invalidate(record, sizeof *record);
    if (record->nonfinite != 0) return INFINITY;
    sum += record->sum_of_squares;
  }
  return sqrtf(sum) / s->progress.loss_scale;
}

/* Weight gradients that are stored; with `continues` they go on from what lies there. */
static npu_command gradient_command(npu_command command, bool continues) {
  const bool gradient =
      command.opcode == NPU_OP_CONV_WG || command.opcode == NPU_OP_FC_WG || command.opcode == NPU_OP_BIAS_WG;
  if (continues && gradient && (command.flags & NPU_FLAG_UPDATE) == 0) command.flags |= NPU_FLAG_ACCUMULATE;
  return command;
}

run_error session_submit_gradients(session* s, bool continues, uint32_t* fence) {
  if (!continues) return session_submit(s, PLAN_TRAIN_STEP, PLAN_PROGRAMS, fence);
  const plan_program* program = &s->plan.programs[PLAN_TRAIN_STEP];
  if (program->count >= SESSION_RING_COMMANDS) return RUN_ERROR_NPU_RING;
  for (uint32_t i = 0; i < program->count; i++) {
    const npu_command command = gradient_command(s->plan.commands[program->first + i], true);
    if (npu_submit(&s->device, &command, 1) != NPU_OK) return RUN_ERROR_NPU_RING;
  }
  return npu_submit_fenced(&s->device, NULL, 0, fence) == NPU_OK ? RUN_ERROR_NONE : RUN_ERROR_NPU_RING;
}

run_error session_submit(session* s, uint32_t program, uint32_t second, uint32_t* fence) {
  const plan_program* first = &s->plan.programs[program];
  const plan_program none = {0, 0};
  const plan_program* last = second < PLAN_PROGRAMS ? &s->plan.programs[second] : &none;
  if (first->count >= SESSION_RING_COMMANDS || last->count >= SESSION_RING_COMMANDS - first->count) {
    return RUN_ERROR_NPU_RING;
  }
  npu_result result = NPU_OK;
  if (first->count != 0) result = npu_submit(&s->device, &s->plan.commands[first->first], first->count);
  if (result == NPU_OK) result = npu_submit_fenced(&s->device, &s->plan.commands[last->first], last->count, fence);
  return result == NPU_OK ? RUN_ERROR_NONE : RUN_ERROR_NPU_RING;
}

run_error session_wait(session* s, uint32_t fence) {
  switch (npu_wait_fence(&s->device, fence, &s->patience)) {
    case NPU_OK:
      return RUN_ERROR_NONE;
    case NPU_DEVICE_ERROR:
      return RUN_ERROR_NPU_COMMAND;
    case NPU_SLOW:
      return RUN_ERROR_NPU_SLOW;
    default:
      return RUN_ERROR_NPU_HUNG;
  }
}

session_loss session_read_loss(session* s) {
  npu_loss_record* loss = memory_at(s->plan.header->loss_address);
  driver_os_invalidate(loss, sizeof *loss);
  return (session_loss){.sum = loss->loss_sum, .correct = loss->correct};
}

bool session_overflowed(const session* s) {
  for (uint32_t i = 0; i < s->watched_count; i++) {
    npu_tensor_statistics* statistics = statistics_at(s, s->watched[i]);
    driver_os_invalidate(statistics, sizeof *statistics);
    if ((statistics->saturated | statistics->nonfinite) != 0) return true;
  }
  return false;
}

uint32_t session_first_bad_tensor(const session* s) {
  const plan_header* h = s->plan.header;
  for (uint32_t i = 0; i < h->descriptors.count; i++) {
    const npu_descriptor* d = &s->plan.descriptors[i];
    if (d->statistics == 0) continue;
    npu_tensor_statistics* statistics = statistics_at(s, i);
    driver_os_invalidate(statistics, sizeof *statistics);
    const bool watched = d->tensor_class == NPU_CLASS_ERROR || d->tensor_class == NPU_CLASS_GRADIENT;
    if (statistics->nonfinite != 0 || (watched && statistics->saturated != 0)) return i;
  }
  return SESSION_NO_TENSOR;
}

void session_read_thresholds(const session* s, float* thresholds) {
  for (uint32_t i = 0; i < s->steered_count; i++) thresholds[i] = descriptor_at(s, s->steered[i])->threshold;
}

void session_write_thresholds(session* s, const float* thresholds) {
  for (uint32_t i = 0; i < s->steered_count; i++) {
    npu_descriptor* d = descriptor_at(s, s->steered[i]);
    d->threshold = thresholds[i];
    driver_os_clean(d, sizeof *d);
  }
}

float session_steer_thresholds(session* s) {
  uint32_t low = 0, high = 0;
  for (uint32_t i = 0; i < s->steered_count; i++) {
    npu_tensor_statistics* statistics = statistics_at(s, s->steered[i]);
    npu_descriptor* d = descriptor_at(s, s->steered[i]);
    driver_os_invalidate(statistics, sizeof *statistics);
    low += statistics->low;
    high += statistics->high;
    s->present_thresholds[i] = d->threshold;
    const float threshold = steer_threshold(d->threshold, d->rule, statistics, s->progress.fgmp_target);
    if (threshold == d->threshold) continue;
    d->threshold = threshold;
    driver_os_clean(d, sizeof *d);
  }
  return low + high != 0 ? (float)high / (float)(low + high) : 0.0f;
}

void session_publish_result(session* s) {
  driver_os_clean(s->result, sizeof *s->result);
}
