#include "drivers/flash/flash.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "drivers/flash/flash_registers.h"
#include "drivers/mmio/mmio.h"
#include "drivers/os/driver_os.h"

#define COMMAND_WRITE_ENABLE 0x06u
#define COMMAND_PAGE_PROGRAM 0x02u
#define COMMAND_SECTOR_ERASE 0x20u

static uint32_t reg_read(const flash* device, uint32_t offset) {
  return mmio_read32(device->base + offset);
}

static void reg_write(const flash* device, uint32_t offset, uint32_t value) {
  mmio_write32(device->base + offset, value);
}

static bool power_of_two(uint32_t value) {
  return value != 0 && (value & (value - 1)) == 0;
}

flash_result flash_init(flash* device, uintptr_t base, uintptr_t window) {
  if (device == NULL) return FLASH_BAD_ARGUMENT;
  *device = (flash){.base = base, .window = window};
  device->id = reg_read(device, FLASH_ID_OFFSET);
  device->size_bytes = reg_read(device, FLASH_SIZE_OFFSET);
  const uint32_t geometry = reg_read(device, FLASH_GEOMETRY_OFFSET);
  device->page_bytes = mmio_field_get(geometry, FLASH_GEOMETRY_PAGE_MASK, FLASH_GEOMETRY_PAGE_LSB);
  device->sector_bytes = mmio_field_get(geometry, FLASH_GEOMETRY_SECTOR_MASK, FLASH_GEOMETRY_SECTOR_LSB);
  if (device->id == 0 || device->id == UINT32_MAX) return FLASH_NOT_FOUND;
  if (!power_of_two(device->page_bytes) || device->page_bytes < 4 || device->page_bytes > FLASH_PAGE_MAX_BYTES) {
    return FLASH_NOT_FOUND;
  }
  if (!power_of_two(device->sector_bytes) || device->sector_bytes < device->page_bytes) return FLASH_NOT_FOUND;
  if (device->size_bytes == 0 || device->size_bytes % device->sector_bytes != 0) return FLASH_NOT_FOUND;
  reg_write(device, FLASH_IRQ_ENABLE_OFFSET, 0);
  reg_write(device, FLASH_IRQ_STATUS_OFFSET, FLASH_IRQ_DONE_MASK | FLASH_IRQ_ERROR_MASK);
  return FLASH_OK;
}

static bool inside(const flash* device, uint32_t offset, uint32_t size_bytes) {
  return offset <= device->size_bytes && size_bytes <= device->size_bytes - offset;
}

/* Starts a command and sleeps until it ended. The interrupt only ends the sleep; what happened is in the status. */
static flash_result command_run(flash* device, uint32_t code) {
  reg_write(device, FLASH_IRQ_ENABLE_OFFSET, FLASH_IRQ_DONE_MASK | FLASH_IRQ_ERROR_MASK);
  reg_write(device, FLASH_COMMAND_OFFSET, code);
  const uint64_t deadline = driver_os_now() + FLASH_PATIENCE_MS * driver_os_ticks_per_ms();
  bool busy = true;
  while (busy) {
    const uint32_t state = driver_os_lock();
    busy = (reg_read(device, FLASH_STATUS_OFFSET) & FLASH_STATUS_BUSY_MASK) != 0;
    if (busy) driver_os_wait(deadline);
    driver_os_unlock(state);
    if (busy && driver_os_now() >= deadline) break;
  }
  reg_write(device, FLASH_IRQ_ENABLE_OFFSET, 0);
  if (busy) return FLASH_TIMEOUT;
  const uint32_t status = reg_read(device, FLASH_IRQ_STATUS_OFFSET);
  reg_write(device, FLASH_IRQ_STATUS_OFFSET, status);
  return (status & FLASH_IRQ_ERROR_MASK) != 0 ? FLASH_REJECTED : FLASH_OK;
}

