// bench memory: the whole platform at `timing: at` over the demo.
#include <fmt/format.h>

#include "platform/check/input_error.h"
#include "platform/cli/benchmarks.h"
#include "platform/cli/torch_step.h"
#include "platform/run/memory_bench.h"

namespace backboard {

std::vector<Measurement> measure_memory_path() {
  const std::string demo = find_in_tree("configs/runs/adapt_optdigits.yaml");
  if (demo.empty()) throw InputError("bench memory: no configs/runs/adapt_optdigits.yaml below this folder");
  const MemoryBenchResult result = measure_memory(demo);
  const double all = result.processor_seconds(), arithmetic = result.arithmetic_seconds();
  const double millions = static_cast<double>(result.bursts) / 1e6;
  std::vector<Measurement> list;
  list.push_back({"bursts, arithmetic excluded", millions / (all - arithmetic), "M/s",
                  fmt::format("{:.2f} M bursts in {:.2f} M requests, {:.2f} s of the processor", millions,
                              static_cast<double>(result.requests) / 1e6, all - arithmetic)});
  list.push_back({"bursts, arithmetic included", millions / all, "M/s",
                  fmt::format("{:.2f} s of the processor, {:.2f} s of it arithmetic", all, arithmetic)});
  list.push_back({"simulated", result.simulated_seconds * 1e3, "ms", "first subset of the demo, timing at"});
  for (unsigned i = 0; i < kHostParts; ++i) {
    if (result.host[i] == 0) continue;
    list.push_back({std::string("part: ") + name_of(static_cast<HostPart>(i)),
                    static_cast<double>(result.host[i]) / 1e6, "ms",
                    fmt::format("{:.1f} % of the processor time", static_cast<double>(result.host[i]) / all / 1e7)});
  }
  return list;
}

}  // namespace backboard
