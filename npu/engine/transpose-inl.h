// Small transpositions of binary32 blocks, compiled once per Highway target.
#if defined(BACKBOARD_NPU_ENGINE_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_ENGINE_TRANSPOSE_INL_H_
#undef BACKBOARD_NPU_ENGINE_TRANSPOSE_INL_H_
#else
#define BACKBOARD_NPU_ENGINE_TRANSPOSE_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Copies a 4 x 4 block transposed: to[j * to_pitch + i] = from[i * from_pitch + j].
HWY_INLINE void transpose_4x4(const float* from, ptrdiff_t from_pitch, float* to, ptrdiff_t to_pitch) {
#if HWY_TARGET == HWY_SCALAR
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) to[j * to_pitch + i] = from[i * from_pitch + j];
  }
#else
  const hn::Full128<float> d;
  const hn::Full128<double> dd;
  const auto r0 = hn::LoadU(d, from), r1 = hn::LoadU(d, from + from_pitch);
  const auto r2 = hn::LoadU(d, from + 2 * from_pitch), r3 = hn::LoadU(d, from + 3 * from_pitch);
  const auto t0 = hn::BitCast(dd, hn::InterleaveLower(d, r0, r1)), t1 = hn::BitCast(dd, hn::InterleaveUpper(d, r0, r1));
  const auto t2 = hn::BitCast(dd, hn::InterleaveLower(d, r2, r3)), t3 = hn::BitCast(dd, hn::InterleaveUpper(d, r2, r3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(dd, t0, t2)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(dd, t0, t2)), d, to + to_pitch);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(dd, t1, t3)), d, to + 2 * to_pitch);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(dd, t1, t3)), d, to + 3 * to_pitch);
#endif
}

/// transpose_4x4() for four rows of two.
HWY_INLINE void transpose_4x2(const float* from, ptrdiff_t from_pitch, float* to, ptrdiff_t to_pitch) {
#if HWY_TARGET == HWY_SCALAR
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 2; ++j) to[j * to_pitch + i] = from[i * from_pitch + j];
  }
#else
  const hn::Full128<float> d;
  const hn::Half<decltype(d)> two;
  const auto v01 = hn::Combine(d, hn::LoadU(two, from + from_pitch), hn::LoadU(two, from));
  const auto v23 = hn::Combine(d, hn::LoadU(two, from + 3 * from_pitch), hn::LoadU(two, from + 2 * from_pitch));
  hn::StoreU(hn::ConcatEven(d, v23, v01), d, to);
  hn::StoreU(hn::ConcatOdd(d, v23, v01), d, to + to_pitch);
#endif
}

/// transpose_4x4() for two rows of four.
HWY_INLINE void transpose_2x4(const float* from, ptrdiff_t from_pitch, float* to, ptrdiff_t to_pitch) {
#if HWY_TARGET == HWY_SCALAR
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 4; ++j) to[j * to_pitch + i] = from[i * from_pitch + j];
  }
#else
  const hn::Full128<float> d;
  const hn::Half<decltype(d)> two;
  const auto r0 = hn::LoadU(d, from), r1 = hn::LoadU(d, from + from_pitch);
  const auto lower = hn::InterleaveLower(d, r0, r1), upper = hn::InterleaveUpper(d, r0, r1);
  hn::StoreU(hn::LowerHalf(two, lower), two, to);
  hn::StoreU(hn::UpperHalf(two, lower), two, to + to_pitch);
  hn::StoreU(hn::LowerHalf(two, upper), two, to + 2 * to_pitch);
  hn::StoreU(hn::UpperHalf(two, upper), two, to + 3 * to_pitch);
#endif
}

