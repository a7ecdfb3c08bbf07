/* Programs of several kernels: which one runs is said beside the rounds. */
#ifndef FIRMWARE_BENCH_KERNELS_H
#define FIRMWARE_BENCH_KERNELS_H

enum bench_kernels {
#define LOOP(function, text, turns) KERNEL_##function,
#define CODE(function, text, turns) KERNEL_##function,
#define ARRAY(function, text, turns) KERNEL_##function,
#define DEVICE(function, text, turns) KERNEL_##function,
#define MISS(function, text, turns) KERNEL_##function,
#include "firmware/bench/kernels.def"
};

#endif
