/* Arrays: matrices of several sizes and types, filters, single precision, blocks of memory. */
#include <stddef.h>
#include <string.h>

#include "firmware/bench/bench.h"
#include "firmware/bench/kernels.h"

#define LONG 1024

static int8_t bytes_a[32 * 32], bytes_b[32 * 32];
static int16_t halves_a[LONG + 64], halves_b[LONG];
static int32_t words_a[64 * 64], words_b[64 * 64], words_c[64 * 64];
static float reals_a[LONG], reals_b[LONG];
static uint8_t block_a[4096 + 64] __attribute__((aligned(64))), block_b[4096 + 64] __attribute__((aligned(64)));

static void fill(void) {
  uint32_t state = 77;
  for (int i = 0; i < 32 * 32; i++) {
    bytes_a[i] = (int8_t)bench_random(&state);
    bytes_b[i] = (int8_t)bench_random(&state);
  }
  for (int i = 0; i < LONG; i++) {
    halves_a[i] = (int16_t)bench_random(&state);
    halves_b[i] = (int16_t)bench_random(&state);
    reals_a[i] = (float)(int32_t)bench_random(&state) * 0x1p-31f;
    reals_b[i] = (float)(int32_t)bench_random(&state) * 0x1p-31f;
  }
  for (int i = 0; i < 64 * 64; i++) {
    words_a[i] = (int32_t)(bench_random(&state) >> 16);
    words_b[i] = (int32_t)(bench_random(&state) >> 16);
  }
  for (size_t i = 0; i < sizeof block_a; i++) block_a[i] = (uint8_t)bench_random(&state);
}

static uint32_t sum_of_words(int count) {
  uint32_t sum = 0;
  for (int i = 0; i < count; i++) sum = sum * 33 + (uint32_t)words_c[i];
  return sum;
}

static uint32_t matrix8(uint32_t rounds) {
  for (uint32_t round = 0; round < rounds; round++) {
    for (int i = 0; i < 16; i++) {
      for (int j = 0; j < 16; j++) {
        int32_t dot = (int32_t)round;
        for (int k = 0; k < 16; k++) dot += bytes_a[i * 16 + k] * bytes_b[k * 16 + j];
        words_c[i * 16 + j] = dot;
      }
    }
  }
  return sum_of_words(256);
}

/* Four sums at a time: two rows by two columns, the second matrix transposed. */
static uint32_t matrix8_tiles(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    for (int i = 0; i < 16; i += 2) {
      for (int j = 0; j < 16; j += 2) {
        int32_t s00 = 0, s01 = 0, s10 = 0, s11 = 0;
        for (int k = 0; k < 64; k++) {
          const int32_t x0 = bytes_a[i * 64 + k], x1 = bytes_a[i * 64 + 64 + k];
          const int32_t y0 = bytes_b[j * 64 + k], y1 = bytes_b[j * 64 + 64 + k];
          s00 += x0 * y0;
          s01 += x0 * y1;
          s10 += x1 * y0;
          s11 += x1 * y1;
        }
        words_c[i * 16 + j] = s00;
        words_c[i * 16 + j + 1] = s01;
        words_c[i * 16 + 16 + j] = s10;
        words_c[i * 16 + 16 + j + 1] = s11;
      }
    }
    sum = sum * 31 + sum_of_words(256);
    bytes_a[round % (16 * 64)]++;
  }
  return sum;
}

static uint32_t matrix16(uint32_t rounds) {
  for (uint32_t round = 0; round < rounds; round++) {
    for (int i = 0; i < 32; i++) {
      for (int j = 0; j < 32; j++) {
        int32_t dot = (int32_t)round;
        for (int k = 0; k < 32; k++) dot += halves_a[i * 32 + k] * halves_b[j * 32 + k];
        words_c[i * 32 + j] = dot;
      }
    }
  }
  return sum_of_words(1024);
}

static uint32_t matrix32(uint32_t rounds) {
  for (uint32_t round = 0; round < rounds; round++) {
    for (int i = 0; i < 64; i++) {
      for (int j = 0; j < 64; j++) {
        int32_t dot = (int32_t)round;
        for (int k = 0; k < 64; k++) dot += words_a[i * 64 + k] * words_b[k * 64 + j];
        words_c[i * 64 + j] = dot;
      }
    }
  }
  return sum_of_words(4096);
}

static uint32_t matrix_rows(uint32_t rounds) {
  for (uint32_t round = 0; round < rounds; round++) {
    for (int i = 0; i < 64; i++) {
      for (int k = 0; k < 64; k++) {
        const int32_t factor = words_a[i * 64 + k];
        for (int j = 0; j < 64; j++) words_c[i * 64 + j] += factor * words_b[k * 64 + j];
      }
    }
  }
  return sum_of_words(4096);
}

static uint32_t filter(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    for (int i = 0; i < LONG; i += 2) {
      int32_t value = 0;
      for (int tap = 0; tap < 32; tap++) value += halves_a[i + tap] * halves_b[tap];
      sum = sum * 3 + (uint32_t)(value >> 15);
    }
    halves_b[round & 31] ^= 1;
  }
  return sum;
}

