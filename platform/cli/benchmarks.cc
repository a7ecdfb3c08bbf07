#include "platform/cli/benchmarks.h"

namespace backboard {
namespace {

template <std::vector<Measurement> (*measure)()>
std::vector<Measurement> plain(const BenchOptions&) {
  return measure();
}

// A new benchmark is a function `std::vector<Measurement> measure_...()`, of BenchOptions where it has some, and a row
// here.
constexpr Benchmark kBenchmarks[] = {
    {"core", "Instructions a second of the core on guest programs, with QEMU beside", measure_core,
     Benchmark::Options::core},
    {"kernels", "Arithmetic of lnpu, decoding and counting included, beside a plain binary32 GEMM", measure_kernels,
     Benchmark::Options::kernels},
    {"kernels-avx2", "The same, held to AVX2", measure_kernels_avx2, Benchmark::Options::kernels},
    {"memory", "Bursts a second of the whole platform at timing at, over the demo", plain<measure_memory_path>},
    {"training", "A training step of the whole platform, by part, beside a plain GEMM and PyTorch",
     measure_training_step, Benchmark::Options::training},
};

}  // namespace

std::span<const Benchmark> benchmarks() {
  return kBenchmarks;
}

}  // namespace backboard
