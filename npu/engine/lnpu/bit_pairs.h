// WG of 3x3 convolutions of one input channel: the products by class of position_pairs.h, from the bitmaps that lane
// times are counted from.
#pragma once

#include <cstdint>

#include "npu/engine/facts.h"
#include "npu/engine/gemm_tile.h"
#include "npu/engine/lnpu/activation_bits.h"
#include "npu/engine/lnpu/position_layout.h"

namespace backboard::npu::lnpu {

/// Whether add_bit_pairs() can take a tile: 3x3 taps, stride 1, no dilation, one input channel, rows of positions that
/// lie in one word, padding included, one or two of them in a window, of which an image has a whole number; on a
/// vector unit that counts the bits of words.
bool bit_pairs_fit(const ConvTile& tile, const PositionLayout& layout);

/// Adds to facts.macs_by_class[error][activation], as add_position_pairs() does. `rows` has both bitmaps; errors are
/// [channel][layout.windows], as set_error_bits() leaves them. Uses workspace slot 14.
void add_bit_pairs(const ConvTile& tile, const PositionLayout& layout, const ActivationBits& rows,
                   const uint64_t* error_nonzero, const uint64_t* error_high, Facts& facts, Workspace& workspace);

}  // namespace backboard::npu::lnpu
