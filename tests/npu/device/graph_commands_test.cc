// Commands of networks that are graphs against plain loops in the written order, on every engine, in every format and
// for every tiling.
#include <catch2/catch.hpp>

#include <cmath>

#include "npu/numerics/elementary.h"
#include "npu/sgd/random_stream.h"
#include "tests/npu/device/command_making.h"
#include "tests/npu/device/everywhere.h"

using namespace backboard;
using namespace backboard::npu;
using namespace backboard::test;

namespace {

/// Results of a normalisation as plain loops give them: (2, c) each.
struct Norm {
  std::vector<float> moments, gradient;
};

/// The sum over (n, h, w) of term(n, c, h, w): column w to lane w mod 16, the lanes in order.
template <class Term>
float lane_sum(const Values& x, uint32_t c, uint32_t images, const Term& term) {
  std::array<float, 16> lanes{};
  for (uint32_t n = 0; n < images; ++n)
    for (uint32_t h = 0; h < x.shape[2]; ++h)
      for (uint32_t w = 0; w < x.shape[3]; ++w) lanes[w % 16] = lanes[w % 16] + term(n, h, w);
  float sum = 0;
  for (const float lane : lanes) sum = sum + lane;
  (void)c;
  return sum;
}

Norm golden_norm(const Values& x, const Values& dy, uint32_t images, float epsilon) {
  const uint32_t channels = x.shape[1];
  const float count = static_cast<float>(images * x.shape[2] * x.shape[3]);
  Norm norm{std::vector<float>(2 * channels), std::vector<float>(2 * channels)};
  for (uint32_t c = 0; c < channels; ++c) {
    const float mean =
        lane_sum(x, c, images, [&](uint32_t n, uint32_t h, uint32_t w) { return x.at(n, c, h, w); }) / count;
    const float variance = lane_sum(x, c, images,
                                    [&](uint32_t n, uint32_t h, uint32_t w) {
                                      const float d = x.at(n, c, h, w) - mean;
                                      return d * d;
                                    }) /
                           count;
    const float inverse = 1.0f / std::sqrt(variance + epsilon);
    norm.moments[c] = mean;
    norm.moments[channels + c] = variance;
    norm.gradient[c] = inverse * lane_sum(x, c, images, [&](uint32_t n, uint32_t h, uint32_t w) {
                         return dy.at(n, c, h, w) * (x.at(n, c, h, w) - mean);
                       });
    norm.gradient[channels + c] =
        lane_sum(x, c, images, [&](uint32_t n, uint32_t h, uint32_t w) { return dy.at(n, c, h, w); });
  }
  return norm;
}

}  // namespace

TEST_CASE("Additions, joins and slices equal plain loops, with ReLU6 and masks") {
  everywhere([](NpuBench& bench, const TensorOptions& in, const TensorOptions& out, const Tiles& tiles) {
    const std::array<uint32_t, 4> shape{3, 5, 7, 6}, other{3, 4, 7, 6}, joined{3, 9, 7, 6};
    const BenchTensor a = bench.tensor(shape, in), b = bench.tensor(shape, in), small = bench.tensor(other, in);
    const BenchTensor y = bench.tensor(shape, out), both = bench.tensor(joined, out), part = bench.tensor(other, out);
    const BenchTensor mask = bench.tensor(shape, in), small_mask = bench.tensor(other, in);
    const auto scaled = [](std::vector<float> values, float factor) {
      for (float& value : values) value *= factor;
      return values;
    };
    bench.fill(a, scaled(noise(a.elements(), 1), 8.0f));
    bench.fill(b, noise(b.elements(), 2));
    bench.fill(small, noise(small.elements(), 3));
    bench.fill(mask, scaled(noise(a.elements(), 4), 12.0f));
    bench.fill(small_mask, noise(small.elements(), 5));
    const Values av(shape, bench.values(a)), bv(shape, bench.values(b)), sv(other, bench.values(small));
    const std::vector<float> mv = bench.values(mask), smv = bench.values(small_mask);
    std::vector<float> plain(av.data.size()), relu(plain.size()), masked(plain.size());
    for (size_t i = 0; i < plain.size(); ++i) {
      plain[i] = av.data[i] + bv.data[i];
      relu[i] = std::min(std::max(plain[i], 0.0f), 6.0f);
      masked[i] = mv[i] > 0 && mv[i] < 6 ? plain[i] : 0.0f;
    }
    Command command = command_of(Opcode::kADD);
    set_tiles(command, tiles);
    command.tensor0 = a.descriptor_address, command.tensor1 = b.descriptor_address;
    command.tensor2 = y.descriptor_address;
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    expect_bytes(bench, y, plain, out);
    command.flags = kFlagRELU | kFlagCLIP6;
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    expect_bytes(bench, y, relu, out);
    command.flags = kFlagMASK | kFlagCLIP6, command.tensor3 = mask.descriptor_address;
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    expect_bytes(bench, y, masked, out);

    Values wanted(joined), sliced(other);
    for (uint32_t n = 0; n < 3; ++n)
      for (uint32_t h = 0; h < 7; ++h)
        for (uint32_t w = 0; w < 6; ++w) {
          for (uint32_t c = 0; c < 9; ++c) wanted.at(n, c, h, w) = c < 5 ? av.at(n, c, h, w) : sv.at(n, c - 5, h, w);
          for (uint32_t c = 0; c < 4; ++c) sliced.at(n, c, h, w) = av.at(n, c + 1, h, w);
        }
    command = command_of(Opcode::kCONCAT);
    set_tiles(command, tiles);
    command.tensor0 = a.descriptor_address, command.tensor1 = small.descriptor_address;
    command.tensor2 = both.descriptor_address;
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    expect_bytes(bench, both, wanted.data, out);
    command = command_of(Opcode::kSLICE, kFlagMASK);
    set_tiles(command, tiles);
    command.first_channel = 1;
    command.tensor0 = a.descriptor_address, command.tensor2 = part.descriptor_address;
    command.tensor3 = small_mask.descriptor_address;
    for (size_t i = 0; i < sliced.data.size(); ++i) sliced.data[i] = smv[i] > 0 ? sliced.data[i] : 0.0f;
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    expect_bytes(bench, part, sliced.data, out);
  });
}

