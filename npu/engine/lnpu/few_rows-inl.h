// FC layers of few images: rows of up to 64 classes in vectors, and counts of their columns. Compiled once per Highway
// target.
#if defined(BACKBOARD_NPU_ENGINE_LNPU_FEW_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_ENGINE_LNPU_FEW_ROWS_INL_H_
#undef BACKBOARD_NPU_ENGINE_LNPU_FEW_ROWS_INL_H_
#else
#define BACKBOARD_NPU_ENGINE_LNPU_FEW_ROWS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstring>

#include "npu/engine/lnpu/byte_times-inl.h"
#include "npu/engine/lnpu/class_bits-inl.h"
#include "npu/engine/lnpu/count_rows.h"
#include "npu/engine/lnpu/few_images.h"
#include "npu/engine/lnpu/lane_sum-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR

using Bytes = hn::ScalableTag<uint8_t>;
using Halves = hn::Repartition<uint16_t, Bytes>;
using Singles = hn::Repartition<uint32_t, Bytes>;
using Words = hn::Repartition<uint64_t, Bytes>;

inline constexpr uint32_t kRowLanes = hn::MaxLanes(Bytes()), kRowVectors = kMostFew / kRowLanes;
using Row = hn::Vec<Bytes>[kRowVectors];

/// Rows of classes, one after the other; zero behind their last column.
class RowReader {
 public:
#if HWY_TARGET <= HWY_AVX3
  HWY_INLINE explicit RowReader(const FewRows& p)
      : next_(p.classes), pitch_(p.pitch), inside_(hn::FirstN(Bytes(), p.columns)) {}
#else
  HWY_INLINE explicit RowReader(const FewRows& p)
      : next_(p.classes), pitch_(p.pitch), end_(p.classes + (p.rows - 1) * p.pitch + p.columns), columns_(p.columns) {}
#endif

  HWY_INLINE void operator()(Row& row) {
    const Bytes d8;
#if HWY_TARGET <= HWY_AVX3
    row[0] = hn::MaskedLoad(inside_, d8, next_);
#else
    if (HWY_LIKELY(columns_ == kMostFew)) {
      HWY_UNROLL(4)
      for (uint32_t v = 0; v < kRowVectors; ++v) row[v] = hn::LoadU(d8, next_ + v * kRowLanes);
    } else {
      HWY_UNROLL(4)
      for (uint32_t v = 0; v < kRowVectors; ++v) {
        const uint32_t first = v * kRowLanes;
        const size_t readable = static_cast<size_t>(end_ - next_);
        row[v] = first < columns_ ? load_line(d8, next_ + first, columns_ - first, readable - first) : hn::Zero(d8);
      }
    }
#endif
    next_ += pitch_;
    asm("" : "+r"(next_));  // (or else it is multiplied anew where a loop ends)
  }

 private:
  const uint8_t* next_;
  size_t pitch_;
#if HWY_TARGET <= HWY_AVX3
  hn::Mask<Bytes> inside_;
#else
  const uint8_t* end_;
  uint32_t columns_;
#endif
};

/// Bitmaps of a row's elements that are not zero, and of those that are high.
HWY_INLINE void store_bits(const Row& row, uint64_t* nonzero, uint64_t* high) {
#if HWY_TARGET <= HWY_AVX3
  const __mmask64 some = _mm512_test_epi8_mask(row[0].raw, row[0].raw);
  const __mmask64 wide = _mm512_test_epi8_mask(row[0].raw, _mm512_set1_epi8(2));
  std::memcpy(nonzero, &some, sizeof(some));
  std::memcpy(high, &wide, sizeof(wide));
#elif HWY_TARGET <= HWY_AVX2
  // A class's upper bit is moved to the sign of its byte; no bit of a neighbour gets there.
  const auto bits = [](__m256i signs) HWY_ATTR { return static_cast<uint32_t>(_mm256_movemask_epi8(signs)); };
  const __m256i zero = _mm256_setzero_si256();
  const uint32_t some[2] = {bits(_mm256_cmpgt_epi8(row[0].raw, zero)), bits(_mm256_cmpgt_epi8(row[1].raw, zero))};
  const uint32_t wide[2] = {bits(_mm256_slli_epi16(row[0].raw, 6)), bits(_mm256_slli_epi16(row[1].raw, 6))};
  std::memcpy(nonzero, some, sizeof(some));
  std::memcpy(high, wide, sizeof(wide));
#else
  const Bytes d8;
  const auto zero = hn::Zero(d8), two = hn::Set(d8, uint8_t{2});
  uint8_t some[8 + 8] = {}, wide[8 + 8] = {};
  for (uint32_t v = 0; v < kRowVectors; ++v) {
    hn::StoreMaskBits(d8, hn::Ne(row[v], zero), some + v * kRowLanes / 8);
    hn::StoreMaskBits(d8, hn::Ne(hn::And(row[v], two), zero), wide + v * kRowLanes / 8);
  }
  std::memcpy(nonzero, some, sizeof(*nonzero));
  std::memcpy(high, wide, sizeof(*high));
#endif
}

/// How many elements are not zero, and high, at each step.
struct CountVectors {
  Row nonzero, high;
};

