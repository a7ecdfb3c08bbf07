// WG: which position of a tile goes to which window of the load balancer.
#pragma once

#include <cstdint>
#include <vector>

#include "npu/engine/lnpu/config.h"

namespace backboard::npu::lnpu {

/// Windows of a lane take a multiple of this many places; the last ones may stay empty. Vectors hold no more bitmaps.
inline constexpr uint32_t kWindowMultiple = 8;

/// Up to 64 positions that follow each other and lie in one window.
struct Piece {
  uint32_t n = 0, row = 0;        ///< image, and output row counted from the tile's first; FC: no row
  uint32_t first = 0, count = 0;  ///< in a run: position in the plane of rows; in a piece: column of the row; FC: image
  uint32_t window = 0, shift = 0;  ///< first bit in the window
};

/// Windows over the positions of a tile. A window that has room for several output channels holds them one after the
/// other.
struct PositionLayout {
  std::vector<Piece> pieces;         ///< within one row each
  std::vector<Piece> runs;           ///< the same positions in as few parts as they have in memory, where rows touch
  std::vector<uint32_t> lane_begin;  ///< balancer off: windows of lane l are [lane_begin[l], lane_begin[l + 1])
  uint32_t windows = 0;              ///< empty ones included
  uint32_t words = 0;                ///< of 64 bits, of a window
  uint32_t bits = 0;                 ///< positions in the fullest window
  uint32_t copies = 1;               ///< output channels in one window
  /// Each window is one word of one channel and has this many whole rows, which follow each other over images. Then
  /// there are no pieces and no runs. 0: not so.
  uint32_t rows_in_word = 0;
};

/// images x tile_rows x width positions (see lanes.h for the rule).
PositionLayout lay_positions(const LnpuConfig& config, uint32_t images, uint32_t tile_rows, uint32_t width);

/// FC layers with the balancer on: images are the positions, as many in a window as fit. Pieces alone, no runs and
/// no lanes.
PositionLayout lay_images(const LnpuConfig& config, uint32_t images);

}  // namespace backboard::npu::lnpu
