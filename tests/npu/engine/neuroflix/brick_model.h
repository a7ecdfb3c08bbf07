// The arithmetic of neuroflix by bricks: operands cut into pieces of 4 bits, an integer accumulator for each pair of
// pieces, shifted and merged. Shares no code with the engine.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "platform/check/check.h"
#include "tests/npu/engine/daa/pair_model.h"
#include "tests/support/npu_golden.h"

namespace backboard::npu::test {

/// Sixteen operands at one exponent: value = integer * 2^exponent.
struct ModelGroup {
  std::array<int32_t, 16> integers{};
  int exponent = 0;
};

/// A finite value as significand * 2^exponent.
struct Exact {
  int64_t significand;
  int exponent;
};
inline Exact exact(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value), field = bits >> 23 & 0xff;
  const int64_t magnitude = field == 0 ? bits & 0x7fffff : (bits & 0x7fffff) | 0x800000;
  return {(bits >> 31) != 0 ? -magnitude : magnitude, (field == 0 ? 1 : static_cast<int>(field)) - 127 - 23};
}

/// Integers of `bits` bits at the exponent that the largest of the group needs; infinities and NaN are zeros.
inline ModelGroup align_exactly(const float* values, size_t count, uint32_t bits) {
  ModelGroup group;
  int top = -1000;
  const auto finite = [](float v) { return (std::bit_cast<uint32_t>(v) >> 23 & 0xff) != 0xff; };
  for (size_t i = 0; i < count; ++i) {
    if (!finite(values[i]) || values[i] == 0) continue;
    const Exact e = exact(values[i]);
    int length = 0;
    while (std::llabs(e.significand) >> length != 0) ++length;
    top = std::max(top, e.exponent + length - 1);
  }
  if (top == -1000) return group;
  group.exponent = std::max(top - static_cast<int>(bits - 2), -126);
  const int64_t limit = (int64_t{1} << (bits - 1)) - 1;
  for (size_t i = 0; i < count; ++i) {
    if (!finite(values[i])) continue;
    const Exact e = exact(values[i]);
    const int drop = group.exponent - e.exponent;
    int64_t magnitude = std::llabs(e.significand);
    if (drop <= 0) {
      magnitude <<= -drop;
    } else if (drop > 40) {
      magnitude = 0;
    } else {
      const int64_t step = int64_t{1} << drop, rest = magnitude % step;
      magnitude /= step;
      if (2 * rest > step || (2 * rest == step && magnitude % 2 != 0)) ++magnitude;
    }
    magnitude = std::min(magnitude, limit);
    group.integers[i] = static_cast<int32_t>(e.significand < 0 ? -magnitude : magnitude);
  }
  return group;
}

/// Pieces of 4 bits, the least first; the last one carries the sign.
inline std::vector<int32_t> bricks_of(int32_t integer, uint32_t bits) {
  std::vector<int32_t> bricks;
  for (uint32_t at = 0; at < bits; at += 4) {
    const bool last = at + 4 >= bits;
    bricks.push_back(last ? integer >> at : integer >> at & 15);
  }
  BB_CHECK(bricks.back() >= -8 && bricks.back() <= 7, "{} has more than {} bits", integer, bits);
  return bricks;
}

/// Accumulators of every pair of bricks over a group. `widest` learns the largest magnitude that any of them had.
struct BrickSums {
  std::vector<std::vector<int32_t>> sums;
  int32_t widest = 0;
};
inline BrickSums sum_bricks(const ModelGroup& a, uint32_t a_bits, const ModelGroup& b, uint32_t b_bits) {
  BrickSums result;
  result.sums.assign(a_bits / 4, std::vector<int32_t>(b_bits / 4, 0));
  for (size_t i = 0; i < a.integers.size(); ++i) {
    const auto as = bricks_of(a.integers[i], a_bits), bs = bricks_of(b.integers[i], b_bits);
    for (size_t p = 0; p < as.size(); ++p) {
      for (size_t q = 0; q < bs.size(); ++q) {
        int32_t& sum = result.sums[p][q];
        sum += as[p] * bs[q];
        result.widest = std::max(result.widest, std::abs(sum));
      }
    }
  }
  return result;
}

/// Shift and merge.
inline int64_t merge(const BrickSums& bricks) {
  int64_t sum = 0;
  for (size_t p = 0; p < bricks.sums.size(); ++p) {
    for (size_t q = 0; q < bricks.sums[p].size(); ++q) {
      sum += static_cast<int64_t>(bricks.sums[p][q]) * (int64_t{1} << (4 * (p + q)));
    }
  }
  return sum;
}

/// integer * 2^exponent as binary32; must be exact.
inline float scaled(int64_t integer, int exponent) {
  float value = static_cast<float>(integer);
  BB_CHECK(static_cast<int64_t>(value) == integer, "{} is no binary32", integer);
  for (; exponent > 0; --exponent) value = exact_multiply(value, 2.0f);
  for (; exponent < 0; ++exponent) value = exact_multiply(value, 0.5f);
  return value;
}

/// A whole sum with terms in groups of sixteen.
inline float sum_groups(uint32_t a_bits, uint32_t b_bits, float start, const backboard::test::Terms& terms) {
  float sum = start;
  for (size_t i = 0; i < terms.size(); i += 16) {
    const size_t count = std::min<size_t>(16, terms.size() - i);
    std::array<float, 16> as{}, bs{};
    for (size_t j = 0; j < count; ++j) {
      as[j] = terms[i + j].first;
      bs[j] = terms[i + j].second;
    }
    const ModelGroup a = align_exactly(as.data(), count, a_bits), b = align_exactly(bs.data(), count, b_bits);
    sum = exact_add(sum, scaled(merge(sum_bricks(a, a_bits, b, b_bits)), a.exponent + b.exponent));
  }
  return sum;
}

}  // namespace backboard::npu::test
