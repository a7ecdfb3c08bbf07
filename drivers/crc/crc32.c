#include "drivers/crc/crc32.h"

#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL 0xEDB88320u
#define SLICES 8u

/* table[k][b]: CRC of byte b followed by k zero bytes (slicing by eight, Kounavis and Berry 2005). */
static uint32_t table[SLICES][256];
static bool table_ready;

static void table_fill(void) {
  for (uint32_t b = 0; b < 256; b++) {
    uint32_t crc = b;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
    table[0][b] = crc;
  }
  for (uint32_t k = 1; k < SLICES; k++) {
    for (uint32_t b = 0; b < 256; b++) table[k][b] = (table[k - 1][b] >> 8) ^ table[0][table[k - 1][b] & 0xFF];
  }
  table_ready = true;
}

static uint32_t word_at(const uint8_t* bytes) {
  uint32_t word;
  memcpy(&word, __builtin_assume_aligned(bytes, 4), sizeof word);
  return word;
}

uint32_t crc32_update(uint32_t crc, const void* data, size_t size_bytes) {
  if (!table_ready) table_fill();
  const uint8_t* bytes = data;
  crc = ~crc;
  for (; size_bytes != 0 && (uintptr_t)bytes % 4 != 0; size_bytes--)
    crc = (crc >> 8) ^ table[0][(crc ^ *bytes++) & 0xFF];
  for (; size_bytes >= 8; size_bytes -= 8, bytes += 8) {
    const uint32_t a = crc ^ word_at(bytes);
    const uint32_t b = word_at(bytes + 4);
    crc = table[7][a & 0xFF] ^ table[6][(a >> 8) & 0xFF] ^ table[5][(a >> 16) & 0xFF] ^ table[4][a >> 24] ^
          table[3][b & 0xFF] ^ table[2][(b >> 8) & 0xFF] ^ table[1][(b >> 16) & 0xFF] ^ table[0][b >> 24];
  }
  for (; size_bytes != 0; size_bytes--) crc = (crc >> 8) ^ table[0][(crc ^ *bytes++) & 0xFF];
  return ~crc;
}
