/* A packed data set. C11 and C++; byte layout in docs/formats/data.md. Little-endian. */
#ifndef DRIVERS_DATA_FORMAT_H
#define DRIVERS_DATA_FORMAT_H

#include <stdint.h>

#define DATA_MAGIC 0x54414442u /* "BDAT" */
#define DATA_VERSION 1u        /* labels are u8 */
#define DATA_VERSION_WIDE 2u   /* labels are u16: more than 256 classes */

typedef struct data_header {
  uint32_t magic;
  uint32_t version;
  uint32_t total_bytes;
  uint32_t crc32; /**< IEEE CRC-32 of all bytes after this header */
  uint32_t header_bytes;
  uint32_t count; /**< images */
  uint32_t c, h, w;
  uint32_t classes;
  float scale;            /**< value of one step of a u8 pixel */
  uint32_t images_offset; /**< u8 (count, c, h, w), 64-byte aligned */
  uint32_t labels_offset; /**< u8 or u16 (count), as the version says */
  uint32_t reserved[3];
} data_header;

#endif
