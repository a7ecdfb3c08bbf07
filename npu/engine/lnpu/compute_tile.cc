#include "npu/engine/lnpu/compute_tile.h"

#include "npu/engine/conv_gemm.h"
#include "npu/engine/conv_loops.h"
#include "npu/engine/lnpu/count_products.h"
#include "npu/engine/product_counts.h"
#include "platform/check/check.h"

namespace backboard::npu::lnpu {
namespace {

using Counter = void (*)(const LnpuConfig&, const ConvTile&, const uint8_t*, const uint8_t*, Facts&, Workspace&);

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

void count(const LnpuConfig& config, const ConvTile& tile, const Operand& first, const Operand& second, Counter counter,
           const ProductCounts& products, uint64_t outputs, Facts& facts, Workspace& workspace) {
  BB_CHECK(first.classes != nullptr && second.classes != nullptr, "lnpu needs the classes of its operands");
  const auto skipped = [&facts, &config] {
    uint64_t sum = 0;
    for (unsigned i = 0; i < kElementClasses; ++i) {
      sum += facts.macs_by_class[kClassZero][i];
      if (config.skip == Skip::kBoth && i != kClassZero) sum += facts.macs_by_class[i][kClassZero];
    }
    return sum;
  };
  if (config.skip == Skip::kNone) {
    count_dense(config, products.inside, facts);
  } else {
    const uint64_t before = skipped();
    counter(config, tile, first.classes, second.classes, facts, workspace);
    facts.macs_skipped += skipped() - before;
  }
  facts.macs += products.inside;
  facts.macs_padding += products.padding;
  facts.outputs += outputs;
  ++facts.tiles;
}

}  // namespace

Arithmetic arithmetic_of(Accumulator accumulator) {
  return accumulator == Accumulator::kFp16 ? Arithmetic::kFp16Sum : Arithmetic::kExactProduct;
}

void ff_tile(const LnpuConfig& config, const ConvTile& tile, const Operand& x, const Operand& w, float* acc,
             Facts& facts, Workspace& workspace) {
  conv_ff(arithmetic_of(config.accumulator), tile, x.values, w.values, acc, workspace);
  ff_facts(config, tile, x, w, facts, workspace);
}

void ff_facts(const LnpuConfig& config, const ConvTile& tile, const Operand& x, const Operand& w, Facts& facts,
              Workspace& workspace) {
  count(config, tile, x, w, count_ff, products_of_outputs(tile), uint64_t{tile.n} * tile.k * tile.oh_rows * tile.ow,
        facts, workspace);
}

void bp_tile(const LnpuConfig& config, const ConvTile& tile, const Operand& dy, const Operand& w, float* acc,
             Facts& facts, Workspace& workspace) {
  conv_bp(arithmetic_of(config.accumulator), tile, dy.values, w.values, acc, workspace);
  bp_facts(config, tile, dy, w, facts, workspace);
}

void bp_facts(const LnpuConfig& config, const ConvTile& tile, const Operand& dy, const Operand& w, Facts& facts,
              Workspace& workspace) {
  count(config, tile, dy, w, count_bp, products_of_inputs(tile), uint64_t{tile.n} * tile.c * tile.ih_rows * tile.w,
        facts, workspace);
}

void wg_tile(const LnpuConfig& config, const ConvTile& tile, const Operand& x, const Operand& dy, float* acc,
             Facts& facts, Workspace& workspace) {
  conv_wg(arithmetic_of(config.accumulator), tile, x.values, dy.values, acc, workspace);
  wg_facts(config, tile, x, dy, facts, workspace);
}

void wg_facts(const LnpuConfig& config, const ConvTile& tile, const Operand& x, const Operand& dy, Facts& facts,
              Workspace& workspace) {
  count(config, tile, x, dy, count_wg, products_of_outputs(tile), uint64_t{tile.k} * tile.c * tile.kh * tile.kw, facts,
        workspace);
}

void multiply_tile(const LnpuConfig& config, Pass pass, const ConvTile& tile, const Operand& first,
                   const Operand& second, float* acc, Workspace& workspace) {
  const Arithmetic arithmetic = arithmetic_of(config.accumulator);
  switch (pass) {
    case Pass::ff:
      return conv_ff(arithmetic, tile, first.values, second.values, acc, workspace);
    case Pass::bp:
      return conv_bp(arithmetic, tile, first.values, second.values, acc, workspace);
    case Pass::wg:
      return conv_wg(arithmetic, tile, first.values, second.values, acc, workspace);
  }
}

void count_tile(const LnpuConfig& config, Pass pass, const ConvTile& tile, const Operand& first, const Operand& second,
                Facts& facts, Workspace& workspace) {
  switch (pass) {
    case Pass::ff:
      return ff_facts(config, tile, first, second, facts, workspace);
    case Pass::bp:
      return bp_facts(config, tile, first, second, facts, workspace);
    case Pass::wg:
      return wg_facts(config, tile, first, second, facts, workspace);
  }
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
