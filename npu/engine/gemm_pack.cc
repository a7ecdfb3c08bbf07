#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/gemm_pack.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <type_traits>

#include "npu/engine/gemm_pack.h"
#include "npu/engine/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

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

/// Transposes four rows of kCount, and kCount rows of four.
template <uint32_t kCount>
HWY_INLINE void transpose_4_rows(const float* from, ptrdiff_t from_pitch, float* to, ptrdiff_t to_pitch) {
  if constexpr (kCount == 4) {
    transpose_4x4(from, from_pitch, to, to_pitch);
  } else {
    transpose_4x2(from, from_pitch, to, to_pitch);
  }
}
template <uint32_t kCount>
HWY_INLINE void transpose_4_columns(const float* from, ptrdiff_t from_pitch, float* to, ptrdiff_t to_pitch) {
  if constexpr (kCount == 4) {
    transpose_4x4(from, from_pitch, to, to_pitch);
  } else {
    transpose_2x4(from, from_pitch, to, to_pitch);
  }
}

/// Whether all of these are +0.
HWY_INLINE bool all_zero(const float* values, size_t count) {
  const hn::ScalableTag<uint32_t> du;
  const hn::ScalableTag<float> df;
  const size_t lanes = hn::Lanes(df);
  size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    const auto bits = [&](size_t at) HWY_ATTR { return hn::BitCast(du, hn::LoadU(df, values + i + at)); };
    const auto any = hn::Or(hn::Or(bits(0), bits(lanes)), hn::Or(bits(2 * lanes), bits(3 * lanes)));
    if (!hn::AllTrue(du, hn::Eq(any, hn::Zero(du)))) return false;
  }
  for (; i < count; ++i) {
    if (std::bit_cast<uint32_t>(values[i]) != 0) return false;
  }
  return true;
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
  if constexpr (kToBlock) {
    // Most sums begin with zeros.
    const bool dense = p.c_column == static_cast<ptrdiff_t>(rows) && run_length(p.c_row + m0, rows) == rows;
    if (dense && all_zero(base + p.c_row[m0], size_t{rows} * columns)) {
      std::fill_n(block, size_t{rows} * width, 0.0f);
      return;
    }
  }
  for (uint32_t i = 0; i < rows;) {
    const ptrdiff_t* place = p.c_row + m0 + i;
    const uint32_t run = run_length(place, rows - i);
    uint32_t done = 0;
    for (; done + 8 <= run && columns % 8 == 0; done += 8) {
      float* outside = base + place[done];
      float* inside = block + size_t{i + done} * width;
      for (uint32_t j = 0; j < columns; j += 8) {
        if constexpr (kToBlock) {
          transpose_8x8(outside + j * p.c_column, p.c_column, inside + j, width);
        } else {
          transpose_8x8(inside + j, width, outside + j * p.c_column, p.c_column);
        }
      }
    }
    // Fewer rows, four columns at a time.
    const auto move_rows = [&](auto count) HWY_ATTR {
      float* outside = base + place[done];
      float* inside = block + size_t{i + done} * width;
      uint32_t j = 0;
      for (; j + 4 <= columns; j += 4) {
        if constexpr (kToBlock) {
          transpose_4_rows<count()>(outside + j * p.c_column, p.c_column, inside + j, width);
        } else {
          transpose_4_columns<count()>(inside + j, width, outside + j * p.c_column, p.c_column);
        }
      }
      for (; j < columns; ++j) {
        for (uint32_t l = 0; l < count(); ++l) move(outside[j * p.c_column + l], inside[l * width + j]);
      }
      done += count();
    };
    while (done + 4 <= run) move_rows(std::integral_constant<uint32_t, 4>());
    if (done + 2 <= run) move_rows(std::integral_constant<uint32_t, 2>());
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

void fill_offsets_vector(const OffsetGrid& grid, ptrdiff_t* to) {
  const hn::CappedTag<int64_t, 8> d;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  HWY_ALIGN int64_t steps[8];
  for (uint32_t i = 0; i < lanes; ++i) steps[i] = static_cast<int64_t>(i) * grid.column_step;
  const auto ramp = hn::Load(d, steps);
  ptrdiff_t first = grid.first;
  for (uint32_t row = 0; row < grid.rows; ++row, first += grid.row_step, to += grid.columns) {
    uint32_t i = 0;
    ptrdiff_t at = first;
    for (; i + lanes <= grid.columns; i += lanes, at += lanes * grid.column_step) {
      hn::StoreU(hn::Add(ramp, hn::Set(d, int64_t{at})), d, reinterpret_cast<int64_t*>(to + i));
    }
    for (; i < grid.columns; ++i, at += grid.column_step) to[i] = at;
  }
}

bool any_nonfinite_vector(const float* values, size_t count) {
  const hn::ScalableTag<uint32_t> du;
  const hn::ScalableTag<float> df;
  const size_t lanes = hn::Lanes(df);
  const auto mask = hn::Set(du, 0x7f800000u);
  const auto exponents = [&](size_t at) HWY_ATTR { return hn::And(hn::BitCast(du, hn::LoadU(df, values + at)), mask); };
  auto largest = hn::Zero(du), second = largest;
  size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    largest = hn::Max(largest, hn::Max(exponents(i), exponents(i + lanes)));
    second = hn::Max(second, hn::Max(exponents(i + 2 * lanes), exponents(i + 3 * lanes)));
  }
  for (; i + lanes <= count; i += lanes) largest = hn::Max(largest, exponents(i));
  largest = hn::Max(largest, second);
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
HWY_EXPORT(fill_offsets_vector);

void pack_panel(const StridedGemm& problem, uint32_t n0, uint32_t columns, uint32_t width, float* panel) {
  HWY_DYNAMIC_DISPATCH(pack_panel_vector)(problem, n0, columns, width, panel);
}

void load_sums(const StridedGemm& problem, const GemmPart& part, uint32_t width, float* block) {
  HWY_DYNAMIC_DISPATCH(load_sums_vector)(problem, part, width, block);
}

void store_sums(const StridedGemm& problem, const GemmPart& part, uint32_t width, float* block) {
  HWY_DYNAMIC_DISPATCH(store_sums_vector)(problem, part, width, block);
}

void fill_offsets(const OffsetGrid& grid, ptrdiff_t* offsets) {
  HWY_DYNAMIC_DISPATCH(fill_offsets_vector)(grid, offsets);
}

bool any_nonfinite(const float* values, size_t count) {
  return HWY_DYNAMIC_DISPATCH(any_nonfinite_vector)(values, count);
}

}  // namespace backboard::npu
#endif
