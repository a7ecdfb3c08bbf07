#include "npu/bench/kernels.h"

#include <fmt/format.h>
#include <hwy/highway.h>
#include <hwy/targets.h>

#include <time.h>

#include <algorithm>
#include <random>

#include "npu/codec/block_codec.h"
#include "npu/engine/conv_gemm.h"
#include "npu/engine/lnpu/compute_tile.h"
#include "npu/engine/strided_gemm.h"
#include "platform/check/check.h"

namespace backboard::npu {
namespace {

enum class Phase : uint8_t { kFf, kBp, kWg };

struct Layer {
  const char* net;
  const char* name;
  uint32_t c, size, k, kernel, stride, pad;
  bool first;
};

// Net S: three times convolution 3x3, ReLU, max-pooling 2; then FC, ReLU, FC. ResNet-18 (arXiv 1512.03385, table 1).
constexpr Layer kLayers[] = {
    {"S", "conv1", 1, 28, 8, 3, 1, 1, true},
    {"S", "conv2", 8, 14, 16, 3, 1, 1, false},
    {"S", "conv3", 16, 7, 32, 3, 1, 1, false},
    {"S", "fc1", 288, 1, 64, 1, 1, 0, false},
    {"S", "fc2", 64, 1, 10, 1, 1, 0, false},
    {"ResNet-18", "conv1", 3, 224, 64, 7, 2, 3, true},
    {"ResNet-18", "layer1", 64, 56, 64, 3, 1, 1, false},
    {"ResNet-18", "layer2.0.conv1", 64, 56, 128, 3, 2, 1, false},
    {"ResNet-18", "layer2.0.downsample", 64, 56, 128, 1, 2, 0, false},
    {"ResNet-18", "layer2", 128, 28, 128, 3, 1, 1, false},
    {"ResNet-18", "layer3.0.conv1", 128, 28, 256, 3, 2, 1, false},
    {"ResNet-18", "layer3", 256, 14, 256, 3, 1, 1, false},
    {"ResNet-18", "layer4.0.conv1", 256, 14, 512, 3, 2, 1, false},
    {"ResNet-18", "layer4", 512, 7, 512, 3, 1, 1, false},
    {"ResNet-18", "fc", 512, 1, 1000, 1, 1, 0, false},
};

/// A tensor in FGMP blocks, as it lies in memory, and room for it decoded.
class CodedTensor {
 public:
  CodedTensor(const TensorShape& shape, double zeros, double threshold, uint32_t seed)
      : geometry_(BlockGeometry::choose(shape)), values_(shape.elements()), classes_(shape.elements()) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0f, 1.0f);
    std::uniform_real_distribution<double> share(0.0, 1.0);
    for (float& value : values_) value = share(random) < zeros ? 0.0f : normal(random);
    bytes_.resize(geometry_.tensor_bytes(kFormat) + kCodecSlack_bytes);
    const ClassRule rule{ClassRule::Kind::kMagnitude, static_cast<float>(threshold)};
    ClassCounts counts;
    size_t first = 0;
    for (uint32_t block = 0; block < geometry_.blocks(); ++block) {
      const size_t count = geometry_.box(block).elements();
      used_.push_back(encode_block(kFormat, rule, {values_.data() + first, count},
                                   bytes_.data() + geometry_.slot_offset(block, kFormat), counts));
      first += count;
    }
  }

  /// Decodes all blocks; in the order of blocks the elements are those of (n, c, h, w).
  void decode() {
    size_t first = 0;
    for (uint32_t block = 0; block < geometry_.blocks(); ++block) {
      const size_t count = geometry_.box(block).elements();
      const bool good = decode_block(kFormat, {bytes_.data() + geometry_.slot_offset(block, kFormat), used_[block]},
                                     {values_.data() + first, count}, classes_.data() + first);
      BB_CHECK(good, "block {}", block);
      first += count;
    }
  }

  Operand operand() const { return {values_.data(), classes_.data()}; }
  size_t size() const { return values_.size(); }

