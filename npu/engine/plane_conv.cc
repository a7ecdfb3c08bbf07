#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/plane_conv.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>

#include "npu/engine/add_term-inl.h"
#include "npu/engine/first_lanes-inl.h"
#include "npu/engine/plane_conv.h"

#ifndef BACKBOARD_NPU_ENGINE_PLANE_CONV_CC_
#define BACKBOARD_NPU_ENGINE_PLANE_CONV_CC_
namespace backboard::npu {

/// Sums of rows: out(row, j) += over taps, in their order, of in[row * in_row + at[tap] + j] * weight[tap]. Whole
/// vectors of the input are read.
struct PlaneRows {
  const float* in = nullptr;
  ptrdiff_t in_row = 0;
  float* out = nullptr;
  ptrdiff_t out_row = 0;
  uint32_t rows = 0, columns = 0, taps = 0;
  ptrdiff_t at[kMostPlaneTaps];
  float weight[kMostPlaneTaps];

  void add_tap(ptrdiff_t place, float value) {
    at[taps] = place;
    weight[taps++] = value;
  }
};

/// Rows of which even and odd columns lie apart: `half` elements for either.
struct SplitRows {
  const float* from = nullptr;
  ptrdiff_t pitch = 0;
  uint32_t rows = 0, columns = 0, half = 0;
};

}  // namespace backboard::npu
#endif

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr uint32_t kTogether = 4;  // rows: one sum waits for the latency of its additions

/// kRows rows from `row` on, a vector of `count` columns from `column` on.
template <Arithmetic kArithmetic, uint32_t kRows, class D>
HWY_INLINE void add_taps(D d, const PlaneRows& p, uint32_t row, uint32_t column, size_t count) {
  using V = hn::Vec<D>;
  const bool whole = count == hn::Lanes(d);
  const float* const from = p.in + row * p.in_row + column;
  float* const to = p.out + row * p.out_row + column;
  const auto load = [&](uint32_t i) HWY_ATTR {
    return whole ? hn::LoadU(d, to + i * p.out_row) : load_first(d, to + i * p.out_row, count);
  };
  const auto store = [&](uint32_t i, V sum) HWY_ATTR {
    if (whole) return hn::StoreU(sum, d, to + i * p.out_row);
    store_first(d, sum, to + i * p.out_row, count);
  };
  if constexpr (kRows == kTogether) {
    V a = load(0), b = load(1), c = load(2), e = load(3);
    for (uint32_t tap = 0; tap < p.taps; ++tap) {
      const V factor = hn::Set(d, p.weight[tap]);
      const float* const at = from + p.at[tap];
      a = add_term<kArithmetic, false>(d, a, factor, hn::LoadU(d, at));
      b = add_term<kArithmetic, false>(d, b, factor, hn::LoadU(d, at + p.in_row));
      c = add_term<kArithmetic, false>(d, c, factor, hn::LoadU(d, at + 2 * p.in_row));
      e = add_term<kArithmetic, false>(d, e, factor, hn::LoadU(d, at + 3 * p.in_row));
    }
    store(0, a);
    store(1, b);
    store(2, c);
    store(3, e);
  } else {
    V sum = load(0);
    for (uint32_t tap = 0; tap < p.taps; ++tap) {
      sum = add_term<kArithmetic, false>(d, sum, hn::Set(d, p.weight[tap]), hn::LoadU(d, from + p.at[tap]));
    }
    store(0, sum);
  }
}

template <Arithmetic kArithmetic, class D>
HWY_INLINE void add_columns(D d, const PlaneRows& p, uint32_t column, size_t count) {
  uint32_t row = 0;
  for (; row + kTogether <= p.rows; row += kTogether) add_taps<kArithmetic, kTogether>(d, p, row, column, count);
  for (; row < p.rows; ++row) add_taps<kArithmetic, 1>(d, p, row, column, count);
}

template <Arithmetic kArithmetic>
void add_rows(const PlaneRows& p) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 8> half;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d)), half_lanes = static_cast<uint32_t>(hn::Lanes(half));
  for (uint32_t column = 0; column < p.columns;) {
    const uint32_t left = p.columns - column;
    if (left > half_lanes) {
      add_columns<kArithmetic>(d, p, column, std::min(left, lanes));
      column += lanes;
    } else {
      add_columns<kArithmetic>(half, p, column, left);
      column += half_lanes;
    }
  }
}

void add_plane_rows(Arithmetic arithmetic, const PlaneRows& p) {
  switch (arithmetic) {
    case Arithmetic::kExactProduct:
      return add_rows<Arithmetic::kExactProduct>(p);
    case Arithmetic::kMultiplyThenAdd:
      return add_rows<Arithmetic::kMultiplyThenAdd>(p);
    case Arithmetic::kFp16Sum:
      return add_rows<Arithmetic::kFp16Sum>(p);
  }
}

/// to: rows of even columns, then odd ones.
void split_columns(const SplitRows& s, float* to) {
  for (uint32_t row = 0; row < s.rows; ++row, to += 2 * size_t{s.half}) {
    const float* const from = s.from + row * s.pitch;
    uint32_t i = 0;
#if HWY_TARGET <= HWY_AVX2
    const hn::ScalableTag<float> d;
    const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
    for (; i + 2 * lanes <= s.columns; i += 2 * lanes) {
      const auto low = hn::LoadU(d, from + i), high = hn::LoadU(d, from + i + lanes);
      hn::StoreU(hn::ConcatEven(d, high, low), d, to + i / 2);
      hn::StoreU(hn::ConcatOdd(d, high, low), d, to + s.half + i / 2);
    }
#endif
    for (; i < s.columns; ++i) to[(i % 2) * s.half + i / 2] = from[i];
  }
}