TEST_CASE("Batch normalisation equals plain loops in all its commands, and counts only images that are valid") {
  everywhere([](NpuBench& bench, const TensorOptions& in, const TensorOptions& out, const Tiles& tiles) {
    const std::array<uint32_t, 4> shape{3, 5, 4, 19};
    const uint32_t channels = 5;
    const float epsilon = 1e-3f;
    const TensorOptions fp32 = format(TensorFormat::kFP32);
    const std::array<uint32_t, 4> pair{2, channels, 1, 1};
    const BenchTensor x = bench.tensor(shape, in), dy = bench.tensor(shape, in), y = bench.tensor(shape, out);
    const BenchTensor moments = bench.tensor(pair, fp32), running = bench.tensor(pair, fp32);
    const BenchTensor affine = bench.tensor(pair, fp32), gradient = bench.tensor(pair, fp32);
    bench.fill(x, noise(x.elements(), 1));
    bench.fill(dy, noise(dy.elements(), 2));
    bench.fill(affine, noise(10, 3));
    bench.fill(running, noise(10, 4));
    const Values xv(shape, bench.values(x)), dyv(shape, bench.values(dy));
    const std::vector<float> av = bench.values(affine), before = bench.values(running);
    npu_loss_record record{};
    record.valid = 2;
    const uint32_t two = bench.place(record);
    for (const uint32_t images : {3u, 2u}) {
      const uint32_t loss = images == 3 ? 0 : two;
      bench.fill(running, before);
      const Norm norm = golden_norm(xv, dyv, images, epsilon);
      const uint32_t count = images * 4 * 19;
      Command command = command_of(Opcode::kBN_MOMENTS, kFlagRUNNING);
      set_tiles(command, tiles);
      command.immediate = 0.25f, command.auxiliary = loss;
      command.tensor0 = x.descriptor_address, command.tensor2 = moments.descriptor_address;
      command.tensor3 = running.descriptor_address;
      execute_or_fill(bench, command, moments, norm.moments);
      const bool frozen_only = !offers(bench, Opcode::kBN_MOMENTS);
      expect_bytes(bench, moments, norm.moments, fp32);
      std::vector<float> blended = before;
      const float unbiased = static_cast<float>(count) / static_cast<float>(count - 1);
      for (uint32_t c = 0; c < channels; ++c) {
        blended[c] = 0.75f * before[c] + 0.25f * norm.moments[c];
        blended[5 + c] = 0.75f * before[5 + c] + 0.25f * (norm.moments[5 + c] * unbiased);
      }
      expect_bytes(bench, running, frozen_only ? before : blended, fp32);

      command = command_of(Opcode::kBN_FF, kFlagRELU);
      set_tiles(command, tiles);
      command.immediate = epsilon;
      command.tensor0 = x.descriptor_address, command.tensor1 = affine.descriptor_address;
      command.tensor2 = y.descriptor_address, command.tensor3 = moments.descriptor_address;
      REQUIRE(bench.execute(command) == ErrorCode::kNONE);
      std::vector<float> normalised(x.elements()), error(x.elements()), frozen(x.elements());
      for (size_t i = 0; i < normalised.size(); ++i) {
        const uint32_t c = static_cast<uint32_t>(i / 76 % channels), n = static_cast<uint32_t>(i / 380);
        const float inverse = 1.0f / std::sqrt(norm.moments[5 + c] + epsilon), scale = av[c] * inverse;
        const float distance = xv.data[i] - norm.moments[c];
        normalised[i] = std::max(distance * scale + av[5 + c], 0.0f);
        const float through = distance * (norm.gradient[c] * inverse / static_cast<float>(count));
        error[i] =
            n < images ? (dyv.data[i] - norm.gradient[5 + c] / static_cast<float>(count) - through) * scale : 0.0f;
        frozen[i] = dyv.data[i] * scale;
      }
      expect_bytes(bench, y, normalised, out);

      command = command_of(Opcode::kBN_WG);
      set_tiles(command, tiles);
      command.immediate = epsilon, command.auxiliary = loss;
      command.tensor0 = dy.descriptor_address, command.tensor1 = x.descriptor_address;
      command.tensor2 = gradient.descriptor_address, command.tensor3 = moments.descriptor_address;
      execute_or_fill(bench, command, gradient, norm.gradient);
      expect_bytes(bench, gradient, norm.gradient, fp32);

      command = command_of(Opcode::kBN_BP, kFlagBATCH);
      set_tiles(command, tiles);
      command.immediate = epsilon, command.auxiliary = loss;
      command.tensor0 = dy.descriptor_address, command.tensor1 = x.descriptor_address;
      command.tensor2 = y.descriptor_address, command.tensor3 = affine.descriptor_address;
      command.tensor4 = moments.descriptor_address, command.tensor5 = gradient.descriptor_address;
      REQUIRE(bench.execute(command) == ErrorCode::kNONE);
      expect_bytes(bench, y, error, out);
      command.flags = 0, command.tensor1 = command.tensor5 = 0;
      REQUIRE(bench.execute(command) == ErrorCode::kNONE);
      expect_bytes(bench, y, frozen, out);
    }
  });
}

