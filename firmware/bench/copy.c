/* memcpy and memset of the C library: blocks of 8 KiB, and short odd ones. */
#include <string.h>

#include "firmware/bench/bench.h"

#define BLOCK_BYTES 8192u

static uint8_t from[BLOCK_BYTES] __attribute__((aligned(64))), to[BLOCK_BYTES] __attribute__((aligned(64)));

uint32_t bench_run(uint32_t rounds) {
  uint32_t state = 7;
  for (uint32_t i = 0; i < BLOCK_BYTES; i++) from[i] = (uint8_t)bench_random(&state);
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    memcpy(to, from, BLOCK_BYTES);
    sum = sum * 31 + to[round % BLOCK_BYTES];
    memset(to, (int)round, BLOCK_BYTES);
    sum += to[(round * 7) % BLOCK_BYTES];
    for (uint32_t size = 1; size < 64; size += 9) {
      memcpy(to + size, from + (round & 7), size);
      sum = sum * 3 + to[2 * size - 1];
    }
  }
  return sum;
}
