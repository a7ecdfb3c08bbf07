// bench training: steps of the whole platform beside a plain GEMM and PyTorch.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "npu/bench/kernels.h"
#include "platform/check/input_error.h"
#include "platform/cli/benchmarks.h"
#include "platform/cli/torch_step.h"
#include "platform/run/training_bench.h"
#include "sw/run/network_file.h"

namespace backboard {
namespace {

/// A file, or the name of one of ours (configs/nets).
std::string network_path(const std::string& net) {
  if (net.find('.') != std::string::npos || net.find('/') != std::string::npos) return net;
  const std::string found = find_in_tree("configs/nets/" + net + ".yaml");
  if (found.empty()) throw InputError("--net " + net + ": no such file, and no configs/nets/" + net + ".yaml");
  return found;
}

/// Seconds that plain GEMMs of the sizes of all multiplications of a step take, on one thread. Layers of one shape are
/// measured once.
class PlainGemms {
 public:
  void add(uint32_t rows, uint32_t columns, uint32_t steps, uint32_t times) {
    const auto [place, fresh] = known_.try_emplace({rows, columns, steps}, 0.0);
    if (fresh) place->second = npu::plain_gemm_seconds(rows, columns, steps, 0.02);
    seconds_ += times * place->second;
    macs_ += uint64_t{times} * rows * columns * steps;
  }
  double gmac_per_s() const { return static_cast<double>(macs_) / seconds_ / 1e9; }

 private:
  std::map<std::tuple<uint32_t, uint32_t, uint32_t>, double> known_;
  double seconds_ = 0;
  uint64_t macs_ = 0;
};

/// FF, BP (not of the first layer) and WG of all layers with weights.
double plain_gmac_per_s(const Network& network, uint32_t batch) {
  PlainGemms gemms;
  for (const NetLayer& layer : network.layers) {
    if (!layer.has_weights()) continue;
    const auto taps = static_cast<uint32_t>(layer.fan_in());
    const uint32_t positions = batch * layer.out.h * layer.out.w, columns = layer.channels / layer.groups;
    gemms.add(positions, columns, taps, layer.groups);
    if (layer.sources[0] != kImages) gemms.add(positions, taps, columns, layer.groups);
    gemms.add(taps, columns, positions, layer.groups);
  }
  return gemms.gmac_per_s();
}

/// Of the time that passed; other programs' use of the host is in no part.
std::string share(uint64_t ns, double seconds) {
  return fmt::format("{:.1f} % of the wall time", static_cast<double>(ns) / seconds / 1e7);
}

/// Processor time of all parts together.
double seconds_of(const HostTimes& times) {
  return static_cast<double>(std::accumulate(times.begin(), times.end(), uint64_t{0})) / 1e9;
}

void add_parts(const char* whose, const HostTimes& times, const TrainingBenchResult& result,
               std::vector<Measurement>& list) {
  const auto steps = static_cast<double>(result.parts_steps);
  for (unsigned i = 0; i < kHostParts; ++i) {
    if (times[i] == 0) continue;
    list.push_back({fmt::format("{}: {}", whose, name_of(static_cast<HostPart>(i))),
                    static_cast<double>(times[i]) / steps / 1e6, "ms a step",
                    share(times[i], result.parts_wall_seconds)});
  }
}

}  // namespace

std::vector<Measurement> measure_training_step(const BenchOptions& options) {
  TrainingBenchOptions run;
  run.network = network_path(options.net);
  run.batch = options.batch;
  run.threads = options.threads;
  run.engine = options.engine;
  run.steps = options.steps;
  if (options.timing != "lt" && options.timing != "at") throw InputError("--timing " + options.timing + ": lt or at");
  run.timing = options.timing == "at" ? TimingLevel::at : TimingLevel::lt;
  const TrainingBenchResult result = measure_training(run);
  const Network network = load_network_file(run.network).network;

  std::vector<Measurement> list;
  const double fastest = result.fastest();
  const double gmac_per_s = static_cast<double>(result.macs) / fastest / 1e9;
  list.push_back(
      {"step, fastest", fastest * 1e3, "ms",
       fmt::format("median {:.1f} ms of {}; {} x{}, {}, {}, {} host threads", result.median() * 1e3,
                   result.step_seconds.size(), network.name, run.batch, run.engine, options.timing, run.threads)});
  list.push_back({"step, simulated", result.simulated_seconds * 1e3, "ms",
                  fmt::format("{:.1f} MB by the NPU's DMA", static_cast<double>(result.npu_bytes) / 1e6)});
  list.push_back({"multiply-accumulates", gmac_per_s, "G MAC/s",
                  fmt::format("{:.3f} G MAC a step", static_cast<double>(result.macs) / 1e9)});
  const double parts_wall = result.parts_wall_seconds;
  list.push_back({"step, looked at by part", parts_wall * 1e3 / result.parts_steps, "ms",
                  fmt::format("mean of {} further ones; what follows is of them", result.parts_steps)});
  add_parts("own thread", result.host.own, result, list);
  const double idle = std::max(parts_wall - seconds_of(result.host.own), 0.0);
  list.push_back({"own thread: asleep, or others' turn", idle * 1e3 / result.parts_steps, "ms a step",
                  fmt::format("{:.1f} % of the wall time", 100 * idle / parts_wall)});
  add_parts("other threads", result.host.others, result, list);
  list.push_back({"peak host memory", static_cast<double>(result.peak_bytes) / 1e6, "MB",
                  fmt::format("the board has {} MiB of DRAM", result.dram_bytes >> 20)});
  const double plain = plain_gmac_per_s(network, run.batch);
  list.push_back(
      {"plain GEMM", plain, "G MAC/s",
       fmt::format("one thread, the sizes of this step; the platform reaches {:.2f} of it", gmac_per_s / plain)});
  if (!options.torch) return list;
  const TorchStep torch = measure_torch_step(network, run.batch, options.steps);
  if (!torch.measured) {
    list.push_back({"PyTorch", 0, "ms", "not measured: " + torch.note});
    return list;
  }
  list.push_back({"PyTorch, one thread, fastest", torch.fastest_seconds * 1e3, "ms",
                  fmt::format("median {:.1f} ms; {}", torch.median_seconds * 1e3, torch.note)});
  list.push_back({"ratio to PyTorch", fastest / torch.fastest_seconds, "x",
                  fmt::format("medians: {:.2f}", result.median() / torch.median_seconds)});
  // What counts where other programs take turns on this host.
  list.push_back({"ratio of processor time", result.own_seconds / torch.processor_seconds, "x",
                  fmt::format("own thread; with the others {:.2f}", result.all_seconds / torch.processor_seconds)});
  return list;
}

}  // namespace backboard
