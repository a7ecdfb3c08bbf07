#define HWY_WANT_AVX3_DL  // some kernels have a version of their own for it

#include "npu/bench/kernels.h"

#include <fmt/format.h>
#include <hwy/highway.h>
#include <hwy/targets.h>

#include <time.h>

#include <algorithm>
#include <random>

#include "npu/codec/block_codec.h"
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

/// A tensor in FGMP blocks, one after the other as DMA brings them, and room for it decoded.
class CodedTensor {
 public:
  CodedTensor(const TensorShape& shape, double zeros, double threshold, uint32_t seed)
      : geometry_(BlockGeometry::choose(shape)), values_(shape.elements()), classes_(shape.elements()) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0f, 1.0f);
    std::uniform_real_distribution<double> share(0.0, 1.0);
    for (float& value : values_) value = share(random) < zeros ? 0.0f : normal(random);
    std::vector<uint8_t> coded(geometry_.slot_bytes(kFormat) + kCodecSlack_bytes);
    const ClassRule rule{ClassRule::Kind::kMagnitude, static_cast<float>(threshold)};
    ClassCounts counts;
    size_t first = 0;
    for (uint32_t block = 0; block < geometry_.blocks(); ++block) {
      const size_t count = geometry_.box(block).elements();
      const uint32_t used = encode_block(kFormat, rule, {values_.data() + first, count}, coded.data(), counts);
      blocks_.push_back({used, count});
      bytes_.insert(bytes_.end(), coded.begin(), coded.begin() + used);
      first += count;
    }
  }

  /// Decodes all blocks; in the order of blocks the elements are those of (n, c, h, w).
  void decode() {
    size_t first = 0, at = 0;
    for (const Block& block : blocks_) {
      const bool good = decode_block(kFormat, {bytes_.data() + at, block.bytes},
                                     {values_.data() + first, block.elements}, classes_.data() + first);
      BB_CHECK(good, "element {}", first);
      at += block.bytes;
      first += block.elements;
    }
  }

  Operand operand() const { return {values_.data(), classes_.data()}; }
  size_t size() const { return values_.size(); }

 private:
  struct Block {
    size_t bytes, elements;
  };
  static constexpr TensorFormat kFormat = TensorFormat::kFGMP;
  BlockGeometry geometry_;
  std::vector<float> values_;
  std::vector<uint8_t> classes_, bytes_;
  std::vector<Block> blocks_;
};

