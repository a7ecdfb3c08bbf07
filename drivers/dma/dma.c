#include "drivers/dma/dma.h"

#include <stddef.h>
#include <string.h>

#include "drivers/dma/dma_registers.h"
#include "drivers/mmio/mmio.h"
#include "drivers/os/driver_os.h"

#define ID_VALUE 0x414D4442u /* "BDMA" */
#define MAJOR_VERSION 1u

static const uint32_t ends =
    (1u << DMA_CH_EVENTS_DONE_LSB) | (1u << DMA_CH_EVENTS_ERROR_LSB) | (1u << DMA_CH_EVENTS_ABORTED_LSB);
static const uint32_t all_events = (1u << DMA_CH_EVENTS_DONE_LSB) | (1u << DMA_CH_EVENTS_ERROR_LSB) |
                                   (1u << DMA_CH_EVENTS_ABORTED_LSB) | (1u << DMA_CH_EVENTS_STEP_LSB);

static uint32_t reg_read(const dma* device, uint32_t offset) {
  return mmio_read32(device->base + offset);
}

static void reg_write(const dma* device, uint32_t offset, uint32_t value) {
  mmio_write32(device->base + offset, value);
}

/* The registers of the channels have one stride. */
static uint32_t channel_read(const dma* device, uint32_t offset, uint32_t channel) {
  return reg_read(device, offset + channel * DMA_CH_CONTROL_STRIDE);
}

static void channel_write(const dma* device, uint32_t offset, uint32_t channel, uint32_t value) {
  reg_write(device, offset + channel * DMA_CH_CONTROL_STRIDE, value);
}

dma_result dma_init(dma* device, uintptr_t base) {
  if (device == NULL) return DMA_BAD_ARGUMENT;
  *device = (dma){.base = base};
  if (reg_read(device, DMA_ID_OFFSET) != ID_VALUE) return DMA_NOT_FOUND;
  const uint32_t version = reg_read(device, DMA_VERSION_OFFSET);
  if (mmio_field_get(version, DMA_VERSION_MAJOR_MASK, DMA_VERSION_MAJOR_LSB) != MAJOR_VERSION) return DMA_BAD_VERSION;
  const uint32_t caps = reg_read(device, DMA_CAPS_OFFSET);
  const uint32_t channels = mmio_field_get(caps, DMA_CAPS_CHANNELS_MASK, DMA_CAPS_CHANNELS_LSB);
  device->channels = channels < DMA_CHANNELS_MAX ? channels : DMA_CHANNELS_MAX;
  device->has_crc = (caps & DMA_CAPS_CRC_MASK) != 0;
  device->burst_bytes = mmio_field_get(caps, DMA_CAPS_BURST_MASK, DMA_CAPS_BURST_LSB);
  return dma_reset(device);
}

dma_result dma_reset(dma* device) {
  if (device == NULL) return DMA_BAD_ARGUMENT;
  reg_write(device, DMA_CTRL_OFFSET, DMA_CTRL_RESET_MASK);
  for (uint32_t i = 0; i < DMA_CHANNELS_MAX; i++) device->events[i] = 0;
  for (uint32_t poll = 0; poll < DMA_RESET_POLLS; poll++) {
    if ((reg_read(device, DMA_CTRL_OFFSET) & DMA_CTRL_RESET_MASK) == 0) return DMA_OK;
  }
  return DMA_RESET_FAILED;
}

static bool is_channel(const dma* device, uint32_t channel) {
  return device != NULL && channel < device->channels;
}

bool dma_busy(const dma* device, uint32_t channel) {
  if (!is_channel(device, channel)) return false;
  return (channel_read(device, DMA_CH_STATUS_OFFSET, channel) & DMA_CH_STATUS_BUSY_MASK) != 0;
}

