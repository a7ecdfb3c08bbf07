// Benchmarks of the program, in one explicit table.
#pragma once

#include <cstdint>
#include <functional>
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

/// What may be chosen.
struct BenchOptions {
  /// A benchmark of many rows calls it with each as soon as its figure is there.
  std::function<void(const Measurement&)> on_measured;
  std::function<void(const std::string&)> on_progress;  ///< and this with what it is about to measure; may be empty
  // Of `kernels` and `kernels-avx2`.
  std::string filter;  ///< only rows whose name contains it
  // Of `core`.
  std::vector<std::string> programs;  ///< these alone, by row
  std::vector<std::string> ways;      ///< these alone, by column; QEMU's is always there
  bool more = false;                  ///< the kernels of firmware/bench/kernels.def take the programs' place
  // Of `training`.
  std::string net = "resnet18";  ///< file, or name in configs/nets
  uint32_t batch = 1;
  uint32_t threads = 2;
  uint32_t steps = 12;
  std::string engine = "lnpu";
  std::string timing = "lt";
  bool torch = true;  ///< measure PyTorch beside it
};

struct Benchmark {
  const char* name;
  const char* help;
  /// Measures on this machine; takes seconds.
  std::vector<Measurement> (*measure)(const BenchOptions& options);
  enum class Options : uint8_t { none, core, kernels, training } options = Options::none;
};

std::span<const Benchmark> benchmarks();

/// Guest instructions a second of the host's CPU time on the default board, for each program of firmware/bench: a
/// table over the ways to run the core, with QEMU's translator (`-icount shift=0`) beside where it is installed. Throws
/// InputError for a program or a way that is not there.
std::vector<Measurement> measure_core(const BenchOptions& options);
/// Multiply-accumulates a host second of one core: FF, BP and WG of named layers of net S and ResNet-18. Throws
/// InputError when no row is called as the filter says, or the host has no AVX2.
std::vector<Measurement> measure_kernels(const BenchOptions& options);
std::vector<Measurement> measure_kernels_avx2(const BenchOptions& options);
/// The demo's first subset at `timing: at`: bursts a second of the host's processor, with the NPU's arithmetic and
/// without.
std::vector<Measurement> measure_memory_path();
/// A training step of the whole platform: wall time by part, plain GEMMs of its sizes, PyTorch's step.
std::vector<Measurement> measure_training_step(const BenchOptions& options);

}  // namespace backboard
