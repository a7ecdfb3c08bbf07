#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/thin_wg.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>

#include "npu/engine/add_term-inl.h"
#include "npu/engine/thin_wg.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {

#if HWY_TARGET <= HWY_AVX2

inline constexpr uint32_t kChannels = 8, kTogether = 4, kSide = 3;
using Eight = hn::Full256<float>;
using EightVec = hn::Vec<Eight>;

/// Errors of eight output channels of an image.
struct ErrorPlanes {
  const float* channel[kChannels];
};

/// Loads `count` positions (at most 4) from `at` on, zero beyond: out[p] has the channels of position p.
HWY_INLINE void load_positions(const ErrorPlanes& planes, size_t at, uint32_t count, EightVec* out) {
  const hn::Full128<float> half;
  const Eight d;
  const hn::Full256<double> dd;
  const auto inside = hn::FirstN(half, count);
  // Channels i and i + 4 side by side in halves: what is left is 4 x 4 in each half.
  const auto pair = [&](int i) HWY_ATTR {
    const float *low = planes.channel[i] + at, *high = planes.channel[i + 4] + at;
    if (count == kTogether) return hn::Combine(d, hn::LoadU(half, high), hn::LoadU(half, low));
    return hn::Combine(d, hn::MaskedLoad(inside, half, high), hn::MaskedLoad(inside, half, low));
  };
  const auto r0 = pair(0), r1 = pair(1), r2 = pair(2), r3 = pair(3);
  const auto t0 = hn::BitCast(dd, hn::InterleaveLower(d, r0, r1)), t1 = hn::BitCast(dd, hn::InterleaveUpper(d, r0, r1));
  const auto t2 = hn::BitCast(dd, hn::InterleaveLower(d, r2, r3)), t3 = hn::BitCast(dd, hn::InterleaveUpper(d, r2, r3));
  out[0] = hn::BitCast(d, hn::InterleaveLower(dd, t0, t2));
  out[1] = hn::BitCast(d, hn::InterleaveUpper(dd, t0, t2));
  out[2] = hn::BitCast(d, hn::InterleaveLower(dd, t1, t3));
  out[3] = hn::BitCast(d, hn::InterleaveUpper(dd, t1, t3));
}

/// Adds kPositions positions to the sums of the nine taps. x: the first position's upper left tap.
template <Arithmetic kArithmetic, uint32_t kPositions, uint32_t kStride>
HWY_INLINE void add_positions(const EightVec* errors, const float* HWY_RESTRICT x, ptrdiff_t pitch, EightVec* sums) {
  const Eight d;
  HWY_UNROLL(3)
  for (uint32_t i = 0; i < kSide; ++i, x += pitch) {
    constexpr uint32_t kInputs = (kPositions - 1) * kStride + kSide;
    EightVec inputs[kInputs];
    HWY_UNROLL(9)
    for (uint32_t p = 0; p < kInputs; ++p) inputs[p] = hn::Set(d, x[p]);
    HWY_UNROLL(4)
    for (uint32_t p = 0; p < kPositions; ++p) {
      HWY_UNROLL(3)
      for (uint32_t j = 0; j < kSide; ++j) {
        EightVec& sum = sums[i * kSide + j];
        sum = add_term<kArithmetic, false>(d, sum, errors[p], inputs[p * kStride + j]);
      }
    }
  }
}

