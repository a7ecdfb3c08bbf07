// One row of one stage of a group.
#pragma once

#include "npu/engine/engine.h"
#include "npu/engine/facts.h"
#include "npu/engine/rowpipe/config.h"
#include "npu/engine/tile_engine.h"

namespace backboard::npu::rowpipe {

/// Carries out a compute step of plan_rows(): takes the rows that it needs from the row buffer before it, has `units`
/// do the arithmetic on them as they are, rounds the result to its format as a store to memory would, and puts it in
/// the row buffer behind, as codes where a convolution reads it. Weights of a convolution become codes in their slot
/// with its first row.
ErrorCode compute_row(const RowpipeConfig& config, const TileEngine& units, const Job& job, const Step& step,
                      LocalBuffer& buffer, Facts& facts);

}  // namespace backboard::npu::rowpipe
