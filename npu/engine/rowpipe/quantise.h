// Codes of the fixed-point units: whole multiples of a power of two that goes with a set of values.
#pragma once

#include <cstddef>
#include <cstdint>

#include "npu/engine/gemm_tile.h"

namespace backboard::npu::rowpipe {

/// The exponent e of codes of `bits` bits, sign included, for values of FP16 up to `largest` > 0: the smallest one for
/// which largest / 2^e rounds to 2^(bits - 1) - 1 at most, so nothing saturates.
int32_t step_exponent(uint32_t bits, float largest);

/// Values in lines of `width` that follow each other in `rows`; lines of one row belong together in all `channels`.
struct RowLayout {
  size_t channels = 1, channel_stride = 0;
  size_t rows = 1, width = 1;  ///< row r of a channel starts at r * width
};

/// Rounds each row to codes of its own step, all channels together: nearest, ties to even, NaN zero, infinities as the
/// largest FP16. `out` (the same places as `in`; may be `in`) gets code * step, which FP16 and binary32 hold exactly.
/// Uses workspace slot 14.
void quantise_rows(uint32_t bits, const RowLayout& layout, const float* in, float* out, Workspace& workspace);

/// x of a tile in FF, by image and row: the step is that of all channels of the tile.
void quantise_activations(uint32_t bits, const ConvTile& tile, const float* x, float* out, Workspace& workspace);
/// Weights of a tile, by output channel: the step is that of all input channels and taps of the tile.
void quantise_weights(uint32_t bits, const ConvTile& tile, const float* w, float* out, Workspace& workspace);

}  // namespace backboard::npu::rowpipe
