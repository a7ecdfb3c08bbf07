// Speed of the kernels of every engine but lnpu on the layers of kernels.h, on one core.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace backboard::npu {

/// One layer in one phase on one engine. Timed: the products of a whole layer as one tile, and the counting of what
/// happened; operands lie decoded in the engine's formats.
struct EngineKernelRow {
  std::string name() const;  ///< "daa S conv1 FF x16"
  std::string engine, net, layer, phase;
  uint32_t batch = 0;
  uint64_t macs = 0;       ///< of one run, padding included
  double gmac_per_s = 0;   ///< median run of the best round
  double count_share = 0;  ///< time of counting alone over that of the run
};

struct EngineKernelOptions {
  uint32_t batch = 16;
  uint32_t fc_batch = 64;
  double seconds_per_row = 0.1;  ///< of all rounds (timing.h)
  std::string filter;            ///< only rows whose name contains it
  std::function<void(const EngineKernelRow&)> on_measure =
      {};  ///< not empty: called in each round before a row is measured
  std::function<void(const EngineKernelRow&)> on_row = {};  ///< not empty: called with each row in the last round
  double activation_zeros = 0.5, error_zeros = 0.9, weight_zeros = 0.01;
};

/// Names of the engines that have rows.
std::vector<std::string> engines_with_kernels();

std::vector<EngineKernelRow> measure_engine_kernels(const EngineKernelOptions& options);

/// What the project aims at on AVX-512, of each engine but lnpu.
inline constexpr double kEngineGoal_gmac_per_s = 5;

}  // namespace backboard::npu
