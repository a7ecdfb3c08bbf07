#include "npu/engine/taxonn/compute_tile.h"

#include "npu/engine/conv_gemm.h"
#include "npu/engine/operand_sizes.h"
#include "npu/engine/product_counts.h"
#include "npu/engine/taxonn/fix_span.h"

namespace backboard::npu::taxonn {
namespace {

constexpr unsigned kSlotFirst = 12, kSlotSecond = 13;

const float* fixed(const FixedPoint& format, const float* values, size_t count, unsigned slot, Workspace& workspace) {
  float* to = workspace.array<float>(slot, count);
  fix_span(format, {values, count}, {to, count});
  return to;
}

}  // namespace

const FixedPoint& first_format(const Widths& widths, Pass pass) {
  return pass == Pass::bp ? widths.delta : widths.x;
}

const FixedPoint& second_format(const Widths& widths, Pass pass) {
  return pass == Pass::wg ? widths.delta : widths.weight;
}

void multiply_tile(const TaxonnConfig& config, Pass pass, const ConvTile& tile, const Operand& first,
                   const Operand& second, float* acc, Workspace& workspace) {
  const Widths& widths = config.widths_of(tile.layer);
  const OperandSizes sizes = operand_sizes(pass, tile);
  const float* a = fixed(first_format(widths, pass), first.values, sizes.first, kSlotFirst, workspace);
  const float* b = fixed(second_format(widths, pass), second.values, sizes.second, kSlotSecond, workspace);
  conv_gemm(Arithmetic::kExactProduct, pass, tile, {a}, {b}, acc, workspace);
}

void count_tile(const TaxonnConfig& config, Pass pass, const ConvTile& tile, Facts& facts) {
  const ProductCounts products = count_products(pass, tile, facts);
  facts.macs_by_class[pass == Pass::ff ? kClassLow : kClassHigh][kClassLow] += products.inside;
  ++facts.folds[0];
  facts.fold_steps[0] += (products.inside + config.units - 1) / config.units;
  const Widths& widths = config.widths_of(tile.layer);
  // A product of a by b bits is a b single-bit products; the sign is one of the bits.
  const auto bits = [](const FixedPoint& format) { return static_cast<uint64_t>(format.bits()) + 1; };
  facts.brick_products += products.inside * bits(first_format(widths, pass)) * bits(second_format(widths, pass));
}

void finish_sums(const TaxonnConfig& config, Pass pass, uint32_t layer, std::span<float> sums) {
  if (pass == Pass::wg) fix_span(config.widths_of(layer).gradient, sums, sums);
}

}  // namespace backboard::npu::taxonn
