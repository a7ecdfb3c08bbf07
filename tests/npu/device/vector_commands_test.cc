// Commands of the vector unit, conversions and updates against plain loops, on every engine and in every format.
#include <catch2/catch.hpp>

#include <cmath>

#include "npu/engine/table.h"
#include "tests/npu/device/command_making.h"
#include "tests/npu/device/everywhere.h"
#include "tests/npu/engine/sum_rules.h"
#include "tests/support/npu_bench.h"
#include "tests/support/npu_golden.h"

using namespace backboard;
using namespace backboard::npu;
using namespace backboard::test;

TEST_CASE("ReLU, its error and bias equal element-wise loops") {
  everywhere([](NpuBench& bench, const TensorOptions& in, const TensorOptions& out, const Tiles& tiles) {
    const std::array<uint32_t, 4> shape{3, 5, 7, 6};
    const BenchTensor x = bench.tensor(shape, in), mask = bench.tensor(shape, in), y = bench.tensor(shape, out);
    const BenchTensor bias = bench.tensor({1, 5, 1, 1}, format(TensorFormat::kFP32));
    bench.fill(x, noise(x.elements(), 1));
    bench.fill(mask, noise(x.elements(), 2));
    bench.fill(bias, noise(5, 3));
    const Values xv(shape, bench.values(x)), mv(shape, bench.values(mask));
    Command command = command_of(Opcode::kRELU_FF);
    set_tiles(command, tiles);
    command.tensor0 = x.descriptor_address;
    command.tensor2 = y.descriptor_address;
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    expect_bytes(bench, y, golden_relu(xv).data, out);
    command.opcode = static_cast<uint8_t>(Opcode::kRELU_BP);
    command.tensor3 = mask.descriptor_address;
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    expect_bytes(bench, y, golden_mask(xv, mv).data, out);
    command.opcode = static_cast<uint8_t>(Opcode::kBIAS_FF);
    command.tensor3 = bias.descriptor_address;
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    expect_bytes(bench, y, golden_bias(xv, bench.values(bias)).data, out);
  });
}

TEST_CASE("Element-wise commands work in place, and others are refused") {
  NpuBench bench;
  bench.start();
  const std::array<uint32_t, 4> shape{2, 3, 5, 4};
  const BenchTensor x = bench.tensor(shape), y = bench.tensor(shape);
  const std::vector<float> values = noise(x.elements(), 1);
  const auto execute = [&](Opcode opcode, const BenchTensor& to) {
    bench.fill(x, values);
    Command command = command_of(opcode);
    command.tensor0 = x.descriptor_address;
    command.tensor2 = to.descriptor_address;
    return bench.execute(command);
  };
  for (const Opcode opcode :
       {Opcode::kRELU_FF, Opcode::kLEAKY_FF, Opcode::kSIGMOID_FF, Opcode::kTANH_FF, Opcode::kGELU_FF}) {
    INFO(name_of(opcode));
    REQUIRE(execute(opcode, y) == ErrorCode::kNONE);
    const std::vector<uint8_t> apart = bench.bytes(y);
    REQUIRE(execute(opcode, x) == ErrorCode::kNONE);
    CHECK(bench.bytes(x) == apart);
  }
  Command copy = command_of(Opcode::kCOPY);
  copy.tensor0 = copy.tensor1 = x.descriptor_address;
  CHECK(bench.execute(copy) == ErrorCode::kOVERLAP);
}

