#define HWY_WANT_AVX3_DL  // some kernels have a version of their own for it

#include "npu/bench/kernels.h"

#include <fmt/format.h>
#include <hwy/highway.h>
#include <hwy/targets.h>

#include <algorithm>
#include <random>
#include <utility>

#include "npu/bench/layers.h"
#include "npu/bench/timing.h"
#include "npu/codec/block_codec.h"
#include "npu/engine/aligned_vector.h"
#include "npu/engine/lnpu/compute_tile.h"
#include "npu/engine/strided_gemm.h"
#include "platform/check/check.h"

namespace backboard::npu {
namespace {

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
      if (runs_.empty() || runs_.back().elements != count) runs_.push_back({static_cast<uint32_t>(count), 0, 0});
      ++runs_.back().blocks;
      runs_.back().bytes += used;
      directory_.push_back(static_cast<uint8_t>(used));
      directory_.push_back(static_cast<uint8_t>(used >> 8));
      bytes_.insert(bytes_.end(), coded.begin(), coded.begin() + used);
      first += count;
    }
    bytes_.resize(bytes_.size() + kCodecSlack_bytes);
  }

  /// Decodes all blocks; in the order of blocks the elements are those of (n, c, h, w).
  void decode() {
    size_t first = 0, at = 0, entry = 0;
    for (const Run& run : runs_) {
      const std::span<const uint8_t> directory{directory_.data() + entry, run.blocks * kDirectoryEntry_bytes};
      const size_t good = decode_run(kFormat, directory, std::span(bytes_).subspan(at), run.elements,
                                     values_.data() + first, classes_.data() + first);
      BB_CHECK(good == run.blocks, "element {}", first);
      first += run.blocks * run.elements;
      at += run.bytes;
      entry += directory.size();
    }
  }

  Operand operand() const { return {values_.data(), classes_.data()}; }
  size_t size() const { return values_.size(); }

 private:
  /// Blocks of one size that follow each other.
  struct Run {
    uint32_t elements;
    size_t blocks, bytes;
  };
  static constexpr TensorFormat kFormat = TensorFormat::kFGMP;
  BlockGeometry geometry_;
  AlignedVector<float> values_;  // as a local buffer has them
  AlignedVector<uint8_t> classes_;
  std::vector<uint8_t> bytes_, directory_;
  std::vector<Run> runs_;
};

}  // namespace

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

namespace {

/// Elements of x and dy that are decoded before they are multiplied: as a device's tiles come through its buffer, a
/// batch comes in pieces of whole images, and what was decoded is still in the host's cache when it is used.
constexpr size_t kPieceElements = size_t{1} << 19;

/// Some images of a layer's batch.
struct Piece {
  Piece(const ConvTile& whole, uint32_t images, const KernelOptions& options, uint32_t seed)
      : tile(whole),
        x({images, whole.c, whole.h, whole.w}, options.activation_zeros, options.threshold, seed),
        dy({images, whole.k, whole.oh, whole.ow}, options.error_zeros, options.threshold, seed + 1) {
    tile.n = images;
    tile.fresh = true;
  }

  ConvTile tile;
  CodedTensor x, dy;
  AlignedVector<float> sums;  ///< of FF and BP
};

/// The operands of a layer and what lnpu does with them in one phase.
class LayerRun {
 public:
  LayerRun(const BenchLayer& layer, BenchPhase phase, uint32_t batch, const KernelOptions& options)
      : phase_(phase),
        tile_(ConvTile::whole(batch, layer.c, layer.size, layer.size, layer.k, layer.kernel, layer.kernel, layer.stride,
                              layer.pad)),
        w_({tile_.k, tile_.c, tile_.kh, tile_.kw}, options.weight_zeros, options.threshold, 1),
        gradient_(phase == BenchPhase::kWg ? w_.size() : 0) {
    const size_t image = size_t{tile_.c} * tile_.h * tile_.w + size_t{tile_.k} * tile_.oh * tile_.ow;
    const auto most = static_cast<uint32_t>(std::max<size_t>(1, kPieceElements / image));
    for (uint32_t first = 0; first < batch; first += most) {
      Piece& piece = pieces_.emplace_back(tile_, std::min(most, batch - first), options, 2 * first + 2);
      if (phase == BenchPhase::kFf) piece.sums.resize(piece.dy.size());
      if (phase == BenchPhase::kBp) piece.sums.resize(piece.x.size());
    }
  }

  const ConvTile& tile() const { return tile_; }
  const Facts& facts() const { return facts_; }

