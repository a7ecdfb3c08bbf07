#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/gemm_pack.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>

#include "npu/engine/gemm_pack.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Copies a 4 x 4 block transposed: to[j * to_pitch + i] = from[i * from_pitch + j].
HWY_INLINE void transpose_4x4(const float* from, ptrdiff_t from_pitch, float* to, ptrdiff_t to_pitch) {
#if HWY_TARGET == HWY_SCALAR
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) to[j * to_pitch + i] = from[i * from_pitch + j];
  }
#else
  const hn::Full128<float> d;
  const hn::Full128<double> dd;
  const auto r0 = hn::LoadU(d, from), r1 = hn::LoadU(d, from + from_pitch);
  const auto r2 = hn::LoadU(d, from + 2 * from_pitch), r3 = hn::LoadU(d, from + 3 * from_pitch);
  const auto t0 = hn::BitCast(dd, hn::InterleaveLower(d, r0, r1)), t1 = hn::BitCast(dd, hn::InterleaveUpper(d, r0, r1));
  const auto t2 = hn::BitCast(dd, hn::InterleaveLower(d, r2, r3)), t3 = hn::BitCast(dd, hn::InterleaveUpper(d, r2, r3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(dd, t0, t2)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(dd, t0, t2)), d, to + to_pitch);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(dd, t1, t3)), d, to + 2 * to_pitch);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(dd, t1, t3)), d, to + 3 * to_pitch);
#endif
}

/// The same for 8 x 8.
HWY_INLINE void transpose_8x8(const float* from, ptrdiff_t from_pitch, float* to, ptrdiff_t to_pitch) {
#if HWY_TARGET <= HWY_AVX2
  const hn::Full256<float> d;
  const hn::Full256<double> dd;
  // Rows i and i + 4 side by side in halves: what is left is 4 x 4 in each half.
  const auto pair = [&](int i) HWY_ATTR {
    const hn::Full128<float> half;
    return hn::Combine(d, hn::LoadU(half, from + (i + 4) * from_pitch), hn::LoadU(half, from + i * from_pitch));
  };
  for (int part = 0; part < 2; ++part, from += 4, to += 4 * to_pitch) {
    const auto r0 = pair(0), r1 = pair(1), r2 = pair(2), r3 = pair(3);
    const auto t0 = hn::BitCast(dd, hn::InterleaveLower(d, r0, r1));
    const auto t1 = hn::BitCast(dd, hn::InterleaveUpper(d, r0, r1));
    const auto t2 = hn::BitCast(dd, hn::InterleaveLower(d, r2, r3));
    const auto t3 = hn::BitCast(dd, hn::InterleaveUpper(d, r2, r3));
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(dd, t0, t2)), d, to);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(dd, t0, t2)), d, to + to_pitch);
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(dd, t1, t3)), d, to + 2 * to_pitch);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(dd, t1, t3)), d, to + 3 * to_pitch);
  }
#else
  for (int i = 0; i < 8; i += 4) {
    for (int j = 0; j < 8; j += 4) {
      transpose_4x4(from + i * from_pitch + j, from_pitch, to + j * to_pitch + i, to_pitch);
    }
  }
#endif
}

/// How many of the offsets from place[0] on follow each other by one.
HWY_INLINE uint32_t run_length(const ptrdiff_t* place, uint32_t count) {
  uint32_t length = 1;
  while (length < count && place[length] == place[length - 1] + 1) ++length;
  return length;
}

/// Copies `count` floats, a vector at a time.
HWY_INLINE void copy_row(const float* HWY_RESTRICT from, uint32_t count, float* HWY_RESTRICT to) {
  const hn::CappedTag<float, 8> d;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  uint32_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(hn::LoadU(d, from + i), d, to + i);
  for (; i < count; ++i) to[i] = from[i];
}

/// to[i * width + j] = from[j * pitch + i] for i < run, j < columns; zero up to the width.
HWY_INLINE void pack_run(const float* from, ptrdiff_t pitch, uint32_t run, uint32_t columns, uint32_t width,
                         float* HWY_RESTRICT to) {
  uint32_t i = 0;
  for (; i + 8 <= run; i += 8) {
    uint32_t j = 0;
    for (; j + 8 <= columns; j += 8) transpose_8x8(from + j * pitch + i, pitch, to + i * width + j, width);
    for (; j < columns; ++j) {
      for (uint32_t l = 0; l < 8; ++l) to[(i + l) * width + j] = from[j * pitch + i + l];
    }
  }
  for (; i < run; ++i) {
    for (uint32_t j = 0; j < columns; ++j) to[i * width + j] = from[j * pitch + i];
  }
  if (columns == width) return;
  for (i = 0; i < run; ++i) std::fill(to + i * width + columns, to + (i + 1) * width, 0.0f);
}

