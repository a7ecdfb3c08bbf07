/* Driver of the QSPI flash controller: identify, erase, program, read. Sleeps while the flash works (driver_os_wait).
 */
#ifndef DRIVERS_FLASH_H
#define DRIVERS_FLASH_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Longest that one erase or program may take. */
#define FLASH_PATIENCE_MS 1000u
#define FLASH_PAGE_MAX_BYTES 256u

typedef enum flash_result {
  FLASH_OK = 0,
  FLASH_BAD_ARGUMENT, /**< null, misaligned, or beyond the end: no register was written, nothing changed */
  FLASH_NOT_FOUND,    /**< no known geometry: no register was written */
  FLASH_REJECTED, /**< the controller refused the command: this sector or page is unchanged, those before are done */
  FLASH_TIMEOUT,  /**< the flash stayed busy: the sector or page is in an unknown state */
  FLASH_DIFFERS,  /**< flash_verify: the contents are not those expected */
} flash_result;

/** A device. The fields belong to the driver, `size_bytes`, `page_bytes` and `sector_bytes` may be read. */
typedef struct flash {
  uintptr_t base;   /**< of the registers */
  uintptr_t window; /**< of the memory map */
  uint32_t id;
  uint32_t size_bytes, page_bytes, sector_bytes;
} flash;

/** Identifies the flash and clears its interrupts. FLASH_NOT_FOUND: identification 0 or all ones, page or sector size
 *  no power of two, page above FLASH_PAGE_MAX_BYTES, or size no multiple of the sector. */
flash_result flash_init(flash* device, uintptr_t base, uintptr_t window);

/** Sets whole sectors to 0xFF. `offset` and `size_bytes` are multiples of the sector. */
flash_result flash_erase(flash* device, uint32_t offset, uint32_t size_bytes);

/** Programs bytes into erased flash, page by page; any offset and size. Bits can only be cleared. */
flash_result flash_program(flash* device, uint32_t offset, const void* bytes, uint32_t size_bytes);

/** Copies bytes out of the flash; by words where offset and buffer are 4-byte aligned. */
flash_result flash_read(const flash* device, uint32_t offset, void* bytes, uint32_t size_bytes);

/** Compares. FLASH_OK or FLASH_DIFFERS. */
flash_result flash_verify(const flash* device, uint32_t offset, const void* bytes, uint32_t size_bytes);

/** Serves the interrupt (done, error): switches it off, so that the waiting call sees the reason in the status. */
void flash_interrupt(flash* device);

const char* flash_result_text(flash_result result);

#ifdef __cplusplus
}
#endif

#endif
