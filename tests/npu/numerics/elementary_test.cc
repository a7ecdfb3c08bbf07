// Elementary functions against long double, and their values to the bit.
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "npu/numerics/elementary.h"

namespace backboard::npu {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Distance in units of the last place of the exact result (at least the smallest subnormal).
double error_ulp(float value, long double exact) {
  int exponent = 0;
  std::frexp(exact, &exponent);
  const long double ulp = std::ldexp(1.0L, std::max(exponent - 24, -149));
  return static_cast<double>(std::fabs((static_cast<long double>(value) - exact) / ulp));
}

/// Largest error over every `step`-th binary32 value from `low` to `high`, both positive or both negative.
template <class Function, class Exact>
double largest_error(float low, float high, uint32_t step, Function function, Exact exact) {
  double largest = 0;
  for (uint32_t bits = std::bit_cast<uint32_t>(low); bits <= std::bit_cast<uint32_t>(high); bits += step) {
    const float x = std::bit_cast<float>(bits);
    largest = std::max(largest, error_ulp(function(x), exact(static_cast<long double>(x))));
  }
  return largest;
}

TEST_CASE("exp is within one unit in the last place") {
  const auto exact = [](long double x) { return std::exp(x); };
  CHECK(largest_error(0x1p-30f, 88.7f, 997, exp_f32, exact) <= 1.0);
  CHECK(largest_error(-0x1p-30f, -87.3f, 997, exp_f32, exact) <= 1.0);
  CHECK(largest_error(-87.3f, -104.5f, 97, exp_f32, exact) <= 1.0);
}

TEST_CASE("log is within one unit in the last place") {
  const auto exact = [](long double x) { return std::log(x); };
  CHECK(largest_error(0x1p-149f, 0x1.fffffep127f, 1009, log_f32, exact) <= 1.0);
  CHECK(largest_error(0.9f, 1.1f, 7, log_f32, exact) <= 1.0);
}

TEST_CASE("tanh is within two units in the last place") {
  const auto exact = [](long double x) { return std::tanh(x); };
  CHECK(largest_error(0x1p-40f, 12.0f, 499, tanh_f32, exact) <= 2.0);
  CHECK(largest_error(-0x1p-40f, -12.0f, 4999, tanh_f32, exact) <= 2.0);
}

TEST_CASE("the normal distribution is within eight units in the last place, its density within four") {
  const auto cdf = [](long double x) { return std::erfc(-x / std::sqrt(2.0L)) / 2; };
  CHECK(largest_error(0x1p-40f, 14.6f, 499, normal_cdf_f32, cdf) <= 8.0);
  CHECK(largest_error(-0x1p-40f, -14.6f, 499, normal_cdf_f32, cdf) <= 8.0);
  const auto pdf = [](long double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0L)); };
  CHECK(largest_error(0x1p-40f, 14.6f, 499, normal_pdf_f32, pdf) <= 4.0);
  CHECK(largest_error(-0x1p-40f, -14.6f, 4999, normal_pdf_f32, pdf) <= 4.0);
}

TEST_CASE("sqrt and reciprocal are rounded correctly") {
  std::mt19937 random(3);
  for (int i = 0; i < 200000; ++i) {
    const float x = std::bit_cast<float>(0x00800000u + static_cast<uint32_t>(random()) % 0x7e000000u);
    REQUIRE(sqrt_f32(x) == static_cast<float>(std::sqrt(static_cast<double>(x))));
    REQUIRE(reciprocal_f32(x) == static_cast<float>(1.0L / static_cast<long double>(x)));
  }
}

TEST_CASE("Special values") {
  CHECK(exp_f32(0.0f) == 1.0f);
  CHECK(exp_f32(kInfinity) == kInfinity);
  CHECK(exp_f32(89.0f) == kInfinity);
  CHECK(exp_f32(-kInfinity) == 0.0f);
  CHECK(std::isnan(exp_f32(std::nanf(""))));
  CHECK(log_f32(1.0f) == 0.0f);
  CHECK(log_f32(0.0f) == -kInfinity);
  CHECK(std::isnan(log_f32(-1.0f)));
  CHECK(log_f32(kInfinity) == kInfinity);
  CHECK(tanh_f32(0.0f) == 0.0f);
  CHECK(tanh_f32(kInfinity) == 1.0f);
  CHECK(tanh_f32(-kInfinity) == -1.0f);
  CHECK(normal_cdf_f32(0.0f) == 0.5f);
  CHECK(normal_cdf_f32(kInfinity) == 1.0f);
  CHECK(normal_cdf_f32(-kInfinity) == 0.0f);
  CHECK(std::isnan(normal_cdf_f32(std::nanf(""))));
  CHECK(normal_pdf_f32(kInfinity) == 0.0f);
  CHECK(std::isnan(normal_pdf_f32(std::nanf(""))));
}

/// A digest of the bits of f over a fixed set of arguments.
template <class Function>
uint64_t digest(Function function) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (uint32_t i = 0; i < 100000; ++i) {
    const float x = (static_cast<float>(i) - 50000.0f) * 0x1p-9f;
    hash = (hash ^ std::bit_cast<uint32_t>(function(x))) * 0x100000001b3u;
  }
  return hash;
}

TEST_CASE("The bits of the functions are part of the numeric contract") {
  const auto log_of_magnitude = [](float x) { return log_f32(std::fabs(x) + 0x1p-20f); };
  CHECK(digest(exp_f32) == 0xdb5b4ab7de24d00au);
  CHECK(digest(log_of_magnitude) == 0xbf5ec088e598037au);
  CHECK(digest(tanh_f32) == 0x9aff8d2a213bc36du);
  CHECK(digest(normal_cdf_f32) == 0xf9298b31a7eb9754u);
  CHECK(digest(normal_pdf_f32) == 0x4d50137c6251019fu);
}

}  // namespace
}  // namespace backboard::npu
