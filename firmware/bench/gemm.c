/* int8 GEMM: C (32-bit) = A * B of 48 x 48 signed bytes, with a row of C quantised to bytes again behind it. */
#include "firmware/bench/bench.h"

#define SIZE 48

static int8_t a[SIZE][SIZE], b[SIZE][SIZE], quantised[SIZE][SIZE];
static int32_t c[SIZE][SIZE];

static int8_t quantise(int32_t value) {
  const int32_t scaled = (value * 77) >> 14;
  return (int8_t)(scaled > 127 ? 127 : scaled < -128 ? -128 : scaled);
}

uint32_t bench_run(uint32_t rounds) {
  uint32_t state = 1;
  for (int i = 0; i < SIZE; i++) {
    for (int j = 0; j < SIZE; j++) {
      a[i][j] = (int8_t)bench_random(&state);
      b[i][j] = (int8_t)bench_random(&state);
    }
  }
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    for (int i = 0; i < SIZE; i++) {
      for (int j = 0; j < SIZE; j++) {
        int32_t dot = 0;
        for (int k = 0; k < SIZE; k++) dot += a[i][k] * b[j][k];
        c[i][j] = dot;
        quantised[i][j] = quantise(dot);
      }
    }
    for (int i = 0; i < SIZE; i++) {
      for (int j = 0; j < SIZE; j++) sum = sum * 33 + (uint32_t)c[i][j];
    }
    a[round % SIZE][0] = quantised[SIZE - 1][round % SIZE];
  }
  return sum;
}
