// The arithmetic of lnpu against integers: every product of two FP8 values, millions of FP16 pairs, long sums.
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "npu/engine/lnpu/compute_tile.h"
#include "tests/support/simd_targets.h"

namespace backboard::npu {
namespace {

__extension__ using Wide = __int128;

/// Values as integers in units of 2^-48, the product of the two smallest FP16 numbers. Products of FP16 values and sums
/// of them are whole numbers of it.
constexpr int kUnit = -48;

Wide to_units(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const int exponent = static_cast<int>(bits >> 23 & 0xff);
  if (exponent == 0) return 0;  // binary32 subnormals are below the unit; zero only
  const Wide significand = static_cast<Wide>((bits & 0x7fffffu) | 0x800000u);
  const int shift = exponent - 127 - 23 - kUnit;
  const Wide units = shift >= 0 ? significand << shift : significand >> -shift;
  return (bits >> 31) != 0 ? -units : units;
}

/// `units` rounded to `precision` significant bits, or to a multiple of `smallest` units if that is coarser; nearest,
/// ties to even.
Wide round_units(Wide units, int precision, int smallest_log2) {
  const bool negative = units < 0;
  const Wide magnitude = negative ? -units : units;
  int length = 0;
  while (length < 127 && (magnitude >> length) != 0) ++length;
  const int drop = std::max(length - precision, smallest_log2);
  if (drop <= 0) return units;
  const Wide one = static_cast<Wide>(1) << drop, half = one >> 1;
  Wide kept = magnitude >> drop;
  const Wide rest = magnitude - (kept << drop);
  if (rest > half || (rest == half && (kept & 1) != 0)) ++kept;
  return negative ? -(kept << drop) : kept << drop;
}

float from_units(Wide units) {
  return static_cast<float>(std::ldexp(static_cast<double>(units), kUnit));
}

/// sum + a * b: the product exact, the sum rounded to binary32, and for the FP16 accumulator to FP16 after that.
Wide add_exactly(Accumulator accumulator, Wide sum, float a, float b) {
  // FP16 values are multiples of 2^-24: two such factors give whole units.
  const Wide product = (to_units(a) >> 24) * (to_units(b) >> 24);
  Wide next = round_units(sum + product, 24, 0);
  if (accumulator == Accumulator::kFp16) {
    next = round_units(next, 11, -24 - kUnit);
    const Wide limit = static_cast<Wide>(65504) << -kUnit;
    next = std::max(-limit, std::min(limit, next));
  }
  return next;
}

std::vector<float> all_finite(NumberFormat format) {
  std::vector<float> values;
  const FormatRow& row = format_row(format);
  for (uint32_t pattern = 0; pattern < 1u << row.bits(); ++pattern) {
    const float value = decode_value(row, pattern);
    if (std::isfinite(value)) values.push_back(std::fabs(value) == 0 ? 0.0f : value);
  }
  return values;
}

/// Checks sums(k, c) = start(k, c) + dy(0, k) x(0, c) + dy(1, k) x(1, c) + ... for n terms, through an FC weight
/// gradient.
void check_sums(uint32_t n, const std::vector<float>& x, const std::vector<float>& dy, uint32_t seed) {
  const uint32_t c = static_cast<uint32_t>(x.size() / n), k = static_cast<uint32_t>(dy.size() / n);
  const ConvTile tile = ConvTile::fully_connected(n, c, k);
  std::mt19937 random(seed);
  const std::vector<float> starts = all_finite(NumberFormat::kFp16);
  std::vector<float> start(size_t{k} * c);
  for (float& value : start) value = random() % 4 == 0 ? 0.0f : starts[random() % starts.size()];
  std::vector<uint8_t> x_classes(x.size()), dy_classes(dy.size());
  for (size_t i = 0; i < x.size(); ++i) x_classes[i] = x[i] == 0 ? kClassZero : kClassHigh;
  for (size_t i = 0; i < dy.size(); ++i) dy_classes[i] = dy[i] == 0 ? kClassZero : kClassHigh;
  for (const Accumulator accumulator : {Accumulator::kFp32, Accumulator::kFp16}) {
    std::vector<float> expected(start.size());
    for (uint32_t i = 0; i < k; ++i) {
      for (uint32_t j = 0; j < c; ++j) {
        Wide sum = to_units(start[size_t{i} * c + j]);
        for (uint32_t term = 0; term < n; ++term) {
          sum = add_exactly(accumulator, sum, dy[size_t{term} * k + i], x[size_t{term} * c + j]);
        }
        expected[size_t{i} * c + j] = from_units(sum);
      }
    }
    std::vector<float> scalar = start;
    lnpu::scalar::wg_tile(accumulator, tile, x.data(), dy.data(), scalar.data());
    CHECK(std::memcmp(scalar.data(), expected.data(), scalar.size() * sizeof(float)) == 0);
    backboard::test::for_each_simd_target([&](const char* target) {
      lnpu::LnpuConfig config;
      config.accumulator = accumulator;
      std::vector<float> sums = start;
      Facts facts;
      Workspace workspace;
      lnpu::wg_tile(config, tile, {x.data(), x_classes.data()}, {dy.data(), dy_classes.data()}, sums.data(), facts,
                    workspace);
      INFO("accumulator " << static_cast<int>(accumulator) << " on " << target);
      CHECK(std::memcmp(sums.data(), expected.data(), sums.size() * sizeof(float)) == 0);
    });
  }
}

TEST_CASE("Every product of two FP8 values is added exactly, on every vector unit") {
  const std::vector<float> values = all_finite(NumberFormat::kFp8);
  for (uint32_t seed = 0; seed < 8; ++seed) check_sums(1, values, values, seed);
}

TEST_CASE("Millions of FP16 pairs, edges among them, are added exactly on every vector unit") {
  const std::vector<float> all = all_finite(NumberFormat::kFp16);
  // Edges: smallest and largest subnormal and normal numbers, one and its neighbours, the largest, and zero.
  const std::vector<float> edges = {0.0f, 0x1p-24f,   0x1.ff8p-15f, 0x1p-14f, 0x1.004p-14f, 0x1.ffcp-1f,
                                    1.0f, 0x1.004p0f, 0x1.554p0f,   65504.0f, 65472.0f,     0x1p-12f};
  std::mt19937 random(77);
  for (uint32_t round = 0; round < 3; ++round) {
    std::vector<float> x, dy;
    for (auto* values : {&x, &dy}) {
      for (const float edge : edges) {
        values->push_back(edge);
        values->push_back(edge == 0 ? 0.0f : -edge);
      }
      while (values->size() < 1000) values->push_back(all[random() % all.size()]);
    }
    check_sums(1, x, dy, round);
  }
}

TEST_CASE("Sums of many FP16 products round once an addition, in order, on every vector unit") {
  const std::vector<float> all = all_finite(NumberFormat::kFp16);
  std::mt19937 random(5);
  std::vector<float> x(size_t{300} * 37), dy(size_t{300} * 41);
  for (auto* values : {&x, &dy}) {
    for (float& value : *values) {
      // Magnitudes around one, so that sums neither saturate nor stay exact.
      do value = all[random() % all.size()];
      while (std::fabs(value) > 8.0f || std::fabs(value) < 0x1p-6f);
    }
  }
  check_sums(300, x, dy, 9);
}

}  // namespace
}  // namespace backboard::npu
