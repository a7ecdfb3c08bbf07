#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/thin_wg.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>

#include "npu/engine/add_term-inl.h"
#include "npu/engine/conv_offsets.h"
#include "npu/engine/padded_image.h"
#include "npu/engine/sparse_gemm.h"
#include "npu/engine/thin_wg.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {

#if HWY_TARGET <= HWY_AVX2

inline constexpr uint32_t kChannels = 8, kTogether = 4, kSide = 3;
using Eight = hn::Full256<float>;
using EightVec = hn::Vec<Eight>;

/// Errors of eight output channels of an image.
struct ErrorPlanes {
  const float* channel[kChannels];
};

/// Loads `count` positions (at most 4) from `at` on, zero beyond: out[p] has the channels of position p.
HWY_INLINE void load_positions(const ErrorPlanes& planes, size_t at, uint32_t count, EightVec* out) {
  const hn::Full128<float> half;
  const Eight d;
  const hn::Full256<double> dd;
  const auto inside = hn::FirstN(half, count);
  // Channels i and i + 4 side by side in halves: what is left is 4 x 4 in each half.
  const auto pair = [&](int i) HWY_ATTR {
    const float *low = planes.channel[i] + at, *high = planes.channel[i + 4] + at;
    if (count == kTogether) return hn::Combine(d, hn::LoadU(half, high), hn::LoadU(half, low));
    return hn::Combine(d, hn::MaskedLoad(inside, half, high), hn::MaskedLoad(inside, half, low));
  };
  const auto r0 = pair(0), r1 = pair(1), r2 = pair(2), r3 = pair(3);
  const auto t0 = hn::BitCast(dd, hn::InterleaveLower(d, r0, r1)), t1 = hn::BitCast(dd, hn::InterleaveUpper(d, r0, r1));
  const auto t2 = hn::BitCast(dd, hn::InterleaveLower(d, r2, r3)), t3 = hn::BitCast(dd, hn::InterleaveUpper(d, r2, r3));
  out[0] = hn::BitCast(d, hn::InterleaveLower(dd, t0, t2));
  out[1] = hn::BitCast(d, hn::InterleaveUpper(dd, t0, t2));
  out[2] = hn::BitCast(d, hn::InterleaveLower(dd, t1, t3));
  out[3] = hn::BitCast(d, hn::InterleaveUpper(dd, t1, t3));
}

/// Adds kPositions positions to the sums of the nine taps. x: the first position's upper left tap.
template <Arithmetic kArithmetic, uint32_t kPositions, uint32_t kStride>
HWY_INLINE void add_positions(const EightVec* errors, const float* HWY_RESTRICT x, ptrdiff_t pitch, EightVec* sums) {
  const Eight d;
  HWY_UNROLL(3)
  for (uint32_t i = 0; i < kSide; ++i, x += pitch) {
    constexpr uint32_t kInputs = (kPositions - 1) * kStride + kSide;
    EightVec inputs[kInputs];
    HWY_UNROLL(9)
    for (uint32_t p = 0; p < kInputs; ++p) inputs[p] = hn::Set(d, x[p]);
    HWY_UNROLL(4)
    for (uint32_t p = 0; p < kPositions; ++p) {
      HWY_UNROLL(3)
      for (uint32_t j = 0; j < kSide; ++j) {
        EightVec& sum = sums[i * kSide + j];
        sum = add_term<kArithmetic, false>(d, sum, errors[p], inputs[p * kStride + j]);
      }
    }
  }
}

