#include "npu/engine/pointwise.h"

#include <algorithm>

#include "npu/engine/conv_offsets.h"
#include "npu/engine/nonfinite.h"

namespace backboard::npu {
namespace {

enum Slot : unsigned { kSlotInput = 2, kSlotARow, kSlotAStep, kSlotBLine, kSlotBStep, kSlotCLine, kSlotSums };

/// Steps of one pass over the planes: what it reads of them stays in the first-level cache.
constexpr uint32_t kStepBlock = 256;

/// The strided positions of planes: rows from `first_row` on, counted from the first one held.
struct Positions {
  uint32_t first_row, rows, columns;
  uint32_t stride_h, stride_w;
  size_t pitch;  ///< of the rows held
  uint32_t plane() const { return rows * columns; }
  bool dense() const { return stride_h == 1 && stride_w == 1 && columns == pitch; }
};

void gather(const Positions& p, const float* plane, float* to) {
  for (uint32_t row = 0; row < p.rows; ++row, to += p.columns) {
    const float* line = plane + (p.first_row + size_t{row} * p.stride_h) * p.pitch;
    if (p.stride_w == 2) {
      for (uint32_t i = 0; i < p.columns; ++i) to[i] = line[2 * i];
    } else {
      for (uint32_t i = 0; i < p.columns; ++i) to[i] = line[size_t{i} * p.stride_w];
    }
  }
}

void scatter(const Positions& p, const float* from, float* plane) {
  for (uint32_t row = 0; row < p.rows; ++row, from += p.columns) {
    float* line = plane + (p.first_row + size_t{row} * p.stride_h) * p.pitch;
    for (uint32_t i = 0; i < p.columns; ++i) line[size_t{i} * p.stride_w] = from[i];
  }
}

/// gather() for all planes of images, with room behind the last one; [n][c][plane].
float* gather_planes(const Positions& p, const float* from, uint32_t images, size_t stride_n, uint32_t channels,
                     size_t stride_c, unsigned slot, Workspace& workspace) {
  const size_t all = size_t{images} * channels * p.plane();
  float* const to = workspace.array<float>(slot, all + kLineSlack);
  std::fill_n(to + all, kLineSlack, 0.0f);
  float* next = to;
  for (uint32_t n = 0; n < images; ++n) {
    for (uint32_t c = 0; c < channels; ++c, next += p.plane()) gather(p, from + n * stride_n + c * stride_c, next);
  }
  return to;
}

/// Where a tile's outputs read x.
Positions positions_of_outputs(const ConvTile& t) {
  return {t.oh0 * t.stride_h - t.ih0, t.oh_rows, t.ow, t.stride_h, t.stride_w, t.w};
}

/// Planes of images: sums(n, row) += over steps of a(row, step) * planes(n, step).
struct PlaneProblem {
  uint32_t images, rows, steps, plane;
  const float* a;
  size_t a_row, a_step;
  const float* planes;
  size_t plane_n, plane_step;
  float* sums;
  size_t sums_n, sums_row;
};

void multiply_planes(Arithmetic arithmetic, const PlaneProblem& p, Workspace& workspace) {
  LineGemm lines;
  lines.rows = p.rows;
  lines.columns = p.plane;
  lines.lines = p.images;
  lines.a_row = even_offsets(p.rows, p.a_row, kSlotARow, workspace);
  lines.a_step = even_offsets(p.steps, p.a_step, kSlotAStep, workspace);
  lines.b_line = even_offsets(p.images, p.plane_n, kSlotBLine, workspace);
  lines.b_step = even_offsets(p.steps, p.plane_step, kSlotBStep, workspace);
  lines.c = p.sums;
  lines.c_line = even_offsets(p.images, p.sums_n, kSlotCLine, workspace);
  lines.c_row = static_cast<ptrdiff_t>(p.sums_row);
  for (uint32_t first = 0; first < p.steps; first += kStepBlock) {
    lines.steps = std::min(kStepBlock, p.steps - first);
    lines.a = p.a + first * p.a_step;
    lines.b = p.planes + first * p.plane_step;
    line_gemm(arithmetic, lines);
  }
}

/// Whether vectors end where planes do, so that nothing behind the last plane is read.
bool ends_with_vectors(uint32_t plane) {
  return plane % (kLineSlack / 2) == 0;
}

}  // namespace

bool is_pointwise(const ConvTile& t) {
  const uint64_t plane = uint64_t{t.oh_rows} * t.ow;
  return t.kh * t.kw == 1 && t.pad_h + t.pad_w == 0 && plane > 8 && 5 * plane >= 4 * ((plane + 7) / 8 * 8);
}

Padded pointwise_input(const ConvTile& t, const float* x, ConvTile& dense, Workspace& workspace) {
  const Positions positions = positions_of_outputs(t);
  dense = t;
  dense.h = t.oh;
  dense.w = t.ow;
  dense.stride_h = dense.stride_w = 1;
  dense.ih0 = t.oh0;
  dense.ih_rows = t.oh_rows;
  dense.x_stride_c = positions.plane();
  dense.x_stride_n = dense.x_stride_c * t.c;
  Padded image;
  image.values = gather_planes(positions, x, t.n, t.x_stride_n, t.c, t.x_stride_c, kSlotInput, workspace);
  image.stride_n = static_cast<ptrdiff_t>(dense.x_stride_n);
  image.stride_c = static_cast<ptrdiff_t>(dense.x_stride_c);
  image.pitch = t.ow;
  return image;
}

bool pointwise_ff(Arithmetic arithmetic, const ConvTile& t, const float* x, const float* w, float* acc,
                  Workspace& workspace) {
  const Positions positions = positions_of_outputs(t);
  PlaneProblem p{};
  p.images = t.n;
  p.rows = t.k;
  p.steps = t.c;
  p.plane = positions.plane();
  if (positions.dense() && ends_with_vectors(p.plane)) {
    p.planes = x + positions.first_row * positions.pitch;
    p.plane_n = t.x_stride_n;
    p.plane_step = t.x_stride_c;
  } else {
    p.planes = gather_planes(positions, x, t.n, t.x_stride_n, t.c, t.x_stride_c, kSlotInput, workspace);
    p.plane_step = p.plane;
    p.plane_n = size_t{p.plane} * t.c;
  }
  if (any_nonfinite(p.planes, t.n, p.plane_n, t.c, p.plane_step, p.plane) ||
      any_nonfinite(w, t.k, t.w_stride_k, t.c, t.w_stride_c, 1)) {
    return false;
  }
  if (arithmetic == Arithmetic::kFp16Sum && any_nonfinite(acc, t.n, t.y_stride_n, t.k, t.y_stride_k, p.plane)) {
    return false;
  }
  p.a = w;
  p.a_row = t.w_stride_k;
  p.a_step = t.w_stride_c;
  p.sums = acc;
  p.sums_n = t.y_stride_n;
  p.sums_row = t.y_stride_k;
  multiply_planes(arithmetic, p, workspace);
  return true;
}

bool pointwise_bp(Arithmetic arithmetic, const ConvTile& t, const float* dy, const float* w, float* acc,
                  Workspace& workspace) {
  const RowRange rows = output_rows_of(t, t.ih0, t.ih_rows);
  if (rows.rows == 0) return true;
  const Positions sums{rows.first * t.stride_h - t.ih0, rows.rows, t.ow, t.stride_h, t.stride_w, t.w};
  const Positions errors{rows.first - t.oh0, rows.rows, t.ow, 1, 1, t.ow};
  PlaneProblem p{};
  p.images = t.n;
  p.rows = t.c;
  p.steps = t.k;
  p.plane = sums.plane();
  if (ends_with_vectors(p.plane)) {
    p.planes = dy + errors.first_row * errors.pitch;
    p.plane_n = t.y_stride_n;
    p.plane_step = t.y_stride_k;
  } else {
    p.planes = gather_planes(errors, dy, t.n, t.y_stride_n, t.k, t.y_stride_k, kSlotInput, workspace);
    p.plane_step = p.plane;
    p.plane_n = size_t{p.plane} * t.k;
  }
  if (any_nonfinite(p.planes, t.n, p.plane_n, t.k, p.plane_step, p.plane) ||
      any_nonfinite(w, t.k, t.w_stride_k, t.c, t.w_stride_c, 1)) {
    return false;
  }
  p.a = w;
  p.a_row = t.w_stride_c;
  p.a_step = t.w_stride_k;
  if (sums.dense()) {
    p.sums = acc + sums.first_row * sums.pitch;
    p.sums_n = t.x_stride_n;
    p.sums_row = t.x_stride_c;
  } else {
    p.sums = gather_planes(sums, acc, t.n, t.x_stride_n, t.c, t.x_stride_c, kSlotSums, workspace);
    p.sums_row = p.plane;
    p.sums_n = size_t{p.plane} * t.c;
  }
  if (arithmetic == Arithmetic::kFp16Sum && any_nonfinite(p.sums, t.n, p.sums_n, t.c, p.sums_row, p.plane)) {
    return false;
  }
  multiply_planes(arithmetic, p, workspace);
  if (sums.dense()) return true;
  const float* from = p.sums;
  for (uint32_t n = 0; n < t.n; ++n) {
    for (uint32_t c = 0; c < t.c; ++c, from += p.plane) {
      scatter(sums, from, acc + n * t.x_stride_n + c * t.x_stride_c);
    }
  }
  return true;
}

}  // namespace backboard::npu