void pack_panel_vector(const StridedGemm& p, uint32_t n0, uint32_t columns, uint32_t width, float* HWY_RESTRICT panel) {
  const float* base = p.b + n0 * p.b_column;
  if (p.b_column == 1) {
    for (uint32_t r = 0; r < p.steps; ++r) {
      float* to = panel + size_t{r} * width;
      copy_row(base + p.b_step[r], columns, to);
      if (columns < width) std::fill(to + columns, to + width, 0.0f);
    }
    return;
  }
  for (uint32_t r = 0; r < p.steps;) {
    const uint32_t run =
        p.b_run > 0 ? std::min(p.b_run - r % p.b_run, p.steps - r) : run_length(p.b_step + r, p.steps - r);
    pack_run(base + p.b_step[r], p.b_column, run, columns, width, panel + size_t{r} * width);
    r += run;
  }
}

template <bool kToBlock>
void move_sums(const StridedGemm& p, const GemmPart& part, uint32_t width, float* HWY_RESTRICT block) {
  const uint32_t m0 = part.first_row, rows = part.rows, n0 = part.first_column, columns = part.columns;
  float* base = p.c + n0 * p.c_column;
  const auto move = [](float& outside, float& inside) {
    if constexpr (kToBlock) {
      inside = outside;
    } else {
      outside = inside;
    }
  };
  if (p.c_column == 1) {
    for (uint32_t i = 0; i < rows; ++i) {
      float* outside = base + p.c_row[m0 + i];
      float* inside = block + size_t{i} * width;
      if constexpr (kToBlock) {
        copy_row(outside, columns, inside);
      } else {
        copy_row(inside, columns, outside);
      }
    }
    return;
  }
  for (uint32_t i = 0; i < rows;) {
    const ptrdiff_t* place = p.c_row + m0 + i;
    const uint32_t run = run_length(place, rows - i);
    uint32_t done = 0;
    for (; done + 4 <= run; done += 4) {
      float* outside = base + place[done];
      float* inside = block + size_t{i + done} * width;
      uint32_t j = 0;
      for (; j + 4 <= columns; j += 4) {
        if constexpr (kToBlock) {
          transpose_4x4(outside + j * p.c_column, p.c_column, inside + j, width);
        } else {
          transpose_4x4(inside + j, width, outside + j * p.c_column, p.c_column);
        }
      }
      for (; j < columns; ++j) {
        for (uint32_t l = 0; l < 4; ++l) move(outside[j * p.c_column + l], inside[l * width + j]);
      }
    }
    for (; done < run; ++done) {
      float* outside = base + place[done];
      float* inside = block + size_t{i + done} * width;
      for (uint32_t j = 0; j < columns; ++j) move(outside[j * p.c_column], inside[j]);
    }
    i += run;
  }
}

void load_sums_vector(const StridedGemm& p, const GemmPart& part, uint32_t width, float* block) {
  move_sums<true>(p, part, width, block);
}

void store_sums_vector(const StridedGemm& p, const GemmPart& part, uint32_t width, float* block) {
  move_sums<false>(p, part, width, block);
}

bool any_nonfinite_vector(const float* values, size_t count) {
  const hn::ScalableTag<uint32_t> du;
  const hn::ScalableTag<float> df;
  const size_t lanes = hn::Lanes(df);
  const auto mask = hn::Set(du, 0x7f800000u);
  auto largest = hn::Zero(du);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    largest = hn::Max(largest, hn::And(hn::BitCast(du, hn::LoadU(df, values + i)), mask));
  }
  bool found = hn::GetLane(hn::MaxOfLanes(du, largest)) == 0x7f800000u;
  for (; i < count; ++i) found |= !(values[i] - values[i] == 0.0f);
  return found;
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu {

HWY_EXPORT(pack_panel_vector);
HWY_EXPORT(load_sums_vector);
HWY_EXPORT(store_sums_vector);
HWY_EXPORT(any_nonfinite_vector);

void pack_panel(const StridedGemm& problem, uint32_t n0, uint32_t columns, uint32_t width, float* panel) {
  HWY_DYNAMIC_DISPATCH(pack_panel_vector)(problem, n0, columns, width, panel);
}

void load_sums(const StridedGemm& problem, const GemmPart& part, uint32_t width, float* block) {
  HWY_DYNAMIC_DISPATCH(load_sums_vector)(problem, part, width, block);
}

void store_sums(const StridedGemm& problem, const GemmPart& part, uint32_t width, float* block) {
  HWY_DYNAMIC_DISPATCH(store_sums_vector)(problem, part, width, block);
}

bool any_nonfinite(const float* values, size_t count) {
  return HWY_DYNAMIC_DISPATCH(any_nonfinite_vector)(values, count);
}

}  // namespace backboard::npu
#endif