/// Sums of one input channel and eight output channels: [tap][channel].
template <Arithmetic kArithmetic, uint32_t kStride>
HWY_NOINLINE void sum_taps(const ConvTile& t, const float* x, ptrdiff_t x_stride_n, ptrdiff_t pitch, const float* dy,
                           uint32_t channels, float* taps) {
  const Eight d;
  EightVec sums[kSide * kSide], errors[kTogether];
  for (uint32_t tap = 0; tap < kSide * kSide; ++tap) sums[tap] = hn::LoadU(d, taps + tap * kChannels);
  for (uint32_t n = 0; n < t.n; ++n) {
    ErrorPlanes planes;
    for (uint32_t k = 0; k < kChannels; ++k) {
      planes.channel[k] = dy + n * t.y_stride_n + std::min(k, channels - 1) * t.y_stride_k;
    }
    const float* line = x + n * x_stride_n;
    size_t at = 0;
    for (uint32_t row = 0; row < t.oh_rows; ++row, line += kStride * pitch) {
      const float* from = line;
      uint32_t left = t.ow;
      for (; left >= kTogether; left -= kTogether, at += kTogether, from += kStride * kTogether) {
        load_positions(planes, at, kTogether, errors);
        add_positions<kArithmetic, kTogether, kStride>(errors, from, pitch, sums);
      }
      if (left == 0) continue;
      load_positions(planes, at, left, errors);
      // Numbers that the compiler knows: then all sums stay in registers.
      if (left == 1) add_positions<kArithmetic, 1, kStride>(errors, from, pitch, sums);
      if (left == 2) add_positions<kArithmetic, 2, kStride>(errors, from, pitch, sums);
      if (left == 3) add_positions<kArithmetic, 3, kStride>(errors, from, pitch, sums);
      at += left;
    }
  }
  for (uint32_t tap = 0; tap < kSide * kSide; ++tap) hn::StoreU(sums[tap], d, taps + tap * kChannels);
}

using Four = hn::Full128<float>;
inline constexpr uint32_t kLineLanes = 4;  // taps of a row and a lane that counts for nothing
inline constexpr uint32_t kLists = 4;      // as a sum waits for the term before

enum Slot : unsigned { kSlotSums, kSlotOffsets, kSlotLists = 3 };  // pad_input() has 2

/// Errors of an output channel of an image, and the positions of those that are not zero.
struct ListedErrors {
  const float* errors;
  uint32_t* positions;
  size_t count;
};

/// Lists the errors from element `first` on; `positions` has room for list_room(plane).
HWY_INLINE ListedErrors list_errors(const Operand& dy, size_t first, uint32_t plane, uint32_t* positions) {
  const uint32_t* const end = dy.classes != nullptr ? list_nonzeros(dy.classes + first, plane, 0, positions)
                                                    : list_nonzeros(dy.values + first, plane, 0, positions);
  return {dy.values + first, positions, static_cast<size_t>(end - positions)};
}

/// Makes a list at least `count` long by a position whose error is zero; writes whole vectors.
HWY_INLINE void lengthen(const ListedErrors& list, size_t count) {
  const hn::Full256<uint32_t> d;
  uint32_t zero = 0;
  while (zero < list.count && list.positions[zero] == zero) ++zero;
  for (size_t at = list.count; at < count; at += hn::Lanes(d)) hn::StoreU(hn::Set(d, zero), d, list.positions + at);
}

/// Adds `count` products of each list. x: the upper left tap of position 0, in rows kPitch apart (0: `pitch`);
/// offsets: of the others; sums: [list][row of taps][kLineLanes], lists sums_pitch apart.
template <Arithmetic kArithmetic, uint32_t kPitch, uint32_t kTogetherLists>
HWY_INLINE void add_listed(const ListedErrors* lists, size_t count, const float* HWY_RESTRICT x, ptrdiff_t pitch,
                           const ptrdiff_t* HWY_RESTRICT offsets, float* sums, size_t sums_pitch) {
  const Four d;
  const ptrdiff_t step = kPitch > 0 ? kPitch : pitch;
  hn::Vec<Four> all[kTogetherLists][kSide];
  const auto for_each_line = [&](auto visit) HWY_ATTR {
    HWY_UNROLL(4)
    for (uint32_t l = 0; l < kTogetherLists; ++l) {
      HWY_UNROLL(3)
      for (uint32_t i = 0; i < kSide; ++i) visit(all[l][i], sums + l * sums_pitch + i * kLineLanes);
    }
  };
  for_each_line([&](auto& line, const float* from) HWY_ATTR { line = hn::Load(d, from); });
  for (size_t done = 0; done < count; ++done) {
    HWY_UNROLL(4)
    for (uint32_t l = 0; l < kTogetherLists; ++l) {
      const uint32_t position = lists[l].positions[done];
      const auto error = hn::Set(d, lists[l].errors[position]);
      const float* from = x + offsets[position];
      // In a register of its own: processors split an instruction whose operand in memory lies at a sum of two.
      if constexpr (kPitch > 0) asm("" : "+r"(from));
      HWY_UNROLL(3)
      for (uint32_t i = 0; i < kSide; ++i) {
        all[l][i] = add_term<kArithmetic, false>(d, all[l][i], error, hn::LoadU(d, from + i * step));
      }
    }
  }
  for_each_line([&](auto line, float* to) HWY_ATTR { hn::Store(line, d, to); });
}

