#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/strided_gemm.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <utility>

#include "npu/engine/add_term-inl.h"
#include "npu/engine/gemm_pack.h"
#include "npu/engine/strided_gemm.h"
#include "platform/check/check.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows of C that one pass keeps in registers, and how many of them with two vectors a row: AVX-512 has 32 registers.
#ifdef BACKBOARD_FEW_KERNELS
// Fewer kernels: with all of them, compiling the checks takes minutes.
inline constexpr uint32_t kMaxRows = 3;
#else
inline constexpr uint32_t kMaxRows = 10;
#endif
#ifdef BACKBOARD_FEW_KERNELS
inline constexpr uint32_t kMaxRowsOfTwo = 2;
#elif HWY_TARGET <= HWY_AVX3
inline constexpr uint32_t kMaxRowsOfTwo = 10;
#else
inline constexpr uint32_t kMaxRowsOfTwo = 6;
#endif
// Steps between spills of the sums: a panel of B of this length stays in the first-level cache.
inline constexpr uint32_t kStepBlock = 256;
// Rows of C that are gathered, continued and scattered together.
inline constexpr uint32_t kRowBlock = 120;

// Longest steps x pitch of a B that several passes read as it lies: it shares the first-level cache with A and C.
inline constexpr size_t kMostDirect = 4096;

/// kRows rows of C by kVectors vectors, over `steps` steps. b: kVectors vectors a step, `b_pitch` elements apart; c:
/// rows of `pitch` elements.
template <Arithmetic kArithmetic, bool kMasked, uint32_t kRows, uint32_t kVectors, class D>
HWY_NOINLINE void micro_kernel(D d, const float* HWY_RESTRICT a, const ptrdiff_t* a_row, const ptrdiff_t* a_step,
                               const float* HWY_RESTRICT b, size_t b_pitch, uint32_t steps, float* HWY_RESTRICT c,
                               size_t pitch) {
  using V = hn::Vec<D>;
  const size_t lanes = hn::Lanes(d);
  const float* rows[kRows];
  V sums[kRows][kVectors];
  HWY_UNROLL(16)
  for (uint32_t i = 0; i < kRows; ++i) {
    rows[i] = a + a_row[i];
    HWY_UNROLL(2)
    for (uint32_t v = 0; v < kVectors; ++v) sums[i][v] = hn::LoadU(d, c + i * pitch + v * lanes);
  }
  for (uint32_t r = 0; r < steps; ++r) {
    const ptrdiff_t step = a_step[r];
    V bs[kVectors];
    HWY_UNROLL(2)
    for (uint32_t v = 0; v < kVectors; ++v) bs[v] = hn::LoadU(d, b + v * lanes);
    b += b_pitch;
    HWY_UNROLL(16)
    for (uint32_t i = 0; i < kRows; ++i) {
      const V factor = hn::Set(d, rows[i][step]);
      HWY_UNROLL(2)
      for (uint32_t v = 0; v < kVectors; ++v) {
        sums[i][v] = add_term<kArithmetic, kMasked>(d, sums[i][v], factor, bs[v]);
      }
    }
  }
  HWY_UNROLL(16)
  for (uint32_t i = 0; i < kRows; ++i) {
    HWY_UNROLL(2)
    for (uint32_t v = 0; v < kVectors; ++v) hn::StoreU(sums[i][v], d, c + i * pitch + v * lanes);
  }
}

template <class D>
using MicroKernel = void (*)(D, const float*, const ptrdiff_t*, const ptrdiff_t*, const float*, size_t, uint32_t,
                             float*, size_t);

template <Arithmetic kArithmetic, bool kMasked, uint32_t kVectors, class D, uint32_t... kRows>
HWY_INLINE MicroKernel<D> pick_rows(uint32_t rows, std::integer_sequence<uint32_t, kRows...>) {
  static constexpr MicroKernel<D> kKernels[] = {micro_kernel<kArithmetic, kMasked, kRows + 1, kVectors, D>...};
  return kKernels[rows - 1];
}

