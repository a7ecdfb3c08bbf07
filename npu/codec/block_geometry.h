// How a coded tensor is cut into blocks and where each block lies.
#pragma once

#include <cstdint>

#include "npu/codec/tensor_format.h"

namespace backboard::npu {

inline constexpr uint32_t kMaxBlockElements = 4096;
inline constexpr uint32_t kSlotAlignment_bytes = 32;
inline constexpr uint32_t kDirectoryEntry_bytes = 2;

/// Shape of a tensor: images (or output channels), channels, rows, columns.
struct TensorShape {
  uint32_t n = 1, c = 1, h = 1, w = 1;
  constexpr uint64_t elements() const { return uint64_t{n} * c * h * w; }
  constexpr bool operator==(const TensorShape&) const = default;
};

/// The elements of one block: one image, channels [c0, c0+channels), rows [h0, h0+rows), all columns; in (c, h, w)
/// order inside the block.
struct BlockBox {
  uint32_t n = 0, c0 = 0, channels = 0, h0 = 0, rows = 0, columns = 0;
  constexpr uint32_t elements() const { return channels * rows * columns; }
  constexpr bool operator==(const BlockBox&) const = default;
};

/// A tensor cut into blocks of block_channels x block_rows x w elements of one image. Either block_channels is 1, or a
/// block has all rows. Blocks are numbered (n, channel block, row block); those at an edge are shorter. Each lies in a
/// slot of the worst-case size, so that any block can be written on its own; the directory holds the bytes used.
struct BlockGeometry {
  TensorShape shape;
  uint32_t block_channels = 1;
  uint32_t block_rows = 1;

  /// True when the geometry may be used: no zero, block_rows <= h, block_channels <= c, at most kMaxBlockElements a
  /// block, all rows when block_channels > 1, and fewer than 2^32 blocks.
  bool valid() const;
  /// The default: about 256 elements a block, whole rows, at most 1024 (or one row, up to kMaxBlockElements).
  static BlockGeometry choose(const TensorShape& shape);

  uint32_t block_elements() const { return block_channels * block_rows * shape.w; }
  uint32_t channel_blocks() const { return (shape.c + block_channels - 1) / block_channels; }
  uint32_t row_blocks() const { return (shape.h + block_rows - 1) / block_rows; }
  uint32_t blocks() const { return shape.n * channel_blocks() * row_blocks(); }
  /// Number of the block that holds row h of channel c of image n.
  uint32_t block_of(uint32_t n, uint32_t c, uint32_t h) const;
  BlockBox box(uint32_t block) const;
  /// Bytes of a slot: a full block at its worst (every element high), rounded up to kSlotAlignment_bytes.
  uint32_t slot_bytes(TensorFormat format) const;
  uint64_t slot_offset(uint32_t block, TensorFormat format) const { return uint64_t{block} * slot_bytes(format); }
  /// All slots: what a descriptor's size_bytes must hold.
  uint64_t tensor_bytes(TensorFormat format) const { return uint64_t{blocks()} * slot_bytes(format); }
  uint64_t directory_bytes() const { return uint64_t{blocks()} * kDirectoryEntry_bytes; }
};

/// Largest number of bytes that a block of `elements` may take, before rounding up to a slot.
uint32_t worst_case_block_bytes(TensorFormat format, uint32_t elements);

}  // namespace backboard::npu