/* Starts an idle channel whose registers of the work are written. */
static void launch(dma* device, uint32_t channel, uint32_t control, uint32_t priority) {
  channel_write(device, DMA_CH_IRQ_ENABLE_OFFSET, channel, 0);
  channel_write(device, DMA_CH_EVENTS_OFFSET, channel, all_events);
  device->events[channel] = 0;
  channel_write(device, DMA_CH_IRQ_ENABLE_OFFSET, channel, ends);
  driver_os_barrier(); /* what the engine reads is in memory before it starts */
  channel_write(device, DMA_CH_CONTROL_OFFSET, channel,
                control | DMA_CH_CONTROL_START_MASK | priority << DMA_CH_CONTROL_PRIORITY_LSB);
}

/* Bits that a copy may have; the others would start, abort or read a list. */
static bool is_copy_control(uint32_t control) {
  const uint32_t known = DMA_CH_CONTROL_FIXED_SOURCE_MASK | DMA_CH_CONTROL_FIXED_DESTINATION_MASK |
                         DMA_CH_CONTROL_WIDTH_MASK | DMA_CH_CONTROL_STEP_MASK | DMA_CH_CONTROL_PHASE_MASK |
                         DMA_CH_CONTROL_CRC_MASK | DMA_CH_CONTROL_NO_WRITE_MASK | DMA_CH_CONTROL_CLASS_MASK;
  return (control & ~known) == 0;
}

dma_result dma_start(dma* device, uint32_t channel, const dma_copy* copy, uint32_t priority) {
  if (!is_channel(device, channel) || copy == NULL || priority > DMA_PRIORITY_MAX) return DMA_BAD_ARGUMENT;
  if (!is_copy_control(copy->control)) return DMA_BAD_ARGUMENT;
  if (dma_busy(device, channel)) return DMA_BUSY;
  channel_write(device, DMA_CH_SOURCE_OFFSET, channel, copy->source);
  channel_write(device, DMA_CH_DESTINATION_OFFSET, channel, copy->destination);
  channel_write(device, DMA_CH_BYTES_OFFSET, channel, copy->bytes);
  launch(device, channel, copy->control, priority);
  return DMA_OK;
}

dma_result dma_list_make(dma_descriptor* list, const dma_copy* copies, uint32_t count) {
  if (list == NULL || copies == NULL || count == 0 || dma_address(list) % DMA_LINE_BYTES != 0) return DMA_BAD_ARGUMENT;
  if (count > UINT32_MAX / sizeof *list) return DMA_BAD_ARGUMENT;
  for (uint32_t i = 0; i < count; i++) {
    if (!is_copy_control(copies[i].control)) return DMA_BAD_ARGUMENT;
  }
  for (uint32_t i = 0; i < count; i++) {
    list[i] = (dma_descriptor){.next = i + 1 == count ? 0 : dma_address(&list[i + 1]),
                               .source = copies[i].source,
                               .destination = copies[i].destination,
                               .bytes = copies[i].bytes,
                               .control = copies[i].control};
  }
  driver_os_clean(list, count * (uint32_t)sizeof *list);
  return DMA_OK;
}

dma_result dma_list_start(dma* device, uint32_t channel, const dma_descriptor* list, uint32_t priority) {
  if (!is_channel(device, channel) || list == NULL || priority > DMA_PRIORITY_MAX) return DMA_BAD_ARGUMENT;
  if (dma_address(list) % DMA_DESCRIPTOR_ALIGNMENT != 0) return DMA_BAD_ARGUMENT;
  if (dma_busy(device, channel)) return DMA_BUSY;
  channel_write(device, DMA_CH_LIST_OFFSET, channel, dma_address(list));
  launch(device, channel, DMA_CH_CONTROL_LIST_MASK, priority);
  return DMA_OK;
}

uint32_t dma_list_done(dma_descriptor* list, uint32_t count) {
  if (list == NULL) return 0;
  driver_os_invalidate(list, count * (uint32_t)sizeof *list);
  uint32_t done = 0;
  while (done < count && list[done].status == DMA_DESCRIPTOR_WORKED_ON) done++;
  return done;
}