  void decode() {
    if (phase_ != BenchPhase::kWg) w_.decode();
    for (Piece& piece : pieces_) decode(piece);
  }
  /// Facts alone. (They add up over calls, as a device's do over the tiles of a command.)
  void count() {
    for (const Piece& piece : pieces_) {
      const ConvTile& tile = piece.tile;
      const Operand x = piece.x.operand(), dy = piece.dy.operand();
      if (phase_ == BenchPhase::kFf) lnpu::count_tile(config_, Pass::ff, tile, x, w_.operand(), facts_, workspace_);
      if (phase_ == BenchPhase::kBp) lnpu::count_tile(config_, Pass::bp, tile, dy, w_.operand(), facts_, workspace_);
      if (phase_ == BenchPhase::kWg) lnpu::count_tile(config_, Pass::wg, tile, x, dy, facts_, workspace_);
    }
  }
  /// All of it: decoding, values and facts; sums begin at zero.
  void run() {
    std::fill(gradient_.begin(), gradient_.end(), 0.0f);
    if (phase_ != BenchPhase::kWg) w_.decode();
    for (Piece& piece : pieces_) {
      decode(piece);
      if (phase_ == BenchPhase::kBp) std::fill(piece.sums.begin(), piece.sums.end(), 0.0f);
      const ConvTile& tile = piece.tile;
      const Operand x = piece.x.operand(), dy = piece.dy.operand();
      float* const sums = piece.sums.data();
      if (phase_ == BenchPhase::kFf) lnpu::ff_tile(config_, tile, x, w_.operand(), sums, facts_, workspace_);
      if (phase_ == BenchPhase::kBp) lnpu::bp_tile(config_, tile, dy, w_.operand(), sums, facts_, workspace_);
      if (phase_ == BenchPhase::kWg) lnpu::wg_tile(config_, tile, x, dy, gradient_.data(), facts_, workspace_);
    }
  }

 private:
  void decode(Piece& piece) {
    if (phase_ != BenchPhase::kBp) piece.x.decode();
    if (phase_ != BenchPhase::kFf) piece.dy.decode();
  }

  BenchPhase phase_;
  ConvTile tile_;
  CodedTensor w_;
  std::vector<Piece> pieces_;
  AlignedVector<float> gradient_;
  lnpu::LnpuConfig config_;
  Facts facts_;
  Workspace workspace_;
};

/// A row while it is measured.
struct MeasuredRow {
  KernelRow row;  ///< has its names from the beginning
  const BenchLayer* layer;
  BenchPhase phase;
  LeastTime all, decoding, counting, plain;
};

void measure(MeasuredRow& measured, const KernelOptions& options, double seconds) {
  KernelRow& row = measured.row;
  LayerRun run(*measured.layer, measured.phase, row.batch, options);
  const ConvTile& tile = run.tile();
  run.run();
  row.facts = run.facts();
  measured.all.take(median_seconds(seconds, [&] { run.run(); }));
  measured.decoding.take(median_seconds(seconds / 4, [&] { run.decode(); }));
  measured.counting.take(median_seconds(seconds / 4, [&] { run.count(); }));
  const uint32_t positions = tile.n * tile.oh * tile.ow, taps = tile.c * tile.kh * tile.kw;
  row.macs = uint64_t{positions} * taps * tile.k;
  if (!options.plain) return;
  measured.plain.take(measured.phase == BenchPhase::kFf   ? plain_gemm_seconds(positions, tile.k, taps, seconds)
                      : measured.phase == BenchPhase::kBp ? plain_gemm_seconds(positions, taps, tile.k, seconds)
                                                          : plain_gemm_seconds(taps, tile.k, positions, seconds));
}

/// Turns the times of all rounds into figures.
KernelRow figures(const MeasuredRow& measured, const KernelOptions& options) {
  KernelRow row = measured.row;
  const double seconds = measured.all.seconds();
  row.decode_share = measured.decoding.seconds() / seconds;
  row.count_share = measured.counting.seconds() / seconds;
  row.gmac_per_s = static_cast<double>(row.macs) / seconds / 1e9;
  if (!options.plain) return row;
  row.plain_gmac_per_s = static_cast<double>(row.macs) / measured.plain.seconds() / 1e9;
  row.ratio = row.gmac_per_s / row.plain_gmac_per_s;
  return row;
}

}  // namespace

std::string KernelRow::name() const {
  return fmt::format("lnpu {} {} {} x{}", net, layer, phase, batch);
}

std::vector<KernelRow> measure_kernels(const KernelOptions& options) {
  std::vector<MeasuredRow> table;
  for (const BenchLayer& layer : kBenchLayers) {
    for (const BenchPhase phase : {BenchPhase::kFf, BenchPhase::kBp, BenchPhase::kWg}) {
      if (layer.first && phase == BenchPhase::kBp) continue;
      for (const uint32_t batch : layer.size == 1 ? options.fc_batches : std::vector<uint32_t>{options.batch}) {
        KernelRow row;
        row.net = layer.net;
        row.layer = layer.name;
        row.phase = name_of(phase);
        row.batch = batch;
        if (row.name().find(options.filter) == std::string::npos) continue;
        table.push_back({std::move(row), &layer, phase, {}, {}, {}, {}});
      }
    }
  }
  std::vector<KernelRow> rows;
  measure_in_rounds(
      table, options.seconds_per_row,
      [&](MeasuredRow& row, double seconds) {
        if (options.on_measure) options.on_measure(row.row);
        measure(row, options, seconds);
      },
      [&](const MeasuredRow& row) {
        rows.push_back(figures(row, options));
        if (options.on_row) options.on_row(rows.back());
      });
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
  std::string below = fmt::format("below {:.0f}", goal);
  if (row.plain_gmac_per_s < goal && row.plain_gmac_per_s > 0) {
    return fmt::format("{}, as is the plain GEMM: {:.2f} M MAC", below, static_cast<double>(row.macs) / 1e6);
  }
  return below;
}

}  // namespace backboard::npu
