/* Guest programs that `backboard bench core` measures. Each is one file with bench_run; firmware/bench/main.c starts
 * it. They run unchanged on QEMU's `virt` machine. */
#ifndef FIRMWARE_BENCH_BENCH_H
#define FIRMWARE_BENCH_BENCH_H

#include <stdint.h>

/** Where whoever loads the program says how much is to be done: behind the image (firmware/boot/dram.ld). 0 is one
 *  round. */
#define BENCH_ROUNDS_ADDRESS 0x80200000u
/** And where, in a program of several kernels, which one it is (firmware/bench/kernels.def). */
#define BENCH_KERNEL_ADDRESS 0x80200004u

/** Does the program's work `rounds` times. Returns a value that depends on all of it: it must be the same on every
 *  machine, and keeps the compiler from leaving work out. */
uint32_t bench_run(uint32_t rounds);

static inline uint32_t bench_kernel(void) {
  return *(const volatile uint32_t*)BENCH_KERNEL_ADDRESS;
}

/** The next of a sequence of numbers without zeros (G. Marsaglia, "Xorshift RNGs", 2003). `state` must not be 0. */
static inline uint32_t bench_random(uint32_t* state) {
  uint32_t x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

#endif
