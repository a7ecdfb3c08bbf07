#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/few_outputs.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "npu/engine/add_term-inl.h"
#include "npu/engine/few_outputs.h"
#include "npu/engine/kernel_table.h"
#include "npu/engine/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET <= HWY_AVX2

// Outputs come and go four at a time, and so do steps.
inline constexpr uint32_t kTogether = 4;
// Outputs of a kernel: with their sums, the inputs of four steps and a weight must fit the registers.
#ifdef BACKBOARD_FEW_KERNELS
inline constexpr uint32_t kMostOutputs = 5;
#elif HWY_TARGET <= HWY_AVX3
inline constexpr uint32_t kMostOutputs = 16;
#else
inline constexpr uint32_t kMostOutputs = 11;
#endif
// Outputs whose products take turns, as a sum waits for its last one. (With AVX2 registers are few.)
inline constexpr uint32_t kInTurns = HWY_TARGET <= HWY_AVX3 ? 5 : 1;
// Most outputs whose kernel has registers left for the steps that come next.
inline constexpr uint32_t kMostAhead = 12;
// Longest rows that are read as they lie, and most weights: they share the first-level cache.
inline constexpr uint32_t kMostSteps = 512, kMostWeights = 7 << 10;
// Offsets of a gather are 32 bits wide.
inline constexpr size_t kLongestStride = size_t{1} << 24;

// Vectors of images: the widest, and one for what is left.
using Half = hn::Full256<float>;
#if HWY_TARGET <= HWY_AVX3
using Whole = hn::Full512<float>;
#else
using Whole = Half;
#endif

/// Four or, of 16 images, eight steps of the images of a vector.
template <uint32_t kSteps, class D>
HWY_INLINE void load_steps(D d, const float* x, ptrdiff_t pitch, hn::Vec<D> (&steps)[kSteps]) {
#if HWY_TARGET <= HWY_AVX3
  if constexpr (kSteps == 2 * kTogether) return columns_of_16x8(x, pitch, steps);
  if constexpr (kSteps == kTogether && hn::MaxLanes(D()) == 16) return columns_of_16x4(x, pitch, steps);
#endif
  if constexpr (hn::MaxLanes(D()) == 8) {
    const hn::Full128<float> four;
    const auto rows = [&](int i) HWY_ATTR {
      return hn::Combine(d, hn::LoadU(four, x + (i + 4) * pitch), hn::LoadU(four, x + i * pitch));
    };
    const hn::Vec<D> in_blocks[kTogether] = {rows(0), rows(1), rows(2), rows(3)};
    transpose_blocks(d, in_blocks, steps);
  }
}

/// One element of each image of a vector.
template <class D>
HWY_INLINE hn::Vec<D> gather(D d, const float* from, size_t pitch) {
  const hn::RebindToSigned<D> di;
  return hn::GatherIndex(d, from, hn::Mul(hn::Iota(di, 0), hn::Set(di, static_cast<int32_t>(pitch))));
}

/// Whether all of kOutputs vectors of sums are +0, as most are at first.
template <uint32_t kOutputs, class D>
HWY_INLINE bool all_zero(D d, const float* sums) {
  const hn::RebindToUnsigned<D> du;
  auto any = hn::Zero(du);
  HWY_UNROLL(16)
  for (uint32_t k = 0; k < kOutputs; ++k) {
    any = hn::Or(any, hn::BitCast(du, hn::LoadU(d, sums + k * hn::Lanes(d))));
  }
  return hn::AllTrue(du, hn::Eq(any, hn::Zero(du)));
}

template <uint32_t kOutputs, class D>
HWY_INLINE bool all_finite(D, const hn::Vec<D> (&sums)[kOutputs]) {
  const hn::RebindToUnsigned<D> du;
  const auto exponent = hn::Set(du, 0x7f800000u);
  auto largest = hn::Zero(du);
  HWY_UNROLL(16)
  for (uint32_t k = 0; k < kOutputs; ++k) largest = hn::Max(largest, hn::And(hn::BitCast(du, sums[k]), exponent));
  return hn::AllTrue(du, hn::Ne(largest, exponent));
}

/// Writes four outputs, from kFirst on, of each image.
template <uint32_t kFirst, uint32_t kOutputs, class D>
HWY_INLINE void store_outputs(D d, const hn::Vec<D> (&sums)[kOutputs], float* to, size_t pitch) {
  const hn::Vec<D> in[kTogether] = {sums[kFirst], sums[kFirst + 1], sums[kFirst + 2], sums[kFirst + 3]};
  hn::Vec<D> out[kTogether];
  transpose_blocks(d, in, out);
  to += kFirst;
  HWY_UNROLL(4)
  for (uint32_t i = 0; i < kTogether; ++i, to += pitch) {
#if HWY_TARGET <= HWY_AVX3
    if constexpr (hn::MaxLanes(D()) == 16) {
      _mm_storeu_ps(to, _mm512_castps512_ps128(out[i].raw));
      _mm_storeu_ps(to + 4 * pitch, _mm512_extractf32x4_ps(out[i].raw, 1));
      _mm_storeu_ps(to + 8 * pitch, _mm512_extractf32x4_ps(out[i].raw, 2));
      _mm_storeu_ps(to + 12 * pitch, _mm512_extractf32x4_ps(out[i].raw, 3));
    }
#endif
    if constexpr (hn::MaxLanes(D()) == 8) {
      const hn::Full128<float> four;
      hn::StoreU(hn::LowerHalf(four, out[i]), four, to);
      hn::StoreU(hn::UpperHalf(four, out[i]), four, to + 4 * pitch);
    }
  }
}