#if HWY_TARGET <= HWY_AVX2
/// Transposes the 4 x 4 in each 128-bit block: element i of out[j] is element j of in[i].
template <class D>
HWY_INLINE void transpose_blocks(D d, const hn::Vec<D> (&in)[4], hn::Vec<D> (&out)[4]) {
  const hn::Repartition<double, D> dd;
  const auto t0 = hn::BitCast(dd, hn::InterleaveLower(d, in[0], in[1]));
  const auto t1 = hn::BitCast(dd, hn::InterleaveUpper(d, in[0], in[1]));
  const auto t2 = hn::BitCast(dd, hn::InterleaveLower(d, in[2], in[3]));
  const auto t3 = hn::BitCast(dd, hn::InterleaveUpper(d, in[2], in[3]));
  out[0] = hn::BitCast(d, hn::InterleaveLower(dd, t0, t2));
  out[1] = hn::BitCast(d, hn::InterleaveUpper(dd, t0, t2));
  out[2] = hn::BitCast(d, hn::InterleaveLower(dd, t1, t3));
  out[3] = hn::BitCast(d, hn::InterleaveUpper(dd, t1, t3));
}

/// Four columns of an 8 x 8 block, as rows: pair(i) gives those of rows i and i + 4 side by side in halves.
template <class Pair>
HWY_INLINE void transpose_columns(const Pair& pair, float* to, ptrdiff_t to_pitch) {
  const hn::Full256<float> d;
  const hn::Full256<double> dd;
  // What is left is 4 x 4 in each half.
  const auto r0 = pair(0), r1 = pair(1), r2 = pair(2), r3 = pair(3);
  const auto t0 = hn::BitCast(dd, hn::InterleaveLower(d, r0, r1));
  const auto t1 = hn::BitCast(dd, hn::InterleaveUpper(d, r0, r1));
  const auto t2 = hn::BitCast(dd, hn::InterleaveLower(d, r2, r3));
  const auto t3 = hn::BitCast(dd, hn::InterleaveUpper(d, r2, r3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(dd, t0, t2)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(dd, t0, t2)), d, to + to_pitch);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(dd, t1, t3)), d, to + 2 * to_pitch);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(dd, t1, t3)), d, to + 3 * to_pitch);
}

/// Writes an 8 x 8 block transposed: to[j * to_pitch + i] is element j of row i, of which load(i, j) gives the four
/// from j on (j is 0 or 4).
template <class Load>
HWY_INLINE void transpose_8x8_of(const Load& load, float* to, ptrdiff_t to_pitch) {
  const hn::Full256<float> d;
  for (int part = 0; part < 8; part += 4, to += 4 * to_pitch) {
    const auto pair = [&](int i) HWY_ATTR { return hn::Combine(d, load(i + 4, part), load(i, part)); };
    transpose_columns(pair, to, to_pitch);
  }
}
#endif

#if HWY_TARGET <= HWY_AVX3
/// Element j of each of 16 rows, for j = 0 to 3.
HWY_INLINE void columns_of_16x4(const float* from, ptrdiff_t pitch, hn::Vec<hn::Full512<float>> (&columns)[4]) {
  const hn::Full512<float> d;
  // Rows i, i + 4, i + 8 and i + 12 in the blocks of a vector: what is left is 4 x 4 in each.
  const auto rows = [&](int i) HWY_ATTR {
    const float* const at = from + i * pitch;
    const __m512 r0 = _mm512_castps128_ps512(_mm_loadu_ps(at));
    const __m512 r1 = _mm512_insertf32x4(r0, _mm_loadu_ps(at + 4 * pitch), 1);
    const __m512 r2 = _mm512_insertf32x4(r1, _mm_loadu_ps(at + 8 * pitch), 2);
    return hn::Vec<decltype(d)>{_mm512_insertf32x4(r2, _mm_loadu_ps(at + 12 * pitch), 3)};
  };
  const hn::Vec<decltype(d)> in_blocks[4] = {rows(0), rows(1), rows(2), rows(3)};
  transpose_blocks(d, in_blocks, columns);
}

