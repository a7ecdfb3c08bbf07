// The guest programs of `backboard bench core` (firmware/bench), as ELF files inside the program.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace backboard {

struct BenchProgram {
  const char* name;     ///< for tables
  uint32_t rounds;      ///< about 10^8 instructions (10^7 where each goes to a device or an interrupt)
  uint32_t kernel = 0;  ///< of a program of several (firmware/bench/kernels.def)
  bool more = false;    ///< measured only when asked for
  std::span<const uint8_t> elf;
};

std::vector<BenchProgram> bench_programs();

}  // namespace backboard