TEST_CASE("Pooling in both directions equals whole-tensor loops, with index and mask") {
  const Window windows[] = {
      {.kh = 2, .kw = 2, .stride_h = 2, .stride_w = 2},
      {.kh = 3, .kw = 3, .stride_h = 2, .stride_w = 1, .pad_h = 1, .pad_w = 1},
      {.kh = 2, .kw = 1, .stride_h = 3, .stride_w = 2},
      {.kh = 2, .kw = 3, .stride_h = 2, .stride_w = 2, .ceil = true},
      {.kh = 3, .kw = 3, .stride_h = 3, .stride_w = 2, .pad_h = 1, .pad_w = 1, .ceil = true},
      {.kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2, .pad_h = 1, .pad_w = 1, .exclude_pad = true},
      {.kh = 3, .kw = 2, .stride_h = 3, .stride_w = 2, .pad_h = 1, .pad_w = 1, .ceil = true, .exclude_pad = true}};
  for (const Window& window : windows) {
    everywhere([&](NpuBench& bench, const TensorOptions& in, const TensorOptions& out, const Tiles& tiles) {
      const std::array<uint32_t, 4> shape{2, 4, 9, 8};
      const std::array<uint32_t, 4> pooled{2, 4, window.out_h(9), window.out_w(8)};
      const BenchTensor x = bench.tensor(shape, in), y = bench.tensor(pooled, out), dy = bench.tensor(pooled, in);
      const BenchTensor dx = bench.tensor(shape, out), index = bench.tensor(pooled, format(TensorFormat::kU8));
      const BenchTensor mask = bench.tensor(pooled, in);
      bench.fill(x, noise(x.elements(), 1));
      bench.fill(dy, noise(dy.elements(), 2));
      bench.fill(mask, noise(dy.elements(), 3));
      const Values xv(shape, bench.values(x)), dyv(pooled, bench.values(dy)), mv(pooled, bench.values(mask));
      const Pooled golden = golden_max_pool(xv, window);
      Command command = command_of(Opcode::kMAXPOOL_FF, kFlagINDEX);
      set_window(command, window, true);
      set_tiles(command, tiles);
      command.tensor0 = x.descriptor_address;
      command.tensor2 = y.descriptor_address;
      command.tensor3 = index.descriptor_address;
      REQUIRE(bench.execute(command) == ErrorCode::kNONE);
      expect_bytes(bench, y, golden.y.data, out);
      CHECK(bench.bytes(index) == golden.index);
      Command error = command;
      error.opcode = static_cast<uint8_t>(Opcode::kMAXPOOL_BP), error.flags = kFlagMASK;
      error.tensor0 = dy.descriptor_address, error.tensor1 = index.descriptor_address;
      error.tensor2 = dx.descriptor_address, error.tensor3 = mask.descriptor_address;
      REQUIRE(bench.execute(error) == ErrorCode::kNONE);
      expect_bytes(bench, dx, golden_max_pool_bp(golden_mask(dyv, mv), golden.index, window, shape).data, out);
      command.opcode = static_cast<uint8_t>(Opcode::kAVGPOOL_FF), command.tensor3 = 0;
      command.flags = window.exclude_pad ? kFlagEXCLUDE_PAD : 0;
      REQUIRE(bench.execute(command) == ErrorCode::kNONE);
      expect_bytes(bench, y, golden_average_pool(xv, window).data, out);
      command.opcode = static_cast<uint8_t>(Opcode::kAVGPOOL_BP);
      command.tensor0 = dy.descriptor_address, command.tensor2 = dx.descriptor_address;
      REQUIRE(bench.execute(command) == ErrorCode::kNONE);
      expect_bytes(bench, dx, golden_average_pool_bp(dyv, window, shape).data, out);
    });
  }
}

TEST_CASE("Global pooling and the bias gradient sum in the written order whatever the tile") {
  everywhere([](NpuBench& bench, const TensorOptions& in, const TensorOptions& out, const Tiles& tiles) {
    const std::array<uint32_t, 4> shape{3, 5, 6, 7};
    const BenchTensor x = bench.tensor(shape, in), y = bench.tensor({3, 5, 1, 1}, out), dx = bench.tensor(shape, out);
    const BenchTensor gradient = bench.tensor({1, 5, 1, 1}, format(TensorFormat::kFP32));
    bench.fill(x, noise(x.elements(), 1));
    const Values xv(shape, bench.values(x));
    std::vector<float> means(15), sums(5);
    for (uint32_t n = 0; n < 3; ++n) {
      for (uint32_t c = 0; c < 5; ++c) {
        for (uint32_t i = 0; i < 42; ++i) {
          means[n * 5 + c] = means[n * 5 + c] + xv.at(n, c, i / 7, i % 7);
          sums[c] = sums[c] + xv.at(n, c, i / 7, i % 7);
        }
        means[n * 5 + c] = means[n * 5 + c] * (1.0f / 42.0f);
      }
    }
    Command command = command_of(Opcode::kGLOBALPOOL_FF);
    set_tiles(command, tiles);
    command.tensor0 = x.descriptor_address;
    command.tensor2 = y.descriptor_address;
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    expect_bytes(bench, y, means, out);
    if (has_format(formats_mask(in), y.format())) {
      const std::vector<float> yv = bench.values(y);
      std::vector<float> spread(x.elements());
      for (size_t i = 0; i < spread.size(); ++i) spread[i] = yv[i / 42] * (1.0f / 42.0f);
      command.opcode = static_cast<uint8_t>(Opcode::kGLOBALPOOL_BP);
      command.tensor0 = y.descriptor_address, command.tensor2 = dx.descriptor_address;
      REQUIRE(bench.execute(command) == ErrorCode::kNONE);
      expect_bytes(bench, dx, spread, out);
    }
    command.opcode = static_cast<uint8_t>(Opcode::kBIAS_WG);
    command.tensor0 = x.descriptor_address, command.tensor2 = gradient.descriptor_address;
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    expect_bytes(bench, gradient, sums, format(TensorFormat::kFP32));
    command.flags = kFlagACCUMULATE;
    for (uint32_t i = 0; i < 3 * 5 * 42; ++i) sums[i / 42 % 5] = sums[i / 42 % 5] + xv.data[i];
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    expect_bytes(bench, gradient, sums, format(TensorFormat::kFP32));
  });
}

