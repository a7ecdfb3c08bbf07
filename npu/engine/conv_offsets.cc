#include "npu/engine/conv_offsets.h"

#include "npu/engine/gemm_pack.h"

namespace backboard::npu {

ptrdiff_t* even_offsets(uint32_t count, size_t stride, unsigned slot, Workspace& workspace) {
  ptrdiff_t* const offsets = workspace.array<ptrdiff_t>(slot, count);
  fill_offsets({0, 1, 0, count, static_cast<ptrdiff_t>(stride)}, offsets);
  return offsets;
}

ptrdiff_t* position_offsets(const ConvTile& t, const Padded& image, unsigned slot, Workspace& workspace) {
  ptrdiff_t* const offsets = workspace.array<ptrdiff_t>(slot, size_t{t.n} * t.oh_rows * t.ow);
  ptrdiff_t* next = offsets;
  if (t.oh_rows * t.ow == 1) {
    fill_offsets({0, 1, 0, t.n, image.stride_n}, offsets);
    return offsets;
  }
  for (uint32_t n = 0; n < t.n; ++n, next += size_t{t.oh_rows} * t.ow) {
    fill_offsets({n * image.stride_n, t.oh_rows, t.stride_h * image.pitch, t.ow, t.stride_w}, next);
  }
  return offsets;
}

ptrdiff_t* tap_offsets(const ConvTile& t, const Padded& image, unsigned slot, Workspace& workspace) {
  ptrdiff_t* const offsets = workspace.array<ptrdiff_t>(slot, size_t{t.c} * t.kh * t.kw);
  if (t.kh * t.kw == 1) {
    fill_offsets({0, 1, 0, t.c, image.stride_c}, offsets);
    return offsets;
  }
  ptrdiff_t* next = offsets;
  for (uint32_t c = 0; c < t.c; ++c) {
    for (uint32_t kh = 0; kh < t.kh; ++kh) {
      for (uint32_t kw = 0; kw < t.kw; ++kw) {
        *next++ = c * image.stride_c + ptrdiff_t{kh} * t.dilation_h * image.pitch + ptrdiff_t{kw} * t.dilation_w;
      }
    }
  }
  return offsets;
}

ptrdiff_t* output_offsets(const ConvTile& t, unsigned slot, Workspace& workspace) {
  const size_t plane = size_t{t.oh_rows} * t.ow;
  ptrdiff_t* const offsets = workspace.array<ptrdiff_t>(slot, t.n * plane);
  const auto stride = static_cast<ptrdiff_t>(t.y_stride_n);
  if (plane == 1) {
    fill_offsets({0, 1, 0, t.n, stride}, offsets);
  } else {
    fill_offsets({0, t.n, stride, static_cast<uint32_t>(plane), 1}, offsets);
  }
  return offsets;
}

ptrdiff_t* weight_offsets(const ConvTile& t, unsigned slot, Workspace& workspace) {
  const size_t taps = size_t{t.kh} * t.kw;
  ptrdiff_t* const offsets = workspace.array<ptrdiff_t>(slot, t.c * taps);
  if (taps == 1) {
    fill_offsets({0, 1, 0, t.c, static_cast<ptrdiff_t>(t.w_stride_c)}, offsets);
    return offsets;
  }
  ptrdiff_t* next = offsets;
  for (uint32_t c = 0; c < t.c; ++c) {
    const ptrdiff_t first = static_cast<ptrdiff_t>(c * t.w_stride_c);
    for (size_t tap = 0; tap < taps; ++tap) *next++ = first + static_cast<ptrdiff_t>(tap);
  }
  return offsets;
}

}  // namespace backboard::npu
