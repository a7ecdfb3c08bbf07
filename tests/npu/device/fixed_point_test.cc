// Fixed-point tensors in memory: S8 and S16, integers times a power of two.
#include <algorithm>
#include <cmath>
#include <random>

#include "npu/command/operands.h"
#include "tests/npu/device/command_making.h"

using namespace backboard;
using namespace backboard::test;

namespace {

constexpr std::array<uint32_t, 4> kX{2, 3, 6, 6}, kW{4, 3, 3, 3}, kY{2, 4, 4, 4};
constexpr float kXScale = 1.0f / 16, kWScale = 1.0f / 128;

TensorOptions fixed(TensorFormat f, float scale, TensorClass c = TensorClass::kACTIVATION) {
  TensorOptions options = format(f, c);
  options.scale = scale;
  return options;
}

/// Integers within +-`most`.
std::vector<int> integers(size_t count, int most, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int> values(count);
  for (int& value : values) value = static_cast<int>(random() % static_cast<unsigned>(2 * most + 1)) - most;
  return values;
}

std::vector<float> times(const std::vector<int>& integers, float scale) {
  std::vector<float> values;
  for (const int i : integers) values.push_back(static_cast<float>(i) * scale);
  return values;
}

/// The convolution of integers, 3 x 3 without padding.
std::vector<int> convolved(const std::vector<int>& x, const std::vector<int>& w) {
  std::vector<int> y;
  for (uint32_t n = 0; n < kY[0]; ++n)
    for (uint32_t k = 0; k < kY[1]; ++k)
      for (uint32_t oh = 0; oh < kY[2]; ++oh)
        for (uint32_t ow = 0; ow < kY[3]; ++ow) {
          int sum = 0;
          for (uint32_t c = 0; c < kX[1]; ++c)
            for (uint32_t kh = 0; kh < 3; ++kh)
              for (uint32_t kw = 0; kw < 3; ++kw)
                sum +=
                    x[((n * kX[1] + c) * kX[2] + oh + kh) * kX[3] + ow + kw] * w[((k * kX[1] + c) * 3 + kh) * 3 + kw];
          y.push_back(sum);
        }
  return y;
}

Command convolution(const BenchTensor& x, const BenchTensor& w, const BenchTensor& y) {
  Command command = command_of(Opcode::kCONV_FF);
  command.phase = static_cast<uint8_t>(Phase::kFF);
  set_window(command, {.kh = 3, .kw = 3}, false);
  command.tensor0 = x.descriptor_address, command.tensor1 = w.descriptor_address,
  command.tensor2 = y.descriptor_address;
  return command;
}

}  // namespace

TEST_CASE("Engines in fixed point multiply bytes from memory exactly and store the nearest byte") {
  unsigned engines = 0;
  for (const EngineRow& row : engine_table()) {
    if (!has_format(row.offer().multiply, TensorFormat::kS8)) continue;
    ++engines;
    CAPTURE(row.name);
    NpuBench bench(config_of(row));
    bench.start();
    const BenchTensor x = bench.tensor(kX, fixed(TensorFormat::kS8, kXScale));
    const BenchTensor w = bench.tensor(kW, fixed(TensorFormat::kS8, kWScale, TensorClass::kWEIGHT));
    const BenchTensor y = bench.tensor(kY), coarse = bench.tensor(kY, fixed(TensorFormat::kS8, 0.25f));
    const std::vector<int> xi = integers(x.elements(), 127, 1), wi = integers(w.elements(), 127, 2);
    bench.fill(x, times(xi, kXScale));
    bench.fill(w, times(wi, kWScale));
    REQUIRE(bench.execute(convolution(x, w, y)) == ErrorCode::kNONE);
    // 27 products below 2^14 fit 24 bits: every sum is exact.
    const std::vector<float> sums = times(convolved(xi, wi), kXScale * kWScale);
    CHECK(bench.values(y) == sums);

    bench.bus.bytes.clear();
    REQUIRE(bench.execute(convolution(x, w, coarse)) == ErrorCode::kNONE);
    std::vector<float> nearest;
    unsigned held = 0;
    for (const float sum : sums) {
      const double quarters = std::nearbyint(sum / 0.25);
      held += std::fabs(quarters) > 127;
      nearest.push_back(static_cast<float>(std::clamp(quarters, -127.0, 127.0)) * 0.25f);
    }
    CHECK(bench.values(coarse) == nearest);
    CHECK(held > 0);
    // A byte an element, each once.
    CHECK(bench.bus.bytes[{false, Phase::kFF, TensorClass::kACTIVATION}] == x.elements());
    CHECK(bench.bus.bytes[{false, Phase::kFF, TensorClass::kWEIGHT}] == w.elements());
    CHECK(bench.bus.bytes[{true, Phase::kFF, TensorClass::kACTIVATION}] == coarse.elements());
  }
  CHECK(engines == 2);
}

TEST_CASE("Half-words hold what taxonn's widths hold, so its sums are those of the integers") {
  NpuConfig config;
  config.engine = "taxonn";
  NpuBench bench(config);
  bench.start();
  // The engine's own formats: x in 4.8, weights in 1.11.
  const BenchTensor x = bench.tensor(kX, fixed(TensorFormat::kS16, 0x1p-8f));
  const BenchTensor w = bench.tensor(kW, fixed(TensorFormat::kS16, 0x1p-11f, TensorClass::kWEIGHT));
  const BenchTensor y = bench.tensor(kY);
  const std::vector<int> xi = integers(x.elements(), 700, 3), wi = integers(w.elements(), 700, 4);
  bench.fill(x, times(xi, 0x1p-8f));
  bench.fill(w, times(wi, 0x1p-11f));
  REQUIRE(bench.execute(convolution(x, w, y)) == ErrorCode::kNONE);
  CHECK(bench.values(y) == times(convolved(xi, wi), 0x1p-19f));
}

TEST_CASE("A fixed-point tensor needs a power of two as its scale, and an engine that takes it") {
  const auto error = [](const char* engine, float scale) {
    NpuConfig config;
    config.engine = engine;
    NpuBench bench(config);
    bench.start();
    const BenchTensor x = bench.tensor(kX, fixed(TensorFormat::kS8, scale));
    const BenchTensor w = bench.tensor(kW, format(TensorFormat::kFP16)), y = bench.tensor(kY);
    const ErrorCode code = bench.execute(convolution(x, w, y));
    if (code == ErrorCode::kPARAMETER)
      CHECK(bench.read(bench.regs().error_detail) == static_cast<uint32_t>(descriptor_field::scale));
    return code;
  };
  for (const float good : {0x1p-24f, 0.5f, 1.0f, 0x1p15f}) CHECK(error("neuroflix", good) == ErrorCode::kNONE);
  for (const float bad : {0.3f, 0.75f, 0.0f, -0.5f, 0x1p-25f, 0x1p16f, std::nanf(""), HUGE_VALF})
    CHECK(error("neuroflix", bad) == ErrorCode::kPARAMETER);
  for (const char* engine : {"reference", "lnpu", "daa", "rowpipe"}) CHECK(error(engine, 0.5f) == ErrorCode::kFORMAT);
}
