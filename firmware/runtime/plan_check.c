#include "firmware/runtime/plan_check.h"

#include <stddef.h>
#include <string.h>

#include "drivers/npu/npu_records.h"

#define PLAN_ALIGNMENT 64u
#define DESCRIPTOR_ALIGNMENT 64u
#define RECORD_ALIGNMENT 32u

/* Header: magic, sizes, checksum. */
static run_error header_check(uint32_t address, uint32_t size_bytes, const memory_limits* limits) {
  const region place = {address, size_bytes};
  if (address % PLAN_ALIGNMENT != 0 || size_bytes < sizeof(plan_header)) return RUN_ERROR_PLAN_RANGE;
  if (!region_inside(place, limits->dram)) return RUN_ERROR_PLAN_RANGE;
  const plan_header* h = memory_at(address);
  if (h->magic != PLAN_MAGIC || h->version != PLAN_VERSION) return RUN_ERROR_PLAN_MAGIC;
  if (h->header_bytes != sizeof(plan_header)) return RUN_ERROR_PLAN_SIZE;
  if (h->total_bytes < sizeof(plan_header) || h->total_bytes > size_bytes) return RUN_ERROR_PLAN_SIZE;
  const uint32_t before = offsetof(plan_header, crc32), behind = before + (uint32_t)sizeof h->crc32;
  const uint32_t crc = memory_crc32(memory_crc32(0, h, before), (const uint8_t*)h + behind, h->total_bytes - behind);
  return crc == h->crc32 ? RUN_ERROR_NONE : RUN_ERROR_PLAN_CRC;
}

/* A table's first entry, or null when it leaves the plan. */
static const void* table_at(const plan_view* view, plan_table table, uint32_t entry_bytes) {
  const uint32_t total_bytes = view->header->total_bytes;
  if (table.offset % PLAN_ALIGNMENT != 0 || table.offset < sizeof(plan_header) || table.offset > total_bytes)
    return NULL;
  if (table.count > PLAN_MAX_TABLE || table.count > (total_bytes - table.offset) / entry_bytes) return NULL;
  return view->bytes + table.offset;
}

static run_error tables_check(plan_view* view) {
  const plan_header* h = view->header;
  view->layers = table_at(view, h->layers, sizeof(plan_layer));
  view->tensors = table_at(view, h->tensors, sizeof(plan_tensor));
  view->descriptors = table_at(view, h->descriptors, sizeof(npu_descriptor));
  view->commands = table_at(view, h->commands, sizeof(npu_command));
  view->programs = table_at(view, h->programs, sizeof(plan_program));
  view->segments = table_at(view, h->segments, sizeof(plan_segment));
  if (view->layers == NULL || view->tensors == NULL || view->descriptors == NULL) return RUN_ERROR_PLAN_TABLE;
  if (view->commands == NULL || view->programs == NULL || view->segments == NULL) return RUN_ERROR_PLAN_TABLE;
  if (h->tensors.count != h->descriptors.count || h->tensors.count == 0) return RUN_ERROR_PLAN_TABLE;
  if (h->programs.count != PLAN_PROGRAMS || h->data_descriptor >= h->descriptors.count) return RUN_ERROR_PLAN_TABLE;
  return RUN_ERROR_NONE;
}

static run_error limits_check(const plan_header* h) {
  if (h->batch == 0 || h->batch > PLAN_MAX_BATCH || h->classes == 0 || h->classes > PLAN_MAX_CLASSES) {
    return RUN_ERROR_PLAN_LIMIT;
  }
  const bool adam = h->optimizer == 1;
  if (h->optimizer > 1 || adam != (h->adam_address != 0)) return RUN_ERROR_PLAN_LIMIT;
  if (h->accumulate > PLAN_MAX_BATCH || h->norms > PLAN_MAX_TABLE) return RUN_ERROR_PLAN_LIMIT;
  return RUN_ERROR_NONE;
}

/* What firmware writes at run time lies in the arena and apart. */
static run_error control_check(const plan_view* view) {
  const plan_header* h = view->header;
  const struct {
    region place;
    uint32_t alignment;
  } parts[] = {
      {{h->descriptors_address, h->descriptors.count * (uint32_t)sizeof(npu_descriptor)}, DESCRIPTOR_ALIGNMENT},
      {{h->gather_address, h->batch * 4}, 4},
      {{h->labels_address, h->batch * PLAN_LABEL_BYTES(h->classes)}, 4},
      {{h->loss_address, sizeof(npu_loss_record)}, RECORD_ALIGNMENT},
      {{h->hyper_address, sizeof(npu_hyper)}, RECORD_ALIGNMENT},
      {{h->adam_address, h->adam_address != 0 ? (uint32_t)sizeof(npu_adam) : 0}, RECORD_ALIGNMENT},
      {{h->norms_address, h->norms * (uint32_t)sizeof(npu_norm_record)}, RECORD_ALIGNMENT},
  };
  const unsigned count = sizeof parts / sizeof parts[0];
  for (unsigned i = 0; i < count; i++) {
    if (parts[i].place.size_bytes == 0) continue;
    if (parts[i].place.base % parts[i].alignment != 0) return RUN_ERROR_PLAN_ADDRESS;
    if (!region_inside(parts[i].place, view->arena)) return RUN_ERROR_PLAN_ADDRESS;
    for (unsigned j = 0; j < i; j++) {
      if (region_overlap(parts[i].place, parts[j].place)) return RUN_ERROR_PLAN_ADDRESS;
    }
  }
  return RUN_ERROR_NONE;
}

