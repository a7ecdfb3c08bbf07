#include "npu/bench/engine_kernels.h"

#include <fmt/format.h>

#include <random>
#include <utility>

#include "npu/bench/layers.h"
#include "npu/bench/timing.h"
#include "npu/engine/daa/compute_tile.h"
#include "npu/engine/neuroflix/compute_tile.h"
#include "npu/engine/rowpipe/compute_tile.h"
#include "npu/engine/taxonn/compute_tile.h"
#include "npu/numerics/rounding.h"

namespace backboard::npu {
namespace {

/// What an engine does with a tile in its default configuration, and the formats of its operands.
struct EngineKernel {
  const char* name;
  NumberFormat activation, weight, error;
  void (*multiply)(Pass pass, const ConvTile& tile, const float* first, const float* second, float* acc,
                   Workspace& workspace);
  void (*count)(Pass pass, const ConvTile& tile, const float* first, const float* second, Facts& facts,
                Workspace& workspace);
};

constexpr EngineKernel kEngineKernels[] = {
    {"daa", NumberFormat::kBf16, NumberFormat::kBf16, NumberFormat::kBf16,
     [](Pass pass, const ConvTile& tile, const float* first, const float* second, float* acc, Workspace& workspace) {
       daa::multiply_tile({}, pass, tile, {first, nullptr}, {second, nullptr}, acc, workspace);
     },
     [](Pass pass, const ConvTile& tile, const float* first, const float* second, Facts& facts, Workspace& workspace) {
       daa::count_tile({}, pass, tile, {first, nullptr}, {second, nullptr}, facts, workspace);
     }},
    {"neuroflix", NumberFormat::kFp16, NumberFormat::kFp16, NumberFormat::kFp16,
     [](Pass pass, const ConvTile& tile, const float* first, const float* second, float* acc, Workspace& workspace) {
       neuroflix::multiply_tile({}, pass, tile, {first, nullptr}, {second, nullptr}, acc, workspace);
     },
     [](Pass pass, const ConvTile& tile, const float*, const float*, Facts& facts, Workspace&) {
       neuroflix::count_tile({}, pass, tile, facts);
     }},
    {"rowpipe", NumberFormat::kFp16, NumberFormat::kFp16, NumberFormat::kFp16,
     [](Pass pass, const ConvTile& tile, const float* first, const float* second, float* acc, Workspace& workspace) {
       const auto [a, b] = rowpipe::prepare_tile({}, pass, tile, {first, nullptr}, {second, nullptr}, workspace);
       rowpipe::multiply_tile(pass, tile, a, b, acc, workspace);
     },
     [](Pass pass, const ConvTile& tile, const float*, const float*, Facts& facts, Workspace&) {
       rowpipe::count_tile({}, pass, tile, facts);
     }},
    {"taxonn", NumberFormat::kFp16, NumberFormat::kFp16, NumberFormat::kFp16,
     [](Pass pass, const ConvTile& tile, const float* first, const float* second, float* acc, Workspace& workspace) {
       taxonn::multiply_tile({}, pass, tile, {first, nullptr}, {second, nullptr}, acc, workspace);
     },
     [](Pass pass, const ConvTile& tile, const float*, const float*, Facts& facts, Workspace&) {
       taxonn::count_tile({}, pass, tile, facts);
     }},
};

std::vector<float> operand(size_t elements, double zeros, NumberFormat format, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, 1.0f);
  std::uniform_real_distribution<double> share(0.0, 1.0);
  std::vector<float> values(elements);
  for (float& value : values) value = share(random) < zeros ? 0.0f : normal(random);
  round_span(format_row(format), values, values);
  return values;
}

/// A row while it is measured.
struct MeasuredRow {
  EngineKernelRow row;  ///< has its names from the beginning
  const EngineKernel* kernel;
  const BenchLayer* layer;
  BenchPhase phase;
  LeastTime all, counting;
};

void measure(MeasuredRow& measured, const EngineKernelOptions& options, double seconds) {
  EngineKernelRow& row = measured.row;
  const EngineKernel& kernel = *measured.kernel;
  const BenchLayer& layer = *measured.layer;
  const BenchPhase phase = measured.phase;
  const ConvTile t = ConvTile::whole(row.batch, layer.c, layer.size, layer.size, layer.k, layer.kernel, layer.kernel,
                                     layer.stride, layer.pad);
  const std::vector<float> x = operand(size_t{t.n} * t.c * t.h * t.w, options.activation_zeros, kernel.activation, 1);
  const std::vector<float> w = operand(size_t{t.k} * t.c * t.kh * t.kw, options.weight_zeros, kernel.weight, 2);
  const std::vector<float> dy = operand(size_t{t.n} * t.k * t.oh * t.ow, options.error_zeros, kernel.error, 3);
  const Pass pass = phase == BenchPhase::kFf ? Pass::ff : phase == BenchPhase::kBp ? Pass::bp : Pass::wg;
  const std::vector<float>& first = pass == Pass::bp ? dy : x;
  const std::vector<float>& second = pass == Pass::wg ? dy : w;
  std::vector<float> acc(pass == Pass::ff ? dy.size() : pass == Pass::bp ? x.size() : w.size());
  Workspace workspace;
  Facts facts;
  const auto count = [&] { kernel.count(pass, t, first.data(), second.data(), facts, workspace); };
  measured.all.take(median_seconds(seconds, [&] {
    std::fill(acc.begin(), acc.end(), 0.0f);
    kernel.multiply(pass, t, first.data(), second.data(), acc.data(), workspace);
    count();
  }));
  measured.counting.take(median_seconds(seconds / 4, count));
  row.macs = uint64_t{t.n} * t.oh * t.ow * t.c * t.kh * t.kw * t.k;
}

}  // namespace

std::string EngineKernelRow::name() const {
  return fmt::format("{} {} {} {} x{}", engine, net, layer, phase, batch);
}

std::vector<std::string> engines_with_kernels() {
  std::vector<std::string> names;
  for (const EngineKernel& kernel : kEngineKernels) names.push_back(kernel.name);
  return names;
}

std::vector<EngineKernelRow> measure_engine_kernels(const EngineKernelOptions& options) {
  std::vector<MeasuredRow> table;
  for (const EngineKernel& kernel : kEngineKernels) {
    for (const BenchLayer& layer : kBenchLayers) {
      for (const BenchPhase phase : {BenchPhase::kFf, BenchPhase::kBp, BenchPhase::kWg}) {
        if (layer.first && phase == BenchPhase::kBp) continue;
        const uint32_t batch = layer.size == 1 ? options.fc_batch : options.batch;
        EngineKernelRow row{kernel.name, layer.net, layer.name, name_of(phase), batch, 0, 0, 0};
        if (row.name().find(options.filter) == std::string::npos) continue;
        table.push_back({std::move(row), &kernel, &layer, phase, {}, {}});
      }
    }
  }
  std::vector<EngineKernelRow> rows;
  measure_in_rounds(
      table, options.seconds_per_row,
      [&](MeasuredRow& row, double seconds) {
        if (options.on_measure) options.on_measure(row.row);
        measure(row, options, seconds);
      },
      [&](const MeasuredRow& measured) {
        EngineKernelRow& row = rows.emplace_back(measured.row);
        row.count_share = measured.counting.seconds() / measured.all.seconds();
        row.gmac_per_s = static_cast<double>(row.macs) / measured.all.seconds() / 1e9;
        if (options.on_row) options.on_row(row);
      });
  return rows;
}

}  // namespace backboard::npu