TEST_CASE("Encode, decode and copy keep every value, and a gather picks images") {
  for (const EngineRow& row : engine_table()) {
    for (const TensorFormat f : formats_in(row.offer().vector_out)) {
      for (const Tiles& tiles : kTiles) {
        CAPTURE(row.name, name_of(f), tiles.k, tiles.rows);
        NpuBench bench(config_of(row));
        bench.start();
        const std::array<uint32_t, 4> shape{4, 3, 8, 9}, batch{6, 3, 8, 9};
        TensorOptions gap = format(TensorFormat::kFP32);
        gap.row_gap = 3;
        TensorOptions options = format(f);
        options.statistics = true;
        if (is_coded(f)) options.block_channels = options.block_rows = 1;
        const BenchTensor x = bench.tensor(shape, gap), y = bench.tensor(batch, options);
        const BenchTensor back = bench.tensor(batch, gap), copy = bench.tensor(batch, gap);
        bench.fill(x, noise(x.elements(), 1));
        const std::array<uint32_t, 6> list{3, 0, 0, 2, 1, 3};
        const std::vector<float> all = bench.values(x);
        std::vector<float> picked;
        for (const uint32_t image : list) {
          picked.insert(picked.end(), all.begin() + image * 216, all.begin() + (image + 1) * 216);
        }
        Command command = command_of(Opcode::kENCODE);
        set_tiles(command, tiles);
        command.tensor0 = x.descriptor_address, command.tensor1 = y.descriptor_address;
        command.auxiliary = bench.place(list);
        REQUIRE(bench.execute(command) == ErrorCode::kNONE);
        expect_bytes(bench, y, picked, options);
        const npu_tensor_statistics statistics = bench.statistics(y);
        CHECK(statistics.elements == picked.size());
        CHECK(statistics.zeros + statistics.low + statistics.high == statistics.elements);
        command.opcode = static_cast<uint8_t>(Opcode::kDECODE), command.auxiliary = 0;
        command.tensor0 = y.descriptor_address, command.tensor1 = back.descriptor_address;
        REQUIRE(bench.execute(command) == ErrorCode::kNONE);
        CHECK(bench.values(back) == bench.values(y));
        command.opcode = static_cast<uint8_t>(Opcode::kCOPY);
        command.tensor0 = back.descriptor_address, command.tensor1 = copy.descriptor_address;
        REQUIRE(bench.execute(command) == ErrorCode::kNONE);
        CHECK(bench.image(copy) == bench.image(back));
      }
    }
  }
}

