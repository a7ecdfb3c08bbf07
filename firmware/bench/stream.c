/* A copy of 64 KiB, words in a loop: more than level-1 caches hold, so that with them every line misses. */
#include "firmware/bench/bench.h"

#define WORDS 16384u

static uint32_t from[WORDS], to[WORDS];

uint32_t bench_run(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    from[round % WORDS] = round + 1;
    const volatile uint32_t* source = from;
    for (uint32_t* target = to; target < to + WORDS; target++) *target = *source++;
    sum = sum * 31 + to[round % WORDS] + to[WORDS - 1];
  }
  return sum;
}
