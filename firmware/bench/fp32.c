/* Single precision: products of matrices with and without fused steps, divisions, roots, conversions, comparisons. */
#include "firmware/bench/bench.h"

#define SIZE 24

static float a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

static float root(float value) {
  float result;
  __asm__("fsqrt.s %0, %1" : "=f"(result) : "f"(value));
  return result;
}

uint32_t bench_run(uint32_t rounds) {
  uint32_t state = 99;
  for (int i = 0; i < SIZE; i++) {
    for (int j = 0; j < SIZE; j++) {
      a[i][j] = (float)(int32_t)bench_random(&state) * 0x1p-31f;
      b[i][j] = (float)(int32_t)bench_random(&state) * 0x1p-31f;
    }
  }
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    float norm = 0;
    for (int i = 0; i < SIZE; i++) {
      for (int j = 0; j < SIZE; j++) {
        float dot = 0;
        if (j % 2 == 0) {
          for (int k = 0; k < SIZE; k++) dot += a[i][k] * b[j][k];
        } else {
          for (int k = 0; k < SIZE; k++) dot = __builtin_fmaf(a[i][k], b[j][k], dot);
        }
        c[i][j] = dot;
        norm += dot * dot;
      }
    }
    const float scale = 1.0f / root(norm);
    for (int i = 0; i < SIZE; i++) {
      for (int j = 0; j < SIZE; j++) {
        const float value = c[i][j] * scale;
        sum = sum * 31 + (uint32_t)(int32_t)(value * 65536.0f);
        a[i][j] = value > 0.125f ? a[i][j] - 0.01f * value : a[i][j] + value;
      }
    }
  }
  return sum;
}