/// The other way.
void merge_columns(const SplitRows& s, float* to) {
  const float* from = s.from;
  for (uint32_t row = 0; row < s.rows; ++row, from += 2 * size_t{s.half}, to += s.pitch) {
    uint32_t i = 0;
#if HWY_TARGET <= HWY_AVX2
    const hn::ScalableTag<float> d;
    const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
    for (; i + 2 * lanes <= s.columns; i += 2 * lanes) {
      hn::StoreInterleaved2(hn::LoadU(d, from + i / 2), hn::LoadU(d, from + s.half + i / 2), d, to + i);
    }
#endif
    for (; i < s.columns; ++i) to[i] = from[(i % 2) * s.half + i / 2];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu {

HWY_EXPORT(add_plane_rows);
HWY_EXPORT(split_columns);
HWY_EXPORT(merge_columns);

bool is_plane(const ConvTile& t) {
  const uint64_t taps = uint64_t{t.kh} * t.kw;
  return t.c == 1 && t.k == 1 && taps > 1 && taps <= kMostPlaneTaps && t.stride_w <= 2;
}

void plane_ff(Arithmetic arithmetic, const ConvTile& t, const Padded& image, const float* w, float* acc,
              Workspace& workspace) {
  PlaneRows p;
  p.rows = t.oh_rows;
  p.columns = t.ow;
  p.out_row = t.ow;
  // At stride two, taps of even and of odd columns each read neighbours.
  const bool split = t.stride_w == 2;
  SplitRows rows{nullptr, image.pitch, (t.oh_rows - 1) * t.stride_h + (t.kh - 1) * t.dilation_h + 1,
                 (t.ow - 1) * t.stride_w + (t.kw - 1) * t.dilation_w + 1, 0};
  rows.half = (rows.columns + 1) / 2;
  const ptrdiff_t pitch = split ? 2 * ptrdiff_t{rows.half} : image.pitch;
  float* const halves = split ? workspace.array<float>(0, size_t{rows.rows} * rows.half * 2 + kLineSlack) : nullptr;
  p.in_row = t.stride_h * pitch;
  for (uint32_t kh = 0; kh < t.kh; ++kh) {
    for (uint32_t kw = 0; kw < t.kw; ++kw) {
      const uint32_t right = kw * t.dilation_w;
      const ptrdiff_t column = split ? ptrdiff_t{right % 2} * rows.half + right / 2 : right;
      p.add_tap(ptrdiff_t{kh} * t.dilation_h * pitch + column, w[size_t{kh} * t.kw + kw]);
    }
  }
  for (uint32_t n = 0; n < t.n; ++n) {
    p.in = image.values + n * image.stride_n;
    p.out = acc + n * t.y_stride_n;
    if (split) {
      rows.from = p.in;
      HWY_DYNAMIC_DISPATCH(split_columns)(rows, halves);
      p.in = halves;
    }
    HWY_DYNAMIC_DISPATCH(add_plane_rows)(arithmetic, p);
  }
}

void plane_bp(Arithmetic arithmetic, const ConvTile& t, const Padded& image, int64_t first_row, int64_t first_column,
              const float* w, float* acc, Workspace& workspace) {
  // At stride two, sums of even and of odd columns each read neighbours.
  const bool split = t.stride_w == 2;
  const uint32_t half = (t.w + 1) / 2;
  const ptrdiff_t pitch = split ? 2 * ptrdiff_t{half} : t.w;
  float* const halves = split ? workspace.array<float>(0, size_t{t.ih_rows} * half * 2) : nullptr;
  for (uint32_t n = 0; n < t.n; ++n) {
    float* const sums = acc + n * t.x_stride_n;
    if (split) HWY_DYNAMIC_DISPATCH(split_columns)({sums, t.w, t.ih_rows, t.w, half}, halves);
    for (uint32_t i = 0; i < t.stride_h && i < t.ih_rows; ++i) {
      for (uint32_t j = 0; j < t.stride_w && j < t.w; ++j) {
        PlaneRows p;
        p.rows = (t.ih_rows - i + t.stride_h - 1) / t.stride_h;
        p.columns = (t.w - j + t.stride_w - 1) / t.stride_w;
        p.in = image.values + n * image.stride_n;
        p.in_row = image.pitch;
        p.out = (split ? halves + j * size_t{half} : sums) + i * pitch;
        p.out_row = t.stride_h * pitch;
        for (uint32_t kh = 0; kh < t.kh; ++kh) {
          const int64_t row = int64_t{t.ih0} + i + t.pad_h - int64_t{kh} * t.dilation_h;
          if (row % t.stride_h != 0) continue;
          for (uint32_t kw = 0; kw < t.kw; ++kw) {
            const int64_t column = int64_t{j} + t.pad_w - int64_t{kw} * t.dilation_w;
            if (column % t.stride_w != 0) continue;
            p.add_tap((row / t.stride_h - first_row) * image.pitch + column / t.stride_w - first_column,
                      w[size_t{kh} * t.kw + kw]);
          }
        }
        if (p.taps > 0) HWY_DYNAMIC_DISPATCH(add_plane_rows)(arithmetic, p);
      }
    }
    if (split) HWY_DYNAMIC_DISPATCH(merge_columns)({halves, t.w, t.ih_rows, t.w, half}, sums);
  }
}

}  // namespace backboard::npu
#endif