flash_result flash_erase(flash* device, uint32_t offset, uint32_t size_bytes) {
  if (device == NULL || !inside(device, offset, size_bytes)) return FLASH_BAD_ARGUMENT;
  if (offset % device->sector_bytes != 0 || size_bytes % device->sector_bytes != 0) return FLASH_BAD_ARGUMENT;
  for (uint32_t end = offset + size_bytes; offset != end; offset += device->sector_bytes) {
    reg_write(device, FLASH_COMMAND_OFFSET, COMMAND_WRITE_ENABLE);
    reg_write(device, FLASH_ADDRESS_OFFSET, offset);
    const flash_result result = command_run(device, COMMAND_SECTOR_ERASE);
    if (result != FLASH_OK) return result;
  }
  return FLASH_OK;
}

static uint32_t word_from(const uint8_t* bytes, uint32_t count) {
  uint32_t word = UINT32_MAX;
  memcpy(&word, bytes, count < 4 ? count : 4);
  return word;
}

static flash_result page_program(flash* device, uint32_t offset, const uint8_t* bytes, uint32_t count) {
  reg_write(device, FLASH_COMMAND_OFFSET, COMMAND_WRITE_ENABLE);
  reg_write(device, FLASH_ADDRESS_OFFSET, offset);
  for (uint32_t i = 0; i < count; i += 4) reg_write(device, FLASH_DATA_OFFSET, word_from(bytes + i, count - i));
  reg_write(device, FLASH_LENGTH_OFFSET, count);
  return command_run(device, COMMAND_PAGE_PROGRAM);
}

flash_result flash_program(flash* device, uint32_t offset, const void* bytes, uint32_t size_bytes) {
  if (device == NULL || (bytes == NULL && size_bytes != 0) || !inside(device, offset, size_bytes)) {
    return FLASH_BAD_ARGUMENT;
  }
  const uint8_t* next = bytes;
  while (size_bytes != 0) {
    const uint32_t room = device->page_bytes - offset % device->page_bytes;
    const uint32_t count = size_bytes < room ? size_bytes : room;
    const flash_result result = page_program(device, offset, next, count);
    if (result != FLASH_OK) return result;
    offset += count;
    next += count;
    size_bytes -= count;
  }
  return FLASH_OK;
}

flash_result flash_read(const flash* device, uint32_t offset, void* bytes, uint32_t size_bytes) {
  if (device == NULL || (bytes == NULL && size_bytes != 0) || !inside(device, offset, size_bytes)) {
    return FLASH_BAD_ARGUMENT;
  }
  uint8_t* next = bytes;
  while (size_bytes != 0) {
    if (offset % 4 == 0 && size_bytes >= 4) {
      const uint32_t word = mmio_read32(device->window + offset);
      memcpy(next, &word, sizeof word);
      offset += 4, next += 4, size_bytes -= 4;
    } else {
      *next++ = mmio_read8(device->window + offset);
      offset++, size_bytes--;
    }
  }
  return FLASH_OK;
}

flash_result flash_verify(const flash* device, uint32_t offset, const void* bytes, uint32_t size_bytes) {
  if (device == NULL || (bytes == NULL && size_bytes != 0) || !inside(device, offset, size_bytes)) {
    return FLASH_BAD_ARGUMENT;
  }
  const uint8_t* next = bytes;
  uint8_t chunk[64];
  while (size_bytes != 0) {
    const uint32_t count = size_bytes < sizeof chunk ? size_bytes : (uint32_t)sizeof chunk;
    const flash_result result = flash_read(device, offset, chunk, count);
    if (result != FLASH_OK) return result;
    if (memcmp(chunk, next, count) != 0) return FLASH_DIFFERS;
    offset += count;
    next += count;
    size_bytes -= count;
  }
  return FLASH_OK;
}

void flash_interrupt(flash* device) {
  reg_write(device, FLASH_IRQ_ENABLE_OFFSET, 0);
}

const char* flash_result_text(flash_result result) {
  switch (result) {
    case FLASH_OK:
      return "ok";
    case FLASH_BAD_ARGUMENT:
      return "bad argument";
    case FLASH_NOT_FOUND:
      return "no flash with a known geometry";
    case FLASH_REJECTED:
      return "the flash controller refused the command";
    case FLASH_TIMEOUT:
      return "the flash stayed busy";
    case FLASH_DIFFERS:
      return "the flash does not hold what was written";
  }
  return "unknown";
}
