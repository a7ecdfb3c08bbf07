// Products with a matrix that is mostly zeros, as errors are: its non-zeros are listed, and each adds its row.
#pragma once

#include <cstddef>
#include <cstdint>

#include "npu/engine/gemm_tile.h"
#include "npu/engine/strided_gemm.h"

namespace backboard::npu {

/// What a look over values tells.
struct ValueScan {
  bool nonfinite = false;  ///< an infinity or NaN is among them
  size_t nonzeros = 0;
};
/// Of rows of `count` values, `pitch` apart.
ValueScan scan_rows(const float* values, uint32_t rows, size_t pitch, uint32_t count);

/// Elements that a list of `count` values' non-zeros has room for: whole vectors are written.
constexpr size_t list_room(size_t count) {
  return count + 16;
}
/// Appends `first` + i for each values[i] that is not zero (a NaN is not) to `list`, which has room for
/// list_room(count) of them; returns its end. With the classes of values it reads a quarter as much.
uint32_t* list_nonzeros(const float* values, uint32_t count, uint32_t first, uint32_t* list);
uint32_t* list_nonzeros(const uint8_t* classes, uint32_t count, uint32_t first, uint32_t* list);

/// For each non-zero (outer, inner) of A, in this order: the row of C that it belongs to += A(outer, inner) * its row
/// of B. Elements of a row lie side by side; each row lies at outer and inner times its strides:
///   A(o, i) = a[o * a_outer + i],  row of B: b + o * b_outer + i * b_inner,  row of C: c + o * c_outer + i * c_inner.
/// So sums are in the order of (o, i). Zeros of A are left out; an infinity or NaN in A must not meet a zero of B.
struct SparseGemm {
  uint32_t outer = 0, inner = 0, columns = 0;
  const float* a = nullptr;
  size_t a_outer = 0;
  const float* b = nullptr;
  size_t b_outer = 0, b_inner = 0;
  float* c = nullptr;
  size_t c_outer = 0, c_inner = 0;
};

/// Whether listing them is worth it: a listed product costs two to three times as much as one of a block.
constexpr bool is_sparse(size_t nonzeros, size_t elements) {
  return 4 * nonzeros <= elements;
}

/// Not for Arithmetic::kFp16Sum. Uses workspace slot 0. Bytes are those of strided_gemm().
void sparse_gemm(Arithmetic arithmetic, const SparseGemm& problem, Workspace& workspace);

}  // namespace backboard::npu
