// Masters of taxonn in fixed point: rounding to nearest and by the stream, against integers.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "npu/engine/taxonn/fix_masters.h"
#include "npu/sgd/random_stream.h"
#include "tests/npu/engine/taxonn/fixed_model.h"

namespace backboard::npu {
namespace {

using taxonn::fix_masters;
using taxonn::FixedPoint;

constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<float> some_masters(const FixedPoint& format, size_t count) {
  std::mt19937 random(5);
  std::vector<float> masters = {0.0f, -0.0f, kInf, -kInf, std::nanf(""), 0x1p-149f, -0x1p-30f, 1e30f};
  const float place = std::ldexp(1.0f, -format.fraction);
  while (masters.size() < count) {
    const auto quarters = static_cast<float>(static_cast<int>(random() % (1u << (format.bits() + 3))));
    masters.push_back((random() % 2 == 0 ? 0.25f : -0.25f) * quarters * place);
    masters.push_back(std::ldexp(static_cast<float>(random()), -30 - static_cast<int>(random() % 8)));
  }
  masters.resize(count);
  return masters;
}

/// Up in magnitude when the dropped part and 24 random bits carry, in integers.
float stochastic_exactly(float value, const FixedPoint& format, uint64_t random) {
  const auto held = static_cast<float>(test::fix_exactly(value, format.integer, format.fraction));
  const int64_t limit = (int64_t{1} << format.bits()) - 1;
  if (std::isnan(value)) return 0.0f;
  if (!std::isfinite(value)) return test::scaled(static_cast<int64_t>(held), -format.fraction);
  const test::Exact e = test::exact(value);
  const int down = -(e.exponent + format.fraction);
  int64_t magnitude = std::llabs(e.significand);
  if (down <= 0) {
    magnitude = -down > 30 && magnitude != 0 ? limit : magnitude << -down;
  } else {
    const auto u = static_cast<int64_t>(random >> 40);
    // Beyond 39 places the whole part of 24 bits is zero: only the carry is left.
    magnitude = down <= 39 ? ((magnitude << 24) + (u << down)) >> (down + 24)
                           : int64_t{(1 << 24) - u <= (down < 80 ? magnitude >> (down - 24) : 0)};
  }
  magnitude = std::min(magnitude, limit);
  return test::scaled(std::signbit(value) ? -magnitude : magnitude, -format.fraction);
}

TEST_CASE("Masters are rounded to nearest, or up when the dropped part and 24 random bits carry") {
  for (const FixedPoint& format : {FixedPoint{1, 11}, {1, 7}, {-2, 10}, {2, 18}, {3, 0}}) {
    INFO(format.integer << "." << format.fraction);
    const std::vector<float> masters = some_masters(format, 5000), gradient(masters.size(), 1.0f);
    const float largest = std::ldexp(static_cast<float>((1 << format.bits()) - 1), -format.fraction);
    uint64_t beyond = 0;
    for (const float x : masters) beyond += std::fabs(x) > largest;
    SgdParameters parameters{.seed = 7, .step = 3};
    for (const bool stochastic : {false, true}) {
      parameters.stochastic = stochastic;
      std::vector<float> rounded = masters, expected;
      CHECK(fix_masters(format, parameters, 1000, gradient, rounded) == beyond);
      for (size_t i = 0; i < masters.size(); ++i) {
        const auto element = static_cast<uint32_t>(1000 + i);
        expected.push_back(stochastic ? stochastic_exactly(masters[i], format, random_bits(7, 3, element))
                                      : test::scaled(test::fix_exactly(masters[i], format.integer, format.fraction),
                                                     -format.fraction));
      }
      CHECK(std::memcmp(rounded.data(), expected.data(), rounded.size() * sizeof(float)) == 0);
      // What is of the format stays.
      const std::vector<float> once = rounded;
      CHECK(fix_masters(format, parameters, 0, gradient, rounded) == 0);
      CHECK(std::memcmp(rounded.data(), once.data(), rounded.size() * sizeof(float)) == 0);
      // However the tensor is cut.
      std::vector<float> parts = masters;
      const std::span<float> all(parts);
      fix_masters(format, parameters, 1000, std::span(gradient).first(1537), all.first(1537));
      fix_masters(format, parameters, 2537, std::span(gradient).subspan(1537), all.subspan(1537));
      CHECK(std::memcmp(parts.data(), once.data(), parts.size() * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("Stochastic rounding of masters keeps the mean that rounding to nearest loses") {
  const FixedPoint format{1, 3};
  std::vector<float> masters(20000, 0.5f + 0.125f * 0.3f);
  const std::vector<float> gradient(masters.size(), 1.0f);
  fix_masters(format, {.stochastic = true, .seed = 1, .step = 1}, 0, gradient, masters);
  double mean = 0;
  for (const float x : masters) mean += static_cast<double>(x) / static_cast<double>(masters.size());
  CHECK(mean == Approx(0.5375).margin(0.002));
}

TEST_CASE("A master whose gradient is not finite stays as it was") {
  std::vector<float> masters = {0.3f, 0.3f, 0.3f};
  const std::vector<float> gradient = {kInf, std::nanf(""), 0.0f};
  fix_masters({1, 3}, {}, 0, gradient, masters);
  CHECK(masters[0] == 0.3f);
  CHECK(masters[1] == 0.3f);
  CHECK(masters[2] == 0.25f);
}

}  // namespace
}  // namespace backboard::npu
