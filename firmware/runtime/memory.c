#include "firmware/runtime/memory.h"

#include "drivers/crc/crc32.h"

/* Replaced where there is a board (memory_board.c). */
__attribute__((weak)) uint32_t memory_crc32(uint32_t crc, const void* data, uint32_t size_bytes) {
  return crc32_update(crc, data, size_bytes);
}

void memory_copy_words(void* to, const void* from, uint32_t size_bytes) {
  uint32_t* out = __builtin_assume_aligned(to, 4);
  const uint32_t* in = __builtin_assume_aligned(from, 4);
  uint32_t words = size_bytes / 4;
  for (; words >= 4; words -= 4, in += 4, out += 4) {
    const uint32_t a = in[0], b = in[1], c = in[2], d = in[3];
    out[0] = a, out[1] = b, out[2] = c, out[3] = d;
  }
  for (; words != 0; words--) *out++ = *in++;
}
