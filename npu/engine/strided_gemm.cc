#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/strided_gemm.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "npu/engine/add_term-inl.h"
#include "npu/engine/gemm_pack.h"
#include "npu/engine/kernel_table.h"
#include "npu/engine/row_passes.h"
#include "npu/engine/strided_gemm.h"
#include "npu/engine/transpose-inl.h"

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

// Packing a panel between the products of the steps before: AVX-512 has the registers for both.
#if HWY_TARGET <= HWY_AVX3
inline constexpr bool kPacksInPasses = true;
#else
inline constexpr bool kPacksInPasses = false;
#endif

/// B by columns: element (r, n) is from[r + n * pitch].
struct ColumnSource {
  const float* from = nullptr;
  ptrdiff_t pitch = 0;
};

/// Adds the products of one step. rows: A at this step's rows; step: where in them.
template <Arithmetic kArithmetic, bool kMasked, uint32_t kRows, uint32_t kVectors, class D>
HWY_INLINE void add_step(D d, const float* const* rows, ptrdiff_t step, const float* b,
                         hn::Vec<D> (&sums)[kRows][kVectors]) {
  using V = hn::Vec<D>;
  V bs[kVectors];
  HWY_UNROLL(2)
  for (uint32_t v = 0; v < kVectors; ++v) bs[v] = hn::LoadU(d, b + v * hn::Lanes(d));
  HWY_UNROLL(16)
  for (uint32_t i = 0; i < kRows; ++i) {
    const V factor = hn::Set(d, rows[i][step]);
    HWY_UNROLL(2)
    for (uint32_t v = 0; v < kVectors; ++v) {
      sums[i][v] = add_term<kArithmetic, kMasked>(d, sums[i][v], factor, bs[v]);
    }
  }
}

/// kRows rows of C by kVectors vectors, over `steps` steps. b: kVectors vectors a step, `b_pitch` elements apart; c:
/// rows of `pitch` elements. kPacks: b is filled from `source` on the way.
template <Arithmetic kArithmetic, bool kMasked, uint32_t kRows, uint32_t kVectors, bool kPacks, class D>
HWY_NOINLINE void micro_kernel(D d, const float* HWY_RESTRICT a, const ptrdiff_t* a_row, const ptrdiff_t* a_step,
                               float* HWY_RESTRICT b, size_t b_pitch, uint32_t steps, float* HWY_RESTRICT c,
                               size_t pitch, ColumnSource source) {
  const size_t lanes = hn::Lanes(d);
  const float* rows[kRows];
  hn::Vec<D> sums[kRows][kVectors];
  HWY_UNROLL(16)
  for (uint32_t i = 0; i < kRows; ++i) {
    rows[i] = a + a_row[i];
    HWY_UNROLL(2)
    for (uint32_t v = 0; v < kVectors; ++v) sums[i][v] = hn::LoadU(d, c + i * pitch + v * lanes);
  }
  uint32_t r = 0;
  if constexpr (kPacks) {
    // Four steps at a time, from registers: they are stored for the passes that follow. What a row of A has of them
    // comes together, for there are more rows than registers for their places.
    constexpr uint32_t kSteps = 4;
    const uint32_t packed = steps / kSteps * kSteps;
    for (; r < packed; r += kSteps) {
      hn::Vec<D> bs[kVectors][kSteps];
      HWY_UNROLL(2)
      for (uint32_t v = 0; v < kVectors; ++v) {
        const ptrdiff_t column = static_cast<ptrdiff_t>(v * lanes);
        columns_of_16x4(source.from + column * source.pitch + r, source.pitch, bs[v]);
        HWY_UNROLL(4)
        for (uint32_t s = 0; s < kSteps; ++s) hn::Store(bs[v][s], d, b + (r + s) * b_pitch + v * lanes);
      }
      HWY_UNROLL(16)
      for (uint32_t i = 0; i < kRows; ++i) {
        HWY_UNROLL(4)
        for (uint32_t s = 0; s < kSteps; ++s) {
          const auto factor = hn::Set(d, rows[i][a_step[r + s]]);
          HWY_UNROLL(2)
          for (uint32_t v = 0; v < kVectors; ++v) {
            sums[i][v] = add_term<kArithmetic, kMasked>(d, sums[i][v], factor, bs[v][s]);
          }
        }
      }
    }
    for (uint32_t i = packed; i < steps; ++i) {
      for (uint32_t j = 0; j < kVectors * lanes; ++j) {
        b[i * b_pitch + j] = source.from[i + static_cast<ptrdiff_t>(j) * source.pitch];
      }
    }
  }
  const float* from = b + r * b_pitch;
  for (; r < steps; ++r, from += b_pitch) add_step<kArithmetic, kMasked>(d, rows, a_step[r], from, sums);
  HWY_UNROLL(16)
  for (uint32_t i = 0; i < kRows; ++i) {
    HWY_UNROLL(2)
    for (uint32_t v = 0; v < kVectors; ++v) hn::StoreU(sums[i][v], d, c + i * pitch + v * lanes);
  }
}

/// A panel of B, which the first pass over it may have to fill.
struct Panel {
  float* values;
  size_t pitch;
  bool filled;
};

