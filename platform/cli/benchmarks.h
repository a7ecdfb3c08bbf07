// Benchmarks of the program, in one explicit table.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace backboard {

/// One measured figure.
struct Measurement {
  std::string name;  ///< "lnpu conv2 FF", say
  double value = 0.0;
  std::string unit;  ///< "G MAC/s", "MIPS"
  std::string note;  ///< what it stands beside, or empty
  /// Not empty: the figures make a table, `name` is the row and this the column.
  std::string column = {};
};

struct Benchmark {
  const char* name;
  const char* help;
  /// Measures on this machine; takes seconds.
  std::vector<Measurement> (*measure)();
};

std::span<const Benchmark> benchmarks();

/// Guest instructions a second of the host's CPU time on the default board, for each program of firmware/bench: a
/// table over the ways to run the core, with QEMU's translator (`-icount shift=0`) beside where it is installed.
std::vector<Measurement> measure_core();
/// Multiply-accumulates a host second of one core: FF, BP and WG of named layers of net S and ResNet-18.
std::vector<Measurement> measure_kernels();
std::vector<Measurement> measure_kernels_avx2();

}  // namespace backboard
