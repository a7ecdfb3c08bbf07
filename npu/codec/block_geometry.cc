#include "npu/codec/block_geometry.h"

#include <algorithm>

namespace backboard::npu {

bool BlockGeometry::valid() const {
  if (shape.n == 0 || shape.c == 0 || shape.h == 0 || shape.w == 0) return false;
  if (block_channels == 0 || block_channels > shape.c || block_rows == 0 || block_rows > shape.h) return false;
  if (block_channels > 1 && block_rows != shape.h) return false;
  if (shape.w > kMaxBlockElements || uint64_t{block_channels} * block_rows > kMaxBlockElements) return false;
  if (uint64_t{block_channels} * block_rows * shape.w > kMaxBlockElements) return false;
  const uint64_t per_image = uint64_t{channel_blocks()} * row_blocks();
  return per_image <= UINT32_MAX && per_image * shape.n <= UINT32_MAX;
}

BlockGeometry BlockGeometry::choose(const TensorShape& shape) {
  constexpr uint64_t kTarget = 256, kLimit = 1024;
  BlockGeometry geometry{shape, 1, 1};
  const uint64_t plane = uint64_t{shape.h} * shape.w;
  if (plane <= kLimit) {
    geometry.block_rows = shape.h;
    geometry.block_channels = static_cast<uint32_t>(std::clamp<uint64_t>(kTarget / plane, 1, shape.c));
  } else {
    geometry.block_rows = static_cast<uint32_t>(std::clamp<uint64_t>(kTarget / shape.w, 1, shape.h));
  }
  return geometry;
}

uint32_t BlockGeometry::block_of(uint32_t n, uint32_t c, uint32_t h) const {
  return (n * channel_blocks() + c / block_channels) * row_blocks() + h / block_rows;
}

BlockBox BlockGeometry::box(uint32_t block) const {
  const uint32_t row_block = block % row_blocks();
  const uint32_t channel_block = block / row_blocks() % channel_blocks();
  BlockBox box;
  box.n = block / row_blocks() / channel_blocks();
  box.c0 = channel_block * block_channels;
  box.channels = std::min(block_channels, shape.c - box.c0);
  box.h0 = row_block * block_rows;
  box.rows = std::min(block_rows, shape.h - box.h0);
  box.columns = shape.w;
  return box;
}

uint32_t BlockGeometry::slot_bytes(TensorFormat format) const {
  const uint32_t worst = worst_case_block_bytes(format, block_elements());
  return (worst + kSlotAlignment_bytes - 1) / kSlotAlignment_bytes * kSlotAlignment_bytes;
}

uint32_t worst_case_block_bytes(TensorFormat format, uint32_t elements) {
  if (format == TensorFormat::kFGMP) return (2 * elements + 7) / 8 + 2 * elements;
  if (format == TensorFormat::kFP16Z) return (elements + 7) / 8 + 2 * elements;
  return elements * dense_bytes(format);
}

}  // namespace backboard::npu
