#include "firmware/runtime/checkpoint.h"

#include <stddef.h>
#include <string.h>

#include "drivers/crc/crc32.h"
#include "drivers/os/driver_os.h"

#define CHUNK_BYTES 256u

/* Where the checkpoint of a flash lies. */
static uint32_t slot_bytes(const flash* device) {
  const uint32_t bytes = device->size_bytes / 2 / CHECKPOINT_SLOTS;
  return bytes - bytes % device->sector_bytes;
}

static uint32_t slot_offset(const flash* device, uint32_t slot) {
  return device->size_bytes / 2 / device->sector_bytes * device->sector_bytes + slot * slot_bytes(device);
}

static bool saved(const plan_tensor* tensor) {
  return (tensor->flags & (PLAN_TENSOR_PARAMETER | PLAN_TENSOR_MOMENTUM)) != 0;
}

static uint32_t padded(uint32_t size_bytes) {
  return (size_bytes + 3) & ~UINT32_C(3);
}

/* Counts, sizes and identity of the checkpoint of a plan; 0 bytes when it does not fit in 32 bits. */
static checkpoint_header header_make(const plan_view* plan, uint32_t history_count) {
  checkpoint_header header = {.magic = CHECKPOINT_MAGIC,
                              .version = CHECKPOINT_VERSION,
                              .header_bytes = sizeof header,
                              .plan_crc32 = plan->header->crc32,
                              .history_count = history_count};
  uint64_t tensor_bytes = 0;
  for (uint32_t i = 0; i < plan->header->tensors.count; i++) {
    if ((plan->tensors[i].flags & PLAN_TENSOR_STEERED) != 0) header.threshold_count += 2;
    if (!saved(&plan->tensors[i])) continue;
    header.tensor_count++;
    tensor_bytes += padded(plan->descriptors[i].size_bytes);
  }
  const uint64_t total_bytes = tensor_bytes + (uint64_t)header.tensor_count * sizeof(checkpoint_tensor) +
                               4 * (uint64_t)header.threshold_count + 8 * (uint64_t)history_count;
  header.payload_bytes = total_bytes <= UINT32_MAX ? (uint32_t)total_bytes : 0;
  return header;
}

/* First byte of the tensors in the payload. */
static uint32_t tensors_offset(const checkpoint_header* header) {
  return header->tensor_count * (uint32_t)sizeof(checkpoint_tensor) + 4 * header->threshold_count +
         8 * header->history_count;
}

static checkpoint_tensor tensor_entry(const plan_view* plan, uint32_t index, uint32_t offset) {
  const npu_descriptor* d = &plan->descriptors[index];
  checkpoint_tensor entry = {.flags = plan->tensors[index].flags,
                             .format = d->format,
                             .shape = {d->shape_n, d->shape_c, d->shape_h, d->shape_w},
                             .offset = offset,
                             .size_bytes = d->size_bytes};
  memcpy(entry.name, plan->tensors[index].name, PLAN_NAME_BYTES);
  return entry;
}

/* Programs a stream of bytes, a chunk at a time, and sums its CRC. */
typedef struct writer {
  flash* device;
  uint32_t offset; /* in flash, of the chunk */
  uint32_t filled;
  uint32_t crc;
  flash_result result;
  uint8_t chunk[CHUNK_BYTES];
} writer;

static void writer_flush(writer* w) {
  if (w->result == FLASH_OK && w->filled != 0) w->result = flash_program(w->device, w->offset, w->chunk, w->filled);
  w->crc = crc32_update(w->crc, w->chunk, w->filled);
  w->offset += w->filled;
  w->filled = 0;
}

static void writer_put(writer* w, const void* bytes, uint32_t size_bytes) {
  const uint8_t* next = bytes;
  while (size_bytes != 0) {
    const uint32_t room = CHUNK_BYTES - w->filled;
    const uint32_t count = size_bytes < room ? size_bytes : room;
    memcpy(w->chunk + w->filled, next, count);
    w->filled += count;
    next += count;
    size_bytes -= count;
    if (w->filled == CHUNK_BYTES) writer_flush(w);
  }
}

