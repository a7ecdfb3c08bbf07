/* Integer mix: a sieve, a sort, divisions, bit counts and table look-ups, as control code has them. */
#include <stdbool.h>
#include <stddef.h>

#include "firmware/bench/bench.h"

#define SIEVE 2048u
#define NUMBERS 256u

static uint8_t composite[SIEVE];
static uint32_t numbers[NUMBERS];

static uint32_t count_primes(void) {
  uint32_t primes = 0;
  for (uint32_t i = 0; i < SIEVE; i++) composite[i] = 0;
  for (uint32_t i = 2; i < SIEVE; i++) {
    if (composite[i]) continue;
    primes++;
    for (uint32_t multiple = 2 * i; multiple < SIEVE; multiple += i) composite[multiple] = 1;
  }
  return primes;
}

/* Shell's sort with the gaps of D. Knuth, The Art of Computer Programming 3, 5.2.1. */
static void sort_numbers(void) {
  for (size_t gap = 121; gap > 0; gap /= 3) {
    for (size_t i = gap; i < NUMBERS; i++) {
      const uint32_t value = numbers[i];
      size_t place = i;
      for (; place >= gap && numbers[place - gap] > value; place -= gap) numbers[place] = numbers[place - gap];
      numbers[place] = value;
    }
  }
}

static uint32_t greatest_common_divisor(uint32_t a, uint32_t b) {
  while (b != 0) {
    const uint32_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

static uint32_t bits_of(uint32_t value) {
  uint32_t count = 0;
  for (; value != 0; value &= value - 1) count++;
  return count;
}

uint32_t bench_run(uint32_t rounds) {
  uint32_t state = 2463534242u, sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    sum += count_primes();
    for (size_t i = 0; i < NUMBERS; i++) numbers[i] = bench_random(&state);
    sort_numbers();
    for (size_t i = 1; i < NUMBERS; i++) {
      sum = sum * 31 + (numbers[i] - numbers[i - 1]) + bits_of(numbers[i]);
      if (i % 16 == 0) sum += greatest_common_divisor(numbers[i], numbers[i - 1]);
    }
  }
  return sum;
}