/* Remembers the channel's events and clears them, so that the line falls. */
static uint32_t take_events(dma* device, uint32_t channel) {
  const uint32_t events = channel_read(device, DMA_CH_EVENTS_OFFSET, channel);
  if (events != 0) channel_write(device, DMA_CH_EVENTS_OFFSET, channel, events);
  device->events[channel] |= events;
  return device->events[channel];
}

dma_result dma_wait(dma* device, uint32_t channel, uint32_t patience_ms) {
  if (!is_channel(device, channel)) return DMA_BAD_ARGUMENT;
  const uint64_t deadline = driver_os_now() + patience_ms * driver_os_ticks_per_ms();
  for (;;) {
    const uint32_t state = driver_os_lock();
    const uint32_t events = take_events(device, channel);
    if ((events & ends) == 0) driver_os_wait(deadline);
    driver_os_unlock(state); /* here the interrupt that ended the wait is served */
    if ((events & DMA_CH_EVENTS_ERROR_MASK) != 0) return DMA_FAILED;
    if ((events & DMA_CH_EVENTS_ABORTED_MASK) != 0) return DMA_ABORTED;
    if ((events & DMA_CH_EVENTS_DONE_MASK) != 0) return DMA_OK;
    if (driver_os_now() >= deadline) return DMA_TIMEOUT;
  }
}

dma_result dma_abort(dma* device, uint32_t channel) {
  if (!is_channel(device, channel)) return DMA_BAD_ARGUMENT;
  const uint32_t control = channel_read(device, DMA_CH_CONTROL_OFFSET, channel);
  channel_write(device, DMA_CH_CONTROL_OFFSET, channel, control | DMA_CH_CONTROL_ABORT_MASK);
  return DMA_OK;
}

uint32_t dma_moved(const dma* device, uint32_t channel) {
  return is_channel(device, channel) ? channel_read(device, DMA_CH_MOVED_OFFSET, channel) : 0;
}

/* Aborts a copy that takes too long. */
static dma_result start_and_wait(dma* device, uint32_t channel, const dma_copy* copy, uint32_t patience_ms) {
  dma_result result = dma_start(device, channel, copy, 0);
  if (result != DMA_OK) return result;
  result = dma_wait(device, channel, patience_ms);
  if (result == DMA_TIMEOUT) {
    dma_abort(device, channel);
    dma_wait(device, channel, patience_ms);
  }
  return result;
}

/* Copies whole lines; `to` is of the engine alone meanwhile. */
static dma_result copy_lines(dma* device, uint32_t channel, uint8_t* to, const uint8_t* from, uint32_t bytes,
                             uint32_t patience_ms) {
  const dma_copy copy = {.source = dma_address(from), .destination = dma_address(to), .bytes = bytes};
  driver_os_clean(from, bytes);
  driver_os_invalidate(to, bytes); /* no dirty line of `to` may be written over what the engine writes */
  const dma_result result = start_and_wait(device, channel, &copy, patience_ms);
  if (result == DMA_BUSY || result == DMA_BAD_ARGUMENT) return result;
  driver_os_invalidate(to, bytes); /* nor may a line be left that was filled in between */
  return result;
}

dma_result dma_memcpy(dma* device, uint32_t channel, void* to, const void* from, uint32_t bytes, uint32_t patience_ms) {
  if (!is_channel(device, channel) || (bytes != 0 && (to == NULL || from == NULL))) return DMA_BAD_ARGUMENT;
  if (dma_busy(device, channel)) return DMA_BUSY;
  uint8_t* target = to;
  const uint8_t* source = from;
  uint32_t head = (DMA_LINE_BYTES - dma_address(to) % DMA_LINE_BYTES) % DMA_LINE_BYTES;
  if (head > bytes) head = bytes;
  const uint32_t lines = (bytes - head) / DMA_LINE_BYTES * DMA_LINE_BYTES;
  const uint32_t tail = bytes - head - lines;
  if (head != 0) memcpy(target, source, head);
  if (tail != 0) memcpy(target + head + lines, source + head + lines, tail);
  return lines == 0 ? DMA_OK : copy_lines(device, channel, target + head, source + head, lines, patience_ms);
}