/// The same for j = 0 to 7, with half as many loads.
HWY_INLINE void columns_of_16x8(const float* from, ptrdiff_t pitch, hn::Vec<hn::Full512<float>> (&columns)[8]) {
  const hn::Full512<float> d;
  using V = hn::Vec<decltype(d)>;
  // Rows i and i + 4 in the halves of a vector: 4 x 4 in each block then, columns 4 to 7 in the odd ones.
  const auto rows = [&](int i) HWY_ATTR {
    const __m512 lower = _mm512_castps256_ps512(_mm256_loadu_ps(from + i * pitch));
    const __m256 upper = _mm256_loadu_ps(from + (i + 4) * pitch);
    return V{_mm512_castpd_ps(_mm512_insertf64x4(_mm512_castps_pd(lower), _mm256_castps_pd(upper), 1))};
  };
  const V first_rows[4] = {rows(0), rows(1), rows(2), rows(3)};
  const V last_rows[4] = {rows(8), rows(9), rows(10), rows(11)};
  V first[4], last[4];
  transpose_blocks(d, first_rows, first);
  transpose_blocks(d, last_rows, last);
  HWY_UNROLL(4)
  for (int i = 0; i < 4; ++i) {
    columns[i] = V{_mm512_shuffle_f32x4(first[i].raw, last[i].raw, _MM_SHUFFLE(2, 0, 2, 0))};
    columns[i + 4] = V{_mm512_shuffle_f32x4(first[i].raw, last[i].raw, _MM_SHUFFLE(3, 1, 3, 1))};
  }
}
#endif

/// transpose_4x4() for eight rows of four.
HWY_INLINE void transpose_8x4(const float* from, ptrdiff_t from_pitch, float* to, ptrdiff_t to_pitch) {
#if HWY_TARGET <= HWY_AVX2
  const hn::Full256<float> d;
  const hn::Full128<float> half;
  const auto pair = [&](int i) HWY_ATTR {
    return hn::Combine(d, hn::LoadU(half, from + (i + 4) * from_pitch), hn::LoadU(half, from + i * from_pitch));
  };
  transpose_columns(pair, to, to_pitch);
#else
  transpose_4x4(from, from_pitch, to, to_pitch);
  transpose_4x4(from + 4 * from_pitch, from_pitch, to + 4, to_pitch);
#endif
}

/// transpose_4x4() for 8 x 8.
HWY_INLINE void transpose_8x8(const float* from, ptrdiff_t from_pitch, float* to, ptrdiff_t to_pitch) {
#if HWY_TARGET <= HWY_AVX2
  // Whole rows are loaded: rows often lie whole lines apart, where the cache serves one load at a time.
  const hn::Full256<float> d;
  const hn::Full256<double> dd;
  const auto four = [&](const float* at, auto* out) HWY_ATTR {
    const auto r0 = hn::LoadU(d, at), r1 = hn::LoadU(d, at + from_pitch);
    const auto r2 = hn::LoadU(d, at + 2 * from_pitch), r3 = hn::LoadU(d, at + 3 * from_pitch);
    const auto t0 = hn::BitCast(dd, hn::InterleaveLower(d, r0, r1));
    const auto t1 = hn::BitCast(dd, hn::InterleaveUpper(d, r0, r1));
    const auto t2 = hn::BitCast(dd, hn::InterleaveLower(d, r2, r3));
    const auto t3 = hn::BitCast(dd, hn::InterleaveUpper(d, r2, r3));
    out[0] = hn::BitCast(d, hn::InterleaveLower(dd, t0, t2));
    out[1] = hn::BitCast(d, hn::InterleaveUpper(dd, t0, t2));
    out[2] = hn::BitCast(d, hn::InterleaveLower(dd, t1, t3));
    out[3] = hn::BitCast(d, hn::InterleaveUpper(dd, t1, t3));
  };
  // Columns i and i + 4 of four rows in the halves.
  hn::Vec<hn::Full256<float>> upper[4], lower[4];
  four(from, upper);
  four(from + 4 * from_pitch, lower);
  HWY_UNROLL(4)
  for (int i = 0; i < 4; ++i) {
    hn::StoreU(hn::ConcatLowerLower(d, lower[i], upper[i]), d, to + i * to_pitch);
    hn::StoreU(hn::ConcatUpperUpper(d, lower[i], upper[i]), d, to + (i + 4) * to_pitch);
  }
#else
  for (int part = 0; part < 2; ++part, from += 4, to += 4 * to_pitch) transpose_8x4(from, from_pitch, to, to_pitch);
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
