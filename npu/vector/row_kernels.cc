// Vectorised row kernels. Lanes are different outputs, so every output keeps the written order of its sum.
#include "npu/vector/row_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/vector/row_kernels.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "npu/vector/canonical.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::row_kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

/// canonical(): the zero of either sign becomes +0, any NaN the canonical one.
template <class Lanes>
HWY_INLINE hn::Vec<Lanes> canonical_lanes(Lanes d, hn::Vec<Lanes> x) {
  const auto canonical_nan = hn::BitCast(d, hn::Set(hn::RebindToUnsigned<Lanes>(), kCanonicalNanBits));
  const auto without_zero = hn::IfThenZeroElse(hn::Eq(x, hn::Zero(d)), x);
  return hn::IfThenElse(hn::IsNaN(x), canonical_nan, without_zero);
}

/// ReLU without the canonical step, which the caller applies.
HWY_INLINE V relu_lanes(D d, V x) {
  return hn::IfThenZeroElse(hn::Le(x, hn::Zero(d)), x);
}

void relu(const float* x, float* y, size_t count) {
  const D d;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d))
    hn::StoreU(canonical_lanes(d, relu_lanes(d, hn::LoadU(d, x + i))), d, y + i);
  scalar::relu(x + i, y + i, count - i);
}

void mask(const float* dy, const float* mask_values, float* dx, size_t count) {
  const D d;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
    const auto passes = hn::Gt(hn::LoadU(d, mask_values + i), hn::Zero(d));
    hn::StoreU(canonical_lanes(d, hn::IfThenElseZero(passes, hn::LoadU(d, dy + i))), d, dx + i);
  }
  scalar::mask(dy + i, mask_values + i, dx + i, count - i);
}

void add_one_bias(const float* x, float bias, bool with_relu, float* y, size_t count) {
  const D d;
  const V addend = hn::Set(d, bias);
  size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
    V sum = hn::Add(hn::LoadU(d, x + i), addend);
    if (with_relu) sum = relu_lanes(d, sum);
    hn::StoreU(canonical_lanes(d, sum), d, y + i);
  }
  scalar::add_one_bias(x + i, bias, with_relu, y + i, count - i);
}

void add_biases(const float* x, const float* bias, bool with_relu, float* y, size_t count) {
  const D d;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
    V sum = hn::Add(hn::LoadU(d, x + i), hn::LoadU(d, bias + i));
    if (with_relu) sum = relu_lanes(d, sum);
    hn::StoreU(canonical_lanes(d, sum), d, y + i);
  }
  scalar::add_biases(x + i, bias + i, with_relu, y + i, count - i);
}

void accumulate(const float* x, float* sums, size_t count) {
  const D d;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
    const V sum = hn::Add(hn::LoadU(d, sums + i), hn::LoadU(d, x + i));
    hn::StoreU(canonical_lanes(d, sum), d, sums + i);
  }
  scalar::accumulate(x + i, sums + i, count - i);
}

void scale(const float* x, float factor, float* y, size_t count) {
  const D d;
  const V multiplier = hn::Set(d, factor);
  size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d))
    hn::StoreU(canonical_lanes(d, hn::Mul(hn::LoadU(d, x + i), multiplier)), d, y + i);
  scalar::scale(x + i, factor, y + i, count - i);
}

void normalise(const float* x, const Affine& of, bool with_relu, float* y, size_t count) {
  const D d;
  const V mean = hn::Set(d, of.mean), scale = hn::Set(d, of.scale), shift = hn::Set(d, of.shift);
  size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
    V value = hn::Add(hn::Mul(hn::Sub(hn::LoadU(d, x + i), mean), scale), shift);
    if (with_relu) value = relu_lanes(d, value);
    hn::StoreU(canonical_lanes(d, value), d, y + i);
  }
  scalar::normalise(x + i, of, with_relu, y + i, count - i);
}

void normalise_error(const float* dy, const float* x, const Affine& of, float* dx, size_t count) {
  const D d;
  const V mean = hn::Set(d, of.mean), scale = hn::Set(d, of.scale);
  const V offset = hn::Set(d, of.offset), slope = hn::Set(d, of.slope);
  size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
    const V through = hn::Mul(hn::Sub(hn::LoadU(d, x + i), mean), slope);
    const V error = hn::Sub(hn::Sub(hn::LoadU(d, dy + i), offset), through);
    hn::StoreU(canonical_lanes(d, hn::Mul(error, scale)), d, dx + i);
  }
  scalar::normalise_error(dy + i, x + i, of, dx + i, count - i);
}

/// Tap `k` of the windows that start at `x` and every kStride columns on. Reads no column that is in no window, if
/// windows are at least two columns wide.
template <uint32_t kStride, class Lanes>
HWY_INLINE hn::Vec<Lanes> load_taps(Lanes d, const float* x, uint32_t k) {
  if constexpr (kStride == 1) {
    return hn::LoadU(d, x + k);
  } else {
    // Pairs of columns: (0, 1) for the first tap, (k - 1, k) for the others, which end with the last window.
    hn::Vec<Lanes> even, odd;
    hn::LoadInterleaved2(d, x + (k == 0 ? 0 : k - 1), even, odd);
    return k == 0 ? even : odd;
  }
}

/// Calls block(first window) for blocks of `lanes` windows; the last block may overlap the one before. False when there
/// are fewer windows than lanes.
template <class Block>
HWY_INLINE bool for_each_block(uint32_t outputs, size_t lanes, const Block& block) {
  if (outputs < lanes) return false;
  size_t i = 0;
  for (; i + lanes <= outputs; i += lanes) block(i);
  if (i < outputs) block(outputs - lanes);
  return true;
}