static run_error programs_check(const plan_view* view) {
  const plan_header* h = view->header;
  for (uint32_t i = 0; i < PLAN_PROGRAMS; i++) {
    const plan_program* program = &view->programs[i];
    if (program->first > h->commands.count || program->count > h->commands.count - program->first) {
      return RUN_ERROR_PLAN_PROGRAM;
    }
  }
  return view->programs[PLAN_EVAL_STEP].count != 0 ? RUN_ERROR_NONE : RUN_ERROR_PLAN_PROGRAM;
}

/* Fences are the runtime's own. */
static run_error commands_check(const plan_view* view) {
  const plan_header* h = view->header;
  const uint64_t named = (uint64_t)h->ops_hi << 32 | h->ops_lo;
  for (uint32_t i = 0; i < h->commands.count; i++) {
    const uint32_t opcode = view->commands[i].opcode;
    if (opcode == NPU_OP_FENCE || opcode >= 64 || (named >> opcode & 1) == 0) return RUN_ERROR_PLAN_COMMAND;
  }
  return RUN_ERROR_NONE;
}

static run_error segments_check(const plan_view* view) {
  const plan_header* h = view->header;
  for (uint32_t i = 0; i < h->segments.count; i++) {
    const plan_segment* segment = &view->segments[i];
    const region place = {segment->address, segment->size_bytes};
    if (place.base % 4 != 0 || !region_inside(place, view->arena) || segment->fill > 1) return RUN_ERROR_PLAN_SEGMENT;
    const region source = {segment->offset, segment->size_bytes};
    const region plan = {0, h->total_bytes};
    if (segment->fill == 0 && (source.base % 4 != 0 || !region_inside(source, plan))) return RUN_ERROR_PLAN_SEGMENT;
  }
  return RUN_ERROR_NONE;
}

static bool dense(uint32_t format) {
  return format != NPU_FORMAT_FP16Z && format != NPU_FORMAT_FGMP;
}

static run_error tensor_check(const plan_view* view, uint32_t index) {
  const plan_header* h = view->header;
  const plan_tensor* tensor = &view->tensors[index];
  const npu_descriptor* d = &view->descriptors[index];
  if (memchr(tensor->name, 0, PLAN_NAME_BYTES) == NULL) return RUN_ERROR_PLAN_TENSOR;
  if (d->statistics != 0) {
    const region record = {d->statistics, sizeof(npu_tensor_statistics)};
    if (record.base % RECORD_ALIGNMENT != 0 || !region_inside(record, view->arena)) return RUN_ERROR_PLAN_TENSOR;
  }
  if (index == h->data_descriptor) { /* firmware fills in the place */
    const bool fits = d->format == NPU_FORMAT_U8 && d->shape_c == h->input_c && d->shape_h == h->input_h &&
                      d->shape_w == h->input_w && (uint64_t)h->input_c * h->input_h * h->input_w <= UINT32_MAX / 2;
    return fits && h->input_c != 0 && h->input_h != 0 && h->input_w != 0 ? RUN_ERROR_NONE : RUN_ERROR_PLAN_TENSOR;
  }
  const region place = {d->address, d->size_bytes};
  if (!region_inside(place, view->arena)) return RUN_ERROR_PLAN_TENSOR;
  const bool saved = (tensor->flags & (PLAN_TENSOR_PARAMETER | PLAN_TENSOR_MOMENTUM)) != 0;
  if (saved && (!dense(d->format) || place.base % 4 != 0 || place.size_bytes == 0)) return RUN_ERROR_PLAN_TENSOR;
  if ((tensor->flags & PLAN_TENSOR_STEERED) != 0 && (d->format != NPU_FORMAT_FGMP || d->statistics == 0)) {
    return RUN_ERROR_PLAN_TENSOR;
  }
  return RUN_ERROR_NONE;
}

static run_error tensors_check(const plan_view* view) {
  for (uint32_t i = 0; i < view->header->tensors.count; i++) {
    const run_error error = tensor_check(view, i);
    if (error != RUN_ERROR_NONE) return error;
  }
  for (uint32_t i = 0; i < view->header->layers.count; i++) {
    if (memchr(view->layers[i].name, 0, PLAN_NAME_BYTES) == NULL) return RUN_ERROR_PLAN_TENSOR;
  }
  return RUN_ERROR_NONE;
}

run_error plan_check(uint32_t address, uint32_t size_bytes, const memory_limits* limits, plan_view* view) {
  run_error error = header_check(address, size_bytes, limits);
  if (error != RUN_ERROR_NONE) return error;
  const plan_header* h = memory_at(address);
  *view = (plan_view){.header = h, .bytes = (const uint8_t*)h};
  view->place = (region){address, h->total_bytes};
  view->arena = (region){h->arena_base, h->arena_bytes};
  if (h->arena_bytes == 0 || h->arena_base % PLAN_ALIGNMENT != 0) return RUN_ERROR_PLAN_ARENA;
  if (!region_inside(view->arena, limits->dram)) return RUN_ERROR_PLAN_ARENA;
  error = tables_check(view);
  if (error == RUN_ERROR_NONE) error = limits_check(h);
  if (error == RUN_ERROR_NONE) error = control_check(view);
  if (error == RUN_ERROR_NONE) error = programs_check(view);
  if (error == RUN_ERROR_NONE) error = commands_check(view);
  if (error == RUN_ERROR_NONE) error = segments_check(view);
  if (error == RUN_ERROR_NONE) error = tensors_check(view);
  return error;
}
