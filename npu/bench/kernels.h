// Speed of lnpu's kernels on named layers of net S and ResNet-18, on one core.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "npu/engine/facts.h"

namespace backboard::npu {

/// One layer in one phase. Timed for lnpu: decoding of both operands from FGMP blocks, packing, arithmetic with
/// binary32 sums, and all facts (skips, class pairs, lane times). The plain GEMM has the same rows, columns and steps,
/// dense binary32 operands, no decoding and no facts.
struct KernelRow {
  std::string name() const;  ///< "lnpu S conv1 FF x16"
  std::string net, layer, phase;
  uint32_t batch = 0;
  uint64_t macs = 0;            ///< of one run, padding included
  double gmac_per_s = 0;        ///< lnpu, median run of the best round
  double plain_gmac_per_s = 0;  ///< plain binary32 GEMM, median run of its best round
  double ratio = 0;             ///< gmac_per_s / plain_gmac_per_s
  double decode_share = 0;      ///< time of decoding alone over that of the run
  double count_share = 0;       ///< time of the facts alone over that of the run
  Facts facts;                  ///< of one run
};

struct KernelOptions {
  uint32_t batch = 16;  ///< images, convolutions
  /// Images, FC layers: every weight is decoded and packed once a run. The demo trains with 16.
  std::vector<uint32_t> fc_batches = {64, 16};
  /// Least time of all rounds (timing.h) for the lnpu runs and again for the plain ones; at least 3 samples a round.
  double seconds_per_row = 0.2;
  bool plain = true;                                      ///< measure the plain GEMM too
  std::string filter;                                     ///< only rows whose name contains it
  std::function<void(const KernelRow&)> on_measure = {};  ///< not empty: called in each round before a row is measured
  std::function<void(const KernelRow&)> on_row = {};      ///< not empty: called with each row in the last round
  double activation_zeros = 0.5, error_zeros = 0.9, weight_zeros = 0.01;
  double threshold = 1.3;  ///< tau over values of unit variance: about a fifth of the non-zeros become FP16
};

/// Measures every row in rounds; deterministic operands. BP of the first layers is left out: training does not need it.
std::vector<KernelRow> measure_kernels(const KernelOptions& options);

/// Median time of a plain binary32 GEMM, rows x columns outputs of `steps` products each, dense operands, one thread.
/// Measures for `seconds`, at least 3 times.
double plain_gemm_seconds(uint32_t rows, uint32_t columns, uint32_t steps, double seconds);

/// The vector unit that the kernels run on, as Highway calls it (AVX3 is AVX-512).
std::string vector_unit();
/// Pins the kernels of this process to a vector unit ("AVX3", "AVX2", "SSE4"); false when the host does not have it.
bool select_vector_unit(const std::string& name);

/// What the project aims at on this vector unit: 20 on AVX-512, 10 on AVX2, otherwise nothing.
double goal_gmac_per_s();
/// Says that a row is below the goal, and whether the plain GEMM is, too; empty for the others.
std::string remark(const KernelRow& row, double goal);

}  // namespace backboard::npu
