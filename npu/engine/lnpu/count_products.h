// Counts what a tile does: products by class, skipped ones, lane times. The values of the operands play no part.
#pragma once

#include "npu/engine/facts.h"
#include "npu/engine/gemm_tile.h"
#include "npu/engine/lnpu/config.h"

namespace backboard::npu::lnpu {

// Each adds to `facts` and uses workspace slots 8 to 20.
void count_ff(const LnpuConfig& config, const ConvTile& tile, const uint8_t* x, const uint8_t* w, Facts& facts,
              Workspace& workspace);
void count_bp(const LnpuConfig& config, const ConvTile& tile, const uint8_t* dy, const uint8_t* w, Facts& facts,
              Workspace& workspace);
void count_wg(const LnpuConfig& config, const ConvTile& tile, const uint8_t* x, const uint8_t* dy, Facts& facts,
              Workspace& workspace);

}  // namespace backboard::npu::lnpu
