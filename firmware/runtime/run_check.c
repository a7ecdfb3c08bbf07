#include "firmware/runtime/run_check.h"

#include <string.h>

#include "drivers/npu/npu_records.h"

#define LOSS_SCALE_MAX 16777216.0f /* 2^24 */
#define BLOCK_ALIGNMENT 4u
#define RESULT_ALIGNMENT 64u
#define DATA_ALIGNMENT 64u
#define UPDATE_FLAGS (NPU_HYPER_STOCHASTIC | NPU_HYPER_NESTEROV)

/* False for NaN. */
static bool between(float value, float low, float high) {
  return value >= low && value <= high;
}

static bool settings_valid(const run_block* run) {
  if (run->epochs > RUN_MAX_EPOCHS || run->schedule_points > RUN_SCHEDULE_POINTS) return false;
  if (run->epochs != 0 && run->schedule_points == 0) return false;
  for (uint32_t i = 0; i < run->schedule_points; i++) {
    if (!between(run->schedule[i].learning_rate, 0.0f, 1e6f)) return false;
    if (i == 0 ? run->schedule[i].epoch != 0 : run->schedule[i].epoch <= run->schedule[i - 1].epoch) return false;
  }
  if (!between(run->momentum, 0.0f, 1.0f) || !between(run->weight_decay, 0.0f, 1.0f)) return false;
  if (!between(run->loss_scale, 1.0f, LOSS_SCALE_MAX)) return false;
  if (run->loss_scale_dynamic > 1 || run->shuffle > 1 || run->resume > 1) return false;
  if (run->loss_scale_dynamic == 1 && run->loss_scale_interval == 0) return false;
  if ((run->hyper_flags & ~UPDATE_FLAGS) != 0 || !between(run->clip_norm, 0.0f, 1e30f)) return false;
  if (!between(run->beta2, 0.0f, 1.0f) || !between(run->adam_epsilon, 0.0f, 1.0f)) return false;
  if (!between(run->max_loss, 0.0f, 1e30f)) return false;
  return between(run->fgmp_share, -1.0f, 1.0f) && between(run->fgmp_stall_step, 0.0f, 1.0f);
}

run_error run_check(uint32_t address, const memory_limits* limits) {
  const region place = {address, sizeof(run_block)};
  if (address == 0 || address % BLOCK_ALIGNMENT != 0 || !region_inside(place, limits->dram)) {
    return RUN_ERROR_NO_RUN_BLOCK;
  }
  const run_block* run = memory_at(address);
  if (run->magic != RUN_MAGIC || run->version != RUN_VERSION) return RUN_ERROR_RUN_MAGIC;
  if (run->dram_bytes > UINT32_MAX - limits->dram.base) return RUN_ERROR_RUN_RANGE;
  const region result = {run->result_address, run->result_bytes};
  if (result.base % RESULT_ALIGNMENT != 0 || result.size_bytes < sizeof(run_result)) return RUN_ERROR_RUN_RESULT;
  if (!region_inside(result, limits->dram)) return RUN_ERROR_RUN_RESULT;
  return settings_valid(run) ? RUN_ERROR_NONE : RUN_ERROR_RUN_RANGE;
}

static run_error data_header_check(uint32_t address, uint32_t size_bytes, const memory_limits* limits) {
  const region place = {address, size_bytes};
  if (address % DATA_ALIGNMENT != 0 || size_bytes < sizeof(data_header)) return RUN_ERROR_DATA_RANGE;
  if (!region_inside(place, limits->dram)) return RUN_ERROR_DATA_RANGE;
  const data_header* h = memory_at(address);
  if (h->magic != DATA_MAGIC) return RUN_ERROR_DATA_MAGIC;
  if (h->version != DATA_VERSION && h->version != DATA_VERSION_WIDE) return RUN_ERROR_DATA_MAGIC;
  if (h->header_bytes != sizeof(data_header)) return RUN_ERROR_DATA_SIZE;
  if (h->total_bytes < sizeof(data_header) || h->total_bytes > size_bytes) return RUN_ERROR_DATA_SIZE;
  const uint32_t crc = memory_crc32(0, h + 1, h->total_bytes - (uint32_t)sizeof(data_header));
  return crc == h->crc32 ? RUN_ERROR_NONE : RUN_ERROR_DATA_CRC;
}