template <uint32_t kOutputs, class D>
HWY_INLINE void store_all(D d, const hn::Vec<D> (&sums)[kOutputs], float* acc, size_t pitch) {
  store_outputs<0>(d, sums, acc, pitch);
  if constexpr (kOutputs >= 8) store_outputs<4>(d, sums, acc, pitch);
  if constexpr (kOutputs >= 12) store_outputs<8>(d, sums, acc, pitch);
  // The last four may have been written in part.
  if constexpr (kOutputs > kTogether) store_outputs<kOutputs - kTogether>(d, sums, acc, pitch);
}

/// Adds the products of some steps to the outputs [kFirst, kEnd). row: weights of the first of these outputs; it is
/// moved behind the last.
template <Arithmetic kArithmetic, uint32_t kFirst, uint32_t kEnd, class D, uint32_t kSteps, uint32_t kOutputs>
HWY_INLINE void add_outputs(D d, const float*& row, size_t w_pitch, const hn::Vec<D> (&steps)[kSteps],
                            hn::Vec<D> (&sums)[kOutputs]) {
  if constexpr (kFirst < kEnd) {
    constexpr uint32_t kCount = HWY_MIN(kInTurns, kEnd - kFirst);
    const float* rows[kCount];
    HWY_UNROLL(8)
    for (uint32_t k = 0; k < kCount; ++k, row += w_pitch) {
      // (As a pointer of its own: an address of two registers costs an operation more at each of its uses.)
      asm("" : "+r"(row));
      rows[k] = row;
    }
    HWY_UNROLL(8)
    for (uint32_t i = 0; i < kSteps; ++i) {
      HWY_UNROLL(8)
      for (uint32_t k = 0; k < kCount; ++k) {
        sums[kFirst + k] = add_term<kArithmetic, false>(d, sums[kFirst + k], hn::Set(d, rows[k][i]), steps[i]);
      }
    }
    add_outputs<kArithmetic, kFirst + kCount, kEnd>(d, row, w_pitch, steps, sums);
  }
}

/// Adds the products of whole blocks of kSteps steps from c on, and moves c behind them. The next steps are brought
/// while products are added: both need the port of shuffles.
template <Arithmetic kArithmetic, uint32_t kSteps, class D, uint32_t kOutputs>
HWY_INLINE void add_ahead(D d, const ConvTile& t, const float* x, const float* w, hn::Vec<D> (&sums)[kOutputs],
                          uint32_t& c) {
  constexpr uint32_t kHalf = HWY_MIN((kOutputs + 1) / 2, kInTurns);
  const size_t w_pitch = t.w_stride_k;
  const ptrdiff_t x_pitch = static_cast<ptrdiff_t>(t.x_stride_n);
  if (c + kSteps > t.c) return;
  hn::Vec<D> steps[kSteps];
  load_steps<kSteps>(d, x + c, x_pitch, steps);
  for (; c + 2 * kSteps <= t.c; c += kSteps) {
    const float* row = w + c;
    add_outputs<kArithmetic, 0, kHalf>(d, row, w_pitch, steps, sums);
    hn::Vec<D> next[kSteps];
    load_steps<kSteps>(d, x + c + kSteps, x_pitch, next);
    add_outputs<kArithmetic, kHalf, kOutputs>(d, row, w_pitch, steps, sums);
    HWY_UNROLL(8)
    for (uint32_t i = 0; i < kSteps; ++i) steps[i] = next[i];
  }
  const float* row = w + c;
  add_outputs<kArithmetic, 0, kOutputs>(d, row, w_pitch, steps, sums);
  c += kSteps;
}

