// Views of tiles that the vector unit works on: decoded values in a local buffer, addressed as in the whole tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace backboard::npu {

/// A box of a (n, c, h, w) tensor: `n` images from `n0` on, `c` channels from `c0` on, `h` rows from `h0` on, all `w`
/// columns. Indices of row() are those of the whole tensor, so that a function gives the same result for any cut.
/// Strides are in elements; columns lie next to each other. The view owns nothing.
template <class T>
struct TileView {
  T* data = nullptr;  ///< element (n0, c0, h0, 0)
  uint32_t n0 = 0, c0 = 0, h0 = 0;
  uint32_t n = 0, c = 0, h = 0, w = 0;
  size_t stride_n = 0, stride_c = 0, stride_h = 0;

  /// First element of row `row_h` of channel `channel` of image `image`, all absolute in the tensor.
  T* row(uint32_t image, uint32_t channel, uint32_t row_h) const {
    return data + (image - n0) * stride_n + (channel - c0) * stride_c + (row_h - h0) * stride_h;
  }
  uint64_t elements() const { return uint64_t{n} * c * h * w; }
  /// Whether the elements of one channel of one image lie next to each other.
  bool channel_is_dense() const { return h <= 1 || stride_h == w; }
  /// Whether the elements of one image lie next to each other.
  bool image_is_dense() const { return channel_is_dense() && (c <= 1 || stride_c == size_t{h} * w); }
  /// Whether all elements lie next to each other.
  bool is_dense() const { return image_is_dense() && (n <= 1 || stride_n == size_t{c} * h * w); }

  operator TileView<const T>() const requires(!std::is_const_v<T>) {
    return {data, n0, c0, h0, n, c, h, w, stride_n, stride_c, stride_h};
  }
};

using Tile = TileView<float>;
using ConstTile = TileView<const float>;

/// Whether two tiles are the same box of tensors of the same shape (strides may differ).
template <class A, class B>
bool same_box(const TileView<A>& a, const TileView<B>& b) {
  return a.n0 == b.n0 && a.c0 == b.c0 && a.h0 == b.h0 && a.n == b.n && a.c == b.c && a.h == b.h && a.w == b.w;
}

/// A tile of densely stored elements: n*c*h*w of them from `data` on.
template <class T>
TileView<T> dense_tile(T* data, uint32_t n0, uint32_t n, uint32_t c0, uint32_t c, uint32_t h0, uint32_t h, uint32_t w) {
  return {data, n0, c0, h0, n, c, h, w, size_t{c} * h * w, size_t{h} * w, w};
}

/// A whole tensor (n, c, h, w), stored densely.
template <class T>
TileView<T> dense_tensor(T* data, uint32_t n, uint32_t c, uint32_t h, uint32_t w) {
  return dense_tile(data, 0, n, 0, c, 0, h, w);
}

}  // namespace backboard::npu
