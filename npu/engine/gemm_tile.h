// The tile problem that every engine's compute step solves: a rectangle of a convolution, in FF, BP or WG.
//
// Order of each sum (part of the number format): FF over (c, kh, kw), BP over (k, kh, kw), WG over (n, oh, ow), each
// term added to the caller's accumulator in this order. A tile that continues a sum is called with the accumulators
// that the tile before it left, so results do not depend on where tiles end. An FC layer is the 1x1 case with h = w
// = 1.
#pragma once

#include <cstddef>
#include <cstdint>

#include <hwy/aligned_allocator.h>

namespace backboard::npu {

/// Geometry of one tile. Sizes h, w, oh, ow are those of the whole tensors (padding is theirs); n, c and k those of the
/// tile. Local arrays hold the rows [ih0, ih0 + ih_rows) of x and dx and [oh0, oh0 + oh_rows) of y and dy, all columns,
/// rows one after the other (row pitch w and ow); images and channels at the given strides, in elements.
///
/// FF: acc(n, k, oh rows) += x(n, c, ih rows) * w(k, c). All rows of x inside the tensor that the taps need are held.
/// BP: acc(n, c, ih rows) += dy(n, k, oh rows) * w(k, c). All rows of dy that the taps need are held.
/// WG: acc(k, c, kh, kw) += sum over n, oh rows, ow of dy(n, k) * x(n, c). Rows of x as in FF. To keep the written
/// order, a tile of several images has all output rows, and a tile of some rows has one image.
struct ConvTile {
  uint32_t n = 1;           ///< images
  uint32_t c = 1;           ///< input channels (FF: reduction; BP: outputs; WG: output columns)
  uint32_t k = 1;           ///< output channels (FF: outputs; BP: reduction; WG: output rows)
  uint32_t h = 1, w = 1;    ///< rows and columns of the whole input
  uint32_t oh = 1, ow = 1;  ///< rows and columns of the whole output
  uint32_t kh = 1, kw = 1;
  uint32_t stride_h = 1, stride_w = 1;
  uint32_t pad_h = 0, pad_w = 0;
  uint32_t dilation_h = 1, dilation_w = 1;
  uint32_t ih0 = 0, ih_rows = 1;          ///< rows of x or dx held
  uint32_t oh0 = 0, oh_rows = 1;          ///< rows of y or dy held
  size_t x_stride_n = 0, x_stride_c = 0;  ///< of x and dx
  size_t y_stride_n = 0, y_stride_k = 0;  ///< of y and dy
  size_t w_stride_k = 0, w_stride_c = 0;  ///< of the weights and their gradient; taps (kh, kw) lie together
  /// Where the tile lies: layer number of the command; first image and channels in the whole tensors. For arithmetic
  /// that goes by place (a random stream, a choice by layer).
  uint32_t layer = 0, n0 = 0, c0 = 0, k0 = 0;
  /// FF: sums begin with this tile, at zero whatever the memory holds (conv_gemm()).
  bool fresh = false;

  /// Elements of y that are held.
  uint64_t outputs() const { return uint64_t{n} * k * oh_rows * ow; }

  /// Dense strides for the rows held: x (n, c, ih_rows, w), y (n, k, oh_rows, ow), w (k, c, kh, kw).
  void set_dense_strides();
  /// The whole convolution as one tile, with dense strides. oh and ow follow from the rest.
  static ConvTile whole(uint32_t n, uint32_t c, uint32_t h, uint32_t w, uint32_t k, uint32_t kh, uint32_t kw,
                        uint32_t stride, uint32_t pad, uint32_t dilation = 1);
  /// An FC layer as one tile: x (n, c), y (n, k), w (k, c).
  static ConvTile fully_connected(uint32_t n, uint32_t c, uint32_t k);
};

/// Rows of the input that output rows [oh0, oh0 + oh_rows) read, cut to the tensor: what FF and WG must hold.
struct RowRange {
  uint32_t first = 0, rows = 0;
};
RowRange input_rows_of(const ConvTile& tile, uint32_t oh0, uint32_t oh_rows);
/// Rows of the output that input rows [ih0, ih0 + ih_rows) take errors from: what BP must hold. May be empty.
RowRange output_rows_of(const ConvTile& tile, uint32_t ih0, uint32_t ih_rows);

/// An operand in the local buffer: decoded values and, for engines that know classes, one ElementClass byte each at
/// the same index. Class zero and value zero go together.
struct Operand {
  const float* values = nullptr;
  const uint8_t* classes = nullptr;
};

/// Scratch memory of the kernels: one for each thread that runs them. Holds nothing between calls.
class Workspace {
 public:
  /// At least `bytes` of 64-byte aligned memory in slot `slot` (below kSlots); contents are lost when it grows.
  void* reserve(unsigned slot, size_t bytes);
  template <class T>
  T* array(unsigned slot, size_t count) {
    return static_cast<T*>(reserve(slot, count * sizeof(T)));
  }
  static constexpr unsigned kSlots = 24;

 private:
  hwy::AlignedFreeUniquePtr<uint8_t[]> memory_[kSlots];
  size_t bytes_[kSlots] = {};
};

}  // namespace backboard::npu