/// All outputs of a vector of images, whose sums are `pitch` apart. False, and nothing is written, when one is an
/// infinity or NaN.
template <Arithmetic kArithmetic, uint32_t kOutputs, class D>
HWY_NOINLINE bool add_images(const ConvTile& t, const float* HWY_RESTRICT x, const float* HWY_RESTRICT w,
                             float* HWY_RESTRICT acc, size_t pitch) {
  const D d;
  const size_t x_pitch = t.x_stride_n, w_pitch = t.w_stride_k;
  hn::Vec<D> sums[kOutputs];
  if (pitch == kOutputs && all_zero<kOutputs>(d, acc)) {
    HWY_UNROLL(16)
    for (uint32_t k = 0; k < kOutputs; ++k) sums[k] = hn::Zero(d);
  } else {
    HWY_UNROLL(16)
    for (uint32_t k = 0; k < kOutputs; ++k) sums[k] = gather(d, acc + k, pitch);
  }
  uint32_t c = 0;
  const auto add_steps = [&](auto count) HWY_ATTR {
    constexpr uint32_t kSteps = count();
    hn::Vec<D> steps[kSteps];
    load_steps<kSteps>(d, x + c, static_cast<ptrdiff_t>(x_pitch), steps);
    const float* row = w + c;
    add_outputs<kArithmetic, 0, kOutputs>(d, row, w_pitch, steps, sums);
    c += kSteps;
  };
  if constexpr (hn::MaxLanes(D()) == 16) {
    if constexpr (kOutputs <= kMostAhead) add_ahead<kArithmetic, 2 * kTogether>(d, t, x, w, sums, c);
    while (c + 2 * kTogether <= t.c) add_steps(std::integral_constant<uint32_t, 2 * kTogether>());
  }
  while (c + kTogether <= t.c) add_steps(std::integral_constant<uint32_t, kTogether>());
  for (; c < t.c; ++c) {
    const hn::Vec<D> step = gather(d, x + c, x_pitch);
    HWY_UNROLL(16)
    for (uint32_t k = 0; k < kOutputs; ++k) {
      sums[k] = add_term<kArithmetic, false>(d, sums[k], hn::Set(d, w[k * w_pitch + c]), step);
    }
  }
  if (HWY_UNLIKELY(!all_finite(d, sums))) return false;
  store_all(d, sums, acc, pitch);
  return true;
}

using Kernel = bool (*)(const ConvTile&, const float*, const float*, float*, size_t);

/// The last images, fewer than `kImages`: those before them fill the vector, and their sums are thrown away.
template <uint32_t kImages>
bool add_last_images(Kernel kernel, const ConvTile& t, const float* x, const float* w, float* acc, uint32_t count) {
  float sums[kImages * kMostOutputs] = {};
  float *const outside = acc + (t.n - count) * t.y_stride_n, *const inside = sums + (kImages - count) * t.k;
  for (uint32_t i = 0; i < count; ++i) std::copy_n(outside + i * t.y_stride_n, t.k, inside + i * t.k);
  if (!kernel(t, x + (t.n - kImages) * t.x_stride_n, w, sums, t.k)) return false;
  for (uint32_t i = 0; i < count; ++i) std::copy_n(inside + i * t.k, t.k, outside + i * t.y_stride_n);
  return true;
}

template <Arithmetic kArithmetic, class D>
Kernel pick_kernel(uint32_t outputs) {
  static constexpr auto kKernels = kernel_table<kMostOutputs - kTogether + 1>(
      [](auto index) { return Kernel{&add_images<kArithmetic, kTogether - 1 + index(), D>}; });
  return kKernels[outputs - kTogether];
}

template <Arithmetic kArithmetic>
uint32_t add_all_images(const ConvTile& t, const float* x, const float* w, float* acc) {
  constexpr uint32_t kWhole = hn::MaxLanes(Whole()), kHalf = hn::MaxLanes(Half());
  const Kernel whole = pick_kernel<kArithmetic, Whole>(t.k), half = pick_kernel<kArithmetic, Half>(t.k);
  const auto add = [&](Kernel kernel, uint32_t n) {
    return kernel(t, x + n * t.x_stride_n, w, acc + n * t.y_stride_n, t.y_stride_n);
  };
  uint32_t n = 0;
  for (; n + kWhole <= t.n; n += kWhole) {
    if (!add(whole, n)) return n;
  }
  if (n + kHalf <= t.n) {
    if (!add(half, n)) return n;
    n += kHalf;
  }
  return n == t.n || add_last_images<kHalf>(half, t, x, w, acc, t.n - n) ? t.n : n;
}

uint32_t few_outputs_ff_vector(Arithmetic arithmetic, const ConvTile& t, const float* x, const float* w, float* acc) {
  if (arithmetic == Arithmetic::kFp16Sum || t.k < kTogether || t.k > kMostOutputs || t.n < hn::MaxLanes(Half()) ||
      t.c > kMostSteps || t.k * t.c > kMostWeights || t.x_stride_n > kLongestStride || t.y_stride_n > kLongestStride) {
    return 0;
  }
  return arithmetic == Arithmetic::kExactProduct ? add_all_images<Arithmetic::kExactProduct>(t, x, w, acc)
                                                 : add_all_images<Arithmetic::kMultiplyThenAdd>(t, x, w, acc);
}

#else

uint32_t few_outputs_ff_vector(Arithmetic, const ConvTile&, const float*, const float*, float*) {
  return 0;
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu {

HWY_EXPORT(few_outputs_ff_vector);

uint32_t few_outputs_ff(Arithmetic arithmetic, const ConvTile& tile, const float* x, const float* w, float* acc) {
  return HWY_DYNAMIC_DISPATCH(few_outputs_ff_vector)(arithmetic, tile, x, w, acc);
}

}  // namespace backboard::npu
#endif
