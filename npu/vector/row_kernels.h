// Kernels of the vector unit on runs of elements that lie next to each other. Each exists twice: vectorised (Highway,
// dispatched at run time) and, in namespace scalar, as the reference that it must equal byte for byte.
#pragma once

#include <cstddef>
#include <cstdint>

namespace backboard::npu::row_kernels {

/// A row of pooling windows side by side whose taps all lie inside the input; windows that padding cuts are rows of one
/// window with fewer taps. Outputs must not lie among the inputs.
struct PoolRow {
  const float* first_row;  ///< first tap of the first window; tap (r, k) of window i: [r * row_stride + i * stride + k]
  size_t row_stride;
  uint32_t rows;          ///< taps, rows
  uint32_t columns;       ///< taps, columns
  uint32_t stride;        ///< columns between windows
  uint32_t first_tap;     ///< index of the first tap, kh * taps_per_row + kw
  uint32_t taps_per_row;  ///< index distance between tap rows: kernel_w
  uint32_t outputs;       ///< windows
};

/// Numbers of one channel of a batch normalisation.
struct Affine {
  float mean = 0, scale = 0;
  float shift = 0;              ///< forward
  float offset = 0, slope = 0;  ///< backward
};

#define BACKBOARD_ROW_KERNELS                                                                       \
  /** y = relu(x) as relu_ff. y may be x. */                                                        \
  void relu(const float* x, float* y, size_t count);                                                \
  /** dx = mask > 0 ? dy : 0. dx may be dy. */                                                      \
  void mask(const float* dy, const float* mask, float* dx, size_t count);                           \
  /** y = x + bias, then ReLU if `with_relu`. y may be x. */                                        \
  void add_one_bias(const float* x, float bias, bool with_relu, float* y, size_t count);            \
  /** y[i] = x[i] + bias[i], then ReLU if `with_relu`. y may be x. */                               \
  void add_biases(const float* x, const float* bias, bool with_relu, float* y, size_t count);       \
  /** sums[i] = sums[i] + x[i]. */                                                                  \
  void accumulate(const float* x, float* sums, size_t count);                                       \
  /** y = x * factor. y may be x. */                                                                \
  void scale(const float* x, float factor, float* y, size_t count);                                 \
  /** y = (x - mean) * scale + shift, then ReLU if `with_relu`. y may be x. */                      \
  void normalise(const float* x, const Affine& of, bool with_relu, float* y, size_t count);         \
  /** dx = (dy - offset - (x - mean) * slope) * scale. dx may be dy or x. */                        \
  void normalise_error(const float* dy, const float* x, const Affine& of, float* dx, size_t count); \
  /** y and index as max_pool_ff; index may be null. */                                             \
  void max_pool(const PoolRow& row, float* y, uint8_t* index);                                      \
  /** y = (sum of the taps in order, from +0) * factor. */                                          \
  void average_pool(const PoolRow& row, float factor, float* y);

BACKBOARD_ROW_KERNELS
namespace scalar {
BACKBOARD_ROW_KERNELS
}
#undef BACKBOARD_ROW_KERNELS

/// sums[i] continued by the `count` elements from x + i * stride on, in order, for `chains` independent sums. Several
/// chains run side by side, which hides the latency of the additions; each is sequential, so there is one result.
void continue_sums(const float* x, size_t stride, size_t count, float* sums, size_t chains);

}  // namespace backboard::npu::row_kernels
