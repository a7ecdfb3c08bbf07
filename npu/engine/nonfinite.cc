#include "npu/engine/nonfinite.h"

#include "npu/engine/strided_gemm.h"

namespace backboard::npu {

bool any_nonfinite(const float* values, uint32_t rows, size_t row_stride, size_t count) {
  if (row_stride == count) return any_nonfinite(values, rows * count);
  for (uint32_t i = 0; i < rows; ++i) {
    if (any_nonfinite(values + i * row_stride, count)) return true;
  }
  return false;
}

bool any_nonfinite(const float* values, uint32_t planes, size_t plane_stride, uint32_t rows, size_t row_stride,
                   size_t count) {
  if (row_stride == count) return any_nonfinite(values, planes, plane_stride, rows * count);
  for (uint32_t i = 0; i < planes; ++i) {
    if (any_nonfinite(values + i * plane_stride, rows, row_stride, count)) return true;
  }
  return false;
}

}  // namespace backboard::npu
