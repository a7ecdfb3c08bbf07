#define HWY_WANT_AVX3_DL  // counting bits of words
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/lnpu/bit_pairs.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>

#include "npu/engine/lnpu/bit_pairs.h"
#include "npu/engine/lnpu/position_pairs.h"
#include "platform/check/check.h"

#ifndef BACKBOARD_NPU_ENGINE_LNPU_BIT_PAIRS_CC_
#define BACKBOARD_NPU_ENGINE_LNPU_BIT_PAIRS_CC_
namespace backboard::npu::lnpu {

/// Counts at positions are numbers of this many bits, each of which is a bitmap over the positions.
inline constexpr uint32_t kPlanes = 4;
inline constexpr uint32_t kMostCount = (1u << kPlanes) - 1;
/// Taps of a row and rows of taps.
inline constexpr uint32_t kTapSide = 3;

/// What add_bit_pairs() sums over: images of `windows` words each.
struct BitPairs {
  uint32_t images, windows, rows_in_word, width, outputs;
  size_t image_rows, error_pitch;  ///< words from image to image, and from channel to channel
  const uint64_t *nonzero, *high;  ///< rows of activations, of all images
  const uint64_t *error_nonzero, *error_high;
  const uint64_t* valid;  ///< [kPlanes][windows and a vector]: taps inside the input
  size_t valid_pitch;
};

}  // namespace backboard::npu::lnpu
#endif

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {

#if HWY_TARGET <= HWY_AVX3_DL

namespace hn = hwy::HWY_NAMESPACE;
using Words = hn::Full512<uint64_t>;
using WordsVec = hn::Vec<Words>;
static_assert(kWindowMultiple == 8);

/// Numbers at the positions of eight words, bit by bit. (Members and no arrays: compilers keep them in registers.)
struct Planes {
  WordsVec one, two, four, eight;
};

template <class Change>
HWY_INLINE Planes change(const Planes& a, Change&& of) {
  return {of(a.one), of(a.two), of(a.four), of(a.eight)};
}
template <class Join>
HWY_INLINE Planes join(const Planes& a, const Planes& b, Join&& of) {
  return {of(a.one, b.one), of(a.two, b.two), of(a.four, b.four), of(a.eight, b.eight)};
}

HWY_INLINE WordsVec majority(WordsVec a, WordsVec b, WordsVec c) {
  return WordsVec{_mm512_ternarylogic_epi64(a.raw, b.raw, c.raw, 0xe8)};
}
HWY_INLINE WordsVec parity(WordsVec a, WordsVec b, WordsVec c) {
  return WordsVec{_mm512_ternarylogic_epi64(a.raw, b.raw, c.raw, 0x96)};
}

/// Sums of the taps of a row at the positions of eight rows.
struct RowSums {
  WordsVec one, two;
  HWY_INLINE explicit RowSums(const uint64_t* rows) {
    const auto left = hn::LoadU(Words(), rows), middle = hn::ShiftRight<1>(left), right = hn::ShiftRight<2>(left);
    one = parity(left, middle, right);
    two = majority(left, middle, right);
  }
};

/// Sums of the nine taps at the positions of eight rows, from the first row that they read on.
HWY_INLINE Planes sum_taps(const uint64_t* rows) {
  const RowSums a(rows), b(rows + 1), c(rows + 2);
  const auto carry = majority(a.one, b.one, c.one), pairs = parity(a.two, b.two, c.two);
  const auto fours = majority(a.two, b.two, c.two), both = hn::And(carry, pairs);
  return {parity(a.one, b.one, c.one), hn::Xor(carry, pairs), hn::Xor(fours, both), hn::And(fours, both)};
}

/// The sums at the positions of eight windows of one or two rows; none beyond `there`.
template <uint32_t kRows>
HWY_INLINE Planes sum_windows(const uint64_t* rows, uint32_t width, WordsVec inside, hn::Mask<Words> there) {
  const Words d;
  const auto kept = hn::IfThenElseZero(there, inside);
  const Planes sums = sum_taps(rows);
  if constexpr (kRows == 1) return change(sums, [&](WordsVec a) HWY_ATTR { return hn::And(a, kept); });
  return join(sums, sum_taps(rows + hn::Lanes(d)), [&](WordsVec first, WordsVec behind) HWY_ATTR {
    const auto even = hn::And(hn::ConcatEven(d, behind, first), kept);
    const auto odd = hn::And(hn::ConcatOdd(d, behind, first), kept);
    return hn::Or(even, hn::ShiftLeftSame(odd, static_cast<int>(width)));
  });
}

/// Adds a bit at each position that stands for two.
HWY_INLINE void add_two(Planes& sums, WordsVec bit) {
  const auto fours = hn::And(sums.two, bit), eights = hn::And(sums.four, fours);
  sums.two = hn::Xor(sums.two, bit);
  sums.four = hn::Xor(sums.four, fours);
  sums.eight = hn::Xor(sums.eight, eights);
}

/// Sums of up to kMostCount channels, `pitch` words apart.
HWY_INLINE Planes sum_channels(const uint64_t* channels, size_t pitch, uint32_t count, hn::Mask<Words> there) {
  const Words d;
  const auto none = hn::Zero(d);
  Planes sums{none, none, none, none};
  for (; count > 0; channels += 2 * pitch) {
    const auto a = hn::MaskedLoad(there, d, channels);
    const auto b = count > 1 ? hn::MaskedLoad(there, d, channels + pitch) : none;
    const auto twos = majority(sums.one, a, b);
    sums.one = parity(sums.one, a, b);
    add_two(sums, twos);
    count -= std::min(count, 2u);
  }
  return sums;
}

/// Sum over positions of the products of two numbers, in parts: one for each word.
HWY_INLINE WordsVec sum_products(const Planes& a, const Planes& b) {
  const auto both = [](WordsVec x, WordsVec y) HWY_ATTR { return hn::PopulationCount(hn::And(x, y)); };
  const auto doubled = [](WordsVec x) HWY_ATTR { return hn::ShiftLeft<1>(x); };
  // By weight, highest first.
  auto sum = both(a.eight, b.eight);
  sum = hn::Add(doubled(sum), hn::Add(both(a.eight, b.four), both(a.four, b.eight)));
  sum = hn::Add(doubled(sum), hn::Add(both(a.eight, b.two), both(a.two, b.eight)));
  sum = hn::Add(sum, both(a.four, b.four));
  sum = hn::Add(doubled(sum), hn::Add(both(a.eight, b.one), both(a.one, b.eight)));
  sum = hn::Add(sum, hn::Add(both(a.four, b.two), both(a.two, b.four)));
  sum = hn::Add(doubled(sum), hn::Add(both(a.four, b.one), both(a.one, b.four)));
  sum = hn::Add(sum, both(a.two, b.two));
  sum = hn::Add(doubled(sum), hn::Add(both(a.two, b.one), both(a.one, b.two)));
  return hn::Add(doubled(sum), both(a.one, b.one));
}

/// Sum over positions of a number, in parts.
HWY_INLINE WordsVec sum_numbers(const Planes& a) {
  const auto halves = hn::Add(hn::PopulationCount(a.four), hn::ShiftLeft<1>(hn::PopulationCount(a.eight)));
  const auto low = hn::Add(hn::PopulationCount(a.one), hn::ShiftLeft<1>(hn::PopulationCount(a.two)));
  return hn::Add(low, hn::ShiftLeft<2>(halves));
}

/// pairs, errors and activations with non-zeros in the place of low ones.
template <uint32_t kRows>
void sum_pairs(const BitPairs& p, CountSums& sums) {
  const Words d;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  const auto inside = hn::Set(d, ~uint64_t{0} >> (64 - p.width));
  auto nn = hn::Zero(d), nh = nn, hn_ = nn, hh = nn, en = nn, eh = nn, an = nn, ah = nn;
  for (uint32_t n = 0; n < p.images; ++n) {
    const size_t first_row = n * p.image_rows;
    for (uint32_t w = 0; w < p.windows; w += lanes) {
      const auto there = hn::FirstN(d, p.windows - w);
      const size_t row = first_row + size_t{w} * kRows;
      const Planes nonzero = sum_windows<kRows>(p.nonzero + row, p.width, inside, there);
      const Planes high = sum_windows<kRows>(p.high + row, p.width, inside, there);
      const auto taps = [&](uint32_t plane) HWY_ATTR { return hn::LoadU(d, p.valid + plane * p.valid_pitch + w); };
      const Planes valid{taps(0), taps(1), taps(2), taps(3)};
      an = hn::Add(an, sum_numbers(nonzero));
      ah = hn::Add(ah, sum_numbers(high));
      for (uint32_t k = 0; k < p.outputs; k += kMostCount) {
        const uint32_t count = std::min(kMostCount, p.outputs - k);
        const size_t at = k * p.error_pitch + size_t{n} * p.windows + w;
        const Planes error = sum_channels(p.error_nonzero + at, p.error_pitch, count, there);
        nn = hn::Add(nn, sum_products(error, nonzero));
        nh = hn::Add(nh, sum_products(error, high));
        en = hn::Add(en, sum_products(error, valid));
        const Planes wide = sum_channels(p.error_high + at, p.error_pitch, count, there);
        hn_ = hn::Add(hn_, sum_products(wide, nonzero));
        hh = hn::Add(hh, sum_products(wide, high));
        eh = hn::Add(eh, sum_products(wide, valid));
      }
    }
  }
  const auto total = [d](WordsVec parts) HWY_ATTR { return hn::GetLane(hn::SumOfLanes(d, parts)); };
  sums.pairs[0][0] = total(nn);
  sums.pairs[0][1] = total(nh);
  sums.pairs[1][0] = total(hn_);
  sums.pairs[1][1] = total(hh);
  sums.errors[0] = total(en);
  sums.errors[1] = total(eh);
  sums.activations[0] = total(an);
  sums.activations[1] = total(ah);
}

bool sum_bit_pairs(const BitPairs& p, CountSums& sums) {
  if (p.rows_in_word == 1) {
    sum_pairs<1>(p, sums);
  } else {
    sum_pairs<2>(p, sums);
  }
  return true;
}

bool counts_words() {
  return true;
}

#else

bool sum_bit_pairs(const BitPairs&, CountSums&) {
  return false;
}

bool counts_words() {
  return false;
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::lnpu {

HWY_EXPORT(sum_bit_pairs);
HWY_EXPORT(counts_words);

namespace {

/// Bitmaps of the taps inside the input at the positions of an image's windows, and their sum.
uint64_t fill_valid(const ConvTile& t, const BitPairs& p, uint64_t* valid) {
  std::fill_n(valid, kPlanes * p.valid_pitch, uint64_t{0});
  // Of a row of taps.
  uint64_t inside[kTapSide];
  for (uint32_t tap = 0; tap < kTapSide; ++tap) {
    const int64_t pad = t.pad_w, first = std::max<int64_t>(pad - tap, 0);
    const int64_t end = std::min<int64_t>(t.ow, t.w + pad - tap);
    inside[tap] = first < end ? (~uint64_t{0} >> (64 - (end - first))) << first : 0;
  }
  const uint64_t one = inside[0] ^ inside[1] ^ inside[2];
  const uint64_t two = (inside[0] & inside[1]) | (inside[2] & (inside[0] | inside[1]));
  // Of one, two and three rows of taps.
  const uint64_t carry = one & two;
  const uint64_t rows_of[kTapSide + 1][kPlanes] = {
      {}, {one, two, 0, 0}, {0, one, two, 0}, {one, one ^ two, two ^ carry, carry & two}};
  const uint64_t in_row = uint64_t{2} * __builtin_popcountll(two) + __builtin_popcountll(one);
  uint64_t sum = 0;
  for (uint32_t row = 0; row < t.oh_rows; ++row) {
    uint32_t rows = 0;
    for (uint32_t tap = 0; tap < kTapSide; ++tap) {
      const int64_t ih = int64_t{t.oh0} + row + tap - t.pad_h;
      rows += ih >= 0 && ih < t.h;
    }
    const uint32_t shift = row % p.rows_in_word * t.ow;
    uint64_t* const to = valid + row / p.rows_in_word;
    for (uint32_t i = 0; i < kPlanes; ++i) to[i * p.valid_pitch] |= rows_of[rows][i] << shift;
    sum += rows * in_row;
  }
  return sum;
}

}  // namespace

bool bit_pairs_fit(const ConvTile& t, const PositionLayout& layout) {
  return t.c == 1 && t.kh == kTapSide && t.kw == kTapSide && t.stride_h == 1 && t.stride_w == 1 && t.dilation_h == 1 &&
         t.dilation_w == 1 && t.ow + kTapSide - 1 <= 64 && layout.rows_in_word >= 1 && layout.rows_in_word <= 2 &&
         t.oh_rows % layout.rows_in_word == 0 && HWY_DYNAMIC_DISPATCH(counts_words)();
}

void add_bit_pairs(const ConvTile& t, const PositionLayout& layout, const ActivationBits& rows,
                   const uint64_t* error_nonzero, const uint64_t* error_high, Facts& facts, Workspace& workspace) {
  BitPairs p{};
  p.images = t.n;
  p.rows_in_word = layout.rows_in_word;
  p.windows = t.oh_rows / layout.rows_in_word;
  p.width = t.ow;
  p.outputs = t.k;
  p.image_rows = rows.image_rows;
  p.error_pitch = layout.windows;
  p.nonzero = rows.nonzero;
  p.high = rows.high;
  p.error_nonzero = error_nonzero;
  p.error_high = error_high;
  p.valid_pitch = p.windows + kWindowMultiple;
  uint64_t* const valid = workspace.array<uint64_t>(14, kPlanes * p.valid_pitch);
  p.valid = valid;
  const uint64_t valid_sum = fill_valid(t, p, valid);
  CountSums sums;
  BB_CHECK(HWY_DYNAMIC_DISPATCH(sum_bit_pairs)(p, sums));
  // So far low ones are all non-zeros.
  auto& both = sums.pairs;
  both[0][0] += both[1][1] - both[0][1] - both[1][0];
  both[0][1] -= both[1][1];
  both[1][0] -= both[1][1];
  sums.errors[0] -= sums.errors[1];
  sums.activations[0] -= sums.activations[1];
  add_sums(sums, t.c, t.k, t.n * valid_sum, facts);
}

}  // namespace backboard::npu::lnpu
#endif