/// CPU time of this thread: what one core takes, also on a machine that is busy with other work.
double cpu_seconds() {
  timespec now{};
  BB_CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Median time of run(), called for `seconds` and at least three times, after calls to warm up. Short ones are called
/// several times between two looks at the clock, which take microseconds.
template <class Run>
double median_seconds(double seconds, Run&& run) {
  constexpr double kLeastSample_s = 2e-4;
  run();
  double start = cpu_seconds();
  run();
  const double once = std::max(cpu_seconds() - start, 1e-6);
  const uint32_t calls = std::max(1u, static_cast<uint32_t>(kLeastSample_s / once));
  std::vector<double> times;
  for (double total = 0; total < seconds || times.size() < 3;) {
    start = cpu_seconds();
    for (uint32_t i = 0; i < calls; ++i) run();
    const double sample = cpu_seconds() - start;
    times.push_back(sample / calls);
    total += sample;
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

const char* name_of(Phase phase) {
  return phase == Phase::kFf ? "FF" : phase == Phase::kBp ? "BP" : "WG";
}

/// The operands of a layer and what lnpu does with them in one phase.
class LayerRun {
 public:
  LayerRun(const Layer& layer, Phase phase, uint32_t batch, const KernelOptions& options)
      : phase_(phase),
        tile_(ConvTile::whole(batch, layer.c, layer.size, layer.size, layer.k, layer.kernel, layer.kernel, layer.stride,
                              layer.pad)),
        x_({tile_.n, tile_.c, tile_.h, tile_.w}, options.activation_zeros, options.threshold, 1),
        w_({tile_.k, tile_.c, tile_.kh, tile_.kw}, options.weight_zeros, options.threshold, 2),
        dy_({tile_.n, tile_.k, tile_.oh, tile_.ow}, options.error_zeros, options.threshold, 3),
        acc_(phase == Phase::kFf   ? dy_.size()
             : phase == Phase::kBp ? x_.size()
                                   : w_.size()) {}

  const ConvTile& tile() const { return tile_; }
  const Facts& facts() const { return facts_; }

  void decode() {
    (phase_ == Phase::kFf ? x_ : dy_).decode();
    (phase_ == Phase::kWg ? x_ : w_).decode();
  }
  /// Facts alone.
  void count() {
    facts_ = {};
    if (phase_ == Phase::kFf) lnpu::ff_facts(config_, tile_, x_.operand(), w_.operand(), facts_, workspace_);
    if (phase_ == Phase::kBp) lnpu::bp_facts(config_, tile_, dy_.operand(), w_.operand(), facts_, workspace_);
    if (phase_ == Phase::kWg) lnpu::wg_facts(config_, tile_, x_.operand(), dy_.operand(), facts_, workspace_);
  }
  /// All of it: decoding, clear sums, values and facts.
  void run() {
    decode();
    facts_ = {};
    std::fill(acc_.begin(), acc_.end(), 0.0f);
    float* const acc = acc_.data();
    if (phase_ == Phase::kFf) lnpu::ff_tile(config_, tile_, x_.operand(), w_.operand(), acc, facts_, workspace_);
    if (phase_ == Phase::kBp) lnpu::bp_tile(config_, tile_, dy_.operand(), w_.operand(), acc, facts_, workspace_);
    if (phase_ == Phase::kWg) lnpu::wg_tile(config_, tile_, x_.operand(), dy_.operand(), acc, facts_, workspace_);
  }

 private:
  Phase phase_;
  ConvTile tile_;
  CodedTensor x_, w_, dy_;
  std::vector<float> acc_;
  lnpu::LnpuConfig config_;
  Facts facts_;
  Workspace workspace_;
};

KernelRow measure(const Layer& layer, Phase phase, uint32_t batch, const KernelOptions& options) {
  LayerRun run(layer, phase, batch, options);
  const ConvTile& tile = run.tile();
  const double time = options.seconds_per_row;
  const double seconds = median_seconds(time, [&] { run.run(); });
  KernelRow row;
  row.facts = run.facts();
  row.decode_share = median_seconds(time / 4, [&] { run.decode(); }) / seconds;
  row.count_share = median_seconds(time / 4, [&] { run.count(); }) / seconds;
  const uint32_t positions = tile.n * tile.oh * tile.ow, taps = tile.c * tile.kh * tile.kw;
  row.net = layer.net;
  row.layer = layer.name;
  row.phase = name_of(phase);
  row.batch = tile.n;
  row.macs = uint64_t{positions} * taps * tile.k;
  row.gmac_per_s = static_cast<double>(row.macs) / seconds / 1e9;
  if (!options.plain) return row;
  const double plain = phase == Phase::kFf   ? plain_gemm_seconds(positions, tile.k, taps, time)
                       : phase == Phase::kBp ? plain_gemm_seconds(positions, taps, tile.k, time)
                                             : plain_gemm_seconds(taps, tile.k, positions, time);
  row.plain_gmac_per_s = static_cast<double>(row.macs) / plain / 1e9;
  row.ratio = row.gmac_per_s / row.plain_gmac_per_s;
  return row;
}

}  // namespace

std::vector<KernelRow> measure_kernels(const KernelOptions& options) {
  std::vector<KernelRow> rows;
  for (const Layer& layer : kLayers) {
    for (const Phase phase : {Phase::kFf, Phase::kBp, Phase::kWg}) {
      if (layer.first && phase == Phase::kBp) continue;
      const std::string name = fmt::format("{} {} {}", layer.net, layer.name, name_of(phase));
      if (name.find(options.filter) == std::string::npos) continue;
      for (const uint32_t batch : layer.size == 1 ? options.fc_batches : std::vector<uint32_t>{options.batch}) {
        rows.push_back(measure(layer, phase, batch, options));
      }
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
    // This one and all below it: not every kernel has a version for each unit.
    const int64_t allowed = hwy::SupportedTargets() & HWY_TARGETS & ~(target - 1);
    hwy::SetSupportedTargetsForTest(allowed);
    hwy::GetChosenTarget().Update(allowed);
    return true;
  }
  return false;
}

double goal_gmac_per_s() {
  const std::string unit = vector_unit();
  return unit.starts_with("AVX3") ? 20 : unit == "AVX2" ? 10 : 0;
}

std::string remark(const KernelRow& row, double goal) {
  if (row.gmac_per_s >= goal) return "";
  const std::string below = fmt::format("below {:.0f}", goal);
  if (row.plain_gmac_per_s < goal && row.plain_gmac_per_s > 0) {
    return fmt::format("{}, as is the plain GEMM: {:.2f} M MAC", below, static_cast<double>(row.macs) / 1e6);
  }
  return below;
}

}  // namespace backboard::npu