/* 3 x 3 over 30 x 30 of a plane of 32 x 32. */
static uint32_t convolution(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    for (int y = 0; y < 30; y++) {
      for (int x = 0; x < 30; x++) {
        int32_t value = 0;
        for (int i = 0; i < 3; i++) {
          for (int j = 0; j < 3; j++) value += bytes_a[(y + i) * 32 + x + j] * bytes_b[i * 3 + j];
        }
        sum = sum * 5 + (uint32_t)(value < 0 ? 0 : value >> 4);
      }
    }
    bytes_b[round % 9] ^= 3;
  }
  return sum;
}

static uint32_t products(uint32_t rounds) {
  float sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    float dot = 0;
    for (int i = 0; i < LONG; i++) dot += reals_a[i] * reals_b[i];
    sum = sum * 0.5f + dot;
    reals_a[round % LONG] = sum * 0.001f;
  }
  return (uint32_t)(int32_t)(sum * 65536.0f);
}

static uint32_t sums(uint32_t rounds) {
  for (uint32_t round = 0; round < rounds; round++) {
    const float factor = (round & 1) ? -0.37f : 0.37f;
    for (int i = 0; i < LONG; i++) reals_a[i] += factor * reals_b[i];
  }
  return (uint32_t)(int32_t)(reals_a[17] * 65536.0f);
}

/* Radix 2 in place, without the exchange of places; a rotation by recurrence takes the place of a table. */
static uint32_t fourier(uint32_t rounds) {
  for (uint32_t round = 0; round < rounds; round++) {
    for (int half = 256; half >= 1; half /= 2) {
      const float cosine = 1.0f - 0.5f / (float)half, sine = 1.0f / (float)(half + 1);
      float real = 1, imaginary = 0;
      for (int k = 0; k < half; k++) {
        for (int i = k; i < 512; i += 2 * half) {
          const float re = reals_a[i] - reals_a[i + half], im = reals_b[i] - reals_b[i + half];
          reals_a[i] = 0.5f * (reals_a[i] + reals_a[i + half]);
          reals_b[i] = 0.5f * (reals_b[i] + reals_b[i + half]);
          reals_a[i + half] = re * real - im * imaginary;
          reals_b[i + half] = re * imaginary + im * real;
        }
        const float turned = real * cosine - imaginary * sine;
        imaginary = imaginary * cosine + real * sine;
        real = turned;
      }
    }
    reals_a[round % 512] += 0.5f;
  }
  return (uint32_t)(int32_t)(reals_a[5] * 1048576.0f) ^ (uint32_t)(int32_t)(reals_b[500] * 1048576.0f);
}

static uint32_t comparisons(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    float largest = -2.0f;
    for (int i = 0; i < LONG; i++) {
      const float value = reals_a[i] < reals_b[i] ? reals_b[i] : reals_a[i];
      if (value > largest) largest = value;
      if (value <= 0.25f) sum++;
      if (__builtin_fabsf(value) >= 0.5f) sum += 3;
    }
    sum += (uint32_t)(int32_t)(largest * 1024.0f);
    reals_a[round % LONG] = -reals_a[round % LONG];
  }
  return sum;
}

static uint32_t conversions(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    for (int i = 0; i < LONG; i++) {
      const int32_t whole = (int32_t)(reals_a[i] * 127.0f);
      words_c[i] = whole;
      sum += (uint32_t)whole;
      reals_b[i] = (float)halves_a[i] * 0x1p-15f;
    }
    reals_a[round % LONG] = reals_b[(round * 7) % LONG];
  }
  return sum;
}

static uint32_t fills(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    for (size_t size = 1; size <= 4096; size *= 2) {
      memset(block_b + (round & 3), (int)round, size);
      memset(block_b + size % 61, (int)size, size - size / 3);
    }
    sum = sum * 31 + block_b[round % 4096];
  }
  return sum;
}

static uint32_t copies(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    for (size_t size = 1; size <= 4096; size *= 2) {
      memcpy(block_b + (round & 3), block_a + (round & 7), size);
      memcpy(block_b + size % 61, block_a + 5, size - size / 3);
    }
    sum = sum * 31 + block_b[round % 4096];
  }
  return sum;
}

static uint32_t bytewise(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    for (volatile uint8_t *from = block_a + (round & 15), *to = block_b; to < block_b + 1024;) *to++ = *from++;
    sum = sum * 31 + block_b[round % 1024];
  }
  return sum;
}

static uint32_t misaligned(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    const volatile uint32_t* from = (const volatile uint32_t*)(uintptr_t)(block_a + 1 + round % 3);
    for (int i = 0; i < 512; i++) sum = (sum << 1) + from[i];
  }
  return sum;
}

uint32_t bench_run(uint32_t rounds) {
  fill();
  switch (bench_kernel()) {
#define ARRAY(function, text, turns) \
  case KERNEL_##function:            \
    return function(rounds);
#include "firmware/bench/kernels.def"
  }
  return 0;
}
