#include "npu/engine/daa/compute_tile.h"

#include "npu/engine/conv_gemm.h"
#include "npu/engine/daa/pair_counts.h"
#include "npu/engine/daa/pair_gemm.h"
#include "npu/engine/fold.h"
#include "npu/engine/product_counts.h"

namespace backboard::npu::daa {
namespace {

constexpr unsigned kSlotPlaces = 12;

/// The GEMMs of a tile in two streams.
class PairKernel final : public GemmKernel {
 public:
  PairKernel(const DaaConfig& config, Pass pass, const ConvTile& tile)
      : rule_{config.arbiter, config.mode_of(pass, tile.layer) == Mode::kLow, &low_format(config.low_mantissa)},
        seed_(config.random_seed),
        pass_(pass),
        tile_(tile) {}

  void run(const StridedGemm& gemm, Workspace& workspace) const override {
    Coins coins;
    if (rule_.arbiter == Arbiter::kRandom) coins = coins_of(gemm, workspace);
    pair_gemm(rule_, coins, gemm, workspace);
  }
  void run(const LineGemm& lines, Workspace& workspace) const override { pair_lines(rule_, lines, workspace); }
  // Coins go by the place of an output and a pair in the whole tensors.
  uint32_t step_group() const override { return rule_.arbiter == Arbiter::kRandom ? 0 : 2; }
  bool takes_lines() const override { return rule_.arbiter != Arbiter::kRandom; }

 private:
  Coins coins_of(const StridedGemm& gemm, Workspace& workspace) const;
  uint32_t place_of(size_t offset) const;

  PairRule rule_;
  uint32_t seed_;
  Pass pass_;
  const ConvTile& tile_;
};

/// Number of a row of the GEMM in the whole tensor, from its offset in the tile's output.
uint32_t PairKernel::place_of(size_t offset) const {
  const ConvTile& t = tile_;
  size_t place = 0;
  switch (pass_) {
    case Pass::ff:
      place = ((t.n0 + offset / t.y_stride_n) * t.oh + t.oh0) * t.ow + offset % t.y_stride_n;
      break;
    case Pass::bp:
      place = ((t.n0 + offset / t.x_stride_n) * t.h + t.ih0) * t.w + offset % t.x_stride_n;
      break;
    case Pass::wg:
      place = (t.c0 + offset / t.w_stride_c) * t.kh * t.kw + offset % t.w_stride_c;
      break;
  }
  return static_cast<uint32_t>(place);
}

Coins PairKernel::coins_of(const StridedGemm& gemm, Workspace& workspace) const {
  const ConvTile& t = tile_;
  uint32_t* places = workspace.array<uint32_t>(kSlotPlaces, gemm.rows);
  Coins coins;
  coins.seed = seed_;
  coins.row_places = places;
  // WG of a single position: rows of the GEMM are output channels, columns input channels.
  coins.swapped = pass_ == Pass::wg && t.kh * t.kw == 1 && t.oh_rows * t.ow == 1;
  for (uint32_t m = 0; m < gemm.rows; ++m) {
    const auto offset = static_cast<size_t>(gemm.c_row[m]);
    places[m] = coins.swapped ? t.k0 + static_cast<uint32_t>(offset / t.w_stride_k) : place_of(offset);
  }
  coins.first_column = pass_ == Pass::bp || coins.swapped ? t.c0 : t.k0;
  const uint64_t terms = pass_ == Pass::ff   ? uint64_t{t.c0} * t.kh * t.kw
                         : pass_ == Pass::bp ? uint64_t{t.k0} * (gemm.steps / t.k)
                                             : (uint64_t{t.n0} * t.oh + t.oh0) * t.ow;
  coins.first_pair = static_cast<uint32_t>(terms / 2);
  return coins;
}

/// Counts instead of multiplying.
class CountKernel final : public GemmKernel {
 public:
  void run(const StridedGemm& gemm, Workspace& workspace) const override { add(count_pairs(gemm, workspace)); }
  void run(const LineGemm& lines, Workspace& workspace) const override { add(count_pairs(lines, workspace)); }
  const PairCounts& counts() const { return counts_; }
  bool wants_mask() const override { return false; }
  uint32_t step_group() const override { return 2; }
  bool takes_lines() const override { return true; }

 private:
  void add(const PairCounts& counted) const {
    counts_.products += counted.products;
    counts_.collisions += counted.collisions;
  }
  mutable PairCounts counts_;  ///< over the GEMMs of one tile
};

}  // namespace

void multiply_tile(const DaaConfig& config, Pass pass, const ConvTile& tile, const Operand& first,
                   const Operand& second, float* acc, Workspace& workspace) {
  if (config.mode_of(pass, tile.layer) == Mode::kDense) {
    return conv_gemm(Arithmetic::kMultiplyThenAdd, pass, tile, {first.values}, {second.values}, acc, workspace);
  }
  conv_gemm(PairKernel(config, pass, tile), pass, tile, first.values, second.values, acc, workspace);
}

void count_tile(const DaaConfig& config, Pass pass, const ConvTile& tile, const Operand& first, const Operand& second,
                Facts& facts, Workspace& workspace) {
  const Mode mode = config.mode_of(pass, tile.layer);
  const uint32_t streams = mode == Mode::kDense ? 1 : 2;
  for_each_gemm(pass, tile, [&](uint32_t rows, uint32_t columns, uint32_t steps) {
    const Folds folds(config.rows, config.columns, rows, columns);
    folds.count(streams, (steps + streams - 1) / streams, steps, 0, facts);
  });
  const CountKernel kernel;
  conv_gemm(kernel, pass, tile, first.values, second.values, nullptr, workspace);
  const ProductCounts products = count_products(pass, tile, facts);
  const uint64_t nonzero = kernel.counts().products, zero = products.inside - nonzero;
  auto& pairs = facts.macs_by_class;
  const uint64_t low = mode == Mode::kDual ? kernel.counts().collisions : mode == Mode::kLow ? nonzero : 0;
  pairs[kClassLow][kClassLow] += low;
  pairs[kClassHigh][kClassHigh] += nonzero - low;
  const bool issued = mode == Mode::kDense && !config.gate_zeros;
  pairs[issued ? kClassHigh : kClassZero][kClassZero] += zero;
  if (!issued) facts.macs_skipped += zero;
}

}  // namespace backboard::npu::daa
