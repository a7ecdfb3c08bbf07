// bench kernels: the arithmetic of lnpu beside a plain binary32 GEMM, and that of the other engines.
#include <fmt/format.h>

#include "npu/bench/engine_kernels.h"
#include "npu/bench/kernels.h"
#include "platform/check/input_error.h"
#include "platform/cli/benchmarks.h"

namespace backboard {
namespace {

Measurement figure_of(const npu::KernelRow& row, double goal) {
  const std::string remark = npu::remark(row, goal);
  return {row.name(), row.gmac_per_s, "G MAC/s",
          fmt::format("plain GEMM {:.2f}, ratio {:.2f}, {:.0f} % of the time decodes, {:.0f} % counts, {}{}{}",
                      row.plain_gmac_per_s, row.ratio, 100 * row.decode_share, 100 * row.count_share,
                      npu::vector_unit(), remark.empty() ? "" : "; ", remark)};
}

Measurement figure_of(const npu::EngineKernelRow& row) {
  const bool below = row.gmac_per_s < npu::kEngineGoal_gmac_per_s;
  return {row.name(), row.gmac_per_s, "G MAC/s",
          fmt::format("{:.0f} % of the time counts, {}{}", 100 * row.count_share, npu::vector_unit(),
                      below ? fmt::format("; below {:.0f}", npu::kEngineGoal_gmac_per_s) : "")};
}

}  // namespace

std::vector<Measurement> measure_kernels(const BenchOptions& options) {
  std::vector<Measurement> measurements;
  const auto add = [&](Measurement m) {
    if (options.on_measured) options.on_measured(m);
    measurements.push_back(std::move(m));
  };
  const auto tell = [&](const auto& row) {
    if (options.on_progress) options.on_progress(row.name());
  };
  npu::KernelOptions of_lnpu;
  of_lnpu.on_measure = tell;
  of_lnpu.filter = options.filter;
  of_lnpu.on_row = [&, goal = npu::goal_gmac_per_s()](const npu::KernelRow& row) { add(figure_of(row, goal)); };
  npu::measure_kernels(of_lnpu);
  npu::EngineKernelOptions of_others;
  of_others.on_measure = tell;
  of_others.filter = options.filter;
  of_others.on_row = [&](const npu::EngineKernelRow& row) { add(figure_of(row)); };
  npu::measure_engine_kernels(of_others);
  if (measurements.empty()) throw InputError("no row of this benchmark has '" + options.filter + "' in its name");
  return measurements;
}

std::vector<Measurement> measure_kernels_avx2(const BenchOptions& options) {
  if (!npu::select_vector_unit("AVX2")) throw InputError("bench kernels-avx2: this host has no AVX2");
  return measure_kernels(options);
}

}  // namespace backboard