TEST_CASE("Activations and dropout equal their definitions in both directions") {
  everywhere([](NpuBench& bench, const TensorOptions& in, const TensorOptions& out, const Tiles& tiles) {
    const std::array<uint32_t, 4> shape{2, 3, 5, 7};
    const BenchTensor x = bench.tensor(shape, in), saved = bench.tensor(shape, in), y = bench.tensor(shape, out);
    bench.fill(x, noise(x.elements(), 1));
    bench.fill(saved, noise(x.elements(), 2));
    const std::vector<float> xv = bench.values(x), sv = bench.values(saved);
    const auto check = [&](Opcode opcode, float number, bool backward, auto&& definition) {
      Command command = command_of(opcode);
      set_tiles(command, tiles);
      command.immediate = number;
      command.tensor0 = x.descriptor_address, command.tensor2 = y.descriptor_address;
      if (backward) command.tensor3 = saved.descriptor_address;
      std::vector<float> wanted;
      for (size_t i = 0; i < xv.size(); ++i) wanted.push_back(definition(xv[i], sv[i]));
      execute_or_fill(bench, command, y, wanted);
      expect_bytes(bench, y, wanted, out);
    };
    check(Opcode::kLEAKY_FF, 0.125f, false, [](float v, float) { return v > 0 ? v : 0.125f * v; });
    check(Opcode::kLEAKY_BP, 0.125f, true, [](float v, float s) { return s > 0 ? v : 0.125f * v; });
    check(Opcode::kSIGMOID_FF, 0, false, [](float v, float) { return 1.0f / (1.0f + exp_f32(-v)); });
    check(Opcode::kSIGMOID_BP, 0, true, [](float v, float s) { return v * (s * (1.0f - s)); });
    check(Opcode::kTANH_FF, 0, false, [](float v, float) { return tanh_f32(v); });
    check(Opcode::kTANH_BP, 0, true, [](float v, float s) { return v * (1.0f - s * s); });

    check(Opcode::kGELU_FF, 0, false, [](float v, float) { return v * normal_cdf_f32(v); });
    check(Opcode::kGELU_BP, 0, true, [](float v, float s) { return v * (normal_cdf_f32(s) + s * normal_pdf_f32(s)); });

    npu_hyper hyper{};
    hyper.seed = 21, hyper.step = 4, hyper.gradient_scale = 1;
    Command command = command_of(Opcode::kDROPOUT);
    set_tiles(command, tiles);
    command.immediate = 0.25f, command.parameters = bench.place(hyper);
    command.tensor0 = x.descriptor_address, command.tensor2 = y.descriptor_address;
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    std::vector<float> wanted;
    for (uint32_t i = 0; i < xv.size(); ++i) {
      const uint64_t bits = random_bits(21 + 4 * 0x9E3779B9u, 4, i) >> 40;  // command_of sets layer 3
      wanted.push_back(bits >= (1u << 22) ? xv[i] * (1.0f / 0.75f) : 0.0f);
    }
    expect_bytes(bench, y, wanted, out);
  });
}