dma_result dma_crc_from(dma* device, uint32_t channel, uint32_t crc) {
  if (!is_channel(device, channel)) return DMA_BAD_ARGUMENT;
  if (!device->has_crc) return DMA_NO_CRC;
  channel_write(device, DMA_CH_CRC_START_OFFSET, channel, crc);
  return DMA_OK;
}

uint32_t dma_crc(const dma* device, uint32_t channel) {
  return is_channel(device, channel) ? channel_read(device, DMA_CH_CRC_OFFSET, channel) : 0;
}

dma_result dma_crc32(dma* device, uint32_t channel, uint32_t* crc, const void* data, uint32_t bytes,
                     uint32_t patience_ms) {
  if (!is_channel(device, channel) || crc == NULL || (bytes != 0 && data == NULL)) return DMA_BAD_ARGUMENT;
  if (!device->has_crc) return DMA_NO_CRC;
  if (dma_busy(device, channel)) return DMA_BUSY;
  const dma_copy copy = {
      .source = dma_address(data), .bytes = bytes, .control = DMA_CH_CONTROL_CRC_MASK | DMA_CH_CONTROL_NO_WRITE_MASK};
  driver_os_clean(data, bytes);
  dma_crc_from(device, channel, *crc);
  const dma_result result = start_and_wait(device, channel, &copy, patience_ms);
  dma_crc_from(device, channel, 0);
  if (result == DMA_OK) *crc = dma_crc(device, channel);
  return result;
}

void dma_interrupt(dma* device) {
  const uint32_t pending = reg_read(device, DMA_PENDING_OFFSET);
  for (uint32_t channel = 0; channel < device->channels; channel++) {
    if ((pending >> channel & 1) != 0) take_events(device, channel);
  }
}

dma_error_report dma_error_read(const dma* device, uint32_t channel) {
  dma_error_report report = {0};
  if (!is_channel(device, channel)) return report;
  const uint32_t error = channel_read(device, DMA_CH_ERROR_OFFSET, channel);
  report.code = mmio_field_get(error, DMA_CH_ERROR_CODE_MASK, DMA_CH_ERROR_CODE_LSB);
  report.write = (error & DMA_CH_ERROR_WRITE_MASK) != 0;
  report.address = channel_read(device, DMA_CH_ERROR_ADDRESS_OFFSET, channel);
  report.descriptor = channel_read(device, DMA_CH_DESCRIPTOR_OFFSET, channel);
  report.moved = channel_read(device, DMA_CH_MOVED_OFFSET, channel);
  return report;
}

const char* dma_error_text(uint32_t code) {
  switch (code) {
#define DMA_ERROR(name, value, description) \
  case value:                               \
    return description;
#include "drivers/dma/dma_descriptor.def"
  }
  return "unknown";
}

const char* dma_result_text(dma_result result) {
  switch (result) {
    case DMA_OK:
      return "ok";
    case DMA_BAD_ARGUMENT:
      return "bad argument";
    case DMA_NOT_FOUND:
      return "no DMA engine";
    case DMA_BAD_VERSION:
      return "a DMA engine of another major version";
    case DMA_BUSY:
      return "the channel is at work";
    case DMA_FAILED:
      return "the channel ended with an error";
    case DMA_ABORTED:
      return "the channel was aborted";
    case DMA_TIMEOUT:
      return "the channel did not end in time";
    case DMA_RESET_FAILED:
      return "accesses in flight were not answered after a reset";
    case DMA_NO_CRC:
      return "the engine has no checksum";
  }
  return "unknown";
}
