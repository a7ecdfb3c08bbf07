#define HWY_WANT_AVX3_DL  // sums of products of bytes
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/lnpu/byte_pairs.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>

#include "npu/engine/lnpu/byte_pairs.h"
#include "npu/engine/lnpu/byte_times-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Bytes = hn::ScalableTag<uint8_t>;
using BytesVec = hn::Vec<Bytes>;

/// At one vector of elements; reads no others.
template <class D>
HWY_INLINE void add_channels(D d8, const uint8_t* classes, size_t stride, uint32_t channels, uint32_t at, uint8_t* all,
                             uint8_t* high) {
  auto sum = hn::Zero(d8), sum_high = hn::Zero(d8);
  const auto two = hn::Set(d8, uint8_t{2});
  for (uint32_t c = 0; c < channels; ++c) {
    const auto value = hn::LoadU(d8, classes + c * stride + at);
    sum = hn::Add(sum, value);
    sum_high = hn::Add(sum_high, hn::And(value, two));
  }
  hn::StoreU(sum, d8, all + at);
  hn::StoreU(sum_high, d8, high + at);
}

void sum_channels_vector(const uint8_t* classes, size_t stride, uint32_t channels, uint32_t count, uint8_t* all,
                         uint8_t* high) {
  const hn::ScalableTag<uint8_t> d8;
  const hn::CappedTag<uint8_t, 16> small;
  const auto run = [&](auto d) HWY_ATTR {
    const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
    for (uint32_t i = 0; i + lanes <= count; i += lanes) add_channels(d, classes, stride, channels, i, all, high);
    // The last vector overlaps the one before.
    if (count % lanes != 0) add_channels(d, classes, stride, channels, count - lanes, all, high);
  };
  if (count >= hn::Lanes(d8)) return run(d8);
  if (count >= hn::Lanes(small)) return run(small);
  const hn::CappedTag<uint8_t, 1> one;
  for (uint32_t i = 0; i < count; ++i) add_channels(one, classes, stride, channels, i, all, high);
}

/// Turns a row of sums into counts; zeros behind it up to a whole vector.
template <class D>
HWY_INLINE void place_row(D d8, const BytePairs::Counts& sums, size_t from, uint32_t count, const BytePairs::Counts& to,
                          size_t at) {
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d8));
  for (uint32_t i = 0; i < count; i += lanes) {
    const auto twice = hn::LoadU(d8, sums.high + from + i);
    auto low = hn::Sub(hn::LoadU(d8, sums.low + from + i), twice), high = halve(d8, twice);
    if (i + lanes > count) {
      const auto inside = hn::FirstN(d8, count - i);
      low = hn::IfThenElseZero(inside, low);
      high = hn::IfThenElseZero(inside, high);
    }
    hn::StoreU(low, d8, to.low + at + i);
    hn::StoreU(high, d8, to.high + at + i);
  }
}

/// to[i] = sum over `taps` of from[i + tap * distance].
HWY_INLINE void add_taps(const uint8_t* from, uint32_t taps, size_t distance, size_t count, uint8_t* to) {
  const Bytes d8;
  for (size_t i = 0; i < count; i += hn::Lanes(d8)) {
    auto sum = hn::LoadU(d8, from + i);
    for (uint32_t tap = 1; tap < taps; ++tap) sum = hn::Add(sum, hn::LoadU(d8, from + i + tap * distance));
    hn::StoreU(sum, d8, to + i);
  }
}

#if HWY_TARGET <= HWY_AVX2
/// Sums of products of bytes, in words of 32 bits.
using ProductSums = hn::Vec<hn::ScalableTag<uint32_t>>;

