#include "npu/engine/reference/compute_tile.h"

#include "npu/engine/conv_gemm.h"
#include "npu/engine/conv_loops.h"
#include "npu/engine/product_counts.h"

namespace backboard::npu::reference {

void ff_tile(const ConvTile& tile, const Operand& x, const Operand& w, float* acc, Facts& facts, Workspace& workspace) {
  multiply_tile({}, Pass::ff, tile, x, w, acc, workspace);
  count_tile({}, Pass::ff, tile, x, w, facts, workspace);
}

void bp_tile(const ConvTile& tile, const Operand& dy, const Operand& w, float* acc, Facts& facts,
             Workspace& workspace) {
  multiply_tile({}, Pass::bp, tile, dy, w, acc, workspace);
  count_tile({}, Pass::bp, tile, dy, w, facts, workspace);
}

void wg_tile(const ConvTile& tile, const Operand& x, const Operand& dy, float* acc, Facts& facts,
             Workspace& workspace) {
  multiply_tile({}, Pass::wg, tile, x, dy, acc, workspace);
  count_tile({}, Pass::wg, tile, x, dy, facts, workspace);
}

void multiply_tile(const ReferenceConfig&, Pass pass, const ConvTile& tile, const Operand& first, const Operand& second,
                   float* acc, Workspace& workspace) {
  conv_gemm(Arithmetic::kMultiplyThenAdd, pass, tile, {first.values}, {second.values}, acc, workspace);
}

void count_tile(const ReferenceConfig&, Pass pass, const ConvTile& tile, const Operand&, const Operand&, Facts& facts,
                Workspace&) {
  count_products(pass, tile, facts);
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
