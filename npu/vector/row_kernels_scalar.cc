// The definition of the row kernels: one element after the other.
#include "npu/vector/canonical.h"
#include "npu/vector/row_kernels.h"

namespace backboard::npu::row_kernels {
namespace scalar {
namespace {

float relu_of(float x) {
  return x <= 0.0f ? 0.0f : x;
}

}  // namespace

void relu(const float* x, float* y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = canonical(relu_of(x[i]));
}

void mask(const float* dy, const float* mask_values, float* dx, size_t count) {
  for (size_t i = 0; i < count; ++i) dx[i] = mask_values[i] > 0.0f ? canonical(dy[i]) : 0.0f;
}

void add_one_bias(const float* x, float bias, bool with_relu, float* y, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const float sum = x[i] + bias;
    y[i] = canonical(with_relu ? relu_of(sum) : sum);
  }
}

void add_biases(const float* x, const float* bias, bool with_relu, float* y, size_t count) {
  for (size_t i = 0; i < count; ++i) add_one_bias(x + i, bias[i], with_relu, y + i, 1);
}

void accumulate(const float* x, float* sums, size_t count) {
  for (size_t i = 0; i < count; ++i) sums[i] = canonical(sums[i] + x[i]);
}

void scale(const float* x, float factor, float* y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = canonical(x[i] * factor);
}

void normalise(const float* x, const Affine& of, bool with_relu, float* y, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const float value = (x[i] - of.mean) * of.scale + of.shift;
    y[i] = canonical(with_relu ? relu_of(value) : value);
  }
}

void normalise_error(const float* dy, const float* x, const Affine& of, float* dx, size_t count) {
  for (size_t i = 0; i < count; ++i) dx[i] = canonical((dy[i] - of.offset - (x[i] - of.mean) * of.slope) * of.scale);
}

void max_pool(const PoolRow& row, float* y, uint8_t* index) {
  for (uint32_t i = 0; i < row.outputs; ++i) {
    const float* taps = row.first_row + size_t{i} * row.stride;
    float best = taps[0];
    uint32_t place = row.first_tap;
    for (uint32_t r = 0; r < row.rows; ++r) {
      for (uint32_t k = 0; k < row.columns; ++k) {
        const float tap = taps[r * row.row_stride + k];
        if (tap <= best || best != best) continue;
        best = tap;
        place = row.first_tap + r * row.taps_per_row + k;
      }
    }
    y[i] = canonical(best);
    if (index) index[i] = static_cast<uint8_t>(place);
  }
}

void average_pool(const PoolRow& row, float factor, float* y) {
  for (uint32_t i = 0; i < row.outputs; ++i) {
    const float* taps = row.first_row + size_t{i} * row.stride;
    float sum = 0.0f;
    for (uint32_t r = 0; r < row.rows; ++r)
      for (uint32_t k = 0; k < row.columns; ++k) sum += taps[r * row.row_stride + k];
    y[i] = canonical(sum * factor);
  }
}

}  // namespace scalar

namespace {

/// kChains sums at once, held in registers.
template <size_t kChains>
void continue_chains(const float* x, size_t stride, size_t count, float* sums) {
  float held[kChains];
  for (size_t i = 0; i < kChains; ++i) held[i] = sums[i];
  for (size_t j = 0; j < count; ++j)
    for (size_t i = 0; i < kChains; ++i) held[i] += x[i * stride + j];
  for (size_t i = 0; i < kChains; ++i) sums[i] = canonical(held[i]);
}

}  // namespace

void continue_sums(const float* x, size_t stride, size_t count, float* sums, size_t chains) {
  size_t i = 0;
  for (; i + 8 <= chains; i += 8) continue_chains<8>(x + i * stride, stride, count, sums + i);
  for (; i < chains; ++i) continue_chains<1>(x + i * stride, stride, count, sums + i);
}

}  // namespace backboard::npu::row_kernels
