#include "platform/cli/benchmarks.h"

namespace backboard {
namespace {

// A new benchmark is a function `std::vector<Measurement> measure_...()` and a row here.
constexpr Benchmark kBenchmarks[] = {
    {"core", "Instructions a second of the core on guest programs, with QEMU beside", measure_core},
    {"kernels", "Arithmetic of lnpu, decoding and counting included, beside a plain binary32 GEMM", measure_kernels},
    {"kernels-avx2", "The same, held to AVX2", measure_kernels_avx2},
};

}  // namespace

std::span<const Benchmark> benchmarks() {
  return kBenchmarks;
}

}  // namespace backboard
