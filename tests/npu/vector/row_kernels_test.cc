// The vectorised row kernels give the bytes of the scalar ones, on every instruction set and at every length.
#include "npu/vector/row_kernels.h"

#include <catch2/catch.hpp>

#include "tests/npu/vector/special_values.h"
#include "tests/support/simd_targets.h"

using namespace backboard::test;
namespace kernels = backboard::npu::row_kernels;

namespace {

constexpr size_t kLongest = 83;  // more than five vectors of 16 lanes, and every remainder

/// Runs both versions on a copy of `y` for every length and compares the bytes, those behind the end included.
template <class Fast, class Slow>
void check_equal(const std::vector<float>& y, const Fast& fast, const Slow& slow) {
  for (size_t count = 0; count <= kLongest; ++count) {
    std::vector<float> expected = y, actual = y;
    slow(expected.data(), count);
    fast(actual.data(), count);
    REQUIRE(bytes_of(expected) == bytes_of(actual));
  }
}

}  // namespace

TEST_CASE("element-wise row kernels equal their scalar definition on every instruction set") {
  const auto x = awkward_values(kLongest, 1), other = awkward_values(kLongest, 2), y = awkward_values(kLongest + 20, 3);
  for_each_simd_target([&](const std::string& target) {
    INFO(target);
    check_equal(
        y, [&](float* out, size_t n) { kernels::relu(x.data(), out, n); },
        [&](float* out, size_t n) { kernels::scalar::relu(x.data(), out, n); });
    check_equal(
        y, [&](float* out, size_t n) { kernels::mask(x.data(), other.data(), out, n); },
        [&](float* out, size_t n) { kernels::scalar::mask(x.data(), other.data(), out, n); });
    check_equal(
        y, [&](float* out, size_t n) { kernels::accumulate(x.data(), out, n); },
        [&](float* out, size_t n) { kernels::scalar::accumulate(x.data(), out, n); });
    check_equal(
        y, [&](float* out, size_t n) { kernels::scale(x.data(), 1.0f / 9.0f, out, n); },
        [&](float* out, size_t n) { kernels::scalar::scale(x.data(), 1.0f / 9.0f, out, n); });
    const kernels::Affine affine{.mean = 0.3f, .scale = 1.7f, .shift = -0.2f, .offset = 0.01f, .slope = 0.4f};
    check_equal(
        y, [&](float* out, size_t n) { kernels::normalise_error(other.data(), x.data(), affine, out, n); },
        [&](float* out, size_t n) { kernels::scalar::normalise_error(other.data(), x.data(), affine, out, n); });
    for (const bool relu : {false, true}) {
      check_equal(
          y, [&](float* out, size_t n) { kernels::normalise(x.data(), affine, relu, out, n); },
          [&](float* out, size_t n) { kernels::scalar::normalise(x.data(), affine, relu, out, n); });
      check_equal(
          y, [&](float* out, size_t n) { kernels::add_one_bias(x.data(), 0.3f, relu, out, n); },
          [&](float* out, size_t n) { kernels::scalar::add_one_bias(x.data(), 0.3f, relu, out, n); });
      check_equal(
          y, [&](float* out, size_t n) { kernels::add_biases(x.data(), other.data(), relu, out, n); },
          [&](float* out, size_t n) { kernels::scalar::add_biases(x.data(), other.data(), relu, out, n); });
    }
  });
}

TEST_CASE("pooling row kernels equal their scalar definition on every instruction set, kernel and stride") {
  const auto x = awkward_values(4 * 200, 5);
  for_each_simd_target([&](const std::string& target) {
    for (const uint32_t kernel : {1u, 2u, 3u, 5u}) {
      for (const uint32_t stride : {1u, 2u, 3u}) {
        for (uint32_t outputs = 1; outputs <= 40; ++outputs) {
          // Exactly the columns that the windows cover: a load behind them would leave the row.
          const size_t columns = (outputs - 1) * stride + kernel;
          const uint32_t rows = 1 + outputs % 4;
          std::vector<float> source(rows * columns);
          for (size_t i = 0; i < source.size(); ++i) source[i] = x[(i * 7 + outputs) % x.size()];
          const kernels::PoolRow row{source.data(), columns, rows, kernel, stride, kernel, kernel, outputs};
          INFO(target << " kernel " << kernel << " stride " << stride << " outputs " << outputs);
          std::vector<float> expected(outputs), actual(outputs);
          std::vector<uint8_t> expected_index(outputs), actual_index(outputs);
          kernels::scalar::max_pool(row, expected.data(), expected_index.data());
          kernels::max_pool(row, actual.data(), actual_index.data());
          REQUIRE(bytes_of(expected) == bytes_of(actual));
          REQUIRE(expected_index == actual_index);
          kernels::max_pool(row, actual.data(), nullptr);
          REQUIRE(bytes_of(expected) == bytes_of(actual));
          kernels::scalar::average_pool(row, 1.0f / 9.0f, expected.data());
          kernels::average_pool(row, 1.0f / 9.0f, actual.data());
          REQUIRE(bytes_of(expected) == bytes_of(actual));
        }
      }
    }
  });
}

TEST_CASE("sums side by side equal sums one after the other") {
  const size_t stride = 37;
  const auto x = rough_values(20 * stride, 9);
  for (size_t chains = 0; chains <= 19; ++chains) {
    std::vector<float> sums = rough_values(chains, 10), expected = sums;
    kernels::continue_sums(x.data(), stride, 31, sums.data(), chains);
    for (size_t i = 0; i < chains; ++i)
      for (size_t j = 0; j < 31; ++j) expected[i] = expected[i] + x[i * stride + j];
    REQUIRE(bytes_of(sums) == bytes_of(expected));
  }
}
