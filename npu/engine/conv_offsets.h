// Where the operands of a convolution's GEMM lie: tables of offsets in a slot of the workspace.
#pragma once

#include <cstddef>
#include <cstdint>

#include "npu/engine/gemm_tile.h"
#include "npu/engine/padded_image.h"

namespace backboard::npu {

/// Offsets 0, stride, 2 stride, ...
ptrdiff_t* even_offsets(uint32_t count, size_t stride, unsigned slot, Workspace& workspace);

/// Offsets of the padded image for each output position (n, oh, ow) of the tile.
ptrdiff_t* position_offsets(const ConvTile& tile, const Padded& image, unsigned slot, Workspace& workspace);
/// Offsets of the padded image for each tap (c, kh, kw).
ptrdiff_t* tap_offsets(const ConvTile& tile, const Padded& image, unsigned slot, Workspace& workspace);
/// Offsets of y (or dy) for each position (n, oh, ow) of the tile, channel 0.
ptrdiff_t* output_offsets(const ConvTile& tile, unsigned slot, Workspace& workspace);
/// Offsets of the weights (or their gradient) for each (c, kh, kw), output channel 0.
ptrdiff_t* weight_offsets(const ConvTile& tile, unsigned slot, Workspace& workspace);

}  // namespace backboard::npu
