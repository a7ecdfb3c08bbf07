#include "npu/engine/gemm_tile.h"

#include <algorithm>

#include "platform/check/check.h"

namespace backboard::npu {

void ConvTile::set_dense_strides() {
  x_stride_c = size_t{ih_rows} * w;
  x_stride_n = x_stride_c * c;
  y_stride_k = size_t{oh_rows} * ow;
  y_stride_n = y_stride_k * k;
  w_stride_c = size_t{kh} * kw;
  w_stride_k = w_stride_c * c;
}

ConvTile ConvTile::whole(uint32_t n, uint32_t c, uint32_t h, uint32_t w, uint32_t k, uint32_t kh, uint32_t kw,
                         uint32_t stride, uint32_t pad, uint32_t dilation) {
  ConvTile tile;
  tile.n = n;
  tile.c = c;
  tile.k = k;
  tile.h = h;
  tile.w = w;
  tile.kh = kh;
  tile.kw = kw;
  tile.stride_h = tile.stride_w = stride;
  tile.pad_h = tile.pad_w = pad;
  tile.dilation_h = tile.dilation_w = dilation;
  const uint32_t span_h = dilation * (kh - 1) + 1, span_w = dilation * (kw - 1) + 1;
  BB_CHECK(h + 2 * pad >= span_h && w + 2 * pad >= span_w, "the window is larger than the padded input");
  tile.oh = (h + 2 * pad - span_h) / stride + 1;
  tile.ow = (w + 2 * pad - span_w) / stride + 1;
  tile.ih_rows = h;
  tile.oh_rows = tile.oh;
  tile.set_dense_strides();
  return tile;
}

ConvTile ConvTile::fully_connected(uint32_t n, uint32_t c, uint32_t k) {
  return whole(n, c, 1, 1, k, 1, 1, 1, 0);
}

RowRange input_rows_of(const ConvTile& tile, uint32_t oh0, uint32_t oh_rows) {
  if (oh_rows == 0) return {};
  const int64_t first = int64_t{oh0} * tile.stride_h - tile.pad_h;
  const int64_t last =
      (int64_t{oh0} + oh_rows - 1) * tile.stride_h - tile.pad_h + int64_t{tile.dilation_h} * (tile.kh - 1);
  const int64_t low = std::max<int64_t>(first, 0), high = std::min<int64_t>(last, int64_t{tile.h} - 1);
  if (low > high) return {};
  return {static_cast<uint32_t>(low), static_cast<uint32_t>(high - low + 1)};
}

RowRange output_rows_of(const ConvTile& tile, uint32_t ih0, uint32_t ih_rows) {
  if (ih_rows == 0) return {};
  // oh * stride = ih + pad - kh * dilation for the smallest and the largest ih and kh.
  const int64_t lowest = int64_t{ih0} + tile.pad_h - int64_t{tile.dilation_h} * (tile.kh - 1);
  const int64_t highest = int64_t{ih0} + ih_rows - 1 + tile.pad_h;
  const int64_t stride = tile.stride_h;
  const int64_t low = lowest <= 0 ? 0 : (lowest + stride - 1) / stride;
  const int64_t high = std::min<int64_t>(highest / stride, int64_t{tile.oh} - 1);
  if (low > high) return {};
  return {static_cast<uint32_t>(low), static_cast<uint32_t>(high - low + 1)};
}

void* Workspace::reserve(unsigned slot, size_t bytes) {
  BB_CHECK(slot < kSlots, "slot {}", slot);
  if (bytes > bytes_[slot] || !memory_[slot]) {
    bytes_[slot] = std::max<size_t>(bytes + bytes / 4, 256);
    memory_[slot] = hwy::AllocateAligned<uint8_t>(bytes_[slot]);
    BB_CHECK(memory_[slot] != nullptr, "out of memory: {} bytes", bytes_[slot]);
  }
  return memory_[slot].get();
}

}  // namespace backboard::npu