/// Adds all steps' products to a block of rows.
template <Arithmetic kArithmetic, bool kMasked, uint32_t kVectors, class D>
void add_block(D d, const StridedGemm& p, const GemmPart& part, const Panel& panel, float* sums, size_t pitch) {
  constexpr uint32_t kRows = kVectors == 1 ? kMaxRows : kMaxRowsOfTwo;
  constexpr bool kMayPack =
      kPacksInPasses && !kMasked && kArithmetic != Arithmetic::kFp16Sum && std::is_same_v<D, hn::ScalableTag<float>>;
  static constexpr auto kKernels =
      kernel_table<kRows>([](auto height) { return &micro_kernel<kArithmetic, kMasked, height, kVectors, false, D>; });
  const RowPasses passes(part.rows, kRows);
  for (uint32_t r = 0; r < p.steps; r += kStepBlock) {
    const uint32_t steps = std::min(kStepBlock, p.steps - r);
    for (uint32_t pass = 0; pass < passes.count; ++pass) {
      const uint32_t m = passes.first(pass), rows = passes.height(pass);
      auto kernel = kKernels[rows - 1];
      ColumnSource source;
      if constexpr (kMayPack) {
        static constexpr auto kPackingKernels = kernel_table<kRows>(
            [](auto height) { return &micro_kernel<kArithmetic, kMasked, height, kVectors, true, D>; });
        if (pass == 0 && !panel.filled) {
          kernel = kPackingKernels[rows - 1];
          source = {p.b + p.b_step[r] + static_cast<ptrdiff_t>(part.first_column) * p.b_column, p.b_column};
        }
      }
      kernel(d, p.a, p.a_row + part.first_row + m, p.a_step + r, panel.values + r * panel.pitch, panel.pitch, steps,
             sums + m * pitch, pitch, source);
    }
  }
}

/// Whether all of these are finite.
template <class D>
HWY_INLINE bool all_finite(D d, const float* values, uint32_t count) {
  const hn::RebindToUnsigned<D> du;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  const auto exponent = hn::Set(du, 0x7f800000u);
  auto largest = hn::Zero(du);
  uint32_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    largest = hn::Max(largest, hn::And(hn::BitCast(du, hn::LoadU(d, values + i)), exponent));
  }
  bool finite = hn::AllTrue(du, hn::Ne(largest, exponent));
  for (; i < count; ++i) finite &= values[i] - values[i] == 0.0f;
  return finite;
}

/// Whether all sums of a block with rows of `width` are.
template <class D>
HWY_INLINE bool all_finite(D d, const float* block, const GemmPart& part, uint32_t width) {
  if (part.columns == width) return all_finite(d, block, part.rows * width);
  bool finite = true;
  for (uint32_t i = 0; i < part.rows; ++i) finite &= all_finite(d, block + i * width, part.columns);
  return finite;
}

/// All rows of the panel's columns.
template <Arithmetic kArithmetic, bool kMasked, uint32_t kVectors, class D>
void run_panel(D d, const StridedGemm& p, uint32_t n0, uint32_t columns, Panel panel, float* block) {
  const uint32_t width = kVectors * static_cast<uint32_t>(hn::Lanes(d));
  // Sums that lie as in the block stay where they are.
  const bool looks = !kMasked && p.looks_at_sums;
  const bool in_place = p.c_column == 1 && p.c_pitch > 0 && columns == width && !looks;
  for (uint32_t m0 = 0; m0 < p.rows; m0 += kRowBlock) {
    const GemmPart part{m0, std::min(kRowBlock, p.rows - m0), n0, columns};
    float* const sums = in_place ? p.c + p.c_row[m0] + n0 : block;
    const size_t pitch = in_place ? static_cast<size_t>(p.c_pitch) : width;
    if (!in_place) load_sums(p, part, width, block);
    add_block<kArithmetic, kMasked, kVectors>(d, p, part, panel, sums, pitch);
    panel.filled = true;
    if constexpr (!kMasked) {
      if (HWY_UNLIKELY(looks && !all_finite(d, block, part, width))) {
        load_sums(p, part, width, block);
        add_block<kArithmetic, true, kVectors>(d, p, part, panel, sums, pitch);
      }
    }
    if (!in_place) store_sums(p, part, width, block);
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
    Panel b{panel, width, true};
    // (Nothing is written to a panel that is filled.)
    if (direct) b = {const_cast<float*>(p.b) + p.b_step[0] + n0, static_cast<size_t>(p.b_pitch), true};
    // Whole vectors of columns whose steps lie side by side are packed as they are used.
    b.filled = !(kPacksInPasses && !kMasked && kArithmetic != Arithmetic::kFp16Sum && !direct && p.b_column != 1 &&
                 p.b_run >= p.steps && columns == width && width >= lanes);
    if (!direct && b.filled) pack_panel(p, n0, columns, width, panel);
    if (width == 2 * lanes) {
      run_panel<kArithmetic, kMasked, 2>(d, p, n0, columns, b, block);
    } else if (width == lanes) {
      run_panel<kArithmetic, kMasked, 1>(d, p, n0, columns, b, block);
    } else {
      run_panel<kArithmetic, kMasked, 1>(half, p, n0, columns, b, block);
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
