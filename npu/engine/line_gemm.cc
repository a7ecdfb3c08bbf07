#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/line_gemm.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>

#include "npu/engine/add_term-inl.h"
#include "npu/engine/first_lanes-inl.h"
#include "npu/engine/kernel_table.h"
#include "npu/engine/row_passes.h"
#include "npu/engine/strided_gemm.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {

// Rows of C in registers, with one and with two vectors a row.
#ifdef BACKBOARD_FEW_KERNELS
inline constexpr uint32_t kLineRows = 3;  // fewer kernels, as in strided_gemm.cc
#else
inline constexpr uint32_t kLineRows = 8;
#endif
#ifdef BACKBOARD_FEW_KERNELS
inline constexpr uint32_t kLineRowsOfTwo = 2;
#elif HWY_TARGET <= HWY_AVX3
inline constexpr uint32_t kLineRowsOfTwo = 8;
#else
inline constexpr uint32_t kLineRowsOfTwo = 6;
#endif

/// kRows rows by kVectors vectors of one line, of which the last one has `last` elements.
template <Arithmetic kArithmetic, uint32_t kRows, uint32_t kVectors, class D>
HWY_NOINLINE void line_kernel(D d, const LineGemm& p, const ptrdiff_t* a_row, const float* b, float* c, size_t last) {
  using V = hn::Vec<D>;
  const size_t lanes = hn::Lanes(d);
  const float* rows[kRows];
  V sums[kRows][kVectors];
  HWY_UNROLL(8)
  for (uint32_t i = 0; i < kRows; ++i) {
    rows[i] = p.a + a_row[i];
    if (p.fresh) {
      HWY_UNROLL(2)
      for (uint32_t v = 0; v < kVectors; ++v) sums[i][v] = hn::Zero(d);
      continue;
    }
    const float* from = c + i * p.c_row;
    if constexpr (kVectors == 2) sums[i][0] = hn::LoadU(d, from);
    sums[i][kVectors - 1] = load_first(d, from + (kVectors - 1) * lanes, last);
  }
  for (uint32_t r = 0; r < p.steps; ++r) {
    const float* from = b + p.b_step[r];
    const ptrdiff_t step = p.a_step[r];
    V bs[kVectors];
    HWY_UNROLL(2)
    for (uint32_t v = 0; v < kVectors; ++v) bs[v] = hn::LoadU(d, from + v * lanes);
    HWY_UNROLL(8)
    for (uint32_t i = 0; i < kRows; ++i) {
      const V factor = hn::Set(d, rows[i][step]);
      HWY_UNROLL(2)
      for (uint32_t v = 0; v < kVectors; ++v) sums[i][v] = add_term<kArithmetic, false>(d, sums[i][v], factor, bs[v]);
    }
  }
  HWY_UNROLL(8)
  for (uint32_t i = 0; i < kRows; ++i) {
    float* to = c + i * p.c_row;
    if constexpr (kVectors == 2) hn::StoreU(sums[i][0], d, to);
    store_first(d, sums[i][kVectors - 1], to + (kVectors - 1) * lanes, last);
  }
}

/// Columns [n0, n0 + columns) of all lines and rows.
template <Arithmetic kArithmetic, uint32_t kVectors, class D>
void run_lines(D d, const LineGemm& p, uint32_t n0, uint32_t columns) {
  constexpr uint32_t kRows = kVectors == 1 ? kLineRows : kLineRowsOfTwo;
  static constexpr auto kKernels =
      kernel_table<kRows>([](auto rows) { return &line_kernel<kArithmetic, rows, kVectors, D>; });
  const size_t last = columns - (kVectors - 1) * hn::Lanes(d);
  const RowPasses passes(p.rows, kRows);
  for (uint32_t pass = 0; pass < passes.count; ++pass) {
    const uint32_t m = passes.first(pass);
    const auto kernel = kKernels[passes.height(pass) - 1];
    for (uint32_t l = 0; l < p.lines; ++l) {
      kernel(d, p, p.a_row + m, p.b + p.b_line[l] + n0, p.c + p.c_line[l] + m * p.c_row + n0, last);
    }
  }
}

template <Arithmetic kArithmetic>
void run_line_gemm(const LineGemm& p) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 8> half;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d)), half_lanes = static_cast<uint32_t>(hn::Lanes(half));
  for (uint32_t n0 = 0; n0 < p.columns;) {
    const uint32_t left = p.columns - n0;
    const uint32_t columns = std::min(left, left > lanes ? 2 * lanes : left > half_lanes ? lanes : half_lanes);
    if (left > lanes) {
      run_lines<kArithmetic, 2>(d, p, n0, columns);
    } else if (left > half_lanes) {
      run_lines<kArithmetic, 1>(d, p, n0, columns);
    } else {
      run_lines<kArithmetic, 1>(half, p, n0, columns);
    }
    n0 += columns;
  }
}

void line_gemm_vector(Arithmetic arithmetic, const LineGemm& p) {
  switch (arithmetic) {
    case Arithmetic::kExactProduct:
      return run_line_gemm<Arithmetic::kExactProduct>(p);
    case Arithmetic::kMultiplyThenAdd:
      return run_line_gemm<Arithmetic::kMultiplyThenAdd>(p);
    case Arithmetic::kFp16Sum:
      return run_line_gemm<Arithmetic::kFp16Sum>(p);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu {

HWY_EXPORT(line_gemm_vector);

void line_gemm(Arithmetic arithmetic, const LineGemm& problem) {
  if (problem.rows == 0 || problem.columns == 0 || problem.steps == 0) return;
  HWY_DYNAMIC_DISPATCH(line_gemm_vector)(arithmetic, problem);
}

}  // namespace backboard::npu
#endif