TEST_CASE("The loss writes error and record, and leaves rows beyond the valid images zero") {
  for (const EngineRow& row : engine_table()) {
    for (const uint16_t tile_n : {0, 1, 2}) {
      NpuBench bench(config_of(row));
      bench.start();
      const BenchTensor logits = bench.tensor({5, 10, 1, 1}), error = bench.tensor({5, 10, 1, 1});
      const BenchTensor labels = bench.tensor({5, 1, 1, 1}, format(TensorFormat::kU8, TensorClass::kLABEL));
      bench.fill(logits, noise(50, 1, 0.0));
      bench.fill_bytes(labels, {3, 9, 0, 5, 200});
      npu_hyper hyper{};
      hyper.loss_scale = 8;
      npu_loss_record record{};
      record.valid = 4;
      Command command = command_of(Opcode::kSOFTMAX_CE);
      command.tile_n = tile_n;
      command.tensor0 = logits.descriptor_address, command.tensor1 = labels.descriptor_address;
      command.tensor2 = error.descriptor_address;
      command.parameters = bench.place(hyper);
      command.auxiliary = bench.place(record);
      REQUIRE(bench.execute(command) == ErrorCode::kNONE);
      const std::vector<float> x = bench.values(logits), e = bench.values(error);
      const uint8_t label[] = {3, 9, 0, 5};
      double loss = 0;
      uint32_t correct = 0;
      for (uint32_t n = 0; n < 4; ++n) {
        double sum = 0;
        uint32_t best = 0;
        for (uint32_t c = 0; c < 10; ++c) {
          sum += std::exp(double{x[n * 10 + c]});
          if (x[n * 10 + c] > x[n * 10 + best]) best = c;
        }
        loss += std::log(sum) - x[n * 10 + label[n]];
        correct += best == label[n];
        for (uint32_t c = 0; c < 10; ++c) {
          const double p = std::exp(double{x[n * 10 + c]}) / sum - (c == label[n] ? 1 : 0);
          CHECK(e[n * 10 + c] == Approx(p * 8 / 4).margin(1e-6));
        }
      }
      for (uint32_t c = 0; c < 10; ++c) CHECK(e[40 + c] == 0.0f);
      const auto result = bench.record<npu_loss_record>(command.auxiliary);
      CHECK(result.valid == 4);
      CHECK(result.correct == correct);
      CHECK(result.loss_sum == Approx(loss).epsilon(1e-6));
    }
  }
}

TEST_CASE("A fused update leaves the bytes of gradient and separate update, for every tile size") {
  for (const EngineRow& row : engine_table()) {
    const Offer& offer = row.offer();
    const TensorFormat operand = main_format_of(offer);
    for (const TensorFormat master : {TensorFormat::kFP32, TensorFormat::kFP16}) {
      if (!has_format(offer.formats, master)) continue;
      for (const bool stochastic : {false, true}) {
        for (const uint16_t tile : {0, 1, 3}) {
          CAPTURE(row.name, name_of(master), stochastic, tile);
          NpuBench bench(config_of(row));
          bench.start();
          const std::array<uint32_t, 4> shape{7, 5, 3, 3};
          const BenchTensor x = bench.tensor({2, 5, 6, 6}, format(operand));
          const BenchTensor dy = bench.tensor({2, 7, 6, 6}, format(operand, TensorClass::kERROR));
          const BenchTensor gradient = bench.tensor(shape);
          TensorOptions blocks = format(operand, TensorClass::kWEIGHT);
          if (is_coded(operand)) blocks.block_channels = 1, blocks.block_rows = 3;
          std::array<BenchTensor, 2> weights, momentum, copy;
          for (unsigned i = 0; i < 2; ++i) {
            weights[i] = bench.tensor(shape, format(master, TensorClass::kMASTER));
            momentum[i] = bench.tensor(shape, format(TensorFormat::kFP32, TensorClass::kMOMENTUM));
            copy[i] = bench.tensor(shape, blocks);
            bench.fill(weights[i], noise(315, 3));
            bench.fill(momentum[i], noise(315, 4));
          }
          bench.fill(x, noise(x.elements(), 1));
          bench.fill(dy, noise(dy.elements(), 2));
          npu_hyper hyper{};
          hyper.learning_rate = 0.03f, hyper.momentum = 0.9f, hyper.weight_decay = 0.01f, hyper.gradient_scale = 0.25f;
          hyper.flags = stochastic ? NPU_HYPER_STOCHASTIC : 0, hyper.seed = 7, hyper.step = 9;
          std::vector<float> w = bench.values(weights[0]), v = bench.values(momentum[0]);
          Command fused = command_of(Opcode::kCONV_WG, kFlagUPDATE | kFlagMOMENTUM | kFlagCOPY);
          set_window(fused, {.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1}, false);
          fused.tile_k = fused.tile_c = tile;
          fused.tensor0 = x.descriptor_address, fused.tensor1 = dy.descriptor_address;
          Command plain = fused;
          fused.tensor3 = weights[0].descriptor_address, fused.tensor4 = momentum[0].descriptor_address;
          fused.tensor5 = copy[0].descriptor_address;
          fused.parameters = bench.place(hyper);
          REQUIRE(bench.execute(fused) == ErrorCode::kNONE);
          plain.flags = 0, plain.tensor2 = gradient.descriptor_address;
          REQUIRE(bench.execute(plain) == ErrorCode::kNONE);
          Command update = command_of(Opcode::kSGD, kFlagMOMENTUM | kFlagCOPY);
          update.tile_k = tile;
          update.tensor0 = gradient.descriptor_address, update.tensor3 = weights[1].descriptor_address;
          update.tensor4 = momentum[1].descriptor_address, update.tensor5 = copy[1].descriptor_address;
          update.parameters = fused.parameters;
          REQUIRE(bench.execute(update) == ErrorCode::kNONE);
          CHECK(bench.image(weights[0]) == bench.image(weights[1]));
          CHECK(bench.image(momentum[0]) == bench.image(momentum[1]));
          CHECK(bench.image(copy[0]) == bench.image(copy[1]));
          CHECK(bench.values(weights[0]) != w);
          if (stochastic && master == TensorFormat::kFP16) continue;
          golden_update({hyper.learning_rate, hyper.momentum, hyper.weight_decay, hyper.gradient_scale},
                        bench.values(gradient), w, v);
          expect_bytes(bench, weights[0], w, format(master));
          expect_bytes(bench, momentum[0], v, format(TensorFormat::kFP32));
        }
      }
    }
  }
}

