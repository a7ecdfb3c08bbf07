#include "npu/engine/reference/compute_tile.h"

#include "npu/engine/conv_gemm.h"
#include "npu/engine/conv_loops.h"
#include "npu/engine/product_counts.h"

namespace backboard::npu::reference {
namespace {

void count(const ProductCounts& products, uint64_t outputs, Facts& facts) {
  facts.macs += products.inside;
  facts.macs_padding += products.padding;
  facts.outputs += outputs;
  ++facts.tiles;
}

}  // namespace

void ff_tile(const ConvTile& tile, const Operand& x, const Operand& w, float* acc, Facts& facts, Workspace& workspace) {
  conv_ff(Arithmetic::kMultiplyThenAdd, tile, x.values, w.values, acc, workspace);
  ff_facts(tile, facts);
}

void ff_facts(const ConvTile& tile, Facts& facts) {
  count(products_of_outputs(tile), uint64_t{tile.n} * tile.k * tile.oh_rows * tile.ow, facts);
}

void bp_tile(const ConvTile& tile, const Operand& dy, const Operand& w, float* acc, Facts& facts,
             Workspace& workspace) {
  conv_bp(Arithmetic::kMultiplyThenAdd, tile, dy.values, w.values, acc, workspace);
  bp_facts(tile, facts);
}

void bp_facts(const ConvTile& tile, Facts& facts) {
  count(products_of_inputs(tile), uint64_t{tile.n} * tile.c * tile.ih_rows * tile.w, facts);
}

void wg_tile(const ConvTile& tile, const Operand& x, const Operand& dy, float* acc, Facts& facts,
             Workspace& workspace) {
  conv_wg(Arithmetic::kMultiplyThenAdd, tile, x.values, dy.values, acc, workspace);
  wg_facts(tile, facts);
}

void wg_facts(const ConvTile& tile, Facts& facts) {
  count(products_of_outputs(tile), uint64_t{tile.k} * tile.c * tile.kh * tile.kw, facts);
}

void multiply_tile(const ReferenceConfig&, Pass pass, const ConvTile& tile, const Operand& first, const Operand& second,
                   float* acc, Workspace& workspace) {
  switch (pass) {
    case Pass::ff:
      return conv_ff(Arithmetic::kMultiplyThenAdd, tile, first.values, second.values, acc, workspace);
    case Pass::bp:
      return conv_bp(Arithmetic::kMultiplyThenAdd, tile, first.values, second.values, acc, workspace);
    case Pass::wg:
      return conv_wg(Arithmetic::kMultiplyThenAdd, tile, first.values, second.values, acc, workspace);
  }
}

void count_tile(const ReferenceConfig&, Pass pass, const ConvTile& tile, const Operand&, const Operand&, Facts& facts,
                Workspace&) {
  switch (pass) {
    case Pass::ff:
      return ff_facts(tile, facts);
    case Pass::bp:
      return bp_facts(tile, facts);
    case Pass::wg:
      return wg_facts(tile, facts);
  }
}

namespace scalar {

void ff_tile(const ConvTile& tile, const float* x, const float* w, float* acc) {
  ff_loops(Accumulator::kFp32, tile, x, w, acc);
}
void bp_tile(const ConvTile& tile, const float* dy, const float* w, float* acc) {
  bp_loops(Accumulator::kFp32, tile, dy, w, acc);
}
void wg_tile(const ConvTile& tile, const float* x, const float* dy, float* acc) {
  wg_loops(Accumulator::kFp32, tile, x, dy, acc);
}

}  // namespace scalar
}  // namespace backboard::npu::reference