/// Sums of all channels by the errors that are not zero. sums: [output channel][input channel][row of taps] of
/// kLineLanes each. kPitch: elements of a padded row, 0 when they are many.
template <Arithmetic kArithmetic, uint32_t kPitch>
void sum_listed(const ConvTile& t, const float* x, const Operand& dy, float* sums, Workspace& workspace) {
  const uint32_t plane = t.oh_rows * t.ow;
  const size_t sums_pitch = t.c * kSide * kLineLanes;
  uint32_t* const room = workspace.array<uint32_t>(kSlotLists, kLists * list_room(plane));
  ConvTile one = t;
  one.n = 1;
  const ptrdiff_t* offsets = nullptr;
  for (uint32_t n = 0; n < t.n; ++n) {
    // An image at a time, which stays in the first-level cache; with room behind it for the lane too many.
    const Padded image = pad_input(one, x + n * t.x_stride_n, true, workspace, kPitch);
    if (n == 0) offsets = position_offsets(one, image, kSlotOffsets, workspace);
    for (uint32_t k = 0, together; k < t.k; k += together) {
      together = t.k - k >= kLists ? kLists : 1;
      ListedErrors lists[kLists] = {};
      size_t count = 0;
      for (uint32_t l = 0; l < together; ++l) {
        const size_t first = n * t.y_stride_n + (k + l) * t.y_stride_k;
        lists[l] = list_errors(dy, first, plane, room + l * list_room(plane));
        count = std::max(count, lists[l].count);
      }
      for (uint32_t l = 0; l < together; ++l) lengthen(lists[l], count);
      const auto run =
          together == kLists ? add_listed<kArithmetic, kPitch, kLists> : add_listed<kArithmetic, kPitch, 1>;
      for (uint32_t c = 0; c < t.c; ++c) {
        run(lists, count, image.values + c * image.stride_c, image.pitch, offsets,
            sums + k * sums_pitch + c * kSide * kLineLanes, sums_pitch);
      }
    }
  }
}

template <Arithmetic kArithmetic>
void sum_listed(const ConvTile& t, const float* x, const Operand& dy, float* sums, Workspace& workspace) {
  const uint32_t columns = (t.ow - 1) * t.stride_w + kSide;
  const auto run = columns <= 32   ? sum_listed<kArithmetic, 32>
                   : columns <= 64 ? sum_listed<kArithmetic, 64>
                                   : sum_listed<kArithmetic, 0>;
  run(t, x, dy, sums, workspace);
}

/// Whether errors are worth listing, as the first image has it: those of a layer are alike, and sums are the same.
bool errors_are_sparse(const ConvTile& t, const Operand& dy, Workspace& workspace) {
  const uint32_t plane = t.oh_rows * t.ow;
  uint32_t* const room = workspace.array<uint32_t>(kSlotLists, list_room(plane));
  size_t nonzeros = 0;
  for (uint32_t k = 0; k < t.k; ++k) nonzeros += list_errors(dy, k * t.y_stride_k, plane, room).count;
  constexpr size_t kFewer = 5;  // a listed product takes so many times as long as one of a block
  return kFewer * nonzeros <= size_t{t.k} * plane;
}

