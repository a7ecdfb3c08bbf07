#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/sparse_gemm.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <array>

#include "npu/engine/add_term-inl.h"
#include "npu/engine/first_lanes-inl.h"
#include "npu/engine/sparse_gemm.h"
#include "platform/check/check.h"

#ifndef BACKBOARD_NPU_ENGINE_SPARSE_GEMM_SET_BITS
#define BACKBOARD_NPU_ENGINE_SPARSE_GEMM_SET_BITS
namespace backboard::npu {

/// The numbers of the set bits of a byte, lowest first.
struct SetBits {
  alignas(64) std::array<std::array<uint8_t, 8>, 256> of;
  constexpr SetBits() : of() {
    for (unsigned bits = 0; bits < 256; ++bits) {
      unsigned count = 0;
      for (unsigned bit = 0; bit < 8; ++bit) {
        if ((bits >> bit & 1) != 0) of[bits][count++] = static_cast<uint8_t>(bit);
      }
    }
  }
};
inline constexpr SetBits kSetBits;

}  // namespace backboard::npu
#endif

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;

ValueScan scan_vector(const float* values, size_t count) {
  const Floats d;
  const hn::RebindToUnsigned<Floats> du;
  const size_t lanes = hn::Lanes(d);
  const auto exponent = hn::Set(du, 0x7f800000u);
  auto largest = hn::Zero(du);
  ValueScan scan;
  const auto look = [&](auto v) HWY_ATTR {
    largest = hn::Max(largest, hn::And(hn::BitCast(du, v), exponent));
    scan.nonzeros += hn::CountTrue(d, hn::Ne(v, hn::Zero(d)));
  };
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) look(hn::LoadU(d, values + i));
  if (i < count) look(load_first(d, values + i, count - i));
  scan.nonfinite = hn::GetLane(hn::MaxOfLanes(du, largest)) == 0x7f800000u;
  return scan;
}

/// Stores first + i for each lane i of `mask`, lowest first; writes a whole vector. Returns how many there are.
HWY_INLINE uint32_t store_places(hn::Mask<Floats> mask, uint32_t first, uint32_t* to) {
  const Floats d;
  const hn::RebindToUnsigned<Floats> du;
#if HWY_TARGET <= HWY_AVX3
  hn::StoreU(hn::Compress(hn::Iota(du, first), hn::RebindMask(du, mask)), du, to);
  return static_cast<uint32_t>(hn::CountTrue(d, mask));
#else
  // (Compress() copies its table to the stack each time.)
  const hn::Rebind<uint8_t, decltype(du)> d8;
  uint8_t bits[8];
  hn::StoreMaskBits(d, mask, bits);
  const auto lanes = hn::PromoteTo(du, hn::LoadU(d8, kSetBits.of[bits[0]].data()));
  hn::StoreU(hn::Add(lanes, hn::Set(du, first)), du, to);
  return static_cast<uint32_t>(__builtin_popcount(bits[0]));
#endif
}

/// Appends first + i for each values[i] that is not zero; whole vectors are written. Returns the end of the list.
uint32_t* list_nonzeros_vector(const float* values, uint32_t count, uint32_t first, uint32_t* list) {
  const Floats d;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  uint32_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    list += store_places(hn::Ne(hn::LoadU(d, values + i), hn::Zero(d)), first + i, list);
  }
  if (i < count) list += store_places(hn::Ne(load_first(d, values + i, count - i), hn::Zero(d)), first + i, list);
  return list;
}

