#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/lnpu/position_pairs.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <vector>

#include "npu/engine/lnpu/byte_pairs.h"
#include "npu/engine/lnpu/position_grid.h"
#include "npu/engine/lnpu/position_pairs.h"
#include "platform/check/check.h"

#ifndef BACKBOARD_NPU_ENGINE_LNPU_POSITION_PAIRS_TYPES_
#define BACKBOARD_NPU_ENGINE_LNPU_POSITION_PAIRS_TYPES_
namespace backboard::npu::lnpu {

/// Widest vector of 32-bit words.
inline constexpr uint32_t kMostLanes = 16;

}  // namespace backboard::npu::lnpu
#endif

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Adds packed counts of a row of sums to `counts`, with zeros behind the row up to a whole vector: `all` and `high`
/// have a vector to spare.
void add_packed_row(const uint8_t* all, const uint8_t* high, uint32_t count, bool first, uint32_t* counts) {
  const hn::CappedTag<uint32_t, kMostLanes> du;
  const hn::Rebind<uint8_t, decltype(du)> d8;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  for (uint32_t i = 0; i < count; i += lanes) {
    const auto wide = hn::PromoteTo(du, hn::LoadU(d8, high + i));
    const auto low = hn::Sub(hn::PromoteTo(du, hn::LoadU(d8, all + i)), wide);
    auto packed = hn::Or(low, hn::ShiftLeft<15>(wide));
    if (i + lanes > count) packed = hn::IfThenElseZero(hn::FirstN(du, count - i), packed);
    if (!first) packed = hn::Add(packed, hn::LoadU(du, counts + i));
    hn::StoreU(packed, du, counts + i);
  }
}

/// to[i] = from[i], or += when not `first`; whole vectors are written.
void add_words(const uint32_t* from, uint32_t count, bool first, uint32_t* to) {
  const hn::CappedTag<uint32_t, kMostLanes> du;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  for (uint32_t i = 0; i < count; i += lanes) {
    auto sum = hn::LoadU(du, from + i);
    if (!first) sum = hn::Add(sum, hn::LoadU(du, to + i));
    hn::StoreU(sum, du, to + i);
  }
}

