#include "npu/engine/padded_image.h"

#include <algorithm>
#include <cstring>

#include "npu/engine/strided_gemm.h"
#include "platform/check/check.h"

namespace backboard::npu {
namespace {

constexpr unsigned kSlot = 2;

/// Short rows, which a call of memcpy() would take longer for.
void copy_row(const float* from, size_t count, float* to) {
  constexpr size_t kTogether = 8;
  if (count < kTogether) {
    for (; count > 0; --count) *to++ = *from++;
    return;
  }
  // The last ones overlap those before.
  const float* const last = from + count - kTogether;
  float* const last_to = to + count - kTogether;
  for (; from < last; from += kTogether, to += kTogether) std::memcpy(to, from, kTogether * sizeof(float));
  std::memcpy(last_to, last, kTogether * sizeof(float));
}

/// Largest plane that is cleared as a whole before its rows are copied: it stays in the first-level cache.
constexpr int64_t kMostCleared = 4096;

}  // namespace

Padded pad(const float* values, const ImageWindow& v, bool copy, Workspace& workspace) {
  const int64_t top = std::clamp<int64_t>(v.held_row - v.first_row, 0, v.rows);
  const int64_t bottom = std::clamp<int64_t>(v.held_row + v.held_rows - v.first_row, top, v.rows);
  const int64_t left = std::clamp<int64_t>(-v.first_column, 0, v.columns);
  const int64_t right = std::clamp<int64_t>(v.width - v.first_column, left, v.columns);
  Padded out;
  if (!copy && top == 0 && bottom == v.rows && left == 0 && right == v.columns) {
    out.stride_n = static_cast<ptrdiff_t>(v.stride_n);
    out.stride_c = static_cast<ptrdiff_t>(v.stride_c);
    out.pitch = static_cast<ptrdiff_t>(v.width);
    out.values = values + (v.first_row - v.held_row) * v.width + v.first_column;
    return out;
  }
  out.pitch = v.columns;
  out.stride_c = v.rows * v.columns;
  out.stride_n = out.stride_c * v.c;
  float* to = workspace.array<float>(kSlot, static_cast<size_t>(out.stride_n) * v.n + kLineSlack);
  out.values = to;
  std::fill_n(to + static_cast<size_t>(out.stride_n) * v.n, kLineSlack, 0.0f);
  for (uint32_t n = 0; n < v.n; ++n) {
    for (uint32_t c = 0; c < v.c; ++c) {
      const float* plane = values + n * v.stride_n + c * v.stride_c;
      if (out.stride_c <= kMostCleared) {
        std::fill_n(to, out.stride_c, 0.0f);
        const float* from = plane + (v.first_row + top - v.held_row) * v.width + v.first_column + left;
        float* line = to + top * v.columns + left;
        for (int64_t row = top; row < bottom; ++row, from += v.width, line += v.columns) {
          copy_row(from, static_cast<size_t>(right - left), line);
        }
        to += out.stride_c;
        continue;
      }
      std::fill_n(to, top * v.columns, 0.0f);
      for (int64_t row = top; row < bottom; ++row) {
        float* line = to + row * v.columns;
        std::fill_n(line, left, 0.0f);
        copy_row(plane + (v.first_row + row - v.held_row) * v.width + v.first_column + left,
                 static_cast<size_t>(right - left), line + left);
        std::fill_n(line + right, v.columns - right, 0.0f);
      }
      std::fill_n(to + bottom * v.columns, (v.rows - bottom) * v.columns, 0.0f);
      to += out.stride_c;
    }
  }
  return out;
}

Padded pad_input(const ConvTile& t, const float* x, bool copy, Workspace& workspace) {
  ImageWindow v;
  v.n = t.n;
  v.c = t.c;
  v.first_row = int64_t{t.oh0} * t.stride_h - t.pad_h;
  v.rows = int64_t{t.oh_rows - 1} * t.stride_h + int64_t{t.kh - 1} * t.dilation_h + 1;
  v.first_column = -int64_t{t.pad_w};
  v.columns = int64_t{t.ow - 1} * t.stride_w + int64_t{t.kw - 1} * t.dilation_w + 1;
  v.held_row = t.ih0;
  v.held_rows = t.ih_rows;
  v.width = t.w;
  v.stride_n = t.x_stride_n;
  v.stride_c = t.x_stride_c;
  const RowRange needed = input_rows_of(t, t.oh0, t.oh_rows);
  BB_CHECK(needed.rows == 0 || (needed.first >= t.ih0 && needed.first + needed.rows <= t.ih0 + t.ih_rows),
           "rows {}+{} of x are needed, {}+{} are held", needed.first, needed.rows, t.ih0, t.ih_rows);
  return pad(x, v, copy, workspace);
}

}  // namespace backboard::npu
