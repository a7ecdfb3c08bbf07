#include "npu/engine/neuroflix/compute_tile.h"

#include <utility>

#include "npu/engine/conv_gemm.h"
#include "npu/engine/fold.h"
#include "npu/engine/neuroflix/group_gemm.h"
#include "npu/engine/operand_sizes.h"
#include "npu/engine/product_counts.h"
#include "npu/numerics/rounding.h"

namespace backboard::npu::neuroflix {
namespace {

constexpr unsigned kSlotFirst = 12, kSlotSecond = 13;

/// The GEMMs of a tile over integers.
class GroupKernel final : public GemmKernel {
 public:
  GroupKernel(const NeuroflixConfig& config, Pass pass, const ConvTile& tile)
      : a_bits_(config.first_bits(pass)), b_bits_(config.second_bits(pass)) {
    // WG of a single position: rows of the GEMM are output channels, so that A is the second operand.
    if (pass == Pass::wg && tile.kh * tile.kw == 1 && tile.oh_rows * tile.ow == 1) std::swap(a_bits_, b_bits_);
  }
  void run(const StridedGemm& gemm, Workspace& workspace) const override {
    group_gemm(a_bits_, b_bits_, gemm, workspace);
  }
  void run(const LineGemm& lines, Workspace& workspace) const override {
    group_lines(b_bits_, a_bits_, lines, workspace);
  }
  /// Groups leave what is not finite out by themselves.
  bool wants_mask() const override { return false; }
  uint32_t step_group() const override { return kGroup; }
  bool takes_lines() const override { return true; }

 private:
  uint32_t a_bits_, b_bits_;
};

const float* rounded(const float* values, size_t count, unsigned slot, Workspace& workspace) {
  float* to = workspace.array<float>(slot, count);
  round_span(format_row(NumberFormat::kBf16), {values, count}, {to, count});
  return to;
}

}  // namespace

void multiply_tile(const NeuroflixConfig& config, Pass pass, const ConvTile& tile, const Operand& first,
                   const Operand& second, float* acc, Workspace& workspace) {
  if (config.units == Units::kBricks) {
    return conv_gemm(GroupKernel(config, pass, tile), pass, tile, first.values, second.values, acc, workspace);
  }
  const OperandSizes sizes = operand_sizes(pass, tile);
  const float* a = rounded(first.values, sizes.first, kSlotFirst, workspace);
  const float* b = rounded(second.values, sizes.second, kSlotSecond, workspace);
  conv_gemm(Arithmetic::kMultiplyThenAdd, pass, tile, {a}, {b}, acc, workspace);
}

void count_tile(const NeuroflixConfig& config, Pass pass, const ConvTile& tile, Facts& facts) {
  for_each_gemm(pass, tile, [&](uint32_t rows, uint32_t columns, uint32_t steps) {
    const Folds folds(config.rows, config.array_columns(), rows, columns);
    if (config.units == Units::kBfloat16) return folds.count(1, steps, steps, 0, facts);
    const uint64_t bricks = config.bricks_of(pass);
    const uint64_t cycles = (steps * bricks + config.bricks - 1) / config.bricks;
    folds.count(1, cycles, steps, bricks, facts);
    facts.group_sums += uint64_t{rows} * columns * ((steps + kGroup - 1) / kGroup);
  });
  const ProductCounts products = count_products(pass, tile, facts);
  auto& pairs = facts.macs_by_class;
  if (config.units == Units::kBfloat16) {
    pairs[kClassHigh][kClassHigh] += products.inside;
  } else {
    // WG: (dy, x), as everywhere.
    pairs[pass == Pass::ff ? kClassLow : kClassHigh][kClassLow] += products.inside;
    facts.brick_products += products.inside * config.bricks_of(pass);
  }
}

}  // namespace backboard::npu::neuroflix