/// All rows of the panel's columns. panel: B at these columns, steps `b_pitch` elements apart.
template <Arithmetic kArithmetic, bool kMasked, uint32_t kVectors, class D>
void run_panel(D d, const StridedGemm& p, uint32_t n0, uint32_t columns, const float* panel, size_t b_pitch,
               float* block) {
  const uint32_t width = kVectors * static_cast<uint32_t>(hn::Lanes(d));
  constexpr uint32_t kRows = kVectors == 1 ? kMaxRows : kMaxRowsOfTwo;
  using RowCounts = std::make_integer_sequence<uint32_t, kRows>;
  // Sums that lie as in the block stay where they are.
  const bool in_place = p.c_column == 1 && p.c_pitch > 0 && columns == width;
  for (uint32_t m0 = 0; m0 < p.rows; m0 += kRowBlock) {
    const uint32_t rows = std::min(kRowBlock, p.rows - m0);
    float* const sums = in_place ? p.c + p.c_row[m0] + n0 : block;
    const size_t pitch = in_place ? static_cast<size_t>(p.c_pitch) : width;
    if (!in_place) load_sums(p, {m0, rows, n0, columns}, width, block);
    // Passes of equal height: a short last one would wait for the latency of its few additions.
    const uint32_t passes = (rows + kRows - 1) / kRows;
    for (uint32_t r = 0; r < p.steps; r += kStepBlock) {
      const uint32_t steps = std::min(kStepBlock, p.steps - r);
      uint32_t m = 0;
      for (uint32_t pass = 0; pass < passes; ++pass) {
        const uint32_t end = (pass + 1) * rows / passes;
        const auto kernel = pick_rows<kArithmetic, kMasked, kVectors, D>(end - m, RowCounts());
        kernel(d, p.a, p.a_row + m0 + m, p.a_step + r, panel + r * b_pitch, b_pitch, steps, sums + m * pitch, pitch);
        m = end;
      }
    }
    if (!in_place) store_sums(p, {m0, rows, n0, columns}, width, block);
  }
}

template <Arithmetic kArithmetic, bool kMasked>
void run_gemm(const StridedGemm& p, float* panel, float* block) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 8> half;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d)), half_lanes = static_cast<uint32_t>(hn::Lanes(half));
  for (uint32_t n0 = 0; n0 < p.columns;) {
    const uint32_t left = p.columns - n0;
    const uint32_t width = left > lanes ? 2 * lanes : left > half_lanes ? lanes : half_lanes;
    const uint32_t columns = std::min(left, width);
    // Steps of B that lie side by side in whole vectors need no copy where they are read once or stay in the cache.
    const bool direct = p.b_column == 1 && p.b_pitch > 0 && columns == width &&
                        (p.rows <= kMaxRowsOfTwo || p.steps * static_cast<size_t>(p.b_pitch) <= kMostDirect);
    const float* const b = direct ? p.b + p.b_step[0] + n0 : panel;
    const size_t b_pitch = direct ? static_cast<size_t>(p.b_pitch) : width;
    if (!direct) pack_panel(p, n0, columns, width, panel);
    if (width == 2 * lanes) {
      run_panel<kArithmetic, kMasked, 2>(d, p, n0, columns, b, b_pitch, block);
    } else if (width == lanes) {
      run_panel<kArithmetic, kMasked, 1>(d, p, n0, columns, b, b_pitch, block);
    } else {
      run_panel<kArithmetic, kMasked, 1>(half, p, n0, columns, b, b_pitch, block);
    }
    n0 += columns;
  }
}

template <Arithmetic kArithmetic>
void run_arithmetic(const StridedGemm& p, float* panel, float* block) {
  if (p.masked) {
    run_gemm<kArithmetic, true>(p, panel, block);
  } else {
    run_gemm<kArithmetic, false>(p, panel, block);
  }
}

void strided_gemm_vector(Arithmetic arithmetic, const StridedGemm& p, float* panel, float* block) {
  switch (arithmetic) {
    case Arithmetic::kExactProduct:
      return run_arithmetic<Arithmetic::kExactProduct>(p, panel, block);
    case Arithmetic::kMultiplyThenAdd:
      return run_arithmetic<Arithmetic::kMultiplyThenAdd>(p, panel, block);
    case Arithmetic::kFp16Sum:
      return run_arithmetic<Arithmetic::kFp16Sum>(p, panel, block);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu {

HWY_EXPORT(strided_gemm_vector);

void strided_gemm(Arithmetic arithmetic, const StridedGemm& problem, Workspace& workspace) {
  constexpr size_t kWidest = 32;  // two AVX-512 vectors, the widest panel of any target
  if (problem.rows == 0 || problem.columns == 0 || problem.steps == 0) return;
  float* panel = workspace.array<float>(0, problem.steps * kWidest);
  float* block = workspace.array<float>(1, 128 * kWidest);
  HWY_DYNAMIC_DISPATCH(strided_gemm_vector)(arithmetic, problem, panel, block);
}

}  // namespace backboard::npu
#endif
