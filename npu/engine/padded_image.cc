#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/padded_image.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "npu/engine/padded_image.h"
#include "npu/engine/strided_gemm.h"
#include "platform/check/check.h"

#ifndef BACKBOARD_NPU_ENGINE_PADDED_IMAGE_CC_
#define BACKBOARD_NPU_ENGINE_PADDED_IMAGE_CC_
namespace backboard::npu {

/// Planes with padding: `rows` rows of `from`, `width` elements each, go to (top, left) of planes of all_rows x
/// columns.
struct PlaneCopy {
  uint32_t images, channels;
  const float* from;
  size_t stride_n, stride_c, from_pitch;
  size_t rows, width, top, left, all_rows, columns;
};

}  // namespace backboard::npu
#endif

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Short rows, by whole vectors with zeros around: what is stored behind a row belongs to the next, or to the room
/// behind the last plane. False, and nothing done, where vectors have no masks or rows are long.
bool copy_short_rows(const PlaneCopy& p, float* to) {
#if HWY_TARGET <= HWY_AVX2
  const hn::ScalableTag<float> d;
  constexpr size_t kMostVectors = 8;
  const size_t lanes = hn::Lanes(d), vectors = (p.columns + lanes - 1) / lanes;
  if (vectors > kMostVectors || lanes > kLineSlack) return false;
  hn::Mask<decltype(d)> inside[kMostVectors];
  for (size_t i = 0; i < vectors; ++i) {
    const size_t first = i * lanes, end = std::min(p.left + p.width, first + lanes);
    const auto below_end = hn::FirstN(d, end > first ? end - first : 0);
    inside[i] = p.left <= first ? below_end : hn::AndNot(hn::FirstN(d, std::min(p.left - first, lanes)), below_end);
  }
  const size_t behind = p.all_rows - p.top - p.rows;
  for (uint32_t n = 0; n < p.images; ++n) {
    for (uint32_t c = 0; c < p.channels; ++c) {
      const float* from = p.from + n * p.stride_n + c * p.stride_c - p.left;
      std::fill_n(to, p.top * p.columns, 0.0f);
      to += p.top * p.columns;
      for (size_t row = 0; row < p.rows; ++row, from += p.from_pitch, to += p.columns) {
        for (size_t i = 0; i < vectors; ++i) {
          hn::StoreU(hn::MaskedLoad(inside[i], d, from + i * lanes), d, to + i * lanes);
        }
      }
      std::fill_n(to, behind * p.columns, 0.0f);
      to += behind * p.columns;
    }
  }
  return true;
#else
  static_cast<void>(p);
  static_cast<void>(to);
  return false;
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu {

HWY_EXPORT(copy_short_rows);

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
  const PlaneCopy copied{v.n,
                         v.c,
                         values + (v.first_row + top - v.held_row) * v.width + v.first_column + left,
                         v.stride_n,
                         v.stride_c,
                         static_cast<size_t>(v.width),
                         static_cast<size_t>(bottom - top),
                         static_cast<size_t>(right - left),
                         static_cast<size_t>(top),
                         static_cast<size_t>(left),
                         static_cast<size_t>(v.rows),
                         static_cast<size_t>(v.columns)};
  const bool done = HWY_DYNAMIC_DISPATCH(copy_short_rows)(copied, to);
  std::fill_n(to + static_cast<size_t>(out.stride_n) * v.n, kLineSlack, 0.0f);
  if (done) return out;
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

Padded pad_input(const ConvTile& t, const float* x, bool copy, Workspace& workspace, uint32_t columns) {
  ImageWindow v;
  v.n = t.n;
  v.c = t.c;
  v.first_row = int64_t{t.oh0} * t.stride_h - t.pad_h;
  v.rows = int64_t{t.oh_rows - 1} * t.stride_h + int64_t{t.kh - 1} * t.dilation_h + 1;
  v.first_column = -int64_t{t.pad_w};
  v.columns = std::max<int64_t>(columns, int64_t{t.ow - 1} * t.stride_w + int64_t{t.kw - 1} * t.dilation_w + 1);
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
#endif
