// The arithmetic of taxonn in integers. Shares no code with the engine.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "npu/engine/layer_shape.h"
#include "tests/npu/engine/daa/pair_model.h"
#include "tests/npu/engine/neuroflix/brick_model.h"
#include "tests/support/npu_golden.h"

namespace backboard::npu::test {

/// The integer nearest to value * 2^fraction, ties to even, held within 2^(integer + fraction) - 1; NaN gives 0.
inline int64_t fix_exactly(float value, int integer, int fraction) {
  const int64_t limit = (int64_t{1} << (integer + fraction)) - 1;
  const uint32_t bits = std::bit_cast<uint32_t>(value), field = bits >> 23 & 0xff;
  const bool negative = bits >> 31 != 0;
  if (field == 0xff) return (bits & 0x7fffff) != 0 ? 0 : negative ? -limit : limit;
  const Exact e = exact(value);
  const int up = e.exponent + fraction;
  int64_t magnitude = std::llabs(e.significand);
  if (up > 30 && magnitude != 0) {
    magnitude = limit;
  } else if (up >= 0) {
    magnitude <<= up;
  } else if (-up > 40) {
    magnitude = 0;
  } else {
    const int64_t step = int64_t{1} << -up, rest = magnitude % step;
    magnitude /= step;
    if (2 * rest > step || (2 * rest == step && magnitude % 2 != 0)) ++magnitude;
  }
  magnitude = std::min(magnitude, limit);
  return negative ? -magnitude : magnitude;
}

/// The sum of a pass in the default formats: x 4.8, weights 1.11, errors -2.14; gradients end as 2.18.
inline float sum_fixed(Pass pass, float start, const backboard::test::Terms& terms) {
  struct Format {
    int integer, fraction;
  };
  const Format x{4, 8}, weight{1, 11}, delta{-2, 14};
  const Format first = pass == Pass::bp ? delta : x, second = pass == Pass::wg ? delta : weight;
  float sum = start;
  for (const auto& [a, b] : terms) {
    const int64_t product =
        fix_exactly(a, first.integer, first.fraction) * fix_exactly(b, second.integer, second.fraction);
    if (product != 0) sum = exact_add(sum, scaled(product, -first.fraction - second.fraction));
  }
  if (pass != Pass::wg) return sum;
  return scaled(fix_exactly(sum, 2, 18), -18);
}

}  // namespace backboard::npu::test
