#include "platform/cli/bench_programs.h"

#include "firmware/bench/kernels.h"

// BENCH_FOLDER: where the build puts firmware. The files become bytes of this object.
// NOLINTBEGIN(hicpp-no-assembler)
#define PROGRAM(name)                                                 \
  __asm__(".section .rodata\n.balign 16\nbench_" #name                \
          "_first:\n"                                                 \
          ".incbin \"" BENCH_FOLDER "/bench_" #name                   \
          ".elf\"\n"                                                  \
          "bench_" #name "_last:\n.previous");                        \
  extern "C" {                                                        \
  extern const uint8_t bench_##name##_first[], bench_##name##_last[]; \
  }
// NOLINTEND(hicpp-no-assembler)

PROGRAM(integer)
PROGRAM(gemm)
PROGRAM(copy)
PROGRAM(stream)
PROGRAM(mark)
PROGRAM(fp32)
PROGRAM(poll)
PROGRAM(interrupts)
PROGRAM(loops)
PROGRAM(codes)
PROGRAM(arrays)
PROGRAM(devices)
PROGRAM(misses)

namespace backboard {

std::vector<BenchProgram> bench_programs() {
#define ELF(program) \
  { bench_##program##_first, bench_##program##_last }
#define ROW(program, text, turns)       \
  BenchProgram {                        \
    text, turns, 0, false, ELF(program) \
  }
#define KERNEL(program, function, text, turns) BenchProgram{text, turns, KERNEL_##function, true, ELF(program)},
#define LOOP(function, text, turns) KERNEL(loops, function, text, turns)
#define CODE(function, text, turns) KERNEL(codes, function, text, turns)
#define ARRAY(function, text, turns) KERNEL(arrays, function, text, turns)
#define DEVICE(function, text, turns) KERNEL(devices, function, text, turns)
#define MISS(function, text, turns) KERNEL(misses, function, text, turns)
  return {
      ROW(integer, "integer mix", 1000),    ROW(gemm, "int8 GEMM", 100),
      ROW(copy, "memcpy and memset", 2500), ROW(stream, "copy of 64 KiB", 1000),
      ROW(mark, "CoreMark-like", 1500),     ROW(fp32, "fp32", 500),
      ROW(poll, "MMIO poll", 4'000'000),    ROW(interrupts, "interrupt storm", 100'000),
#include "firmware/bench/kernels.def"
  };
#undef KERNEL
#undef ROW
#undef ELF
}

}  // namespace backboard