TEST_CASE("Labels of two bytes tell more than 256 classes apart, low byte first") {
  for (const EngineRow& row : engine_table()) {
    for (const uint32_t classes : {257u, 1000u}) {
      for (const Opcode opcode : {Opcode::kSOFTMAX_CE, Opcode::kMSE}) {
        CAPTURE(row.name, classes, name_of(opcode));
        NpuBench bench(config_of(row));
        bench.start();
        const BenchTensor logits = bench.tensor({3, classes, 1, 1}), error = bench.tensor({3, classes, 1, 1});
        const BenchTensor labels = bench.tensor({3, 2, 1, 1}, format(TensorFormat::kU8, TensorClass::kLABEL));
        std::vector<float> values(logits.elements(), 0.0f);
        values[256] = 2;  // of image 0, which is right
        bench.fill(logits, values);
        bench.fill_bytes(labels, {0, 1, 5, 0, 0xff, 0xff});  // 256, 5; the third does not count
        npu_hyper hyper{};
        hyper.loss_scale = 1;
        npu_loss_record record{};
        record.valid = 2;
        Command command = command_of(opcode);
        command.tensor0 = logits.descriptor_address, command.tensor1 = labels.descriptor_address;
        command.tensor2 = error.descriptor_address;
        command.parameters = bench.place(hyper), command.auxiliary = bench.place(record);
        command.tile_n = 1;
        REQUIRE(bench.execute(command) == ErrorCode::kNONE);
        CHECK(bench.record<npu_loss_record>(command.auxiliary).correct == 1);
        const std::vector<float> errors = bench.values(error);
        for (uint32_t image = 0; image < 2; ++image)
          for (uint32_t c = 0; c < classes; ++c)
            CHECK((errors[image * classes + c] < 0) ==
                  (image == 0 ? c == 256 && opcode == Opcode::kSOFTMAX_CE : c == 5));
        // 65535 is no class once the third image counts.
        record.valid = 3;
        command.auxiliary = bench.place(record);
        CHECK(bench.execute(command) == ErrorCode::kLABEL);
        bench.restart();
        const BenchTensor three = bench.tensor({3, 3, 1, 1}, format(TensorFormat::kU8, TensorClass::kLABEL));
        command.tensor1 = three.descriptor_address;
        CHECK(bench.execute(command) == ErrorCode::kSHAPE);
      }
    }
  }
}

