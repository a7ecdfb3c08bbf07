// bench kernels: the arithmetic of lnpu beside a plain binary32 GEMM.
#include <fmt/format.h>

#include "npu/bench/kernels.h"
#include "platform/cli/benchmarks.h"

namespace backboard {

std::vector<Measurement> measure_kernels() {
  std::vector<Measurement> measurements;
  for (const npu::KernelRow& row : npu::measure_kernels({})) {
    measurements.push_back(
        {fmt::format("lnpu {} {} {}", row.net, row.layer, row.phase), row.gmac_per_s, "G MAC/s",
         fmt::format("plain GEMM {:.2f}, ratio {:.2f}, batch {}, {:.0f} % of the time decodes, {}",
                     row.plain_gmac_per_s, row.ratio, row.batch, 100 * row.decode_share, npu::vector_unit())});
  }
  return measurements;
}

}  // namespace backboard
