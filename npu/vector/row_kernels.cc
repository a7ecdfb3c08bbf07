// Vectorised row kernels. Lanes are different outputs, so every output keeps the written order of its sum.
#include "npu/vector/row_kernels.h"

#include <algorithm>

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
HWY_INLINE V canonical_lanes(D d, V x) {
  const V canonical_nan = hn::BitCast(d, hn::Set(hn::RebindToUnsigned<D>(), kCanonicalNanBits));
  const V without_zero = hn::IfThenZeroElse(hn::Eq(x, hn::Zero(d)), x);
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

/// Every stride-th column from `x` on; reads stride * Lanes(d) columns.
template <uint32_t kStride>
HWY_INLINE V load_columns(D d, const float* x) {
  if constexpr (kStride == 1) {
    return hn::LoadU(d, x);
  } else {
    V even, odd;
    hn::LoadInterleaved2(d, x, even, odd);
    return even;
  }
}

/// Number of outputs, a multiple of the lanes, whose loads stay within the readable columns.
size_t vector_outputs(const PoolRow& row, size_t lanes) {
  if (row.stride > 2 || row.readable + 1 < row.columns) return 0;
  const size_t steps = (row.readable - (row.columns - 1)) / (row.stride * lanes);
  return std::min(steps, row.outputs / lanes) * lanes;
}

template <uint32_t kStride>
size_t max_pool_vectors(const PoolRow& row, float* y, uint8_t* index) {
  const D d;
  const hn::RebindToSigned<D> di;
  const hn::Rebind<uint8_t, D> db;
  const size_t vectorised = vector_outputs(row, hn::Lanes(d));
  for (size_t i = 0; i < vectorised; i += hn::Lanes(d)) {
    const float* taps = row.first_row + i * kStride;
    V best = load_columns<kStride>(d, taps);
    auto place = hn::Set(di, static_cast<int32_t>(row.first_tap));
    for (uint32_t r = 0; r < row.rows; ++r) {
      for (uint32_t k = 0; k < row.columns; ++k) {
        const V tap = load_columns<kStride>(d, taps + r * row.row_stride + k);
        const auto keep = hn::Or(hn::Le(tap, best), hn::IsNaN(best));
        best = hn::IfThenElse(keep, best, tap);
        const auto here = hn::Set(di, static_cast<int32_t>(row.first_tap + r * row.taps_per_row + k));
        place = hn::IfThenElse(hn::RebindMask(di, keep), place, here);
      }
    }
    hn::StoreU(canonical_lanes(d, best), d, y + i);
    if (index) hn::StoreU(hn::DemoteTo(db, place), db, index + i);
  }
  return vectorised;
}

template <uint32_t kStride>
size_t average_pool_vectors(const PoolRow& row, float factor, float* y) {
  const D d;
  const size_t vectorised = vector_outputs(row, hn::Lanes(d));
  for (size_t i = 0; i < vectorised; i += hn::Lanes(d)) {
    const float* taps = row.first_row + i * kStride;
    V sum = hn::Zero(d);
    for (uint32_t r = 0; r < row.rows; ++r)
      for (uint32_t k = 0; k < row.columns; ++k)
        sum = hn::Add(sum, load_columns<kStride>(d, taps + r * row.row_stride + k));
    hn::StoreU(canonical_lanes(d, hn::Mul(sum, hn::Set(d, factor))), d, y + i);
  }
  return vectorised;
}

/// The windows from `done` on.
PoolRow rest_of(const PoolRow& row, size_t done) {
  PoolRow rest = row;
  rest.first_row += done * row.stride;
  rest.readable -= done * row.stride;
  rest.outputs -= static_cast<uint32_t>(done);
  return rest;
}

void max_pool(const PoolRow& row, float* y, uint8_t* index) {
  size_t done = 0;
  if (row.stride == 1) done = max_pool_vectors<1>(row, y, index);
  if (row.stride == 2) done = max_pool_vectors<2>(row, y, index);
  scalar::max_pool(rest_of(row, done), y + done, index ? index + done : nullptr);
}

void average_pool(const PoolRow& row, float factor, float* y) {
  size_t done = 0;
  if (row.stride == 1) done = average_pool_vectors<1>(row, factor, y);
  if (row.stride == 2) done = average_pool_vectors<2>(row, factor, y);
  scalar::average_pool(rest_of(row, done), factor, y + done);
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
void max_pool(const PoolRow& row, float* y, uint8_t* index) {
  HWY_DYNAMIC_DISPATCH(max_pool)(row, y, index);
}
void average_pool(const PoolRow& row, float factor, float* y) {
  HWY_DYNAMIC_DISPATCH(average_pool)(row, factor, y);
}

}  // namespace backboard::npu::row_kernels
#endif
