#include "npu/engine/lnpu/compute_tile.h"

#include "npu/engine/conv_gemm.h"
#include "npu/engine/conv_loops.h"
#include "npu/engine/lnpu/count_products.h"
#include "npu/engine/lnpu/few_images.h"
#include "npu/engine/product_counts.h"
#include "platform/check/check.h"

namespace backboard::npu::lnpu {
namespace {

/// A dense array: products with zeros, too, at the FP16 rate, and no lane ever idle, which favours this baseline.
void count_dense(const LnpuConfig& config, uint64_t products, Facts& facts) {
  const uint64_t lanes = uint64_t{config.cores} * config.lanes;
  const uint64_t a_cycle = lanes * config.multipliers_per_lane;
  const uint64_t half_cycles = 2 * ((products + a_cycle - 1) / a_cycle);
  facts.macs_by_class[kClassHigh][kClassHigh] += products;
  facts.slowest_half_cycles += half_cycles;
  facts.busy_half_cycles += half_cycles * lanes;
  for (uint32_t core = 0; core < config.cores; ++core) facts.core_half_cycles[core] += half_cycles;
}

void count_classes(const LnpuConfig& config, Pass pass, const ConvTile& tile, const uint8_t* first,
                   const uint8_t* second, Facts& facts, Workspace& workspace) {
  if (count_few_images(config, pass, tile, first, second, facts)) return;
  switch (pass) {
    case Pass::ff:
      return count_ff(config, tile, first, second, facts, workspace);
    case Pass::bp:
      return count_bp(config, tile, first, second, facts, workspace);
    case Pass::wg:
      return count_wg(config, tile, first, second, facts, workspace);
  }
}

/// Products so far that were left out.
uint64_t skipped(const LnpuConfig& config, const Facts& facts) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < kElementClasses; ++i) {
    sum += facts.macs_by_class[kClassZero][i];
    if (config.skip == Skip::kBoth && i != kClassZero) sum += facts.macs_by_class[i][kClassZero];
  }
  return sum;
}

}  // namespace

Arithmetic arithmetic_of(Accumulator accumulator) {
  return accumulator == Accumulator::kFp16 ? Arithmetic::kFp16Sum : Arithmetic::kExactProduct;
}

void ff_tile(const LnpuConfig& config, const ConvTile& tile, const Operand& x, const Operand& w, float* acc,
             Facts& facts, Workspace& workspace) {
  multiply_tile(config, Pass::ff, tile, x, w, acc, workspace);
  count_tile(config, Pass::ff, tile, x, w, facts, workspace);
}

void bp_tile(const LnpuConfig& config, const ConvTile& tile, const Operand& dy, const Operand& w, float* acc,
             Facts& facts, Workspace& workspace) {
  multiply_tile(config, Pass::bp, tile, dy, w, acc, workspace);
  count_tile(config, Pass::bp, tile, dy, w, facts, workspace);
}

void wg_tile(const LnpuConfig& config, const ConvTile& tile, const Operand& x, const Operand& dy, float* acc,
             Facts& facts, Workspace& workspace) {
  multiply_tile(config, Pass::wg, tile, x, dy, acc, workspace);
  count_tile(config, Pass::wg, tile, x, dy, facts, workspace);
}

void multiply_tile(const LnpuConfig& config, Pass pass, const ConvTile& tile, const Operand& first,
                   const Operand& second, float* acc, Workspace& workspace) {
  conv_gemm(arithmetic_of(config.accumulator), pass, tile, first, second, acc, workspace);
}

void count_tile(const LnpuConfig& config, Pass pass, const ConvTile& tile, const Operand& first, const Operand& second,
                Facts& facts, Workspace& workspace) {
  BB_CHECK(first.classes != nullptr && second.classes != nullptr, "lnpu needs the classes of its operands");
  const ProductCounts products = count_products(pass, tile, facts);
  if (config.skip == Skip::kNone) return count_dense(config, products.inside, facts);
  const uint64_t before = skipped(config, facts);
  count_classes(config, pass, tile, first.classes, second.classes, facts, workspace);
  facts.macs_skipped += skipped(config, facts) - before;
}

namespace scalar {

void ff_tile(Accumulator accumulator, const ConvTile& tile, const float* x, const float* w, float* acc) {
  ff_loops(accumulator, tile, x, w, acc);
}
void bp_tile(Accumulator accumulator, const ConvTile& tile, const float* dy, const float* w, float* acc) {
  bp_loops(accumulator, tile, dy, w, acc);
}
void wg_tile(Accumulator accumulator, const ConvTile& tile, const float* x, const float* dy, float* acc) {
  wg_loops(accumulator, tile, x, dy, acc);
}

}  // namespace scalar
}  // namespace backboard::npu::lnpu
