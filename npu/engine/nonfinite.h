// Whether infinities or NaN are in a strided tensor.
#pragma once

#include <cstddef>
#include <cstdint>

namespace backboard::npu {

/// any_nonfinite() of `rows` rows of `count` values, `row_stride` apart.
bool any_nonfinite(const float* values, uint32_t rows, size_t row_stride, size_t count);
/// Likewise of `planes` times such rows.
bool any_nonfinite(const float* values, uint32_t planes, size_t plane_stride, uint32_t rows, size_t row_stride,
                   size_t count);

}  // namespace backboard::npu
