// Every command against plain loops over whole tensors, on every engine and in every format that it offers.
#include <catch2/catch.hpp>

#include "npu/engine/table.h"
#include "tests/npu/device/command_making.h"
#include "tests/npu/engine/sum_rules.h"
#include "tests/support/npu_bench.h"
#include "tests/support/npu_golden.h"

using namespace backboard;
using namespace backboard::npu;
using namespace backboard::test;

namespace {

struct LayerCase {
  std::array<uint32_t, 4> x;
  uint32_t k;
  Window window;
  std::array<uint16_t, 4> tiles;  ///< k, rows, c, n
};

const LayerCase kLayers[] = {
    {{2, 3, 9, 7}, 5, {.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1}, {0, 0, 0, 0}},
    {{2, 3, 9, 7}, 5, {.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1}, {2, 4, 1, 1}},
    {{3, 4, 11, 10}, 6, {.kh = 3, .kw = 2, .stride_h = 2, .stride_w = 3, .pad_h = 1}, {4, 3, 3, 2}},
    {{2, 4, 12, 9}, 4, {.kh = 2, .kw = 3, .pad_h = 2, .dilation_h = 3, .dilation_w = 2, .groups = 2}, {1, 5, 1, 1}},
    {{1, 2, 5, 5}, 3, {.kh = 1, .kw = 1, .stride_h = 3, .stride_w = 3}, {0, 1, 0, 0}},
    {{2, 6, 6, 6}, 6, {.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1, .groups = 6}, {0, 0, 0, 0}},
    {{2, 3, 8, 9}, 5, {.kh = 3, .kw = 4, .stride_h = 2, .pad_w = 1, .pad_more_h = 1, .pad_more_w = 1}, {0, 2, 1, 1}},
    {{2, 3, 7, 6}, 4, {.kh = 4, .kw = 3, .pad_h = 3, .pad_w = 2, .pad_more_h = -3, .pad_more_w = -1}, {2, 3, 2, 2}},
};

}  // namespace

TEST_CASE("Convolutions in all three passes equal whole-tensor loops, in every format of every engine") {
  for (const EngineRow& row : engine_table()) {
    const Offer& offer = row.offer();
    for (const TensorFormat f : formats_in(offer.multiply)) {
      const TensorFormat out = has_format(offer.vector_out, f) ? f : TensorFormat::kFP32;
      for (const LayerCase& layer : kLayers) {
        CAPTURE(row.name, name_of(f), layer.k, layer.window.stride_h, layer.tiles[0]);
        NpuBench bench(config_of(row));
        bench.start();
        const Window& window = layer.window;
        const std::array<uint32_t, 4> w_shape{layer.k, layer.x[1] / window.groups, window.kh, window.kw};
        const std::array<uint32_t, 4> y_shape{layer.x[0], layer.k, window.out_h(layer.x[2]), window.out_w(layer.x[3])};
        // Blocks of one row let any tile of rows be stored; explicit tiles of channels then fit too.
        TensorOptions blocks = format(out);
        if (is_coded(out)) blocks.block_channels = blocks.block_rows = 1;
        const BenchTensor x = bench.tensor(layer.x, format(f));
        const BenchTensor w = bench.tensor(w_shape, format(f, TensorClass::kWEIGHT));
        const BenchTensor dy = bench.tensor(y_shape, format(f, TensorClass::kERROR));
        const BenchTensor bias = bench.tensor({1, layer.k, 1, 1}, format(TensorFormat::kFP32, TensorClass::kMASTER));
        const BenchTensor y = bench.tensor(y_shape, blocks);
        const BenchTensor dx = bench.tensor(layer.x, blocks);
        const BenchTensor dw = bench.tensor(w_shape, format(TensorFormat::kFP32, TensorClass::kGRADIENT));
        bench.fill(x, noise(x.elements(), 1));
        bench.fill(w, noise(w.elements(), 2, 0.1));
        bench.fill(dy, noise(dy.elements(), 3, 0.5));
        bench.fill(bias, noise(bias.elements(), 4));
        bench.fill(dw, noise(dw.elements(), 5));
        const Values xv(layer.x, bench.values(x)), wv(w_shape, bench.values(w)), dyv(y_shape, bench.values(dy));
        const Values start(w_shape, bench.values(dw));
        const Values xc = multiplied_x(row.id, xv, w_shape[1]), wc = multiplied_w(row.id, wv);

        Command ff = command_of(Opcode::kCONV_FF, kFlagBIAS | kFlagRELU);
        set_window(ff, window, false);
        ff.tile_k = layer.tiles[0], ff.tile_rows = layer.tiles[1], ff.tile_c = layer.tiles[2],
        ff.tile_n = layer.tiles[3];
        ff.tensor0 = x.descriptor_address, ff.tensor1 = w.descriptor_address, ff.tensor2 = y.descriptor_address;
        ff.tensor3 = bias.descriptor_address;
        REQUIRE(bench.execute(ff) == ErrorCode::kNONE);
        expect_bytes(
            bench, y,
            golden_relu(golden_bias(golden_ff(xc, wc, window, sum_rule_of(row.id, Pass::ff)), bench.values(bias))).data,
            blocks);

        Command bp = ff;
        bp.opcode = static_cast<uint8_t>(Opcode::kCONV_BP), bp.flags = kFlagMASK;
        bp.tensor0 = dy.descriptor_address, bp.tensor2 = dx.descriptor_address, bp.tensor3 = x.descriptor_address;
        REQUIRE(bench.execute(bp) == ErrorCode::kNONE);
        expect_bytes(bench, dx,
                     golden_mask(golden_bp(dyv, wc, window, layer.x, sum_rule_of(row.id, Pass::bp)), xv).data, blocks);

        Command wg = ff;
        wg.opcode = static_cast<uint8_t>(Opcode::kCONV_WG), wg.flags = kFlagACCUMULATE;
        wg.tensor1 = dy.descriptor_address, wg.tensor2 = dw.descriptor_address, wg.tensor3 = 0;
        REQUIRE(bench.execute(wg) == ErrorCode::kNONE);
        expect_bytes(bench, dw, golden_wg(xv, dyv, window, start, sum_rule_of(row.id, Pass::wg)).data,
                     format(TensorFormat::kFP32));
        wg.flags = 0;
        REQUIRE(bench.execute(wg) == ErrorCode::kNONE);
        expect_bytes(bench, dw, golden_wg(xv, dyv, window, Values(w_shape), sum_rule_of(row.id, Pass::wg)).data,
                     format(TensorFormat::kFP32));
      }
    }
  }
}
