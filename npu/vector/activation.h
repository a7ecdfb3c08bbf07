// Activations other than ReLU, and dropout. Stores are canonical as elementwise.h says; boxes of the tiles are equal,
// and the result may be the first tile.
#pragma once

#include <cstdint>

#include "npu/vector/tile.h"
#include "npu/vector/vector_facts.h"

namespace backboard::npu {

/// y = x where x > 0, else slope * x, rounded once; a NaN stays.
VectorFacts leaky_ff(const ConstTile& x, float slope, const Tile& y);
/// dx = dy where y > 0, else slope * dy. y is the output of the forward pass, whose sign is that of x.
VectorFacts leaky_bp(const ConstTile& dy, const ConstTile& y, float slope, const Tile& dx);

/// y = 1 / (1 + exp_f32(-x)), each operation rounded.
VectorFacts sigmoid_ff(const ConstTile& x, const Tile& y);
/// dx = dy * (y * (1 - y)), each operation rounded.
VectorFacts sigmoid_bp(const ConstTile& dy, const ConstTile& y, const Tile& dx);

/// y = tanh_f32(x).
VectorFacts tanh_ff(const ConstTile& x, const Tile& y);
/// dx = dy * (1 - y * y), each operation rounded.
VectorFacts tanh_bp(const ConstTile& dy, const ConstTile& y, const Tile& dx);

/// y = x * normal_cdf_f32(x), rounded once; 0 where the factor is 0 (also for -inf).
VectorFacts gelu_ff(const ConstTile& x, const Tile& y);
/// dx = dy * (normal_cdf_f32(x) + x * normal_pdf_f32(x)), each operation rounded; a product with a density of 0 is 0. x
/// is the input of the forward pass.
VectorFacts gelu_bp(const ConstTile& dy, const ConstTile& x, const Tile& dx);

/// Which elements a dropout keeps: a pure function of these and the number of the element in its tensor.
struct DropoutStream {
  float rate = 0.0f;  ///< probability of a zero, in [0, 1)
  uint32_t seed = 0, step = 0;
  uint16_t layer = 0;  ///< tells the streams of layers apart
};

/// y = x * (1 / (1 - rate)), both operations rounded, where the upper 24 bits of
/// random_bits(seed + (layer + 1) * 0x9E3779B9, step, element) are at least rate * 2^24, else 0. `channels` and `rows`
/// are those of the whole tensor: element = ((n * channels + c) * rows + h) * w + column, modulo 2^32. The same
/// function of the error is the backward pass.
VectorFacts dropout(const ConstTile& x, const DropoutStream& stream, uint32_t channels, uint32_t rows, const Tile& y);

}  // namespace backboard::npu