/// All listed products at kVectors vectors of columns from `column` on; kPart: only their first `count` columns.
template <Arithmetic kArithmetic, uint32_t kVectors, bool kPart>
HWY_NOINLINE void add_listed(const SparseGemm& p, const uint32_t* list, const uint32_t* end, uint32_t column,
                             uint32_t count) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const uint32_t inner = p.inner;
  // place / inner by a multiplication: exact while both are at most 2^16.
  const uint64_t reciprocal = ((uint64_t{1} << 32) + inner - 1) / inner;
  const float *const a = p.a, *const b = p.b + column;
  float* const c = p.c + column;
  const size_t a_outer = p.a_outer, b_outer = p.b_outer, b_inner = p.b_inner, c_outer = p.c_outer, c_inner = p.c_inner;
  for (; list < end; ++list) {
    const uint32_t place = *list;
    const size_t o = static_cast<size_t>(place * reciprocal >> 32), i = place - o * inner;
    const auto factor = hn::Set(d, a[o * a_outer + i]);
    const float* HWY_RESTRICT from = b + o * b_outer + i * b_inner;
    float* HWY_RESTRICT to = c + o * c_outer + i * c_inner;
    if constexpr (kPart) {
      const auto sum = load_first(d, to, count), row = load_first(d, from, count);
      store_first(d, add_term<kArithmetic, false>(d, sum, factor, row), to, count);
      continue;
    }
    hn::Vec<Floats> sums[kVectors];
    HWY_UNROLL(8)
    for (uint32_t v = 0; v < kVectors; ++v) {
      sums[v] = add_term<kArithmetic, false>(d, hn::LoadU(d, to + v * lanes), factor, hn::LoadU(d, from + v * lanes));
    }
    HWY_UNROLL(8)
    for (uint32_t v = 0; v < kVectors; ++v) hn::StoreU(sums[v], d, to + v * lanes);
  }
}

template <Arithmetic kArithmetic>
void add_columns(const SparseGemm& p, const uint32_t* list, const uint32_t* end) {
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(Floats()));
  uint32_t column = 0;
  for (; column + 8 * lanes <= p.columns; column += 8 * lanes) {
    add_listed<kArithmetic, 8, false>(p, list, end, column, 0);
  }
  const uint32_t left = (p.columns - column) / lanes;
  if ((left & 4) != 0) add_listed<kArithmetic, 4, false>(p, list, end, column, 0), column += 4 * lanes;
  if ((left & 2) != 0) add_listed<kArithmetic, 2, false>(p, list, end, column, 0), column += 2 * lanes;
  if ((left & 1) != 0) add_listed<kArithmetic, 1, false>(p, list, end, column, 0), column += lanes;
  if (column < p.columns) add_listed<kArithmetic, 1, true>(p, list, end, column, p.columns - column);
}

void add_rows_vector(Arithmetic arithmetic, const SparseGemm& p, const uint32_t* list, const uint32_t* end) {
  if (arithmetic == Arithmetic::kExactProduct) return add_columns<Arithmetic::kExactProduct>(p, list, end);
  add_columns<Arithmetic::kMultiplyThenAdd>(p, list, end);
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu {

HWY_EXPORT(scan_vector);
HWY_EXPORT(list_nonzeros_vector);
HWY_EXPORT(add_rows_vector);

ValueScan scan_rows(const float* values, uint32_t rows, size_t pitch, uint32_t count) {
  const auto scan = HWY_DYNAMIC_DISPATCH(scan_vector);
  if (pitch == count) return scan(values, size_t{rows} * count);
  ValueScan all;
  for (uint32_t i = 0; i < rows; ++i) {
    const ValueScan row = scan(values + i * pitch, count);
    all.nonfinite |= row.nonfinite;
    all.nonzeros += row.nonzeros;
  }
  return all;
}

void sparse_gemm(Arithmetic arithmetic, const SparseGemm& problem, Workspace& workspace) {
  constexpr uint32_t kMostListed = 1u << 14;  // the list stays in the first-level cache
  constexpr uint32_t kWidest = 16;            // elements of a vector
  BB_CHECK(arithmetic != Arithmetic::kFp16Sum && problem.inner <= 1u << 16, "{} elements", problem.inner);
  const auto list_nonzeros = HWY_DYNAMIC_DISPATCH(list_nonzeros_vector);
  const uint32_t together = std::max(1u, kMostListed / problem.inner);
  uint32_t* const list = workspace.array<uint32_t>(0, size_t{together} * problem.inner + kWidest);
  for (uint32_t done = 0; done < problem.outer; done += together) {
    SparseGemm part = problem;
    part.outer = std::min(together, problem.outer - done);
    part.a += done * problem.a_outer;
    part.b += done * problem.b_outer;
    part.c += done * problem.c_outer;
    uint32_t* end = list;
    if (part.a_outer == part.inner) {
      end = list_nonzeros(part.a, part.outer * part.inner, 0, end);
    } else {
      for (uint32_t o = 0; o < part.outer; ++o) {
        end = list_nonzeros(part.a + o * part.a_outer, part.inner, o * part.inner, end);
      }
    }
    HWY_DYNAMIC_DISPATCH(add_rows_vector)(arithmetic, part, list, end);
  }
}

}  // namespace backboard::npu
#endif
