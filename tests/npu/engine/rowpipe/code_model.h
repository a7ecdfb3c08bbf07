// The arithmetic of rowpipe in integers. Shares no code with the engine.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <map>
#include <tuple>
#include <vector>

#include "npu/engine/layer_shape.h"
#include "tests/npu/engine/neuroflix/brick_model.h"
#include "tests/support/npu_golden.h"

namespace backboard::npu::test {

/// A value of FP16 (or what the units make of it: NaN zero, infinities the largest) in steps of 2^-24: an integer.
inline int64_t in_smallest_steps(float value) {
  if (value != value) return 0;
  if (value > 65504.0f) value = 65504.0f;
  if (value < -65504.0f) value = -65504.0f;
  return static_cast<int64_t>(static_cast<double>(value) * 16777216.0);
}

/// |value| / 2^e to the nearest integer, ties to even; value and 2^e in steps of 2^-24 scaled up by 2^16.
inline int64_t code_of(int64_t value, int e) {
  const int64_t step = int64_t{1} << (e + 24 + 16), scaled = std::llabs(value) << 16;
  int64_t code = scaled / step;
  const int64_t rest = scaled % step;
  if (2 * rest > step || (2 * rest == step && code % 2 != 0)) ++code;
  return value < 0 ? -code : code;
}

/// Codes of a set of values: the smallest step 2^e at which none of them exceeds 2^(bits-1) - 1.
struct Codes {
  int e = 0;
  std::vector<int64_t> codes;
};
inline Codes codes_of(int bits, const std::vector<float>& values) {
  const int64_t limit = (int64_t{1} << (bits - 1)) - 1;
  for (int e = -39;; ++e) {
    Codes result{e, {}};
    bool fits = true;
    for (const float value : values) {
      result.codes.push_back(code_of(in_smallest_steps(value), e));
      if (std::llabs(result.codes.back()) > limit) fits = false;
    }
    if (fits) return result;
  }
}

/// What the units multiply: each element's code times its step. Activations by (n, h) over the `channels` that one
/// output sums over; weights by k.
inline backboard::test::Values coded_activations(int bits, const backboard::test::Values& x, uint32_t channels) {
  backboard::test::Values out(x.shape);
  for (uint32_t n = 0; n < x.shape[0]; ++n) {
    for (uint32_t first = 0; first < x.shape[1]; first += channels) {
      for (uint32_t h = 0; h < x.shape[2]; ++h) {
        std::vector<float> row;
        for (uint32_t c = first; c < first + channels; ++c)
          for (uint32_t w = 0; w < x.shape[3]; ++w) row.push_back(x.at(n, c, h, w));
        const Codes codes = codes_of(bits, row);
        size_t i = 0;
        for (uint32_t c = first; c < first + channels; ++c)
          for (uint32_t w = 0; w < x.shape[3]; ++w) out.at(n, c, h, w) = scaled(codes.codes[i++], codes.e);
      }
    }
  }
  return out;
}

inline backboard::test::Values coded_weights(int bits, const backboard::test::Values& w) {
  backboard::test::Values out(w.shape);
  const size_t size = size_t{w.shape[1]} * w.shape[2] * w.shape[3];
  for (uint32_t k = 0; k < w.shape[0]; ++k) {
    const Codes codes = codes_of(bits, {w.data.begin() + k * size, w.data.begin() + (k + 1) * size});
    for (size_t i = 0; i < size; ++i) out.data[k * size + i] = scaled(codes.codes[i], codes.e);
  }
  return out;
}

/// Whether a layer is one position and one tap: FP16 units alone.
inline bool is_float_layer(const backboard::test::Values& x, const backboard::test::Values& w) {
  return x.shape[2] * x.shape[3] * w.shape[2] * w.shape[3] == 1;
}

/// The FP16 nearest to a finite value, ties to even, held at the largest.
inline float nearest_fp16(float value) {
  const int64_t sign = value < 0 ? -1 : 1;
  const double magnitude = value < 0 ? -static_cast<double>(value) : value;
  if (magnitude >= 65520.0) return static_cast<float>(sign) * 65504.0f;
  int exponent = -14;
  while (exponent < 15 && magnitude >= scaled(2, exponent)) ++exponent;
  const double steps = magnitude / static_cast<double>(scaled(1, exponent - 10));
  int64_t whole = static_cast<int64_t>(steps);
  const double rest = steps - static_cast<double>(whole);
  if (rest > 0.5 || (rest == 0.5 && whole % 2 != 0)) ++whole;
  return scaled(sign * whole, exponent - 10);
}

/// The sum of a forward pass: binary32 in order, then FP16.
inline float sum_dequantised(float start, const backboard::test::Terms& terms) {
  return nearest_fp16(backboard::test::sum_in_order(start, terms));
}

}  // namespace backboard::npu::test
