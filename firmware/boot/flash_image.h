/* Whether a flash image can be started. Pure: the boot ROM, the image writer and the tests use it. */
#ifndef FIRMWARE_BOOT_FLASH_IMAGE_H
#define FIRMWARE_BOOT_FLASH_IMAGE_H

#include "drivers/plan/flash_image.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum boot_result {
  BOOT_OK = 0,
  BOOT_NO_IMAGE,       /**< no magic: the flash is empty or holds something else */
  BOOT_BAD_VERSION,    /**< version or size of the header */
  BOOT_BAD_HEADER_CRC, /**< the header is damaged */
  BOOT_BAD_LAYOUT,     /**< an offset, size or address is misaligned or out of range */
  BOOT_BAD_PAYLOAD_CRC /**< the payload is damaged; nothing was started */
} boot_result;

/** Checks all of the header: it fits in `flash_bytes` and its payload in [dram_base, dram_base + dram_bytes). */
boot_result boot_check_header(const flash_image_header* header, uint32_t flash_bytes, uint32_t dram_base,
                              uint32_t dram_bytes);

/** Header for a payload of `payload_bytes` (a multiple of 4) that is loaded and entered at `load_address`. */
flash_image_header boot_make_header(const void* payload, uint32_t payload_bytes, uint32_t load_address);

const char* boot_result_text(boot_result result);

#ifdef __cplusplus
}
#endif

#endif
