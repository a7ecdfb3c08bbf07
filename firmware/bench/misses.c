/* Memory that no level-1 cache holds. */
#include <stddef.h>

#include "firmware/bench/bench.h"
#include "firmware/bench/kernels.h"

#define WORDS (256u * 1024u)
#define HALF (WORDS / 4) /* 256 KiB */

static uint32_t memory[WORDS] __attribute__((aligned(64)));

static uint32_t stream(uint32_t rounds) {
  for (uint32_t round = 0; round < rounds; round++) {
    for (size_t i = 0; i < HALF / 4; i++) memory[HALF + i] = memory[i] + round;
  }
  return memory[HALF + 5];
}

static uint32_t stride(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    for (size_t i = 0; i < HALF; i += 16) sum += memory[i];
  }
  return sum;
}

static uint32_t chase(uint32_t rounds) {
  const uint32_t lines = WORDS / 16;
  for (uint32_t i = 0; i < lines; i++) memory[i * 16] = (i + 7919u) % lines * 16;
  uint32_t at = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    for (uint32_t i = 0; i < lines; i++) at = memory[at];
  }
  return at;
}

static uint32_t rows(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    for (size_t column = 0; column < 256; column++) {
      for (size_t row = 0; row < 256; row++) sum = sum * 3 + memory[row * 256 + column]++;
    }
  }
  return sum;
}

uint32_t bench_run(uint32_t rounds) {
  for (size_t i = 0; i < WORDS; i++) memory[i] = (uint32_t)i * 2654435761u;
  switch (bench_kernel()) {
#define MISS(function, text, turns) \
  case KERNEL_##function:           \
    return function(rounds);
#include "firmware/bench/kernels.def"
  }
  return 0;
}
