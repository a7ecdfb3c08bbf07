#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/rowpipe/quantise.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "npu/engine/rowpipe/quantise.h"
#include "platform/check/check.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::rowpipe {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr float kLargestFp16 = 65504.0f;

/// Magnitude as the units see it: NaN zero, infinities held.
template <class D, class V>
V magnitude(D d, V x) {
  return hn::Min(hn::IfThenZeroElse(hn::IsNaN(x), hn::Abs(x)), hn::Set(d, kLargestFp16));
}

/// The last `count` elements of a line, zeros behind them.
template <class D>
auto load_rest(D d, const float* from, size_t count) {
  HWY_ALIGN float rest[HWY_MAX_BYTES / sizeof(float)] = {};
  std::copy(from, from + count, rest);
  return hn::Load(d, rest);
}

template <class D, class V>
void store_rest(D d, V values, float* to, size_t count) {
  HWY_ALIGN float rest[HWY_MAX_BYTES / sizeof(float)];
  hn::Store(values, d, rest);
  std::copy(rest, rest + count, to);
}

void largest_of_rows_vector(const RowLayout& layout, const float* in, float* largest) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  std::fill(largest, largest + layout.rows, 0.0f);
  for (size_t c = 0; c < layout.channels; ++c) {
    for (size_t r = 0; r < layout.rows; ++r) {
      const float* line = in + c * layout.channel_stride + r * layout.width;
      auto most = hn::Zero(d);
      size_t i = 0;
      for (; i + lanes <= layout.width; i += lanes) most = hn::Max(most, magnitude(d, hn::LoadU(d, line + i)));
      if (i < layout.width) most = hn::Max(most, magnitude(d, load_rest(d, line + i, layout.width - i)));
      largest[r] = std::max(largest[r], hn::GetLane(hn::MaxOfLanes(d, most)));
    }
  }
}

/// `steps`: of each row, 2^e; zero for a row of zeros.
void round_rows_vector(const RowLayout& layout, const float* steps, float limit, const float* in, float* out) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto high = hn::Set(d, limit), low = hn::Set(d, -limit), zero = hn::Zero(d);
  for (size_t r = 0; r < layout.rows; ++r) {
    const auto down = hn::Set(d, steps[r]), up = hn::Set(d, steps[r] == 0.0f ? 0.0f : 1.0f / steps[r]);
    const auto most = hn::Set(d, kLargestFp16), least = hn::Set(d, -kLargestFp16);
    const auto code = [&](auto x) {
      const auto finite = hn::Max(hn::Min(hn::IfThenZeroElse(hn::IsNaN(x), x), most), least);
      const auto whole = hn::Max(hn::Min(hn::Round(hn::Mul(finite, up)), high), low);
      return hn::IfThenZeroElse(hn::Eq(whole, zero), hn::Mul(whole, down));
    };
    for (size_t c = 0; c < layout.channels; ++c) {
      const size_t at = c * layout.channel_stride + r * layout.width;
      size_t i = 0;
      for (; i + lanes <= layout.width; i += lanes) hn::StoreU(code(hn::LoadU(d, in + at + i)), d, out + at + i);
      const size_t rest = layout.width - i;
      if (rest != 0) store_rest(d, code(load_rest(d, in + at + i, rest)), out + at + i, rest);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::rowpipe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::rowpipe {

HWY_EXPORT(largest_of_rows_vector);
HWY_EXPORT(round_rows_vector);

namespace {
constexpr unsigned kSlotSteps = 14;
}

int32_t step_exponent(uint32_t bits, float largest) {
  BB_CHECK(bits >= 2 && largest > 0.0f, "{} bits for {}", bits, largest);
  // largest / 2^e lies in [2^(bits-2), 2^(bits-1)); from half a step below the end on it rounds to that, which no code
  // has.
  const int32_t exponent = std::ilogb(largest) - static_cast<int32_t>(bits - 2);
  const float end = std::ldexp(static_cast<float>((2 << (bits - 1)) - 1), exponent - 1);
  return largest >= end ? exponent + 1 : exponent;
}

void quantise_rows(uint32_t bits, const RowLayout& layout, const float* in, float* out, Workspace& workspace) {
  float* steps = workspace.array<float>(kSlotSteps, layout.rows);
  HWY_DYNAMIC_DISPATCH(largest_of_rows_vector)(layout, in, steps);
  for (size_t r = 0; r < layout.rows; ++r) {
    if (steps[r] != 0.0f) steps[r] = std::ldexp(1.0f, step_exponent(bits, steps[r]));
  }
  const auto limit = static_cast<float>((1 << (bits - 1)) - 1);
  HWY_DYNAMIC_DISPATCH(round_rows_vector)(layout, steps, limit, in, out);
}

void quantise_activations(uint32_t bits, const ConvTile& tile, const float* x, float* out, Workspace& workspace) {
  const RowLayout layout{tile.c, tile.x_stride_c, tile.ih_rows, tile.w};
  for (uint32_t n = 0; n < tile.n; ++n) {
    quantise_rows(bits, layout, x + n * tile.x_stride_n, out + n * tile.x_stride_n, workspace);
  }
}

void quantise_weights(uint32_t bits, const ConvTile& tile, const float* w, float* out, Workspace& workspace) {
  const size_t taps = size_t{tile.kh} * tile.kw;
  const bool dense = tile.w_stride_c == taps;
  const RowLayout layout = dense ? RowLayout{1, 0, 1, tile.c * taps} : RowLayout{tile.c, tile.w_stride_c, 1, taps};
  for (uint32_t k = 0; k < tile.k; ++k) {
    quantise_rows(bits, layout, w + k * tile.w_stride_k, out + k * tile.w_stride_k, workspace);
  }
}

}  // namespace backboard::npu::rowpipe
#endif