TEST_CASE("Fully connected layers read coded convolution outputs as flat channels") {
  for (const EngineRow& row : engine_table()) {
    for (const TensorFormat f : formats_in(row.offer().multiply)) {
      CAPTURE(row.name, name_of(f));
      NpuBench bench(config_of(row));
      bench.start();
      TensorOptions blocks = format(f);
      if (is_coded(f)) blocks.block_channels = 4, blocks.block_rows = 3;
      const BenchTensor map = bench.tensor({3, 6, 3, 3}, blocks);
      bench.fill(map, noise(map.elements(), 1));
      BenchTensor flat = map;
      flat.descriptor.shape_c = 54;
      flat.descriptor.shape_h = flat.descriptor.shape_w = 1;
      if (is_coded(f)) flat.descriptor.block_channels = 36, flat.descriptor.block_rows = 1;
      flat.descriptor_address = bench.allocate(kDescriptorBytes);
      bench.update(flat);
      const BenchTensor w = bench.tensor({7, 54, 1, 1}, format(f)), y = bench.tensor({3, 7, 1, 1});
      const BenchTensor dy = bench.tensor({3, 7, 1, 1}, format(f));
      const BenchTensor dw = bench.tensor({7, 54, 1, 1}), dx = bench.tensor({3, 54, 1, 1});
      bench.fill(w, noise(w.elements(), 2));
      bench.fill(dy, noise(dy.elements(), 3));
      const Values xv({3, 54, 1, 1}, bench.values(map)), wv({7, 54, 1, 1}, bench.values(w));
      const Values dyv({3, 7, 1, 1}, bench.values(dy));
      for (const uint16_t tile : {0, 5, 36}) {
        Command command = command_of(Opcode::kFC_FF);
        command.tile_c = tile;
        command.tensor0 = flat.descriptor_address, command.tensor1 = w.descriptor_address;
        command.tensor2 = y.descriptor_address;
        REQUIRE(bench.execute(command) == ErrorCode::kNONE);
        expect_bytes(bench, y, golden_ff(xv, wv, {}, sum_rule_of(row.id, Pass::ff)).data, format(TensorFormat::kFP32));
        command.opcode = static_cast<uint8_t>(Opcode::kFC_WG);
        command.tensor1 = dy.descriptor_address, command.tensor2 = dw.descriptor_address;
        REQUIRE(bench.execute(command) == ErrorCode::kNONE);
        expect_bytes(bench, dw, golden_wg(xv, dyv, {}, Values({7, 54, 1, 1}), sum_rule_of(row.id, Pass::wg)).data,
                     format(TensorFormat::kFP32));
        command.opcode = static_cast<uint8_t>(Opcode::kFC_BP);
        command.tensor0 = dy.descriptor_address, command.tensor1 = w.descriptor_address;
        command.tensor2 = dx.descriptor_address;
        REQUIRE(bench.execute(command) == ErrorCode::kNONE);
        expect_bytes(bench, dx, golden_bp(dyv, wv, {}, {3, 54, 1, 1}, sum_rule_of(row.id, Pass::bp)).data,
                     format(TensorFormat::kFP32));
      }
    }
  }
}