/* Of a label. */
static uint32_t label_bytes(const data_header* h) {
  return h->version == DATA_VERSION_WIDE ? 2 : 1;
}

/* Images and labels lie in the data set. The plan's shape is checked already: its product fits. */
static run_error contents_check(const data_header* h, const plan_header* plan) {
  if (h->c != plan->input_c || h->h != plan->input_h || h->w != plan->input_w) return RUN_ERROR_DATA_SHAPE;
  if (h->classes == 0 || h->classes > plan->classes) return RUN_ERROR_DATA_SHAPE;
  if (memcmp(&h->scale, &plan->input_scale, sizeof h->scale) != 0) return RUN_ERROR_DATA_SHAPE;
  const uint64_t images_bytes = (uint64_t)h->count * (h->c * h->h * h->w);
  const uint32_t total_bytes = h->total_bytes;
  if (h->images_offset % DATA_ALIGNMENT != 0 || h->images_offset < sizeof(data_header)) return RUN_ERROR_DATA_SIZE;
  if (h->images_offset > total_bytes || images_bytes > total_bytes - h->images_offset) return RUN_ERROR_DATA_SIZE;
  if (h->labels_offset < sizeof(data_header) || h->labels_offset > total_bytes) return RUN_ERROR_DATA_SIZE;
  return h->count <= (total_bytes - h->labels_offset) / label_bytes(h) ? RUN_ERROR_NONE : RUN_ERROR_DATA_SIZE;
}

uint32_t data_label(const data_view* data, uint32_t image) {
  const uint8_t* label = data->labels + image * data->label_bytes;
  return data->label_bytes == 1 ? label[0] : label[0] | (uint32_t)label[1] << 8;
}

run_error data_check(uint32_t address, uint32_t size_bytes, uint32_t first, uint32_t count, const plan_view* plan,
                     const memory_limits* limits, data_view* view) {
  run_error error = data_header_check(address, size_bytes, limits);
  if (error != RUN_ERROR_NONE) return error;
  const data_header* h = memory_at(address);
  error = contents_check(h, plan->header);
  if (error != RUN_ERROR_NONE) return error;
  if (first >= h->count || count > h->count - first) return RUN_ERROR_DATA_SELECTION;
  *view = (data_view){.header = h,
                      .place = {address, h->total_bytes},
                      .images_address = address + h->images_offset,
                      .labels = (const uint8_t*)h + h->labels_offset,
                      .label_bytes = label_bytes(h),
                      .first = first,
                      .count = count != 0 ? count : h->count - first};
  for (uint32_t i = 0; i < h->count; i++) {
    if (data_label(view, i) >= h->classes) return RUN_ERROR_DATA_LABEL;
  }
  return RUN_ERROR_NONE;
}

run_error overlap_check(uint32_t run_address, const plan_view* plan, const data_view* train, const data_view* eval,
                        const memory_limits* limits) {
  const run_block* run = memory_at(run_address);
  const region none = {0, 0};
  const region regions[] = {
      limits->image, /* the first three are written, the others only read */
      plan->arena,   {run->result_address, run->result_bytes},    {run_address, sizeof(run_block)},
      plan->place,   train->header != NULL ? train->place : none, eval->header != NULL ? eval->place : none,
  };
  const unsigned written = 3, count = sizeof regions / sizeof regions[0];
  for (unsigned i = 0; i < written; i++) {
    for (unsigned j = i + 1; j < count; j++) {
      if (region_overlap(regions[i], regions[j])) return RUN_ERROR_RUN_OVERLAP;
    }
  }
  return RUN_ERROR_NONE;
}
