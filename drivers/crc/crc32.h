/* IEEE CRC-32 (zlib's): reflected polynomial 0xEDB88320, start and end inverted. */
#ifndef DRIVERS_CRC32_H
#define DRIVERS_CRC32_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Goes on from `crc` (0 to start) over `size_bytes` bytes: crc32_update(crc32_update(0, a), b) is the CRC of a
 * followed by b. Any alignment; word at a time where aligned. */
uint32_t crc32_update(uint32_t crc, const void* data, size_t size_bytes);

#ifdef __cplusplus
}
#endif

#endif
