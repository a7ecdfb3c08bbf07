// Tile sizes: what the command asks for, or what fits in the local buffer and moves the fewest bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "npu/command/job.h"
#include "npu/engine/layer_shape.h"
#include "npu/engine/offer.h"

namespace backboard::npu {

/// Sizes of a tile of a layer. FF: a = k, b = c, rows of y; BP: a = c, b = k, rows of dx; WG: a = k, b = c, rows of dy.
/// a and b lie inside one group.
struct LayerTile {
  uint32_t a = 1, b = 1, rows = 1, n = 1;
  uint32_t buffers = 2;  ///< slots of input and other: 2 load ahead while the engine computes, 1 does not
  uint32_t results = 2;  ///< slots of output, bias, mask, master, momentum: 1 waits for the store of the tile before
  bool a_outermost = false;  ///< FF, BP: tiles of `a` outside those of images and rows, else inside; WG: outside `b`
};

/// The choice, or why there is none (kTILE, kBUFFER) and at which field of the command.
template <class T>
struct Choice {
  T tile;
  ErrorCode error = ErrorCode::kNONE;
  uint8_t detail = 0;
};

/// What an engine's arithmetic asks of tiles.
struct TileRules {
  uint32_t reduction_group = 1;  ///< as in Offer
  bool whole_channels = false;   ///< as in Offer
  TileRules() = default;
  TileRules(const Offer& offer) : reduction_group(offer.reduction_group), whole_channels(offer.whole_channels) {}
};

/// Chooses the tile of a layer for `buffer_bytes`. No tile breaks the rules: sizes that the command gives are raised
/// to whole groups and channels.
Choice<LayerTile> choose_layer_tile(const Job& job, const LayerShape& shape, uint32_t buffer_bytes,
                                    const TileRules& rules);

/// Sizes of slots that a tile needs, in elements.
struct LayerTileSizes {
  uint64_t input = 0, other = 0, output = 0, bias = 0, mask = 0, master = 0;
};
LayerTileSizes layer_tile_sizes(const Job& job, const LayerShape& shape, const LayerTile& tile);

/// Local-buffer bytes of an element of a tensor: coded elements lie decoded, in 16 bits.
uint32_t buffer_element_bytes(const Tensor& tensor);
inline constexpr uint32_t kAccumulator_bytes = 4;

/// Sizes from `size` down to `unit`: size, its half, quarter... rounded up to multiples of `unit`.
std::vector<uint32_t> tile_candidates(uint32_t size, uint32_t unit);

/// Most rows of the input that a tile of `rows` output rows (FF, WG) reads, or most output rows that a tile of `rows`
/// input rows (BP) takes errors from.
uint32_t most_input_rows(const ConvTile& geometry, uint32_t rows);
uint32_t most_output_rows(const ConvTile& geometry, uint32_t rows);

}  // namespace backboard::npu
