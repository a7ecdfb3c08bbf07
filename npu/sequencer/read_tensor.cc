#include "npu/sequencer/read_tensor.h"

#include <algorithm>
#include <array>

#include "npu/codec/block_codec.h"
#include "npu/numerics/rounding.h"

namespace backboard::npu {
namespace {

bool read_dense(const Tensor& tensor, const ReadMemory& read, TensorContents& contents) {
  const FormatRow& row = format_row(tensor.format);
  const size_t line = size_t{tensor.shape[3]} * row.bytes();
  contents.stored.resize(tensor.elements() * row.bytes());
  size_t at = 0;
  for (uint64_t n = 0; n < tensor.shape[0]; ++n) {
    for (uint64_t c = 0; c < tensor.shape[1]; ++c) {
      for (uint64_t h = 0; h < tensor.shape[2]; ++h, at += line) {
        const uint64_t element = n * tensor.stride[0] + c * tensor.stride[1] + h * tensor.stride[2];
        const auto address = static_cast<uint32_t>(tensor.address + element * row.bytes());
        if (!read(address, std::span(contents.stored).subspan(at, line))) return false;
      }
    }
  }
  decode_span(row, contents.stored.data(), contents.values, tensor.scale);
  return true;
}

/// Places the elements of a block, which are in (c, h, w) order of the block, among those of the tensor.
void place(const Tensor& tensor, const BlockBox& box, const float* from, std::vector<float>& values) {
  const size_t rows = size_t{box.rows} * box.columns;
  for (uint32_t c = 0; c < box.channels; ++c, from += rows) {
    const size_t channel = size_t{box.n} * tensor.shape[1] + box.c0 + c;
    std::copy_n(from, rows,
                values.begin() + static_cast<ptrdiff_t>((channel * tensor.shape[2] + box.h0) * box.columns));
  }
}

bool read_coded(const Tensor& tensor, const ReadMemory& read, TensorContents& contents) {
  const BlockGeometry geometry = tensor.blocks();
  const uint32_t worst = worst_case_block_bytes(tensor.format, geometry.block_elements());
  std::array<float, kMaxBlockElements> values;
  contents.stored.clear();
  for (uint32_t block = 0; block < geometry.blocks(); ++block) {
    std::array<uint8_t, kDirectoryEntry_bytes> entry;
    if (!read(tensor.metadata + block * kDirectoryEntry_bytes, entry)) return false;
    const uint32_t bytes = entry[0] | static_cast<uint32_t>(entry[1]) << 8;
    if (bytes > worst) return false;
    contents.stored.insert(contents.stored.end(), entry.begin(), entry.end());
    if (bytes == 0) continue;
    const size_t at = contents.stored.size();
    contents.stored.resize(at + bytes);
    const std::span<uint8_t> coded = std::span(contents.stored).subspan(at);
    if (!read(static_cast<uint32_t>(tensor.address + geometry.slot_offset(block, tensor.format)), coded)) return false;
    const BlockBox box = geometry.box(block);
    if (!decode_block(tensor.format, coded, {values.data(), box.elements()}, nullptr)) return false;
    place(tensor, box, values.data(), contents.values);
  }
  return true;
}

}  // namespace

bool read_tensor(const Tensor& tensor, const ReadMemory& read, TensorContents& contents) {
  contents.values.assign(tensor.elements(), 0.0f);
  return tensor.coded() ? read_coded(tensor, read, contents) : read_dense(tensor, read, contents);
}

}  // namespace backboard::npu
