// bench kernels: the arithmetic of lnpu beside a plain binary32 GEMM, and that of the other engines.
#include <fmt/format.h>

#include "npu/bench/engine_kernels.h"
#include "npu/bench/kernels.h"
#include "platform/check/input_error.h"
#include "platform/cli/benchmarks.h"

namespace backboard {

std::vector<Measurement> measure_kernels() {
  const double goal = npu::goal_gmac_per_s();
  std::vector<Measurement> measurements;
  for (const npu::KernelRow& row : npu::measure_kernels({})) {
    const std::string remark = npu::remark(row, goal);
    measurements.push_back(
        {fmt::format("lnpu {} {} {} x{}", row.net, row.layer, row.phase, row.batch), row.gmac_per_s, "G MAC/s",
         fmt::format("plain GEMM {:.2f}, ratio {:.2f}, {:.0f} % of the time decodes, {:.0f} % counts, {}{}{}",
                     row.plain_gmac_per_s, row.ratio, 100 * row.decode_share, 100 * row.count_share, npu::vector_unit(),
                     remark.empty() ? "" : "; ", remark)});
  }
  for (const npu::EngineKernelRow& row : npu::measure_engine_kernels({})) {
    const bool below = row.gmac_per_s < npu::kEngineGoal_gmac_per_s;
    measurements.push_back({fmt::format("{} {} {} {} x{}", row.engine, row.net, row.layer, row.phase, row.batch),
                            row.gmac_per_s, "G MAC/s",
                            fmt::format("{:.0f} % of the time counts, {}{}", 100 * row.count_share, npu::vector_unit(),
                                        below ? fmt::format("; below {:.0f}", npu::kEngineGoal_gmac_per_s) : "")});
  }
  return measurements;
}

std::vector<Measurement> measure_kernels_avx2() {
  if (!npu::select_vector_unit("AVX2")) throw InputError("bench kernels-avx2: this host has no AVX2");
  return measure_kernels();
}

}  // namespace backboard