TEST_CASE("The squared error writes error and record") {
  for (const EngineRow& row : engine_table()) {
    NpuBench bench(config_of(row));
    bench.start();
    const BenchTensor logits = bench.tensor({3, 4, 1, 1}), error = bench.tensor({3, 4, 1, 1});
    const BenchTensor labels = bench.tensor({3, 1, 1, 1}, format(TensorFormat::kU8, TensorClass::kLABEL));
    bench.fill(logits, {0.5f, -0.25f, 0.75f, 0, 1, 0, 0, 0, 9, 9, 9, 9});
    bench.fill_bytes(labels, {2, 0, 250});
    npu_hyper hyper{};
    hyper.loss_scale = 16;
    npu_loss_record record{};
    record.valid = 2;
    Command command = command_of(Opcode::kMSE);
    command.tensor0 = logits.descriptor_address, command.tensor1 = labels.descriptor_address;
    command.tensor2 = error.descriptor_address;
    command.parameters = bench.place(hyper), command.auxiliary = bench.place(record);
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    // (x - t) * 2 * 16 / (4 * 2): times 4.
    CHECK(bench.values(error) == std::vector<float>{2, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    const auto result = bench.record<npu_loss_record>(command.auxiliary);
    CHECK(result.loss_sum == (0.25f + 0.0625f + 0.0625f) / 4);
    CHECK(result.correct == 2);
  }
}

TEST_CASE("Adam follows its formula element by element, and leaves elements without a finite gradient alone") {
  for (const EngineRow& row : engine_table()) {
    for (const uint16_t tile : {0, 1, 2}) {
      NpuBench bench(config_of(row));
      bench.start();
      const std::array<uint32_t, 4> shape{5, 3, 3, 1};
      const TensorOptions fp32 = format(TensorFormat::kFP32);
      const BenchTensor gradient = bench.tensor(shape, fp32), weights = bench.tensor(shape, fp32);
      const BenchTensor first = bench.tensor(shape, fp32), second = bench.tensor(shape, fp32);
      std::vector<float> g = noise(45, 1), w = noise(45, 2), m = noise(45, 3), v = noise(45, 4);
      for (float& value : v) value = std::fabs(value);
      bench.fill(gradient, g), bench.fill(weights, w), bench.fill(first, m), bench.fill(second, v);
      const float infinite = std::numeric_limits<float>::infinity();
      std::memcpy(bench.bus.at(gradient.descriptor.address + 7 * 4), &infinite, 4);
      npu_hyper hyper{};
      hyper.learning_rate = 0.01f, hyper.momentum = 0.9f, hyper.weight_decay = 0.125f, hyper.gradient_scale = 0.5f;
      const npu_adam adam{0.99f, 1e-6f, 10.0f, 100.0f, {}};
      Command command = command_of(Opcode::kADAM);
      command.tile_k = tile;
      command.tensor0 = gradient.descriptor_address, command.tensor1 = second.descriptor_address;
      command.tensor3 = weights.descriptor_address, command.tensor4 = first.descriptor_address;
      command.parameters = bench.place(hyper), command.auxiliary = bench.place(adam);
      REQUIRE(bench.execute(command) == ErrorCode::kNONE);
      for (size_t i = 0; i < g.size(); ++i) {
        if (i == 7) continue;
        const float step = g[i] * 0.5f + 0.125f * w[i];
        m[i] = 0.9f * m[i] + (1.0f - 0.9f) * step;
        v[i] = 0.99f * v[i] + (1.0f - 0.99f) * (step * step);
        w[i] = w[i] - 0.01f * ((m[i] * 10.0f) / (std::sqrt(v[i] * 100.0f) + 1e-6f));
      }
      expect_bytes(bench, weights, w, fp32);
      expect_bytes(bench, first, m, fp32);
      expect_bytes(bench, second, v, fp32);
      npu_adam bad = adam;
      bad.correction1 = 0.5f;
      command.auxiliary = bench.place(bad);
      CHECK(bench.execute(command) == ErrorCode::kPARAMETER);
    }
  }
}

TEST_CASE("The norm of a gradient is the written sum, whatever the tile, and counts what is not finite") {
  for (const EngineRow& row : engine_table()) {
    for (const uint16_t tile : {0, 1, 3}) {
      NpuBench bench(config_of(row));
      bench.start();
      const BenchTensor gradient = bench.tensor({7, 5, 3, 3}, format(TensorFormat::kFP32));
      std::vector<float> g = noise(315, 1);
      g[100] = std::numeric_limits<float>::quiet_NaN();
      bench.fill(gradient, g);
      Command command = command_of(Opcode::kNORM);
      command.tile_k = tile;
      command.tensor0 = gradient.descriptor_address;
      command.auxiliary = bench.place(npu_norm_record{});
      REQUIRE(bench.execute(command) == ErrorCode::kNONE);
      float sum = 0;
      for (size_t n = 0; n < 7; ++n) {
        std::array<float, 16> lanes{};
        for (size_t i = 0; i < 45; ++i)
          if (n * 45 + i != 100) lanes[i % 16] = lanes[i % 16] + g[n * 45 + i] * g[n * 45 + i];
        float row_sum = 0;
        for (const float lane : lanes) row_sum = row_sum + lane;
        sum = sum + row_sum;
      }
      const auto record = bench.record<npu_norm_record>(command.auxiliary);
      CHECK(record.sum_of_squares == sum);
      CHECK(record.nonfinite == 1);
    }
  }
}
