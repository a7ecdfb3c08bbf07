// The arithmetic of daa in integers: what two products of a pair add to a sum. Shares no code with the engine.
#pragma once

#include <bit>
#include <cstdint>
#include <utility>

#include "platform/cpu/softfloat.h"
#include "tests/support/npu_golden.h"

namespace backboard::npu::test {

/// What decides in the model.
struct PairModel {
  enum class Arbiter { value, first, coins } arbiter = Arbiter::value;
  uint32_t low_mantissa = 3;
  bool all_low = false;
};

/// binary32 arithmetic in integers, to nearest, ties to even.
inline float exact_multiply(float a, float b) {
  uint32_t flags = 0;
  return std::bit_cast<float>(softfloat::mul<softfloat::Binary32>(
      std::bit_cast<uint32_t>(a), std::bit_cast<uint32_t>(b), softfloat::Rounding::rne, flags));
}
inline float exact_add(float a, float b) {
  uint32_t flags = 0;
  return std::bit_cast<float>(softfloat::add<softfloat::Binary32>(
      std::bit_cast<uint32_t>(a), std::bit_cast<uint32_t>(b), softfloat::Rounding::rne, flags));
}

/// The bits of a finite bfloat16 value with `mantissa` bits of mantissa: nearest, ties to even, held at the largest. In
/// the bits of binary32, subnormals included, one unit of the last kept place is one step.
inline float exact_low(float value, uint32_t mantissa) {
  const uint32_t bits = std::bit_cast<uint32_t>(value), sign = bits & 0x80000000u, magnitude = bits ^ sign;
  const uint32_t drop = 23 - mantissa, step = 1u << drop, rest = magnitude & (step - 1);
  uint32_t kept = magnitude - rest;
  if (rest > step / 2 || (rest == step / 2 && (kept & step) != 0)) kept += step;
  const uint32_t largest = 0x7f800000u - step;
  if (kept > largest) kept = largest;
  return kept == 0 ? 0.0f : std::bit_cast<float>(sign | kept);
}

inline uint32_t exponent_field(float value) {
  return std::bit_cast<uint32_t>(value) >> 23 & 0xff;
}

/// Whether the first product of a pair goes to the high unit; `coin` decides for Arbiter::coins.
inline bool first_is_high(const PairModel& model, const std::pair<float, float>& p0, const std::pair<float, float>& p1,
                          bool coin) {
  const bool zero0 = p0.first == 0 || p0.second == 0, zero1 = p1.first == 0 || p1.second == 0;
  if (zero1) return true;
  if (zero0) return false;
  if (model.arbiter == PairModel::Arbiter::coins) return coin;
  if (model.arbiter == PairModel::Arbiter::first) return true;
  return exponent_field(p0.first) + exponent_field(p0.second) >= exponent_field(p1.first) + exponent_field(p1.second);
}

/// sum + p0 + p1 with finite operands.
inline float add_pair(const PairModel& model, float sum, const std::pair<float, float>& p0,
                      const std::pair<float, float>& p1, bool coin = true) {
  const bool first = first_is_high(model, p0, p1, coin);
  const auto add = [&](float start, const std::pair<float, float>& p, bool high) {
    if (p.first == 0 || p.second == 0) return start;
    const bool as_is = high && !model.all_low;
    const float a = as_is ? p.first : exact_low(p.first, model.low_mantissa);
    const float b = as_is ? p.second : exact_low(p.second, model.low_mantissa);
    return a == 0 || b == 0 ? start : exact_add(start, exact_multiply(a, b));
  };
  return add(add(sum, p0, first), p1, !first);
}

/// A whole sum with terms in pairs (2i, 2i + 1).
inline float sum_pairs(const PairModel& model, float start, const backboard::test::Terms& terms) {
  float sum = start;
  for (size_t i = 0; i < terms.size(); i += 2) {
    sum = add_pair(model, sum, terms[i], i + 1 < terms.size() ? terms[i + 1] : std::pair(0.0f, 0.0f));
  }
  return sum;
}

}  // namespace backboard::npu::test
