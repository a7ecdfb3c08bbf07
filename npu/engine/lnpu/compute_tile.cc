#include "npu/engine/lnpu/compute_tile.h"

#include "npu/engine/conv_gemm.h"
#include "npu/engine/conv_loops.h"
#include "npu/engine/product_counts.h"

namespace backboard::npu::lnpu {
namespace {

Arithmetic arithmetic_of(Accumulator accumulator) {
  return accumulator == Accumulator::kFp16 ? Arithmetic::kFp16Sum : Arithmetic::kExactProduct;
}

void count(const ProductCounts& products, uint64_t outputs, Facts& facts) {
  facts.macs += products.inside;
  facts.macs_padding += products.padding;
  facts.outputs += outputs;
  ++facts.tiles;
}

}  // namespace

void ff_tile(const LnpuConfig& config, const ConvTile& tile, const Operand& x, const Operand& w, float* acc,
             Facts& facts, Workspace& workspace) {
  conv_ff(arithmetic_of(config.accumulator), tile, x.values, w.values, acc, workspace);
  count(products_of_outputs(tile), uint64_t{tile.n} * tile.k * tile.oh_rows * tile.ow, facts);
}

void bp_tile(const LnpuConfig& config, const ConvTile& tile, const Operand& dy, const Operand& w, float* acc,
             Facts& facts, Workspace& workspace) {
  conv_bp(arithmetic_of(config.accumulator), tile, dy.values, w.values, acc, workspace);
  count(products_of_inputs(tile), uint64_t{tile.n} * tile.c * tile.ih_rows * tile.w, facts);
}

void wg_tile(const LnpuConfig& config, const ConvTile& tile, const Operand& x, const Operand& dy, float* acc,
             Facts& facts, Workspace& workspace) {
  conv_wg(arithmetic_of(config.accumulator), tile, x.values, dy.values, acc, workspace);
  count(products_of_outputs(tile), uint64_t{tile.k} * tile.c * tile.kh * tile.kw, facts);
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
