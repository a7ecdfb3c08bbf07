// The guest programs of `backboard bench core` (firmware/bench), as ELF files inside the program.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace backboard {

struct BenchProgram {
  const char* name;  ///< for tables
  uint32_t rounds;   ///< about 10^8 instructions (10^7 where each goes to a device or an interrupt)
  std::span<const uint8_t> elf;
};

std::vector<BenchProgram> bench_programs();

}  // namespace backboard