/// Sums over positions. Counts go by two in a word: of low elements in the lower half, of high ones in the upper.
/// `valid`: taps inside the input; zero where there is no position, as `errors` are then. All have
/// a vector to spare, of zeros in `valid`.
void multiply_counts(const uint32_t* errors, const uint32_t* activations, const uint32_t* valid, uint32_t count,
                     CountSums* sums) {
  const hn::CappedTag<uint32_t, kMostLanes> du;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  const auto low_half = hn::Set(du, 0xffffu), zero = hn::Zero(du);
  for (uint32_t i = 0; i < count;) {
    auto ll = zero, lh = zero, hl = zero, hh = zero, el = zero, eh = zero, al = zero, ah = zero;
    // 16 positions a lane: below 2^32 while a position's counts are below 2^14.
    for (const uint32_t end = std::min(i + 16 * lanes, count); i < end; i += lanes) {
      const auto v = hn::LoadU(du, valid + i);
      const auto a = hn::IfThenElseZero(hn::Ne(v, zero), hn::LoadU(du, activations + i));
      const auto e = hn::LoadU(du, errors + i);
      const auto e_low = hn::And(e, low_half), e_high = hn::ShiftRight<16>(e);
      const auto a_low = hn::And(a, low_half), a_high = hn::ShiftRight<16>(a);
      ll = hn::Add(ll, hn::Mul(e_low, a_low));
      lh = hn::Add(lh, hn::Mul(e_low, a_high));
      hl = hn::Add(hl, hn::Mul(e_high, a_low));
      hh = hn::Add(hh, hn::Mul(e_high, a_high));
      el = hn::Add(el, hn::Mul(e_low, v));
      eh = hn::Add(eh, hn::Mul(e_high, v));
      al = hn::Add(al, a_low);
      ah = hn::Add(ah, a_high);
    }
    HWY_ALIGN uint32_t out[kMostLanes];
    const auto flush = [&](auto v, uint64_t& sum) HWY_ATTR {
      hn::Store(v, du, out);
      for (uint32_t l = 0; l < lanes; ++l) sum += out[l];
    };
    flush(ll, sums->pairs[0][0]);
    flush(lh, sums->pairs[0][1]);
    flush(hl, sums->pairs[1][0]);
    flush(hh, sums->pairs[1][1]);
    flush(el, sums->errors[0]);
    flush(eh, sums->errors[1]);
    flush(al, sums->activations[0]);
    flush(ah, sums->activations[1]);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::lnpu {
namespace {

HWY_EXPORT(add_packed_row);
HWY_EXPORT(add_words);
HWY_EXPORT(multiply_counts);

enum Slot : unsigned { kBytes = 14, kPlanes, kAcross, kActivations, kErrors, kValid };

/// With room for whole vectors, and for a tap's distance, behind a plane.
size_t padded_plane(const PositionGrid& grid) {
  return grid.plane() + 2 * kMostLanes;
}

/// The two byte sums of a block of channels, and their memory.
struct ByteSums {
  uint8_t *all, *high;
  static constexpr uint32_t kMostChannels = 127, kSlack = 64;

  ByteSums(size_t elements, Workspace& workspace) {
    all = workspace.array<uint8_t>(kBytes, 2 * (elements + kSlack));
    high = all + elements + kSlack;
    std::fill_n(all, 2 * (elements + kSlack), uint8_t{0});
  }
};

/// Counts of errors at each position of one image, output channels [k0, k1).
void count_errors(const ConvTile& t, const PositionGrid& grid, const uint8_t* dy, uint32_t k0, uint32_t k1,
                  const ByteSums& sums, uint32_t* counts) {
  for (uint32_t k = k0; k < k1; k += ByteSums::kMostChannels) {
    const uint32_t channels = std::min(ByteSums::kMostChannels, k1 - k);
    sum_channels(dy + k * t.y_stride_k, t.y_stride_k, channels, t.oh_rows * t.ow, sums.all, sums.high);
    const auto add = HWY_DYNAMIC_DISPATCH(add_packed_row);
    for (uint32_t row = 0; row < t.oh_rows; ++row) {
      add(sums.all + size_t{row} * t.ow, sums.high + size_t{row} * t.ow, t.ow, k == k0, counts + row * grid.pitch);
    }
  }
}

/// Adds a row of the input to the planes of its residue, a column at a time.
void add_residues(const ConvTile& t, const PositionGrid& grid, const uint8_t* all, const uint8_t* high, uint32_t* row) {
  for (uint32_t q = 0; q < grid.column_residues; ++q) {
    uint32_t* const to = row + q * padded_plane(grid);
    // Columns j with 0 <= q + j * stride - pad < w.
    const uint32_t first = q < t.pad_w ? (t.pad_w - q + t.stride_w - 1) / t.stride_w : 0;
    for (uint32_t j = first; j < grid.pitch; ++j) {
      const uint32_t at = q + j * t.stride_w - t.pad_w;
      if (at >= t.w) break;
      to[j] += uint32_t{all[at]} - high[at] + (uint32_t{high[at]} << 15);
    }
  }
}

/// Counts of activations that taps read at each position of one image, input channels [c0, c1).
void count_activations(const ConvTile& t, const PositionGrid& grid, const uint8_t* x, uint32_t c0, uint32_t c1,
                       const ByteSums& sums, uint32_t* planes, uint32_t* across, uint32_t* counts) {
  const size_t size = padded_plane(grid);
  std::fill_n(planes, size * grid.row_residues * grid.column_residues, 0u);
  const auto add_row = HWY_DYNAMIC_DISPATCH(add_packed_row);
  for (uint32_t c = c0; c < c1; c += ByteSums::kMostChannels) {
    sum_channels(x + c * t.x_stride_c, t.x_stride_c, std::min(ByteSums::kMostChannels, c1 - c), t.ih_rows * t.w,
                 sums.all, sums.high);
    for (uint32_t p = 0; p < grid.row_residues; ++p) {
      for (uint32_t i = 0; i < grid.rows; ++i) {
        const int64_t ih = (int64_t{t.oh0} + i) * t.stride_h + p - t.pad_h;
        if (ih < 0 || ih >= t.h || ih < t.ih0 || ih >= int64_t{t.ih0} + t.ih_rows) continue;
        const size_t from = static_cast<size_t>(ih - t.ih0) * t.w;
        uint32_t* const row = planes + p * grid.column_residues * size + size_t{i} * grid.pitch;
        if (t.stride_w == 1) {
          // What is beyond the row's end was zero, or is the start of the next row, which nothing was added to.
          add_row(sums.all + from, sums.high + from, std::min(t.w, grid.pitch - t.pad_w), false, row + t.pad_w);
        } else {
          add_residues(t, grid, sums.all + from, sums.high + from, row);
        }
      }
    }
  }
  const auto add = HWY_DYNAMIC_DISPATCH(add_words);
  for (uint32_t p = 0; p < grid.row_residues; ++p) {
    for (uint32_t kw = 0; kw < t.kw; ++kw) {
      const uint32_t right = kw * t.dilation_w;
      add(planes + (p * grid.column_residues + right % t.stride_w) * size + right / t.stride_w,
          static_cast<uint32_t>(grid.plane()), kw == 0, across + p * size);
    }
  }
  for (uint32_t kh = 0; kh < t.kh; ++kh) {
    const uint32_t down = kh * t.dilation_h;
    add(across + down % t.stride_h * size + size_t{down / t.stride_h} * grid.pitch,
        static_cast<uint32_t>(grid.positions), kh == 0, counts);
  }
}

/// Taps inside the input at each position, which fit in T; zero between the rows and up to `size` elements. Returns
/// their sum.
template <class T>
uint64_t count_valid(const ConvTile& t, const PositionGrid& grid, size_t size, T* valid) {
  std::fill_n(valid, size, T{0});
  std::vector<uint32_t> columns(t.ow, 0);
  uint64_t in_row = 0;
  for (uint32_t ow = 0; ow < t.ow; ++ow) {
    for (uint32_t kw = 0; kw < t.kw; ++kw) {
      const int64_t iw = int64_t{ow} * t.stride_w + int64_t{kw} * t.dilation_w - t.pad_w;
      columns[ow] += iw >= 0 && iw < t.w;
    }
    in_row += columns[ow];
  }
  uint64_t sum = 0;
  uint32_t above = 0;  // taps of the row above
  for (uint32_t row = 0; row < t.oh_rows; ++row) {
    uint32_t taps = 0;
    for (uint32_t kh = 0; kh < t.kh; ++kh) {
      const int64_t ih = int64_t{t.oh0 + row} * t.stride_h + int64_t{kh} * t.dilation_h - t.pad_h;
      taps += ih >= 0 && ih < t.h;
    }
    T* const to = valid + size_t{row} * grid.pitch;
    if (row > 0 && taps == above) {
      std::copy_n(to - grid.pitch, t.ow, to);
    } else {
      for (uint32_t ow = 0; ow < t.ow; ++ow) to[ow] = static_cast<T>(taps * columns[ow]);
    }
    above = taps;
    sum += taps * in_row;
  }
  return sum;
}

void add_byte_pairs(const ConvTile& t, const PositionGrid& grid, const uint8_t* x, const uint8_t* dy, Facts& facts,
                    Workspace& workspace) {
  const size_t size = grid.plane() + BytePairs::kSlack;
  uint8_t* const valid = workspace.array<uint8_t>(kValid, size);
  const uint64_t valid_sum = count_valid(t, grid, size, valid);
  const BytePairs pairs(t, grid, valid, workspace);
  CountSums sums;
  for (uint32_t n = 0; n < t.n; ++n) pairs.add(x + n * t.x_stride_n, dy + n * t.y_stride_n, sums);
  add_sums(sums, t.c, t.k, t.n * valid_sum, facts);
}

}  // namespace

void add_sums(const CountSums& s, uint64_t channels, uint64_t outputs, uint64_t valid, Facts& facts) {
  auto& pairs = facts.macs_by_class;
  const auto& p = s.pairs;
  const uint64_t error_low = s.errors[0] * channels, error_high = s.errors[1] * channels;
  const uint64_t zero_low = s.activations[0] * outputs - p[0][0] - p[1][0];
  const uint64_t zero_high = s.activations[1] * outputs - p[0][1] - p[1][1];
  pairs[kClassLow][kClassLow] += p[0][0];
  pairs[kClassLow][kClassHigh] += p[0][1];
  pairs[kClassHigh][kClassLow] += p[1][0];
  pairs[kClassHigh][kClassHigh] += p[1][1];
  pairs[kClassLow][kClassZero] += error_low - p[0][0] - p[0][1];
  pairs[kClassHigh][kClassZero] += error_high - p[1][0] - p[1][1];
  pairs[kClassZero][kClassLow] += zero_low;
  pairs[kClassZero][kClassHigh] += zero_high;
  pairs[kClassZero][kClassZero] += valid * channels * outputs - error_low - error_high - zero_low - zero_high;
}

void add_position_pairs(const ConvTile& t, const uint8_t* x, const uint8_t* dy, Facts& facts, Workspace& workspace) {
  const PositionGrid grid(t);
  if (BytePairs::fits(t, grid)) return add_byte_pairs(t, grid, x, dy, facts, workspace);
  const uint32_t taps = t.kh * t.kw;
  BB_CHECK(taps > 0 && taps < 16384 && grid.plane() <= UINT32_MAX, "{} taps", taps);
  const ByteSums sums(std::max(size_t{t.ih_rows} * t.w, size_t{t.oh_rows} * t.ow), workspace);
  const size_t plane = padded_plane(grid), planes = size_t{grid.row_residues} * grid.column_residues;
  uint32_t* const inputs = workspace.array<uint32_t>(kPlanes, plane * planes + grid.pitch);
  uint32_t* const across = workspace.array<uint32_t>(kAcross, plane * grid.row_residues);
  uint32_t* const activations = workspace.array<uint32_t>(kActivations, plane);
  uint32_t* const errors = workspace.array<uint32_t>(kErrors, plane);
  uint32_t* const valid = workspace.array<uint32_t>(kValid, plane);
  std::fill_n(errors, plane, 0u);
  std::fill_n(inputs + plane * planes, grid.pitch, 0u);
  const uint64_t valid_sum = count_valid(t, grid, plane, valid);
  // Blocks of channels, so that packed counts and their products stay in their halves (see multiply_counts).
  const uint32_t block_c = std::max(1u, 16383u / taps), block_k = 8192;
  for (uint32_t n = 0; n < t.n; ++n) {
    for (uint32_t k0 = 0; k0 < t.k; k0 += block_k) {
      const uint32_t k1 = std::min(k0 + block_k, t.k);
      count_errors(t, grid, dy + n * t.y_stride_n, k0, k1, sums, errors);
      for (uint32_t c0 = 0; c0 < t.c; c0 += block_c) {
        const uint32_t c1 = std::min(c0 + block_c, t.c);
        count_activations(t, grid, x + n * t.x_stride_n, c0, c1, sums, inputs, across, activations);
        CountSums products;
        HWY_DYNAMIC_DISPATCH(multiply_counts)
        (errors, activations, valid, static_cast<uint32_t>(grid.positions), &products);
        add_sums(products, c1 - c0, k1 - k0, valid_sum, facts);
      }
    }
  }
}

}  // namespace backboard::npu::lnpu
#endif
