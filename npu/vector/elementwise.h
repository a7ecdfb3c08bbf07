// Element-wise functions of the vector unit: ReLU, masks, bias, addition.
//
// Values stored by the vector unit are canonical: -0 becomes +0 and every NaN becomes 0x7fc00000, so that the bytes do
// not depend on the host. Tiles may alias only where a function says so, and then only as the very same tile.
#pragma once

#include <cstdint>
#include <span>

#include "npu/vector/tile.h"
#include "npu/vector/vector_facts.h"

namespace backboard::npu {

/// y = x where x > 0, else 0; a NaN stays a NaN, so that ReLU hides no broken value. Boxes equal; y may be x.
VectorFacts relu_ff(const ConstTile& x, const Tile& y);

/// dx = dy where mask > 0, else 0 (a NaN in the mask blocks). Serves RELU_BP and the MASK flag at write-back.
/// Boxes equal; dx may be dy.
VectorFacts apply_mask(const ConstTile& dy, const ConstTile& mask, const Tile& dx);

/// y = 6 where y > 6, in place: what ReLU6 does after ReLU. A NaN stays.
VectorFacts clip_at_six(const Tile& y);

/// dx = 0 where the mask is not below 6, in place: what ReLU6 adds to apply_mask. Boxes equal.
VectorFacts block_from_six(const ConstTile& mask, const Tile& dx);

/// y = a + b, rounded once, then ReLU if `relu`. Boxes equal; y may be a or b.
VectorFacts add_tiles(const ConstTile& a, const ConstTile& b, bool relu, const Tile& y);

/// Copies tile x into tile y: channel c of x is channel c + shift of y (absolute in their tensors). Images, rows and
/// columns of x lie in y, and so do the channels after the shift.
void copy_channels(const ConstTile& x, int64_t shift, const Tile& y);

/// y = x + bias[channel], rounded once, then ReLU if `relu`. `bias` holds the values of channels c0 to c0 + c of the
/// tile. Boxes equal; y may be x. Serves BIAS_FF and the BIAS and RELU flags at write-back.
VectorFacts add_bias(const ConstTile& x, std::span<const float> bias, bool relu, const Tile& y);

/// Sum of dy over (n, h, w) in this order, in binary32, for each channel of the tile; continues `sums`, which holds the
/// accumulators of channels c0 to c0 + c and starts at zero. A sum over several tiles equals the sum over one when the
/// tiles come in the order of (n, h) and a tile of more than one image has all `rows` rows of the tensor (checked).
VectorFacts accumulate_bias_gradient(const ConstTile& dy, uint32_t rows, std::span<float> sums);

}  // namespace backboard::npu
