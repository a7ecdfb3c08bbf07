#include "npu/engine/fully_connected.h"

#include <algorithm>

#include "npu/engine/conv_offsets.h"
#include "npu/engine/few_outputs.h"
#include "npu/engine/nonfinite.h"
#include "npu/engine/sparse_gemm.h"

namespace backboard::npu {
namespace {

enum Slot : unsigned { kSlotARow = 3, kSlotAStep, kSlotBStep, kSlotCRow, kSlotOnes };

/// Elements (row, column) `row` and `column` apart.
struct Matrix {
  const float* values;
  size_t row, column;
};

/// What is known of infinities and NaN in the operands: none is there; they meet zeros; the sums will tell.
enum class Look : uint8_t { kFinite, kMasked, kAtSums };
Look look_of(bool nonfinite) {
  return nonfinite ? Look::kMasked : Look::kFinite;
}

/// sums(row, column) += over steps of a(row, step) * b(step, column).
void multiply(Arithmetic arithmetic, uint32_t rows, uint32_t columns, uint32_t steps, const Matrix& a, const Matrix& b,
              float* sums, const Matrix& sums_strides, Look look, Workspace& workspace) {
  StridedGemm gemm;
  gemm.rows = rows;
  gemm.columns = columns;
  gemm.steps = steps;
  gemm.a = a.values;
  // Half of the strides are 1, as a rule: one list serves all of these.
  const ptrdiff_t* const ones = even_offsets(std::max(rows, steps), 1, kSlotOnes, workspace);
  const auto offsets = [&](uint32_t count, size_t stride, unsigned slot) {
    return stride == 1 ? ones : even_offsets(count, stride, slot, workspace);
  };
  gemm.a_row = offsets(rows, a.row, kSlotARow);
  gemm.a_step = offsets(steps, a.column, kSlotAStep);
  gemm.b = b.values;
  gemm.b_step = offsets(steps, b.row, kSlotBStep);
  gemm.b_column = static_cast<ptrdiff_t>(b.column);
  gemm.b_pitch = static_cast<ptrdiff_t>(b.row);
  gemm.b_run = b.row == 1 ? steps : 1;
  gemm.c = sums;
  gemm.c_row = offsets(rows, sums_strides.row, kSlotCRow);
  gemm.c_column = static_cast<ptrdiff_t>(sums_strides.column);
  gemm.c_pitch = static_cast<ptrdiff_t>(sums_strides.row);
  gemm.masked = look == Look::kMasked;
  gemm.looks_at_sums = look == Look::kAtSums;
  strided_gemm(arithmetic, gemm, workspace);
}

/// Work of a product of `rows` by `columns` per step, in multiplications of full vectors: lanes that stay empty count,
/// and so does packing the columns' operand, whose elements cost about as much as three products.
uint64_t work(uint64_t rows, uint64_t columns) {
  const uint64_t padded = columns > 16 ? (columns + 31) / 32 * 32 : columns > 8 ? 16 : 8;
  return rows * padded + 3 * columns;
}

/// Errors are mostly zeros, as ReLU and rounding leave them: only what is there is multiplied. Without an infinity or
/// NaN among them no product needs a mask, whatever the other operand has: a zero error's products are left out anyway.
bool takes_listed(Arithmetic arithmetic, const ValueScan& errors, const ConvTile& t) {
  return arithmetic != Arithmetic::kFp16Sum && !errors.nonfinite && t.k <= 1u << 16 &&
         is_sparse(errors.nonzeros, size_t{t.n} * t.k);
}

}  // namespace

bool is_fully_connected(const ConvTile& t) {
  return t.h * t.w == 1 && t.oh_rows * t.ow == 1 && t.kh * t.kw == 1 && t.pad_h + t.pad_w == 0 && t.x_stride_c == 1 &&
         t.y_stride_k == 1 && t.w_stride_c == 1;
}

void fully_connected_ff(Arithmetic arithmetic, const ConvTile& tile, const float* x, const float* w, float* acc,
                        Workspace& workspace) {
  const uint32_t done = few_outputs_ff(arithmetic, tile, x, w, acc);
  if (done == tile.n) return;
  ConvTile t = tile;
  t.n -= done;
  x += done * t.x_stride_n;
  acc += done * t.y_stride_n;
  // Sums are fewer than operands, as a rule.
  Look look = Look::kAtSums;
  if (arithmetic == Arithmetic::kFp16Sum || t.c < 4) {
    look = look_of(any_nonfinite(x, t.n, t.x_stride_n, t.c) || any_nonfinite(w, t.k, t.w_stride_k, t.c) ||
                   any_nonfinite(acc, t.n, t.y_stride_n, t.k));
  }
  if (work(t.k, t.n) <= work(t.n, t.k)) {
    // Images are the columns: the smaller operand is packed.
    multiply(arithmetic, t.k, t.n, t.c, {w, t.w_stride_k, 1}, {x, 1, t.x_stride_n}, acc, {nullptr, 1, t.y_stride_n},
             look, workspace);
  } else {
    multiply(arithmetic, t.n, t.k, t.c, {x, t.x_stride_n, 1}, {w, 1, t.w_stride_k}, acc, {nullptr, t.y_stride_n, 1},
             look, workspace);
  }
}

void fully_connected_bp(Arithmetic arithmetic, const ConvTile& t, const float* dy, const float* w, float* acc,
                        Workspace& workspace) {
  const ValueScan errors = scan_rows(dy, t.n, t.y_stride_n, t.k);
  if (takes_listed(arithmetic, errors, t)) {
    return sparse_gemm(arithmetic,
                       {.outer = t.n,
                        .inner = t.k,
                        .columns = t.c,
                        .a = dy,
                        .a_outer = t.y_stride_n,
                        .b = w,
                        .b_inner = t.w_stride_k,
                        .c = acc,
                        .c_outer = t.x_stride_n},
                       workspace);
  }
  const bool masked = errors.nonfinite || any_nonfinite(w, t.k, t.w_stride_k, t.c) ||
                      (arithmetic == Arithmetic::kFp16Sum && any_nonfinite(acc, t.n, t.x_stride_n, t.c));
  multiply(arithmetic, t.n, t.c, t.k, {dy, t.y_stride_n, 1}, {w, t.w_stride_k, 1}, acc, {nullptr, t.x_stride_n, 1},
           look_of(masked), workspace);
}

void fully_connected_wg(Arithmetic arithmetic, const ConvTile& t, const float* x, const float* dy, float* acc,
                        Workspace& workspace) {
  const ValueScan errors = scan_rows(dy, t.n, t.y_stride_n, t.k);
  if (takes_listed(arithmetic, errors, t)) {
    return sparse_gemm(arithmetic,
                       {.outer = t.n,
                        .inner = t.k,
                        .columns = t.c,
                        .a = dy,
                        .a_outer = t.y_stride_n,
                        .b = x,
                        .b_outer = t.x_stride_n,
                        .c = acc,
                        .c_inner = t.w_stride_k},
                       workspace);
  }
  const bool masked = errors.nonfinite || any_nonfinite(x, t.n, t.x_stride_n, t.c) ||
                      (arithmetic == Arithmetic::kFp16Sum && any_nonfinite(acc, t.k, t.w_stride_k, t.c));
  multiply(arithmetic, t.k, t.c, t.n, {dy, 1, t.y_stride_n}, {x, t.x_stride_n, 1}, acc, {nullptr, t.w_stride_k, 1},
           look_of(masked), workspace);
}

}  // namespace backboard::npu
