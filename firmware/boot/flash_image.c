#include "firmware/boot/flash_image.h"

#include <stddef.h>

#include "drivers/crc/crc32.h"

#define PAYLOAD_ALIGNMENT 64u

boot_result boot_check_header(const flash_image_header* header, uint32_t flash_bytes, uint32_t dram_base,
                              uint32_t dram_bytes) {
  if (header->magic != FLASH_IMAGE_MAGIC) return BOOT_NO_IMAGE;
  if (header->version != FLASH_IMAGE_VERSION || header->header_bytes != sizeof *header) return BOOT_BAD_VERSION;
  if (crc32_update(0, header, offsetof(flash_image_header, header_crc32)) != header->header_crc32) {
    return BOOT_BAD_HEADER_CRC;
  }
  const uint32_t size_bytes = header->payload_bytes;
  const uint32_t offset = header->payload_offset;
  if (size_bytes == 0 || size_bytes % 4 != 0 || offset % PAYLOAD_ALIGNMENT != 0 || offset < sizeof *header) {
    return BOOT_BAD_LAYOUT;
  }
  if (offset > flash_bytes || size_bytes > flash_bytes - offset) return BOOT_BAD_LAYOUT;
  const uint32_t place = header->load_address - dram_base;
  if (header->load_address < dram_base || header->load_address % 4 != 0) return BOOT_BAD_LAYOUT;
  if (place > dram_bytes || size_bytes > dram_bytes - place) return BOOT_BAD_LAYOUT;
  const uint32_t start = header->entry - header->load_address;
  if (header->entry < header->load_address || start >= size_bytes || start % 2 != 0) return BOOT_BAD_LAYOUT;
  return BOOT_OK;
}

flash_image_header boot_make_header(const void* payload, uint32_t payload_bytes, uint32_t load_address) {
  flash_image_header header = {.magic = FLASH_IMAGE_MAGIC,
                               .version = FLASH_IMAGE_VERSION,
                               .header_bytes = sizeof header,
                               .payload_offset = sizeof header,
                               .payload_bytes = payload_bytes,
                               .load_address = load_address,
                               .entry = load_address,
                               .payload_crc32 = crc32_update(0, payload, payload_bytes)};
  header.header_crc32 = crc32_update(0, &header, offsetof(flash_image_header, header_crc32));
  return header;
}

const char* boot_result_text(boot_result result) {
  switch (result) {
    case BOOT_OK:
      return "ok";
    case BOOT_NO_IMAGE:
      return "no image in flash";
    case BOOT_BAD_VERSION:
      return "image header of another version";
    case BOOT_BAD_HEADER_CRC:
      return "image header is damaged (CRC)";
    case BOOT_BAD_LAYOUT:
      return "image does not fit in flash or DRAM";
    case BOOT_BAD_PAYLOAD_CRC:
      return "image is damaged (CRC)";
  }
  return "unknown";
}
