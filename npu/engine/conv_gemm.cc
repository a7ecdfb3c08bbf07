#include "npu/engine/conv_gemm.h"

#include <algorithm>
#include <numeric>

#include "npu/engine/conv_offsets.h"
#include "npu/engine/fully_connected.h"
#include "npu/engine/nonfinite.h"
#include "npu/engine/padded_image.h"
#include "npu/engine/plane_conv.h"
#include "npu/engine/pointwise.h"
#include "npu/engine/thin_wg.h"
#include "platform/check/check.h"

namespace backboard::npu {
namespace {

enum Slot : unsigned { kSlotARow = 3, kSlotAStep, kSlotBStep, kSlotCRow, kSlotLines };

/// strided_gemm() and its faster kin with one arithmetic, or an engine's own kernel.
struct Runner {
  Arithmetic arithmetic = Arithmetic::kMultiplyThenAdd;
  const GemmKernel* kernel = nullptr;
  void run(const StridedGemm& gemm, Workspace& workspace) const {
    if (kernel != nullptr) return kernel->run(gemm, workspace);
    strided_gemm(arithmetic, gemm, workspace);
  }
  void run(const LineGemm& lines, Workspace& workspace) const {
    if (kernel != nullptr) return kernel->run(lines, workspace);
    line_gemm(arithmetic, lines);
  }
  /// Inputs of 1x1 windows with strides are in the place of a padded copy already.
  bool takes_lines(const ConvTile& t) const { return !own() || (kernel->takes_lines() && t.kh * t.kw > 1); }
  bool own() const { return kernel != nullptr; }
  bool wants_mask() const { return !own() || kernel->wants_mask(); }
  bool sums_in_fp16() const { return !own() && arithmetic == Arithmetic::kFp16Sum; }
};

bool nonfinite_x(const ConvTile& t, const float* x) {
  return any_nonfinite(x, t.n, t.x_stride_n, t.c, t.x_stride_c, size_t{t.ih_rows} * t.w);
}
bool nonfinite_y(const ConvTile& t, const float* y) {
  return any_nonfinite(y, t.n, t.y_stride_n, t.k, t.y_stride_k, size_t{t.oh_rows} * t.ow);
}
bool nonfinite_w(const ConvTile& t, const float* w) {
  return any_nonfinite(w, t.k, t.w_stride_k, t.c, t.w_stride_c, size_t{t.kh} * t.kw);
}

/// One residue of the input positions modulo the stride: in it, each tap reads errors at a fixed distance.
struct Phase {
  uint32_t first_row, rows;  ///< first input row of the residue, counted from ih0, and how many
  uint32_t first_column, columns;
};

template <class Visit>
void for_each_phase(const ConvTile& t, const Visit& visit) {
  for (uint32_t i = 0; i < t.stride_h && i < t.ih_rows; ++i) {
    for (uint32_t j = 0; j < t.stride_w && j < t.w; ++j) {
      visit(Phase{i, (t.ih_rows - i + t.stride_h - 1) / t.stride_h, j, (t.w - j + t.stride_w - 1) / t.stride_w});
    }
  }
}

/// The taps (k, kh, kw) that read errors at the input positions with the residue of (row, column), counted from ih0
/// and 0.
uint32_t count_bp_steps(const ConvTile& t, uint32_t first_row, uint32_t first_column) {
  uint32_t rows = 0, columns = 0;
  for (uint32_t kh = 0; kh < t.kh; ++kh) {
    rows += (int64_t{t.ih0} + first_row + t.pad_h - int64_t{kh} * t.dilation_h) % t.stride_h == 0;
  }
  for (uint32_t kw = 0; kw < t.kw; ++kw) {
    columns += (int64_t{first_column} + t.pad_w - int64_t{kw} * t.dilation_w) % t.stride_w == 0;
  }
  return t.k * rows * columns;
}

/// The steps (k, kh, kw) of the input positions with the residue of (row, column), counted from ih0 and 0: where the
/// error of the first such position lies in the padded image, and where the weight lies.
struct BpSteps {
  uint32_t count = 0;
  const ptrdiff_t *errors, *weights;
};

BpSteps bp_steps(const ConvTile& t, uint32_t first_row, uint32_t first_column, const Padded& image, int64_t oh_low,
                 int64_t ow_low, Workspace& workspace) {
  const int64_t row = int64_t{t.ih0} + first_row + t.pad_h, column = int64_t{first_column} + t.pad_w;
  ptrdiff_t* const errors = workspace.array<ptrdiff_t>(kSlotAStep, size_t{t.k} * t.kh * t.kw);
  ptrdiff_t* const weights = workspace.array<ptrdiff_t>(kSlotBStep, size_t{t.k} * t.kh * t.kw);
  uint32_t steps = 0;
  for (uint32_t k = 0; k < t.k; ++k) {
    for (uint32_t kh = 0; kh < t.kh; ++kh) {
      const int64_t y_row = row - int64_t{kh} * t.dilation_h;
      if (y_row % t.stride_h != 0) continue;
      for (uint32_t kw = 0; kw < t.kw; ++kw) {
        const int64_t y_column = column - int64_t{kw} * t.dilation_w;
        if (y_column % t.stride_w != 0) continue;
        errors[steps] =
            k * image.stride_c + (y_row / t.stride_h - oh_low) * image.pitch + y_column / t.stride_w - ow_low;
        weights[steps++] = static_cast<ptrdiff_t>(k * t.w_stride_k + size_t{kh} * t.kw + kw);
      }
    }
  }
  return {steps, errors, weights};
}

/// Runs one phase of BP. `image` holds dy from row oh_low and column ow_low on.
void bp_phase(const Runner& runner, const ConvTile& t, const Phase& phase, const Padded& image, int64_t oh_low,
              int64_t ow_low, StridedGemm gemm, Workspace& workspace) {
  const BpSteps steps = bp_steps(t, phase.first_row, phase.first_column, image, oh_low, ow_low, workspace);
  const size_t positions = size_t{t.n} * phase.rows * phase.columns;
  ptrdiff_t* a_row = workspace.array<ptrdiff_t>(kSlotARow, positions);
  ptrdiff_t* c_row = workspace.array<ptrdiff_t>(kSlotCRow, positions);
  gemm.rows = static_cast<uint32_t>(positions);
  gemm.steps = steps.count;
  gemm.a_row = a_row;
  gemm.c_row = c_row;
  gemm.a_step = steps.errors;
  gemm.b_step = steps.weights;
  for (uint32_t n = 0; n < t.n; ++n) {
    for (uint32_t j = 0; j < phase.rows; ++j) {
      for (uint32_t i = 0; i < phase.columns; ++i) {
        *a_row++ = n * image.stride_n + j * image.pitch + i;
        *c_row++ = static_cast<ptrdiff_t>(n * t.x_stride_n + (phase.first_row + size_t{j} * t.stride_h) * t.w +
                                          phase.first_column + size_t{i} * t.stride_w);
      }
    }
  }
  runner.run(gemm, workspace);
}

/// Whether rows of `width` positions with few steps go line by line: at stride one, and when whole vectors are well
/// filled. Rows of up to eight positions leave too little work for a pass.
bool runs_by_lines(uint32_t stride, uint32_t width, uint32_t steps) {
  constexpr uint32_t kMostSteps = 320;
  return stride == 1 && steps <= kMostSteps && width > 8 && 5 * width >= 4 * ((width + 7) / 8 * 8);
}

/// Places of lines (n, row) in the padded image and in the output.
void lay_lines(LineGemm& lines, uint32_t images, uint32_t rows, uint32_t width, const Padded& image, ptrdiff_t row_step,
               size_t out_stride_n, Workspace& workspace) {
  ptrdiff_t* b = workspace.array<ptrdiff_t>(kSlotARow, size_t{images} * rows);
  ptrdiff_t* c = workspace.array<ptrdiff_t>(kSlotCRow, size_t{images} * rows);
  lines.lines = images * rows;
  lines.columns = width;
  lines.b_line = b;
  lines.c_line = c;
  for (uint32_t n = 0; n < images; ++n) {
    for (uint32_t row = 0; row < rows; ++row) {
      *b++ = n * image.stride_n + row * row_step;
      *c++ = static_cast<ptrdiff_t>(n * out_stride_n + size_t{row} * width);
    }
  }
}

/// Largest integer not above a / b, b > 0.
int64_t floor_divide(int64_t a, int64_t b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/// Whether FF can begin its sums without reading them, as long as every operand is finite: line by line.
bool begins_sums(const Runner& runner, const ConvTile& t) {
  if (runner.own() || t.c == 0 || is_fully_connected(t) || is_pointwise(t) || is_plane(t)) return false;
  return runs_by_lines(t.stride_w, t.ow, t.c * t.kh * t.kw);
}

void clear_outputs(const ConvTile& t, float* y) {
  const size_t plane = size_t{t.oh_rows} * t.ow;
  if (t.y_stride_k == plane && t.y_stride_n == t.k * plane) {
    std::fill_n(y, t.outputs(), 0.0f);
    return;
  }
  for (uint32_t n = 0; n < t.n; ++n) {
    for (uint32_t k = 0; k < t.k; ++k) std::fill_n(y + n * t.y_stride_n + k * t.y_stride_k, plane, 0.0f);
  }
}

void run_ff(const Runner& runner, const ConvTile& t, const float* x, const float* w, float* acc, Workspace& workspace) {
  const bool begins = t.fresh && begins_sums(runner, t);
  if (t.fresh && !begins) clear_outputs(t, acc);
  if (t.n == 0 || t.oh_rows == 0 || t.ow == 0 || t.c == 0 || t.k == 0) return;
  if (!runner.own() && is_fully_connected(t)) return fully_connected_ff(runner.arithmetic, t, x, w, acc, workspace);
  if (!runner.own() && is_pointwise(t) && pointwise_ff(runner.arithmetic, t, x, w, acc, workspace)) return;
  if (runner.own() && is_pointwise(t) && t.stride_h * t.stride_w > 1) {
    ConvTile dense;
    const Padded image = pointwise_input(t, x, dense, workspace);
    dense.fresh = false;
    return run_ff(runner, dense, image.values, w, acc, workspace);
  }
  const bool masked = runner.wants_mask() && (nonfinite_x(t, x) || nonfinite_w(t, w) ||
                                              (runner.sums_in_fp16() && !t.fresh && nonfinite_y(t, acc)));
  if (begins && masked) clear_outputs(t, acc);
  const bool plane = !runner.own() && !masked && is_plane(t);
  const bool by_lines = runner.takes_lines(t) && !masked && runs_by_lines(t.stride_w, t.ow, t.c * t.kh * t.kw);
  const Padded image = pad_input(t, x, by_lines || plane, workspace);
  if (plane) return plane_ff(runner.arithmetic, t, image, w, acc, workspace);
  if (by_lines) {
    LineGemm lines;
    lines.rows = t.k;
    lines.steps = t.c * t.kh * t.kw;
    lines.a = w;
    lines.a_row = even_offsets(t.k, t.w_stride_k, kSlotLines, workspace);
    lines.a_step = weight_offsets(t, kSlotBStep, workspace);
    lines.b = image.values;
    lines.b_step = tap_offsets(t, image, kSlotAStep, workspace);
    lines.c = acc;
    lines.c_row = static_cast<ptrdiff_t>(t.y_stride_k);
    lines.fresh = begins;
    lay_lines(lines, t.n, t.oh_rows, t.ow, image, t.stride_h * image.pitch, t.y_stride_n, workspace);
    return runner.run(lines, workspace);
  }
  StridedGemm gemm;
  gemm.rows = t.n * t.oh_rows * t.ow;
  gemm.columns = t.k;
  gemm.steps = t.c * t.kh * t.kw;
  gemm.a = image.values;
  gemm.a_row = position_offsets(t, image, kSlotARow, workspace);
  gemm.a_step = tap_offsets(t, image, kSlotAStep, workspace);
  if (t.kh * t.kw == 1 && image.stride_c == 1) gemm.a_run = gemm.steps;
  gemm.b = w;
  gemm.b_step = weight_offsets(t, kSlotBStep, workspace);
  gemm.b_column = static_cast<ptrdiff_t>(t.w_stride_k);
  gemm.b_run = t.w_stride_c == size_t{t.kh} * t.kw ? gemm.steps : t.kh * t.kw;
  gemm.c = acc;
  gemm.c_row = output_offsets(t, kSlotCRow, workspace);
  gemm.c_column = static_cast<ptrdiff_t>(t.y_stride_k);
  gemm.masked = masked;
  runner.run(gemm, workspace);
}

void run_bp(const Runner& runner, const ConvTile& t, const float* dy, const float* w, float* acc,
            Workspace& workspace) {
  if (t.n == 0 || t.ih_rows == 0 || t.w == 0 || t.c == 0 || t.k == 0) return;
  const RowRange needed = output_rows_of(t, t.ih0, t.ih_rows);
  BB_CHECK(needed.rows == 0 || (needed.first >= t.oh0 && needed.first + needed.rows <= t.oh0 + t.oh_rows),
           "rows {}+{} of dy are needed, {}+{} are held", needed.first, needed.rows, t.oh0, t.oh_rows);
  if (!runner.own() && is_fully_connected(t)) return fully_connected_bp(runner.arithmetic, t, dy, w, acc, workspace);
  if (!runner.own() && is_pointwise(t) && pointwise_bp(runner.arithmetic, t, dy, w, acc, workspace)) return;
  // Rows and columns of dy from the lowest to the highest that any tap of any position could read.
  ImageWindow v;
  v.n = t.n;
  v.c = t.k;
  v.first_row = floor_divide(int64_t{t.ih0} + t.pad_h - int64_t{t.kh - 1} * t.dilation_h, t.stride_h);
  v.rows = floor_divide(int64_t{t.ih0} + t.ih_rows - 1 + t.pad_h, t.stride_h) - v.first_row + 1;
  v.first_column = floor_divide(int64_t{t.pad_w} - int64_t{t.kw - 1} * t.dilation_w, t.stride_w);
  v.columns = floor_divide(int64_t{t.w} - 1 + t.pad_w, t.stride_w) - v.first_column + 1;
  v.held_row = t.oh0;
  v.held_rows = t.oh_rows;
  v.width = t.ow;
  v.stride_n = t.y_stride_n;
  v.stride_c = t.y_stride_k;
  const bool masked = runner.wants_mask() &&
                      (nonfinite_y(t, dy) || nonfinite_w(t, w) || (runner.sums_in_fp16() && nonfinite_x(t, acc)));
  const bool by_lines =
      runner.takes_lines(t) && !masked && t.stride_h == 1 && runs_by_lines(t.stride_w, t.w, t.k * t.kh * t.kw);
  const bool plane = !runner.own() && !masked && is_plane(t);
  const Padded image = pad(dy, v, by_lines || plane, workspace);
  if (plane) return plane_bp(runner.arithmetic, t, image, v.first_row, v.first_column, w, acc, workspace);
  if (by_lines) {
    LineGemm lines;
    lines.rows = t.c;
    lines.a = w;
    lines.a_row = even_offsets(t.c, t.w_stride_c, kSlotLines, workspace);
    lines.b = image.values;
    lines.c = acc;
    lines.c_row = static_cast<ptrdiff_t>(t.x_stride_c);
    const BpSteps steps = bp_steps(t, 0, 0, image, v.first_row, v.first_column, workspace);
    lines.steps = steps.count;
    lines.a_step = steps.weights;
    lines.b_step = steps.errors;
    lay_lines(lines, t.n, t.ih_rows, t.w, image, image.pitch, t.x_stride_n, workspace);
    return runner.run(lines, workspace);
  }
  StridedGemm gemm;
  gemm.columns = t.c;
  gemm.a = image.values;
  gemm.b = w;
  gemm.b_column = static_cast<ptrdiff_t>(t.w_stride_c);
  gemm.c = acc;
  gemm.c_column = static_cast<ptrdiff_t>(t.x_stride_c);
  gemm.masked = masked;
  for_each_phase(
      t, [&](const Phase& phase) { bp_phase(runner, t, phase, image, v.first_row, v.first_column, gemm, workspace); });
}

/// Images whose positions are summed together: about 1024 positions, in whole groups of steps of an own kernel.
uint32_t images_at_once(const Runner& runner, const ConvTile& t) {
  constexpr uint32_t kLeastSteps = 1024;
  const uint32_t plane = t.oh_rows * t.ow, group = runner.own() ? runner.kernel->step_group() : 1;
  if (group == 0) return t.n;
  const uint32_t whole_groups = group / std::gcd(plane, group);
  const uint32_t images = (kLeastSteps + plane - 1) / plane;
  return std::min(t.n, (images + whole_groups - 1) / whole_groups * whole_groups);
}

/// Sums over the positions of images that lie one after the other, a few at a time: their offsets and the packed errors
/// stay in the caches, and are the same for the next few.
void wg_images(const Runner& runner, const ConvTile& t, const Padded& image, const float* dy, StridedGemm gemm,
               Workspace& workspace) {
  const uint32_t plane = t.oh_rows * t.ow;
  ConvTile part = t;
  part.n = images_at_once(runner, t);
  gemm.rows = t.c * t.kh * t.kw;
  gemm.columns = t.k;
  gemm.a_row = tap_offsets(t, image, kSlotARow, workspace);
  gemm.a_step = position_offsets(part, image, kSlotAStep, workspace);
  gemm.b_step = output_offsets(part, kSlotBStep, workspace);
  gemm.b_column = static_cast<ptrdiff_t>(t.y_stride_k);
  if (t.stride_w == 1) gemm.a_run = t.ow;
  gemm.b_run = plane;
  gemm.c_row = weight_offsets(t, kSlotCRow, workspace);
  gemm.c_column = static_cast<ptrdiff_t>(t.w_stride_k);
  for (uint32_t n = 0; n < t.n; n += part.n) {
    gemm.steps = std::min(part.n, t.n - n) * plane;
    gemm.a = image.values + n * image.stride_n;
    gemm.b = dy + n * t.y_stride_n;
    runner.run(gemm, workspace);
  }
}

/// WG of an FC layer, or of one position of a 1x1 convolution.
bool sums_over_images_alone(const ConvTile& t) {
  return t.kh * t.kw == 1 && t.oh_rows * t.ow == 1;
}

/// FC: rows are output channels, columns input channels, so that every operand is read as it lies.
void wg_fully_connected(const Runner& runner, const ConvTile& t, const Padded& image, const float* dy, StridedGemm gemm,
                        Workspace& workspace) {
  gemm.steps = t.n;
  gemm.rows = t.k;
  gemm.columns = t.c;
  gemm.a = dy;
  gemm.a_row = even_offsets(t.k, t.y_stride_k, kSlotARow, workspace);
  gemm.a_step = output_offsets(t, kSlotBStep, workspace);
  gemm.b = image.values;
  gemm.b_step = position_offsets(t, image, kSlotAStep, workspace);
  gemm.b_column = image.stride_c;
  gemm.c_row = even_offsets(t.k, t.w_stride_k, kSlotCRow, workspace);
  gemm.c_column = static_cast<ptrdiff_t>(t.w_stride_c);
  runner.run(gemm, workspace);
}

void run_wg(const Runner& runner, const ConvTile& t, const float* x, const Operand& errors, float* acc,
            Workspace& workspace) {
  const float* const dy = errors.values;
  if (t.n == 0 || t.oh_rows == 0 || t.ow == 0 || t.c == 0 || t.k == 0) return;
  if (!runner.own() && is_fully_connected(t)) return fully_connected_wg(runner.arithmetic, t, x, dy, acc, workspace);
  if (is_pointwise(t) && t.stride_h * t.stride_w > 1) {
    ConvTile dense;
    const Padded image = pointwise_input(t, x, dense, workspace);
    return run_wg(runner, dense, image.values, errors, acc, workspace);
  }
  if (!runner.own() && is_thin(runner.arithmetic, t) && thin_wg(runner.arithmetic, t, x, errors, acc, workspace)) {
    return;
  }
  const Padded image = pad_input(t, x, false, workspace);
  StridedGemm gemm;
  gemm.c = acc;
  gemm.masked = runner.wants_mask() &&
                (nonfinite_x(t, x) || nonfinite_y(t, dy) || (runner.sums_in_fp16() && nonfinite_w(t, acc)));
  if (runner.own() && sums_over_images_alone(t)) return wg_fully_connected(runner, t, image, dy, gemm, workspace);
  wg_images(runner, t, image, dy, gemm, workspace);
}

void run(const Runner& runner, Pass pass, const ConvTile& tile, const Operand& first, const Operand& second, float* acc,
         Workspace& workspace) {
  switch (pass) {
    case Pass::ff:
      return run_ff(runner, tile, first.values, second.values, acc, workspace);
    case Pass::bp:
      return run_bp(runner, tile, first.values, second.values, acc, workspace);
    case Pass::wg:
      return run_wg(runner, tile, first.values, second, acc, workspace);
  }
}

}  // namespace

void conv_gemm(Arithmetic arithmetic, Pass pass, const ConvTile& tile, const Operand& first, const Operand& second,
               float* acc, Workspace& workspace) {
  run({arithmetic, nullptr}, pass, tile, first, second, acc, workspace);
}

void GemmKernel::run(const LineGemm&, Workspace&) const {
  BB_CHECK(false, "this kernel takes no lines");
}

void for_each_gemm(Pass pass, const ConvTile& t,
                   const std::function<void(uint32_t rows, uint32_t columns, uint32_t steps)>& visit) {
  if (t.n == 0 || t.c == 0 || t.k == 0) return;
  if (pass == Pass::bp) {
    if (t.ih_rows == 0 || t.w == 0) return;
    for_each_phase(t, [&](const Phase& phase) {
      visit(t.n * phase.rows * phase.columns, t.c, count_bp_steps(t, phase.first_row, phase.first_column));
    });
    return;
  }
  if (t.oh_rows == 0 || t.ow == 0) return;
  const uint32_t positions = t.n * t.oh_rows * t.ow, taps = t.c * t.kh * t.kw;
  if (pass == Pass::ff) return visit(positions, t.k, taps);
  if (sums_over_images_alone(t)) return visit(t.k, t.c, t.n);
  visit(taps, t.k, positions);
}

void conv_gemm(const GemmKernel& kernel, Pass pass, const ConvTile& tile, const float* first, const float* second,
               float* acc, Workspace& workspace) {
  run({{}, &kernel}, pass, tile, {first}, {second}, acc, workspace);
}

}  // namespace backboard::npu