/// Sums of all channels, 8 output channels at a time. sums: [block of output channels][input channel][tap][channel].
template <Arithmetic kArithmetic>
void sum_blocks(const ConvTile& t, const Padded& image, const float* dy, float* sums) {
  const auto run = t.stride_w == 1 ? sum_taps<kArithmetic, 1> : sum_taps<kArithmetic, 2>;
  for (uint32_t k0 = 0; k0 < t.k; k0 += kChannels) {
    for (uint32_t c = 0; c < t.c; ++c, sums += kSide * kSide * kChannels) {
      run(t, image.values + c * image.stride_c, image.stride_n, image.pitch, dy + k0 * t.y_stride_k,
          std::min(kChannels, t.k - k0), sums);
    }
  }
}

bool thin_wg_vector(Arithmetic arithmetic, const ConvTile& t, const float* x, const Operand& dy, float* acc,
                    Workspace& workspace) {
  const bool listed = errors_are_sparse(t, dy, workspace);
  const uint32_t blocks = (t.k + kChannels - 1) / kChannels;
  const size_t all = size_t{t.c} * (listed ? t.k * kSide * kLineLanes : blocks * kSide * kSide * kChannels);
  float* const sums = workspace.array<float>(kSlotSums, all);
  std::fill_n(sums, all, 0.0f);
  const auto for_each_sum = [&](auto visit) {
    for (uint32_t k = 0; k < t.k; ++k) {
      for (uint32_t c = 0; c < t.c; ++c) {
        float* const held = acc + k * t.w_stride_k + c * t.w_stride_c;
        float* const lines = sums + (size_t{k} * t.c + c) * kSide * kLineLanes;
        float* const block = sums + (size_t{k / kChannels} * t.c + c) * kSide * kSide * kChannels + k % kChannels;
        for (uint32_t tap = 0; tap < kSide * kSide; ++tap) {
          visit(held[tap], listed ? lines[tap / kSide * kLineLanes + tap % kSide] : block[tap * kChannels]);
        }
      }
    }
  };
  for_each_sum([](const float& from, float& sum) { sum = from; });
  const bool exact = arithmetic == Arithmetic::kExactProduct;
  if (listed) {
    const auto run = exact ? sum_listed<Arithmetic::kExactProduct> : sum_listed<Arithmetic::kMultiplyThenAdd>;
    run(t, x, dy, sums, workspace);
  } else {
    const auto run = exact ? sum_blocks<Arithmetic::kExactProduct> : sum_blocks<Arithmetic::kMultiplyThenAdd>;
    run(t, pad_input(t, x, false, workspace), dy.values, sums);
  }
  // Every operand is in some sum, but those that meet zero errors alone, and no sum comes back from an infinity or NaN.
  bool finite = true;
  for_each_sum([&](const float&, float& sum) { finite &= sum - sum == 0.0f; });
  if (!finite) return false;
  for_each_sum([](float& to, const float& sum) { to = sum; });
  return true;
}

#else

bool thin_wg_vector(Arithmetic, const ConvTile&, const float*, const Operand&, float*, Workspace&) {
  return false;
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu {

HWY_EXPORT(thin_wg_vector);

bool is_thin(Arithmetic arithmetic, const ConvTile& t) {
  return arithmetic != Arithmetic::kFp16Sum && t.c <= 2 && t.kh == 3 && t.kw == 3 && t.stride_h <= 2 &&
         t.stride_w == t.stride_h && t.dilation_h == 1 && t.dilation_w == 1;
}

bool thin_wg(Arithmetic arithmetic, const ConvTile& tile, const float* x, const Operand& dy, float* acc,
             Workspace& workspace) {
  return HWY_DYNAMIC_DISPATCH(thin_wg_vector)(arithmetic, tile, x, dy, acc, workspace);
}

}  // namespace backboard::npu
#endif
