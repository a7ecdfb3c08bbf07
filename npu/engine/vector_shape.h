// Commands of the vector unit by the dimensions that they are cut in.
#pragma once

#include <cstdint>

#include "npu/command/job.h"
#include "npu/vector/pooling.h"

namespace backboard::npu {

/// What a command of the vector unit is cut in: images, channels and rows of one of its tensors. SGD is cut in output
/// channels (as n) and input channels.
struct VectorShape {
  uint32_t n = 1, c = 1, rows = 1;
  uint32_t asked_n = 0, asked_c = 0, asked_rows = 0;  ///< tile sizes of the command; 0: the NPU chooses
  uint8_t field_c = 0;                                ///< field of the command that asks for channels
  uint8_t result_slot = 2;                            ///< operand whose box names a tile
  bool whole_c = false;                               ///< a tile holds all channels (classes of a loss)
  bool whole_rows = false;
  bool reduces_rows = false;  ///< rows are summed: the result has none
  bool sums_images = false;   ///< images are summed as well
  bool sums_only = false;     ///< sums lie in a slot of their own until the last tile
  uint32_t channel_sums = 0;  ///< accumulators of a channel where it has several (batch normalisation); 0: one
  uint32_t passes = 1;        ///< times that the input is read for one result
  PoolShape pool;             ///< pooling
};

/// The shape of a valid job that is no layer and no ring control.
VectorShape vector_shape(const Job& job);

/// Images, channels and rows of a tile.
struct VectorPart {
  uint32_t n0 = 0, n = 0, c0 = 0, c = 0, r0 = 0, rows = 0;
};

/// What a tile reads or writes of an operand; may be empty when strides skip rows.
Box vector_box(const Job& job, const VectorShape& shape, unsigned slot, const VectorPart& part);

/// Most elements of vector_box() over all tiles of a size.
uint64_t most_elements(const Job& job, const VectorShape& shape, unsigned slot, uint32_t n, uint32_t c, uint32_t rows);

}  // namespace backboard::npu
