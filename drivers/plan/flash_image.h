/* A firmware in flash, as the boot ROM starts it. C11 and C++. Little-endian. The image begins at FLASH_IMAGE_OFFSET of
 * the flash with this header; the payload follows at payload_offset. */
#ifndef DRIVERS_FLASH_IMAGE_H
#define DRIVERS_FLASH_IMAGE_H

#include <stdint.h>

#define FLASH_IMAGE_MAGIC 0x474D4942u /* "BIMG" */
#define FLASH_IMAGE_VERSION 1u
#define FLASH_IMAGE_OFFSET 0u

typedef struct flash_image_header {
  uint32_t magic;
  uint32_t version;
  uint32_t header_bytes;   /**< sizeof(flash_image_header) */
  uint32_t payload_offset; /**< from the header, 64-byte aligned */
  uint32_t payload_bytes;  /**< a multiple of 4, not 0 */
  uint32_t load_address;   /**< in DRAM, 4-byte aligned */
  uint32_t entry;          /**< in the loaded payload, 2-byte aligned */
  uint32_t payload_crc32;  /**< IEEE CRC-32 of the payload */
  uint32_t reserved[7];    /**< zero */
  uint32_t header_crc32;   /**< IEEE CRC-32 of all bytes of the header before this field */
} flash_image_header;

#endif
