// Convolutions of one input by one output channel, as depthwise layers have them: a vector holds neighbouring positions
// of a row.
#pragma once

#include "npu/engine/gemm_tile.h"
#include "npu/engine/padded_image.h"
#include "npu/engine/strided_gemm.h"

namespace backboard::npu {

/// Whether plane_ff() and plane_bp() can take a tile: one channel of each kind, more than one and at most
/// kMostPlaneTaps taps, strides of columns up to two.
bool is_plane(const ConvTile& tile);
inline constexpr uint32_t kMostPlaneTaps = 64;

/// FF as conv_gemm() has it, for finite operands (and sums, with kFp16Sum). `image`: pad_input()'s, with room behind
/// it. Uses workspace slot 0.
void plane_ff(Arithmetic arithmetic, const ConvTile& tile, const Padded& image, const float* w, float* acc,
              Workspace& workspace);

/// BP as conv_gemm() has it. `image`: dy from row `first_row` and column `first_column` on, with zeros around and room
/// behind.
void plane_bp(Arithmetic arithmetic, const ConvTile& tile, const Padded& image, int64_t first_row, int64_t first_column,
              const float* w, float* acc, Workspace& workspace);

}  // namespace backboard::npu
