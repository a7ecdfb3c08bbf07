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
};

struct Benchmark {
  const char* name;
  const char* help;
  /// Measures on this machine; takes seconds.
  std::vector<Measurement> (*measure)();
};

std::span<const Benchmark> benchmarks();

/// Guest instructions a host second on the default board: arithmetic, loads and stores, and a copy that misses the
/// caches; without caches, with tags, with data.
std::vector<Measurement> measure_core();
/// Multiply-accumulates a host second of one core: FF, BP and WG of named layers of net S and ResNet-18.
std::vector<Measurement> measure_kernels();
std::vector<Measurement> measure_kernels_avx2();

}  // namespace backboard