template <uint32_t kStride, class Lanes>
HWY_INLINE bool max_pool_blocks(Lanes d, const PoolRow& row, float* y, uint8_t* index) {
  const hn::RebindToSigned<Lanes> di;
  const hn::Rebind<uint8_t, Lanes> db;
  return for_each_block(row.outputs, hn::Lanes(d), [&](size_t i) HWY_ATTR {
    const float* taps = row.first_row + i * kStride;
    auto best = load_taps<kStride>(d, taps, 0);
    auto place = hn::Set(di, static_cast<int32_t>(row.first_tap));
    for (uint32_t r = 0; r < row.rows; ++r) {
      for (uint32_t k = 0; k < row.columns; ++k) {
        const auto tap = load_taps<kStride>(d, taps + r * row.row_stride, k);
        const auto keep = hn::Or(hn::Le(tap, best), hn::IsNaN(best));
        best = hn::IfThenElse(keep, best, tap);
        const auto here = hn::Set(di, static_cast<int32_t>(row.first_tap + r * row.taps_per_row + k));
        place = hn::IfThenElse(hn::RebindMask(di, keep), place, here);
      }
    }
    hn::StoreU(canonical_lanes(d, best), d, y + i);
    if (index) hn::StoreU(hn::DemoteTo(db, place), db, index + i);
  });
}

template <uint32_t kStride, class Lanes>
HWY_INLINE bool average_pool_blocks(Lanes d, const PoolRow& row, float factor, float* y) {
  return for_each_block(row.outputs, hn::Lanes(d), [&](size_t i) HWY_ATTR {
    const float* taps = row.first_row + i * kStride;
    auto sum = hn::Zero(d);
    for (uint32_t r = 0; r < row.rows; ++r)
      for (uint32_t k = 0; k < row.columns; ++k)
        sum = hn::Add(sum, load_taps<kStride>(d, taps + r * row.row_stride, k));
    hn::StoreU(canonical_lanes(d, hn::Mul(sum, hn::Set(d, factor))), d, y + i);
  });
}

// The widest vectors that the row fills: late layers have rows of 7 or 14.
template <uint32_t kStride>
HWY_INLINE bool max_pool_vectors(const PoolRow& row, float* y, uint8_t* index) {
  return max_pool_blocks<kStride>(D(), row, y, index) ||
         max_pool_blocks<kStride>(hn::CappedTag<float, 8>(), row, y, index) ||
         max_pool_blocks<kStride>(hn::CappedTag<float, 4>(), row, y, index);
}

template <uint32_t kStride>
HWY_INLINE bool average_pool_vectors(const PoolRow& row, float factor, float* y) {
  return average_pool_blocks<kStride>(D(), row, factor, y) ||
         average_pool_blocks<kStride>(hn::CappedTag<float, 8>(), row, factor, y) ||
         average_pool_blocks<kStride>(hn::CappedTag<float, 4>(), row, factor, y);
}

void max_pool(const PoolRow& row, float* y, uint8_t* index) {
  if (row.stride == 1 && max_pool_vectors<1>(row, y, index)) return;
  if (row.stride == 2 && row.columns >= 2 && max_pool_vectors<2>(row, y, index)) return;
  scalar::max_pool(row, y, index);
}

void average_pool(const PoolRow& row, float factor, float* y) {
  if (row.stride == 1 && average_pool_vectors<1>(row, factor, y)) return;
  if (row.stride == 2 && row.columns >= 2 && average_pool_vectors<2>(row, factor, y)) return;
  scalar::average_pool(row, factor, y);
}

}  // namespace backboard::npu::row_kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::row_kernels {

HWY_EXPORT(relu);
HWY_EXPORT(mask);
HWY_EXPORT(add_one_bias);
HWY_EXPORT(add_biases);
HWY_EXPORT(accumulate);
HWY_EXPORT(scale);
HWY_EXPORT(normalise);
HWY_EXPORT(normalise_error);
HWY_EXPORT(max_pool);
HWY_EXPORT(average_pool);

void relu(const float* x, float* y, size_t count) {
  HWY_DYNAMIC_DISPATCH(relu)(x, y, count);
}
void mask(const float* dy, const float* mask_values, float* dx, size_t count) {
  HWY_DYNAMIC_DISPATCH(mask)(dy, mask_values, dx, count);
}
void add_one_bias(const float* x, float bias, bool with_relu, float* y, size_t count) {
  HWY_DYNAMIC_DISPATCH(add_one_bias)(x, bias, with_relu, y, count);
}
void add_biases(const float* x, const float* bias, bool with_relu, float* y, size_t count) {
  HWY_DYNAMIC_DISPATCH(add_biases)(x, bias, with_relu, y, count);
}
void accumulate(const float* x, float* sums, size_t count) {
  HWY_DYNAMIC_DISPATCH(accumulate)(x, sums, count);
}
void scale(const float* x, float factor, float* y, size_t count) {
  HWY_DYNAMIC_DISPATCH(scale)(x, factor, y, count);
}
void normalise(const float* x, const Affine& of, bool with_relu, float* y, size_t count) {
  HWY_DYNAMIC_DISPATCH(normalise)(x, of, with_relu, y, count);
}
void normalise_error(const float* dy, const float* x, const Affine& of, float* dx, size_t count) {
  HWY_DYNAMIC_DISPATCH(normalise_error)(dy, x, of, dx, count);
}
void max_pool(const PoolRow& row, float* y, uint8_t* index) {
  HWY_DYNAMIC_DISPATCH(max_pool)(row, y, index);
}
void average_pool(const PoolRow& row, float factor, float* y) {
  HWY_DYNAMIC_DISPATCH(average_pool)(row, factor, y);
}

}  // namespace backboard::npu::row_kernels
#endif