static void payload_write(writer* w, const plan_view* plan, const checkpoint_header* header,
                          const checkpoint_state* state) {
  const uint32_t count = plan->header->tensors.count;
  uint32_t offset = tensors_offset(header);
  for (uint32_t i = 0; i < count; i++) {
    if (!saved(&plan->tensors[i])) continue;
    const checkpoint_tensor entry = tensor_entry(plan, i, offset);
    writer_put(w, &entry, sizeof entry);
    offset += padded(entry.size_bytes);
  }
  writer_put(w, state->next_thresholds, 2 * header->threshold_count);
  writer_put(w, state->present_thresholds, 2 * header->threshold_count);
  writer_put(w, state->loss, 4 * state->history_count);
  writer_put(w, state->eval_correct, 4 * state->history_count);
  for (uint32_t i = 0; i < count; i++) {
    if (!saved(&plan->tensors[i])) continue;
    const uint32_t size_bytes = plan->descriptors[i].size_bytes;
    uint8_t* data = memory_at(plan->descriptors[i].address);
    driver_os_invalidate(data, size_bytes);
    writer_put(w, data, size_bytes);
    writer_put(w, "\0\0\0", padded(size_bytes) - size_bytes);
  }
  writer_flush(w);
}

static bool payload_crc(const flash* device, uint32_t offset, uint32_t size_bytes, uint32_t* crc) {
  uint32_t chunk[CHUNK_BYTES / 4];
  *crc = 0;
  while (size_bytes != 0) {
    const uint32_t count = size_bytes < CHUNK_BYTES ? size_bytes : CHUNK_BYTES;
    if (flash_read(device, offset, chunk, count) != FLASH_OK) return false;
    *crc = crc32_update(*crc, chunk, count);
    offset += count;
    size_bytes -= count;
  }
  return true;
}

static uint32_t header_crc(const checkpoint_header* header) {
  return crc32_update(0, header, offsetof(checkpoint_header, header_crc32));
}

/* Reads a slot's header; false when it is none. */
static bool header_read(const flash* device, uint32_t slot, checkpoint_header* header) {
  if (flash_read(device, slot_offset(device, slot), header, sizeof *header) != FLASH_OK) return false;
  if (header->magic != CHECKPOINT_MAGIC || header->version != CHECKPOINT_VERSION) return false;
  if (header->header_bytes != sizeof *header || header->header_crc32 != header_crc(header)) return false;
  return header->payload_bytes <= slot_bytes(device) - device->sector_bytes;
}

static bool newer(uint32_t a, uint32_t b) {
  return (int32_t)(a - b) > 0;
}

/* Valid slots, newest first; payloads are not looked at. */
static uint32_t slots_find(const flash* device, uint32_t slots[CHECKPOINT_SLOTS],
                           checkpoint_header headers[CHECKPOINT_SLOTS]) {
  uint32_t count = 0;
  for (uint32_t slot = 0; slot < CHECKPOINT_SLOTS; slot++) {
    if (header_read(device, slot, &headers[count])) slots[count++] = slot;
  }
  if (count == 2 && newer(headers[1].sequence, headers[0].sequence)) {
    const checkpoint_header header = headers[0];
    headers[0] = headers[1], headers[1] = header;
    slots[0] = 1, slots[1] = 0;
  }
  return count;
}

static bool slot_complete(const flash* device, uint32_t slot, const checkpoint_header* header) {
  uint32_t crc;
  const uint32_t offset = slot_offset(device, slot) + device->sector_bytes;
  return payload_crc(device, offset, header->payload_bytes, &crc) && crc == header->payload_crc32;
}

run_error checkpoint_save(flash* device, const plan_view* plan, const checkpoint_state* state) {
  checkpoint_header header = header_make(plan, state->history_count);
  const uint32_t room_bytes = slot_bytes(device);
  if (room_bytes <= device->sector_bytes || header.payload_bytes == 0) return RUN_ERROR_CHECKPOINT_SPACE;
  if (header.payload_bytes > room_bytes - device->sector_bytes) return RUN_ERROR_CHECKPOINT_SPACE;

  uint32_t slots[CHECKPOINT_SLOTS];
  checkpoint_header headers[CHECKPOINT_SLOTS];
  const uint32_t valid = slots_find(device, slots, headers);
  /* The newest one that can be restored stays. */
  uint32_t keep = 0;
  while (keep < valid && !slot_complete(device, slots[keep], &headers[keep])) keep++;
  const uint32_t slot = keep < valid ? 1 - slots[keep] : 0;
  header.sequence = valid != 0 ? headers[0].sequence + 1 : 1;
  header.progress = state->progress;

  const uint32_t offset = slot_offset(device, slot);
  const uint32_t sector = device->sector_bytes;
  const uint32_t payload_sectors = (header.payload_bytes + sector - 1) / sector;
  if (flash_erase(device, offset, sector) != FLASH_OK) return RUN_ERROR_FLASH;
  if (flash_erase(device, offset + sector, payload_sectors * sector) != FLASH_OK) return RUN_ERROR_FLASH;
  writer w = {.device = device, .offset = offset + sector, .result = FLASH_OK};
  payload_write(&w, plan, &header, state);
  if (w.result != FLASH_OK) return RUN_ERROR_FLASH;
  header.payload_crc32 = w.crc;
  header.header_crc32 = header_crc(&header);
  if (!slot_complete(device, slot, &header)) return RUN_ERROR_FLASH;
  if (flash_program(device, offset, &header, sizeof header) != FLASH_OK) return RUN_ERROR_FLASH;
  return flash_verify(device, offset, &header, sizeof header) == FLASH_OK ? RUN_ERROR_NONE : RUN_ERROR_FLASH;
}

