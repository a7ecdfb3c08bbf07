// The definition of FF, BP and WG as plain loops: what the vector kernels must equal byte for byte.
#pragma once

#include "npu/engine/gemm_tile.h"
#include "npu/numerics/accumulator.h"

namespace backboard::npu {

/// Calls visit(kh, kw, ih, iw) for every tap of output (oh, ow) that lies inside the input, in the order (kh, kw).
template <class Visit>
void for_each_tap(const ConvTile& t, uint32_t oh, uint32_t ow, Visit&& visit) {
  for (uint32_t kh = 0; kh < t.kh; ++kh) {
    const int64_t ih = int64_t{oh} * t.stride_h + int64_t{kh} * t.dilation_h - t.pad_h;
    if (ih < 0 || ih >= t.h) continue;
    for (uint32_t kw = 0; kw < t.kw; ++kw) {
      const int64_t iw = int64_t{ow} * t.stride_w + int64_t{kw} * t.dilation_w - t.pad_w;
      if (iw < 0 || iw >= t.w) continue;
      visit(kh, kw, static_cast<uint32_t>(ih), static_cast<uint32_t>(iw));
    }
  }
}

/// One term of a sum: nothing when an operand is zero, whatever the other one is.
inline float add_product(Accumulator type, float sum, float a, float b) {
  return a == 0.0f || b == 0.0f ? sum : accumulate(type, sum, a * b);
}

/// Indices into the local arrays of a tile.
inline size_t x_index(const ConvTile& t, uint32_t n, uint32_t c, uint32_t ih, uint32_t iw) {
  return n * t.x_stride_n + c * t.x_stride_c + size_t{ih - t.ih0} * t.w + iw;
}
inline size_t y_index(const ConvTile& t, uint32_t n, uint32_t k, uint32_t oh, uint32_t ow) {
  return n * t.y_stride_n + k * t.y_stride_k + size_t{oh - t.oh0} * t.ow + ow;
}
inline size_t w_index(const ConvTile& t, uint32_t k, uint32_t c, uint32_t kh, uint32_t kw) {
  return k * t.w_stride_k + c * t.w_stride_c + size_t{kh} * t.kw + kw;
}

/// acc(n, k, oh, ow) += x * w over (c, kh, kw).
inline void ff_loops(Accumulator type, const ConvTile& t, const float* x, const float* w, float* acc) {
  for (uint32_t n = 0; n < t.n; ++n) {
    for (uint32_t k = 0; k < t.k; ++k) {
      for (uint32_t oh = t.oh0; oh < t.oh0 + t.oh_rows; ++oh) {
        for (uint32_t ow = 0; ow < t.ow; ++ow) {
          float& sum = acc[y_index(t, n, k, oh, ow)];
          for (uint32_t c = 0; c < t.c; ++c) {
            for_each_tap(t, oh, ow, [&](uint32_t kh, uint32_t kw, uint32_t ih, uint32_t iw) {
              sum = add_product(type, sum, x[x_index(t, n, c, ih, iw)], w[w_index(t, k, c, kh, kw)]);
            });
          }
        }
      }
    }
  }
}

/// acc(n, c, ih, iw) += dy * w over (k, kh, kw).
inline void bp_loops(Accumulator type, const ConvTile& t, const float* dy, const float* w, float* acc) {
  for (uint32_t n = 0; n < t.n; ++n) {
    for (uint32_t c = 0; c < t.c; ++c) {
      for (uint32_t ih = t.ih0; ih < t.ih0 + t.ih_rows; ++ih) {
        for (uint32_t iw = 0; iw < t.w; ++iw) {
          float& sum = acc[x_index(t, n, c, ih, iw)];
          for (uint32_t k = 0; k < t.k; ++k) {
            for (uint32_t kh = 0; kh < t.kh; ++kh) {
              const int64_t row = int64_t{ih} + t.pad_h - int64_t{kh} * t.dilation_h;
              if (row < 0 || row % t.stride_h != 0 || row / t.stride_h >= t.oh) continue;
              for (uint32_t kw = 0; kw < t.kw; ++kw) {
                const int64_t column = int64_t{iw} + t.pad_w - int64_t{kw} * t.dilation_w;
                if (column < 0 || column % t.stride_w != 0 || column / t.stride_w >= t.ow) continue;
                const uint32_t oh = static_cast<uint32_t>(row / t.stride_h);
                const uint32_t ow = static_cast<uint32_t>(column / t.stride_w);
                sum = add_product(type, sum, dy[y_index(t, n, k, oh, ow)], w[w_index(t, k, c, kh, kw)]);
              }
            }
          }
        }
      }
    }
  }
}

/// acc(k, c, kh, kw) += dy * x over (n, oh, ow).
inline void wg_loops(Accumulator type, const ConvTile& t, const float* x, const float* dy, float* acc) {
  for (uint32_t n = 0; n < t.n; ++n) {
    for (uint32_t oh = t.oh0; oh < t.oh0 + t.oh_rows; ++oh) {
      for (uint32_t ow = 0; ow < t.ow; ++ow) {
        for (uint32_t k = 0; k < t.k; ++k) {
          for (uint32_t c = 0; c < t.c; ++c) {
            for_each_tap(t, oh, ow, [&](uint32_t kh, uint32_t kw, uint32_t ih, uint32_t iw) {
              float& sum = acc[w_index(t, k, c, kh, kw)];
              sum = add_product(type, sum, dy[y_index(t, n, k, oh, ow)], x[x_index(t, n, c, ih, iw)]);
            });
          }
        }
      }
    }
  }
}

}  // namespace backboard::npu