/// Sums of one input channel and eight output channels: [tap][channel].
template <Arithmetic kArithmetic, uint32_t kStride>
HWY_NOINLINE void sum_taps(const ConvTile& t, const float* x, ptrdiff_t x_stride_n, ptrdiff_t pitch, const float* dy,
                           uint32_t channels, float* taps) {
  const Eight d;
  EightVec sums[kSide * kSide], errors[kTogether];
  for (uint32_t tap = 0; tap < kSide * kSide; ++tap) sums[tap] = hn::LoadU(d, taps + tap * kChannels);
  for (uint32_t n = 0; n < t.n; ++n) {
    ErrorPlanes planes;
    for (uint32_t k = 0; k < kChannels; ++k) {
      planes.channel[k] = dy + n * t.y_stride_n + std::min(k, channels - 1) * t.y_stride_k;
    }
    const float* line = x + n * x_stride_n;
    size_t at = 0;
    for (uint32_t row = 0; row < t.oh_rows; ++row, line += kStride * pitch) {
      const float* from = line;
      uint32_t left = t.ow;
      for (; left >= kTogether; left -= kTogether, at += kTogether, from += kStride * kTogether) {
        load_positions(planes, at, kTogether, errors);
        add_positions<kArithmetic, kTogether, kStride>(errors, from, pitch, sums);
      }
      if (left == 0) continue;
      load_positions(planes, at, left, errors);
      // Numbers that the compiler knows: then all sums stay in registers.
      if (left == 1) add_positions<kArithmetic, 1, kStride>(errors, from, pitch, sums);
      if (left == 2) add_positions<kArithmetic, 2, kStride>(errors, from, pitch, sums);
      if (left == 3) add_positions<kArithmetic, 3, kStride>(errors, from, pitch, sums);
      at += left;
    }
  }
  for (uint32_t tap = 0; tap < kSide * kSide; ++tap) hn::StoreU(sums[tap], d, taps + tap * kChannels);
}

bool thin_wg_vector(Arithmetic arithmetic, const ConvTile& t, const Padded& image, const float* dy, float* acc,
                    Workspace& workspace) {
  constexpr uint32_t kTaps = kSide * kSide;
  const uint32_t blocks = (t.k + kChannels - 1) / kChannels;
  const size_t all = size_t{blocks} * t.c * kTaps * kChannels;
  float* const sums = workspace.array<float>(0, all);
  const auto for_each_sum = [&](auto visit) {
    float* sum = sums;
    for (uint32_t k0 = 0; k0 < t.k; k0 += kChannels) {
      for (uint32_t c = 0; c < t.c; ++c) {
        for (uint32_t tap = 0; tap < kTaps; ++tap) {
          for (uint32_t k = 0; k < kChannels; ++k, ++sum) {
            visit(*sum, k0 + k < t.k ? acc + (k0 + k) * t.w_stride_k + c * t.w_stride_c + tap : nullptr);
          }
        }
      }
    }
  };
  for_each_sum([](float& sum, const float* from) { sum = from != nullptr ? *from : 0.0f; });
  for (uint32_t block = 0; block < blocks; ++block) {
    const uint32_t k0 = block * kChannels, channels = std::min(kChannels, t.k - k0);
    for (uint32_t c = 0; c < t.c; ++c) {
      const bool exact = arithmetic == Arithmetic::kExactProduct;
      const auto run =
          t.stride_w == 1
              ? (exact ? sum_taps<Arithmetic::kExactProduct, 1> : sum_taps<Arithmetic::kMultiplyThenAdd, 1>)
              : (exact ? sum_taps<Arithmetic::kExactProduct, 2> : sum_taps<Arithmetic::kMultiplyThenAdd, 2>);
      run(t, image.values + c * image.stride_c, image.stride_n, image.pitch, dy + k0 * t.y_stride_k, channels,
          sums + (size_t{block} * t.c + c) * kTaps * kChannels);
    }
  }
  // Every operand is in some sum, and no sum comes back from an infinity or NaN.
  if (any_nonfinite(sums, all)) return false;
  for_each_sum([](const float& sum, float* to) {
    if (to != nullptr) *to = sum;
  });
  return true;
}

#else

bool thin_wg_vector(Arithmetic, const ConvTile&, const Padded&, const float*, float*, Workspace&) {
  return false;
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu {

HWY_EXPORT(thin_wg_vector);

bool is_thin(Arithmetic arithmetic, const ConvTile& t) {
  return arithmetic != Arithmetic::kFp16Sum && t.c <= 2 && t.kh == 3 && t.kw == 3 && t.stride_h <= 2 &&
         t.stride_w == t.stride_h && t.dilation_h == 1 && t.dilation_w == 1;
}

bool thin_wg(Arithmetic arithmetic, const ConvTile& tile, const Padded& image, const float* dy, float* acc,
             Workspace& workspace) {
  return HWY_DYNAMIC_DISPATCH(thin_wg_vector)(arithmetic, tile, image, dy, acc, workspace);
}

}  // namespace backboard::npu
#endif