/// The same of the columns of rows, while these are added up: low elements count one, high ones two.
struct ColumnSums {
  Row sum, twice_high;

  HWY_INLINE ColumnSums() {
    HWY_UNROLL(4)
    for (uint32_t v = 0; v < kRowVectors; ++v) sum[v] = twice_high[v] = hn::Zero(Bytes());
  }
  HWY_INLINE void add(const Row& row) {
    HWY_UNROLL(4)
    for (uint32_t v = 0; v < kRowVectors; ++v) {
      sum[v] = hn::Add(sum[v], row[v]);
      twice_high[v] = hn::Add(twice_high[v], hn::And(row[v], hn::Set(Bytes(), uint8_t{2})));
    }
  }
  HWY_INLINE CountVectors counts() const {
    CountVectors counts;
    HWY_UNROLL(4)
    for (uint32_t v = 0; v < kRowVectors; ++v) {
      counts.high[v] = halve(Bytes(), twice_high[v]);
      counts.nonzero[v] = hn::Sub(sum[v], counts.high[v]);
    }
    return counts;
  }
};

/// Sums of bytes in fours.
template <class V>
HWY_INLINE hn::Vec<Singles> sum_byte_fours(V bytes) {
  const Singles d32;
  const auto pairs = hn::BitCast(d32, sum_byte_pairs(Halves(), bytes));
  return hn::And(hn::Add(pairs, hn::ShiftRight<16>(pairs)), hn::Set(d32, 0xffffu));
}

/// Sums of products of bytes up to 64, in pairs.
template <class V>
HWY_INLINE hn::Vec<Halves> sum_product_pairs(V a, V b) {
#if HWY_TARGET <= HWY_AVX3
  return hn::Vec<Halves>{_mm512_maddubs_epi16(a.raw, b.raw)};
#elif HWY_TARGET <= HWY_AVX2
  return hn::Vec<Halves>{_mm256_maddubs_epi16(a.raw, b.raw)};
#else
  const Halves d16;
  const auto x = hn::BitCast(d16, a), y = hn::BitCast(d16, b), lower = hn::Set(d16, uint16_t{0xff});
  return hn::Add(hn::Mul(hn::And(x, lower), hn::And(y, lower)), hn::Mul(hn::ShiftRight<8>(x), hn::ShiftRight<8>(y)));
#endif
}

/// Sums over the steps of both operands' counts and of their products.
HWY_INLINE void sum_steps(const CountVectors& inputs, const CountVectors& others, PairSums* sums) {
  const Singles d32;
  const Words d64;
  auto counted = hn::Zero(d64);  // of 16 bits each
  // (Of 64 steps, whatever the vectors' length, no sum of pairs is above 32768.)
  auto nn = hn::Zero(Halves()), nh = nn, hn_ = nn, hh = nn;
  HWY_UNROLL(4)
  for (uint32_t v = 0; v < kRowVectors; ++v) {
    const auto in = inputs.nonzero[v], ih = inputs.high[v], on = others.nonzero[v], oh = others.high[v];
    const auto low = hn::Add(hn::SumsOf8(in), hn::ShiftLeft<16>(hn::SumsOf8(ih)));
    const auto upper = hn::Add(hn::SumsOf8(on), hn::ShiftLeft<16>(hn::SumsOf8(oh)));
    counted = hn::Add(counted, hn::Add(low, hn::ShiftLeft<32>(upper)));
    nn = hn::Add(nn, sum_product_pairs(in, on));
    nh = hn::Add(nh, sum_product_pairs(in, oh));
    hn_ = hn::Add(hn_, sum_product_pairs(ih, on));
    hh = hn::Add(hh, sum_product_pairs(ih, oh));
  }
  // Two sums in the halves of a word.
  const auto two_sums = [&](auto a, auto b) HWY_ATTR {
    const auto fours = [&](auto v) HWY_ATTR {
      const auto pairs = hn::BitCast(d32, v);
      return hn::BitCast(d64, hn::Add(hn::And(pairs, hn::Set(d32, 0xffffu)), hn::ShiftRight<16>(pairs)));
    };
    const auto x = fours(a), y = fours(b);
    const auto even = hn::Add(hn::And(x, hn::Set(d64, uint64_t{0xffffffff})), hn::ShiftRight<32>(x));
    return lane_sum(d64, hn::Add(even, hn::ShiftLeft<32>(hn::Add(y, hn::ShiftRight<32>(y)))));
  };
  const uint64_t of_nonzero = two_sums(nn, nh), of_high = two_sums(hn_, hh), all = lane_sum(d64, counted);
  const uint64_t other_high = all >> 48;
  sums->inputs[0] = all & 0xffff;
  sums->inputs[1] = all >> 16 & 0xffff;
  sums->others[0] = (all >> 32 & 0xffff) - other_high;
  sums->others[1] = other_high;
  sums->both[0][1] = of_nonzero >> 32;
  sums->both[0][0] = (of_nonzero & 0xffffffff) - (of_nonzero >> 32);
  sums->both[1][1] = of_high >> 32;
  sums->both[1][0] = (of_high & 0xffffffff) - (of_high >> 32);
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
