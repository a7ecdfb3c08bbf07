// FC layers of up to 64 images, inputs and outputs: all counts of a tile at once. Every row of classes fits in a word,
// and every count of a step in a byte.
#pragma once

#include "npu/engine/facts.h"
#include "npu/engine/gemm_tile.h"
#include "npu/engine/layer_shape.h"
#include "npu/engine/lnpu/config.h"
#include "npu/engine/lnpu/lanes.h"

namespace backboard::npu::lnpu {

inline constexpr uint32_t kMostFew = 64;  ///< images, inputs, outputs

/// Adds what count_ff(), count_bp() or count_wg() would, from the classes of the pass's operands; returns false, and
/// adds nothing, where counts do not fit.
bool count_few_images(const LnpuConfig& config, Pass pass, const ConvTile& tile, const uint8_t* first,
                      const uint8_t* second, Facts& facts);

/// One of two operands: rows of classes side by side. Its steps are the columns, or (`by_step`) the rows.
struct FewRows {
  const uint8_t* classes;
  size_t pitch;
  uint32_t rows, columns;
  bool by_step;
};

/// What count_few_images() has laid out. Inputs of a step are cut into bins: the strips of cores (FF, BP), or the
/// blocks of a strip's channels that share a window (WG).
struct FewImages {
  const LnpuConfig* config;
  FewRows inputs, others;
  uint32_t steps, outputs;
  uint32_t groups;  ///< of multipliers_per_lane outputs
  CoreGrid grid;
  uint32_t chunk;  ///< steps of a window
  uint32_t bins = 0;
  uint32_t most = 0;             ///< inputs of a bin
  uint8_t begin[kMostFew + 1];   ///< inputs of bin b: [begin[b], begin[b + 1])
  uint8_t first_core[kMostFew];  ///< of bin b's strip; zero behind the last, up to a multiple of four
};

}  // namespace backboard::npu::lnpu