/* Whether the checkpoint is one of this plan: same counts, and the same entry for each tensor. */
static bool slot_matches(const flash* device, uint32_t slot, const checkpoint_header* header, const plan_view* plan,
                         uint32_t history_limit) {
  const checkpoint_header expected = header_make(plan, header->history_count);
  if (header->plan_crc32 != expected.plan_crc32 || header->history_count > history_limit) return false;
  if (header->tensor_count != expected.tensor_count || header->threshold_count != expected.threshold_count)
    return false;
  if (header->payload_bytes != expected.payload_bytes) return false;
  uint32_t from = slot_offset(device, slot) + device->sector_bytes;
  uint32_t offset = tensors_offset(header);
  for (uint32_t i = 0; i < plan->header->tensors.count; i++) {
    if (!saved(&plan->tensors[i])) continue;
    const checkpoint_tensor entry = tensor_entry(plan, i, offset);
    if (flash_verify(device, from, &entry, sizeof entry) != FLASH_OK) return false;
    from += (uint32_t)sizeof entry;
    offset += padded(entry.size_bytes);
  }
  return true;
}

static flash_result payload_restore(const flash* device, uint32_t slot, const checkpoint_header* header,
                                    const plan_view* plan, checkpoint_state* state) {
  const uint32_t payload = slot_offset(device, slot) + device->sector_bytes;
  uint32_t from = payload + header->tensor_count * (uint32_t)sizeof(checkpoint_tensor);
  const uint32_t thresholds_bytes = 2 * header->threshold_count; /* of each of the two lists */
  flash_result result = flash_read(device, from, state->next_thresholds, thresholds_bytes);
  if (result == FLASH_OK) {
    result = flash_read(device, from + thresholds_bytes, state->present_thresholds, thresholds_bytes);
  }
  from += 2 * thresholds_bytes;
  const uint32_t history_bytes = 4 * header->history_count;
  if (result == FLASH_OK) result = flash_read(device, from, state->loss, history_bytes);
  if (result == FLASH_OK) result = flash_read(device, from + history_bytes, state->eval_correct, history_bytes);
  from += 2 * history_bytes;
  for (uint32_t i = 0; i < plan->header->tensors.count && result == FLASH_OK; i++) {
    if (!saved(&plan->tensors[i])) continue;
    const uint32_t size_bytes = plan->descriptors[i].size_bytes;
    void* data = memory_at(plan->descriptors[i].address);
    result = flash_read(device, from, data, size_bytes);
    driver_os_clean(data, size_bytes);
    from += padded(size_bytes);
  }
  return result;
}

run_error checkpoint_load(flash* device, const plan_view* plan, uint32_t history_limit, checkpoint_state* state,
                          bool* found) {
  *found = false;
  if (slot_bytes(device) <= device->sector_bytes) return RUN_ERROR_NONE;
  uint32_t slots[CHECKPOINT_SLOTS];
  checkpoint_header headers[CHECKPOINT_SLOTS];
  const uint32_t valid = slots_find(device, slots, headers);
  for (uint32_t i = 0; i < valid; i++) {
    if (!slot_complete(device, slots[i], &headers[i])) continue;
    if (!slot_matches(device, slots[i], &headers[i], plan, history_limit)) continue;
    state->progress = headers[i].progress;
    state->history_count = headers[i].history_count;
    *found = true;
    return payload_restore(device, slots[i], &headers[i], plan, state) == FLASH_OK ? RUN_ERROR_NONE : RUN_ERROR_FLASH;
  }
  return RUN_ERROR_NONE;
}