 private:
  static constexpr TensorFormat kFormat = TensorFormat::kFGMP;
  BlockGeometry geometry_;
  std::vector<float> values_;
  std::vector<uint8_t> classes_, bytes_;
  std::vector<uint32_t> used_;
};

/// CPU time of this thread: what one core takes, also on a machine that is busy with other work.
double cpu_seconds() {
  timespec now{};
  BB_CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Median of run(), called for `seconds` and at least three times, after one call to warm up.
template <class Run>
double median_seconds(double seconds, Run&& run) {
  run();
  std::vector<double> times;
  for (double total = 0; total < seconds || times.size() < 3;) {
    const double start = cpu_seconds();
    run();
    times.push_back(cpu_seconds() - start);
    total += times.back();
  }
  std::nth_element(times.begin(), times.begin() + static_cast<ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

/// rows x columns x steps with dense operands.
double plain_gemm_seconds(uint32_t rows, uint32_t columns, uint32_t steps, double seconds) {
  std::vector<float> a(size_t{rows} * steps, 1.0f), b(size_t{columns} * steps, 0.5f), c(size_t{rows} * columns);
  std::vector<ptrdiff_t> a_row(rows), a_step(steps), b_step(steps), c_row(rows);
  for (uint32_t m = 0; m < rows; ++m) {
    a_row[m] = ptrdiff_t{m} * steps;
    c_row[m] = ptrdiff_t{m} * columns;
  }
  for (uint32_t r = 0; r < steps; ++r) {
    a_step[r] = r;
    b_step[r] = ptrdiff_t{r} * columns;
  }
  StridedGemm gemm;
  gemm.rows = rows;
  gemm.columns = columns;
  gemm.steps = steps;
  gemm.a = a.data();
  gemm.a_row = a_row.data();
  gemm.a_step = a_step.data();
  gemm.b = b.data();
  gemm.b_step = b_step.data();
  gemm.c = c.data();
  gemm.c_row = c_row.data();
  Workspace workspace;
  return median_seconds(seconds, [&] { strided_gemm(Arithmetic::kExactProduct, gemm, workspace); });
}

KernelRow measure(const Layer& layer, Phase phase, const KernelOptions& options) {
  const uint32_t batch = layer.size == 1 ? options.fc_batch : options.batch;
  const ConvTile tile = ConvTile::whole(batch, layer.c, layer.size, layer.size, layer.k, layer.kernel, layer.kernel,
                                        layer.stride, layer.pad);
  CodedTensor x({tile.n, tile.c, tile.h, tile.w}, options.activation_zeros, options.threshold, 1);
  CodedTensor w({tile.k, tile.c, tile.kh, tile.kw}, options.weight_zeros, options.threshold, 2);
  CodedTensor dy({tile.n, tile.k, tile.oh, tile.ow}, options.error_zeros, options.threshold, 3);
  CodedTensor& input = phase == Phase::kFf ? x : dy;
  CodedTensor& other = phase == Phase::kWg ? x : w;
  std::vector<float> acc(phase == Phase::kFf ? dy.size() : phase == Phase::kBp ? x.size() : w.size());
  const lnpu::LnpuConfig config;
  Workspace workspace;
  KernelRow row;
  double decode_seconds = 0, count_seconds = 0, all_seconds = 0;
  const Arithmetic arithmetic = lnpu::arithmetic_of(config.accumulator);
  const double seconds = median_seconds(options.seconds_per_row, [&] {
    const double start = cpu_seconds();
    row.facts = {};
    std::fill(acc.begin(), acc.end(), 0.0f);
    input.decode();
    other.decode();
    decode_seconds += cpu_seconds() - start;
    // What lnpu's ff_tile(), bp_tile() and wg_tile() do, with a look at the clock in between.
    double counting = 0;
    switch (phase) {
      case Phase::kFf:
        conv_ff(arithmetic, tile, x.operand().values, w.operand().values, acc.data(), workspace);
        counting = cpu_seconds();
        lnpu::ff_facts(config, tile, x.operand(), w.operand(), row.facts, workspace);
        break;
      case Phase::kBp:
        conv_bp(arithmetic, tile, dy.operand().values, w.operand().values, acc.data(), workspace);
        counting = cpu_seconds();
        lnpu::bp_facts(config, tile, dy.operand(), w.operand(), row.facts, workspace);
        break;
      case Phase::kWg:
        conv_wg(arithmetic, tile, x.operand().values, dy.operand().values, acc.data(), workspace);
        counting = cpu_seconds();
        lnpu::wg_facts(config, tile, x.operand(), dy.operand(), row.facts, workspace);
        break;
    }
    count_seconds += cpu_seconds() - counting;
    all_seconds += cpu_seconds() - start;
  });
  const uint32_t positions = tile.n * tile.oh * tile.ow, taps = tile.c * tile.kh * tile.kw;
  const double plain = !options.plain        ? 0
                       : phase == Phase::kFf ? plain_gemm_seconds(positions, tile.k, taps, options.seconds_per_row)
                       : phase == Phase::kBp ? plain_gemm_seconds(positions, taps, tile.k, options.seconds_per_row)
                                             : plain_gemm_seconds(taps, tile.k, positions, options.seconds_per_row);
  row.net = layer.net;
  row.layer = layer.name;
  row.phase = phase == Phase::kFf ? "FF" : phase == Phase::kBp ? "BP" : "WG";
  row.batch = tile.n;
  row.macs = uint64_t{positions} * taps * tile.k;
  row.gmac_per_s = static_cast<double>(row.macs) / seconds / 1e9;
  if (options.plain) {
    row.plain_gmac_per_s = static_cast<double>(row.macs) / plain / 1e9;
    row.ratio = row.gmac_per_s / row.plain_gmac_per_s;
  }
  row.decode_share = decode_seconds / all_seconds;
  row.count_share = count_seconds / all_seconds;
  return row;
}

}  // namespace

std::vector<KernelRow> measure_kernels(const KernelOptions& options) {
  std::vector<KernelRow> rows;
  for (const Layer& layer : kLayers) {
    for (const Phase phase : {Phase::kFf, Phase::kBp, Phase::kWg}) {
      if (layer.first && phase == Phase::kBp) continue;
      const char* phase_name = phase == Phase::kFf ? "FF" : phase == Phase::kBp ? "BP" : "WG";
      const std::string name = fmt::format("{} {} {}", layer.net, layer.name, phase_name);
      if (name.find(options.filter) == std::string::npos) continue;
      rows.push_back(measure(layer, phase, options));
    }
  }
  return rows;
}

std::string vector_unit() {
  const int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  return hwy::TargetName(targets & -targets);
}

bool select_vector_unit(const std::string& name) {
  hwy::SetSupportedTargetsForTest(0);
  for (int64_t rest = hwy::SupportedTargets() & HWY_TARGETS; rest != 0; rest &= rest - 1) {
    const int64_t target = rest & -rest;
    if (name != hwy::TargetName(target)) continue;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    return true;
  }
  return false;
}

void print_table(const std::vector<KernelRow>& rows, std::FILE* out) {
  fmt::print(out, "vector unit {}\n", vector_unit());
  fmt::print(out, "{:10} {:20} {:5} {:>5} {:>9} {:>9} {:>9} {:>6} {:>7} {:>8}\n", "net", "layer", "phase", "batch",
             "MMAC", "GMAC/s", "plain", "ratio", "decode", "skipped");
  for (const KernelRow& row : rows) {
    fmt::print(out, "{:10} {:20} {:5} {:5} {:9.2f} {:9.1f} {:9.1f} {:6.2f} {:6.0f}% {:7.0f}%\n", row.net, row.layer,
               row.phase, row.batch, static_cast<double>(row.macs) / 1e6, row.gmac_per_s, row.plain_gmac_per_s,
               row.ratio, 100 * row.decode_share,
               100 * static_cast<double>(row.facts.macs_skipped) / static_cast<double>(row.facts.macs));
  }
}

}  // namespace backboard::npu
