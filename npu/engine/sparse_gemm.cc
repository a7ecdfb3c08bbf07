#define HWY_WANT_AVX3_DL  // compressing bytes
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/sparse_gemm.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "npu/engine/add_term-inl.h"
#include "npu/engine/first_lanes-inl.h"
#include "npu/engine/sparse_gemm.h"
#include "platform/check/check.h"

#ifndef BACKBOARD_NPU_ENGINE_SPARSE_GEMM_SET_BITS
#define BACKBOARD_NPU_ENGINE_SPARSE_GEMM_SET_BITS
namespace backboard::npu {

inline constexpr uint32_t kWord = 64;  // elements whose bits are listed together

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

/// 0 to 63.
struct ElementsOfWord {
  alignas(64) std::array<uint8_t, 64> at;
  constexpr ElementsOfWord() : at() {
    for (unsigned i = 0; i < at.size(); ++i) at[i] = static_cast<uint8_t>(i);
  }
};
inline constexpr ElementsOfWord kElementsOfWord;

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

#if HWY_TARGET <= HWY_AVX3_DL
/// The first place of a word, in each lane: a copy for each word would be one more shuffle.
using FirstPlace = hn::Vec<hn::Full512<uint32_t>>;
#else
using FirstPlace = uint32_t;
#endif
HWY_INLINE FirstPlace first_place(uint32_t place) {
#if HWY_TARGET <= HWY_AVX3_DL
  return hn::Set(hn::Full512<uint32_t>(), place);
#else
  return place;
#endif
}
HWY_INLINE FirstPlace next_word(FirstPlace first) {
#if HWY_TARGET <= HWY_AVX3_DL
  return hn::Add(first, first_place(kWord));
#else
  return first + kWord;
#endif
}

/// Stores first + i for each bit i of a word, lowest first; writes whole vectors. Returns the end.
HWY_INLINE uint32_t* store_places(uint64_t bits, FirstPlace first, uint32_t* to) {
#if HWY_TARGET <= HWY_AVX3_DL
  const uint32_t count = static_cast<uint32_t>(__builtin_popcountll(bits));
  const __m512i places = _mm512_maskz_compress_epi8(bits, _mm512_load_si512(kElementsOfWord.at.data()));
  _mm512_storeu_si512(to, _mm512_add_epi32(first.raw, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(places))));
  if (HWY_UNLIKELY(count > 16)) {
    alignas(64) uint8_t all[64];
    _mm512_store_si512(all, places);
    for (uint32_t done = 16; done < count; done += 16) {
      const __m128i some = _mm_load_si128(reinterpret_cast<const __m128i*>(all + done));
      _mm512_storeu_si512(to + done, _mm512_add_epi32(first.raw, _mm512_cvtepu8_epi32(some)));
    }
  }
  return to + count;
#else
  const hn::CappedTag<uint32_t, 8> du;
  const hn::Rebind<uint8_t, decltype(du)> d8;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  for (uint32_t part = 0; part < kWord; part += lanes, bits >>= lanes) {
    // (Compress() copies its table to the stack each time.)
    const uint32_t some = bits & ((1u << lanes) - 1);
    const auto places = hn::PromoteTo(du, hn::LoadU(d8, kSetBits.of[some].data()));
    hn::StoreU(hn::Add(places, hn::Set(du, first + part)), du, to);
    to += __builtin_popcount(some);
  }
  return to;
#endif
}

template <class D>
HWY_INLINE uint64_t bits_of(D d, hn::Mask<D> mask) {
  uint8_t bytes[8] = {};
  hn::StoreMaskBits(d, mask, bytes);
  uint64_t bits;
  std::memcpy(&bits, bytes, sizeof(bits));
  return bits;
}

/// Which of up to 64 values or classes are not zero.
HWY_INLINE uint64_t nonzero_bits(const float* values, uint32_t count) {
  const Floats d;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  uint64_t bits = 0;
  if (count == kWord) {
    HWY_UNROLL(8)
    for (uint32_t i = 0; i < kWord; i += lanes) {
      bits |= bits_of(d, hn::Ne(hn::LoadU(d, values + i), hn::Zero(d))) << i;
    }
    return bits;
  }
  for (uint32_t i = 0; i < count; i += lanes) {
    bits |= bits_of(d, hn::Ne(load_first(d, values + i, count - i), hn::Zero(d))) << i;
  }
  return bits;
}
HWY_INLINE uint64_t nonzero_bits(const uint8_t* classes, uint32_t count) {
  const hn::ScalableTag<uint8_t> d;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  uint64_t bits = 0;
#if HWY_TARGET <= HWY_AVX3
  if (count < kWord) return bits_of(d, hn::Ne(hn::MaskedLoad(hn::FirstN(d, count), d, classes), hn::Zero(d)));
#else
  uint8_t some[kWord];
  if (count < kWord) {
    std::fill_n(some, kWord, uint8_t{0});
    std::copy_n(classes, count, some);
    classes = some;
  }
#endif
  for (uint32_t i = 0; i < kWord; i += lanes) {
    bits |= bits_of(d, hn::Ne(hn::LoadU(d, classes + i), hn::Zero(d))) << i;
  }
  return bits;
}

template <class T>
HWY_INLINE uint32_t* list_words(const T* elements, uint32_t count, uint32_t first, uint32_t* list) {
  FirstPlace place = first_place(first);
  uint32_t i = 0;
  for (; i + kWord <= count; i += kWord, place = next_word(place)) {
    list = store_places(nonzero_bits(elements + i, kWord), place, list);
  }
  return i < count ? store_places(nonzero_bits(elements + i, count - i), place, list) : list;
}
uint32_t* list_values_vector(const float* values, uint32_t count, uint32_t first, uint32_t* list) {
  return list_words(values, count, first, list);
}
uint32_t* list_classes_vector(const uint8_t* classes, uint32_t count, uint32_t first, uint32_t* list) {
  return list_words(classes, count, first, list);
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
HWY_EXPORT(list_values_vector);
HWY_EXPORT(list_classes_vector);
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

uint32_t* list_nonzeros(const float* values, uint32_t count, uint32_t first, uint32_t* list) {
  return HWY_DYNAMIC_DISPATCH(list_values_vector)(values, count, first, list);
}
uint32_t* list_nonzeros(const uint8_t* classes, uint32_t count, uint32_t first, uint32_t* list) {
  return HWY_DYNAMIC_DISPATCH(list_classes_vector)(classes, count, first, list);
}

void sparse_gemm(Arithmetic arithmetic, const SparseGemm& problem, Workspace& workspace) {
  constexpr uint32_t kMostListed = 1u << 14;  // the list stays in the first-level cache
  BB_CHECK(arithmetic != Arithmetic::kFp16Sum && problem.inner <= 1u << 16, "{} elements", problem.inner);
  const uint32_t together = std::max(1u, kMostListed / problem.inner);
  uint32_t* const list = workspace.array<uint32_t>(0, list_room(size_t{together} * problem.inner));
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
