// WG: classes of activations and errors of a convolution as bitmaps of rows of positions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "npu/engine/gemm_tile.h"
#include "npu/engine/lnpu/position_layout.h"

namespace backboard::npu::lnpu {

/// Bitmaps of the rows of activations that the taps of a tile read. Bit j of the row of residues (p, q) is column
/// q + j * stride_w - pad_w of input row p + i * stride_h - pad_h, counted from what the tile's first output row reads:
/// a tap of all output positions is the same bits moved by whole rows and bits. Outside of the tensor there are zeros.
/// Rows of all images follow each other, `image_rows` an image: [c][p][q][word][pitch].
struct ActivationBits {
  uint64_t *nonzero = nullptr, *high = nullptr;  ///< nonzero: null unless wanted
  uint32_t row_residues = 1, column_residues = 1;
  uint32_t words = 1;       ///< of a row
  uint32_t image_rows = 1;  ///< of one residue
  uint32_t pitch = 0;       ///< rows of all images, and room for a vector behind them

  size_t plane(uint32_t c, uint32_t p, uint32_t q) const {
    return ((size_t{c} * row_residues + p) * column_residues + q) * words * pitch;
  }
  /// With room for vectors that begin behind the last image's rows.
  size_t size(uint32_t channels) const { return plane(channels, 0, 0) + 3 * kWindowMultiple; }
};

/// Sizes for a tile; no memory yet.
ActivationBits activation_bits(const ConvTile& tile);
/// Fills the bitmaps from classes (x strides).
void fill_activation_bits(const ConvTile& tile, const uint8_t* classes, const ActivationBits& bits);

/// ORs the bits of operand columns (c, kh, kw) [first, end), at most 64 of them, for each output position into windows:
/// [word][layout.windows], which are zero. `rows`: scratch of (ow + 63) / 64 * bits.pitch words. Behind both,
/// kGroupSlack words may be used.
inline constexpr uint32_t kGroupSlack = 2 * kWindowMultiple;
void or_group(const ConvTile& tile, const ActivationBits& bits, const uint64_t* source, uint32_t first, uint32_t end,
              const PositionLayout& layout, uint64_t* rows, uint64_t* windows);

/// Places the classes of one output channel of all images (dy, at the channel's first element) in the windows
/// [word][layout.windows], as copy `copy` of a window's channels.
void add_error_bits(const ConvTile& tile, const uint8_t* classes, const PositionLayout& layout, uint32_t copy,
                    uint64_t* nonzero, uint64_t* high);

/// The same for all output channels where layout.rows_in_word is not 0: [channel][layout.windows], which need not be
/// zero.
void set_error_bits(const ConvTile& tile, const uint8_t* classes, const PositionLayout& layout, uint64_t* nonzero,
                    uint64_t* high);

}  // namespace backboard::npu::lnpu