HWY_INLINE ProductSums no_products() {
  return hn::Zero(hn::ScalableTag<uint32_t>());
}
/// a: any bytes; b: up to 127; two neighbouring products together stay below 2^15.
HWY_INLINE void add_products(BytesVec a, BytesVec b, ProductSums& sums) {
#if HWY_TARGET <= HWY_AVX3_DL
  // VPDPBUSD: hosts of this target have VNNI, which Highway does not tell the compiler.
  asm("vpdpbusd %2, %1, %0" : "+v"(sums.raw) : "v"(a.raw), "v"(b.raw));
#elif HWY_TARGET <= HWY_AVX3
  const __m512i pairs = _mm512_maddubs_epi16(a.raw, b.raw);
  sums.raw = _mm512_add_epi32(sums.raw, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
#else
  const __m256i pairs = _mm256_maddubs_epi16(a.raw, b.raw);
  sums.raw = _mm256_add_epi32(sums.raw, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#endif
}
HWY_INLINE uint64_t total(ProductSums sums) {
  return hn::GetLane(hn::SumOfLanes(hn::ScalableTag<uint32_t>(), sums));
}
#else
using ProductSums = uint64_t;

HWY_INLINE ProductSums no_products() {
  return 0;
}
HWY_INLINE void add_products(BytesVec a, BytesVec b, ProductSums& sums) {
  HWY_ALIGN uint8_t as[HWY_MAX_BYTES], bs[HWY_MAX_BYTES];
  hn::Store(a, Bytes(), as);
  hn::Store(b, Bytes(), bs);
  for (size_t i = 0; i < hn::Lanes(Bytes()); ++i) sums += uint32_t{as[i]} * bs[i];
}
HWY_INLINE uint64_t total(ProductSums sums) {
  return sums;
}
#endif

/// Sums over positions; rows of `across` a tap apart lie `distance` apart.
void multiply_bytes(const BytePairs::Counts& errors, const BytePairs::Counts& across, uint32_t taps, size_t distance,
                    const uint8_t* valid, size_t count, CountSums* sums) {
  const Bytes d8;
  const auto one = hn::Set(d8, uint8_t{1});
  auto ll = no_products(), lh = ll, hl = ll, hh = ll, el = ll, eh = ll, al = ll, ah = ll;
  for (size_t i = 0; i < count; i += hn::Lanes(d8)) {
    auto low = hn::LoadU(d8, across.low + i), high = hn::LoadU(d8, across.high + i);
    for (uint32_t tap = 1; tap < taps; ++tap) {
      low = hn::Add(low, hn::LoadU(d8, across.low + i + tap * distance));
      high = hn::Add(high, hn::LoadU(d8, across.high + i + tap * distance));
    }
    const auto v = hn::LoadU(d8, valid + i);
    const auto e_low = hn::LoadU(d8, errors.low + i), e_high = hn::LoadU(d8, errors.high + i);
    const auto position = hn::Min(v, one);
    add_products(low, e_low, ll);
    add_products(high, e_low, lh);
    add_products(low, e_high, hl);
    add_products(high, e_high, hh);
    add_products(v, e_low, el);
    add_products(v, e_high, eh);
    add_products(low, position, al);
    add_products(high, position, ah);
  }
  sums->pairs[0][0] += total(ll);
  sums->pairs[0][1] += total(lh);
  sums->pairs[1][0] += total(hl);
  sums->pairs[1][1] += total(hh);
  sums->errors[0] += total(el);
  sums->errors[1] += total(eh);
  sums->activations[0] += total(al);
  sums->activations[1] += total(ah);
}

void place_rows(const BytePairs::Counts& sums, uint32_t from_pitch, uint32_t rows, uint32_t count,
                const BytePairs::Counts& to, size_t at, uint32_t pitch) {
  // Short vectors for short rows: stores of neighbouring rows overlap less.
  const auto run = [&](auto d8) HWY_ATTR {
    for (uint32_t row = 0; row < rows; ++row) {
      place_row(d8, sums, size_t{row} * from_pitch, count, to, at + size_t{row} * pitch);
    }
  };
  if (count <= 16) return run(hn::CappedTag<uint8_t, 16>());
  if (count <= 32) return run(hn::CappedTag<uint8_t, 32>());
  run(Bytes());
}

void add_columns(const BytePairs::Counts& inputs, uint32_t taps, uint32_t distance, size_t count,
                 const BytePairs::Counts& to) {
  add_taps(inputs.low, taps, distance, count, to.low);
  add_taps(inputs.high, taps, distance, count, to.high);
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::lnpu {

HWY_EXPORT(sum_channels_vector);
HWY_EXPORT(place_rows);
HWY_EXPORT(add_columns);
HWY_EXPORT(multiply_bytes);

void sum_channels(const uint8_t* classes, size_t stride, uint32_t channels, uint32_t count, uint8_t* all,
                  uint8_t* high) {
  HWY_DYNAMIC_DISPATCH(sum_channels_vector)(classes, stride, channels, count, all, high);
}

namespace {

BytePairs::Counts zero_counts(unsigned slot, size_t elements, Workspace& workspace) {
  uint8_t* const low = workspace.array<uint8_t>(slot, 2 * elements);
  std::fill_n(low, 2 * elements, uint8_t{0});
  return {low, low + elements};
}

}  // namespace

bool BytePairs::fits(const ConvTile& t, const PositionGrid& grid) {
  constexpr uint64_t kMostPositions = uint64_t{1} << 20;  // sums of words stay below 2^32
  const uint64_t taps = uint64_t{t.kh} * t.kw;
  return t.stride_h == 1 && t.stride_w == 1 && t.c <= 127 && t.k <= 127 && t.c * taps <= 255 &&
         t.c * taps * t.k < 16384 && taps * t.k < 16384 && t.pad_w < grid.pitch && grid.plane() <= kMostPositions;
}

BytePairs::BytePairs(const ConvTile& tile, const PositionGrid& grid, const uint8_t* valid, Workspace& workspace)
    : tile_(tile), grid_(grid), valid_(valid) {
  const size_t plane = grid.plane() + kSlack, right = size_t{tile.kw - 1} * tile.dilation_w;
  const size_t dense = std::max(size_t{tile.ih_rows} * tile.w, size_t{tile.oh_rows} * tile.ow);
  sums_ = zero_counts(14, dense + kSlack, workspace);
  inputs_ = zero_counts(15, plane + right, workspace);
  across_ = zero_counts(16, plane, workspace);
  errors_ = zero_counts(17, plane, workspace);
}

void BytePairs::add(const uint8_t* x, const uint8_t* dy, CountSums& sums) const {
  const ConvTile& t = tile_;
  const auto place = HWY_DYNAMIC_DISPATCH(place_rows);
  sum_channels(dy, t.y_stride_k, t.k, t.oh_rows * t.ow, sums_.low, sums_.high);
  place(sums_, t.ow, t.oh_rows, t.ow, errors_, 0, grid_.pitch);
  sum_channels(x, t.x_stride_c, t.c, t.ih_rows * t.w, sums_.low, sums_.high);
  // Row i of the grid is input row oh0 + i - pad_h.
  const int64_t first = int64_t{t.oh0} - t.pad_h;
  const int64_t low = std::max<int64_t>(first, t.ih0), end = std::min<int64_t>(first + grid_.rows, t.ih0 + t.ih_rows);
  if (low < end) {
    const size_t skipped = static_cast<size_t>(low - t.ih0) * t.w;
    place({sums_.low + skipped, sums_.high + skipped}, t.w, static_cast<uint32_t>(end - low),
          std::min(t.w, grid_.pitch - t.pad_w), inputs_, static_cast<size_t>(low - first) * grid_.pitch + t.pad_w,
          grid_.pitch);
  }
  HWY_DYNAMIC_DISPATCH(add_columns)(inputs_, t.kw, t.dilation_w, grid_.plane(), across_);
  HWY_DYNAMIC_DISPATCH(multiply_bytes)
  (errors_, across_, t.kh, size_t{t.dilation_h} * grid_.pitch, valid_, grid_.positions, &sums);
}

}  // namespace backboard::npu::lnpu
#endif
