// WG of convolutions with few channels: the counts of position_pairs.h in bytes.
#pragma once

#include <cstdint>

#include "npu/engine/gemm_tile.h"
#include "npu/engine/lnpu/position_grid.h"

namespace backboard::npu::lnpu {

/// Adds the classes (0, 1, 2) of up to 127 channels, `stride` apart, at each of `count` elements: sums of all classes
/// and of those of high elements alone.
void sum_channels(const uint8_t* classes, size_t stride, uint32_t channels, uint32_t count, uint8_t* all,
                  uint8_t* high);

/// Counts of one image at a time, for tiles whose counts at a position fit in bytes and products of two of them in 15
/// bits. Uses workspace slots 14 to 17; what the constructor put there must last.
class BytePairs {
 public:
  static bool fits(const ConvTile& tile, const PositionGrid& grid);
  /// `valid`: taps inside the input at each place of the grid, zero where there is no position; with room for whole
  /// vectors behind.
  BytePairs(const ConvTile& tile, const PositionGrid& grid, const uint8_t* valid, Workspace& workspace);
  /// Adds the sums of an image's classes.
  void add(const uint8_t* x, const uint8_t* dy, CountSums& sums) const;

  /// Low and high counts, of which whole vectors may be read and written behind the end.
  struct Counts {
    uint8_t *low, *high;
  };
  static constexpr uint32_t kSlack = 64;

 private:
  const ConvTile& tile_;
  const PositionGrid& grid_;
  Counts sums_, inputs_, across_, errors_;  ///< sums_: of dense planes, all classes in the place of low
  const uint8_t* valid_;
};

}  // namespace backboard::npu::lnpu
