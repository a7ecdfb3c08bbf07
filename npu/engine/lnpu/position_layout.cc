#include "npu/engine/lnpu/position_layout.h"

#include <algorithm>

#include "npu/engine/lnpu/lanes.h"

namespace backboard::npu::lnpu {
namespace {

constexpr uint32_t round_up(uint32_t count) {
  return (count + kWindowMultiple - 1) / kWindowMultiple * kWindowMultiple;
}

/// Appends positions [first, first + count), in parts of at most 64.
void append(std::vector<Piece>& pieces, Piece piece) {
  const uint32_t count = piece.count;
  for (uint32_t done = 0; done < count; done += 64) {
    piece.count = std::min(64u, count - done);
    pieces.push_back(piece);
    piece.first += piece.count;
    piece.shift += piece.count;
  }
}

/// Joins the piece to the run before it when it follows in memory and in the window.
void extend(std::vector<Piece>& runs, const Piece& piece, uint32_t width) {
  const uint32_t first = piece.row * width + piece.first;
  if (!runs.empty()) {
    Piece& last = runs.back();
    if (last.n == piece.n && last.window == piece.window && last.first + last.count == first &&
        last.shift + last.count == piece.shift && last.count + piece.count <= 64) {
      last.count += piece.count;
      return;
    }
  }
  runs.push_back({piece.n, 0, first, piece.count, piece.window, piece.shift});
}

void set_words(const LnpuConfig& config, bool one_window, PositionLayout& layout) {
  if (one_window) layout.copies = channels_per_window(config, layout.bits);
  layout.words = (layout.bits * layout.copies + 63) / 64;
}

}  // namespace

PositionLayout lay_positions(const LnpuConfig& config, uint32_t images, uint32_t tile_rows, uint32_t width) {
  const uint32_t rows = images * tile_rows;
  const RowPlan plan = row_plan(config, width);
  const uint32_t lanes = plan.balanced ? 1 : config.lanes;
  const uint32_t together = plan.balanced ? plan.rows_per_window : 1;
  const auto lane_of = [&](uint32_t row, uint32_t segment) {
    return plan.balanced ? 0 : plan.segments > 1 ? segment : row % lanes;
  };
  const auto opens = [&](uint32_t row) { return plan.segments > 1 || row % together == 0; };
  PositionLayout layout;
  std::vector<uint32_t> next(lanes + 1, 0);  // how many windows each lane has, then where its next one stands
  uint32_t count_windows = 0;
  for (uint32_t row = 0; row < rows; ++row) {
    for (uint32_t s = 0; s < plan.segments; ++s) {
      if (!opens(row)) continue;
      ++next[lane_of(row, s)];
      ++count_windows;
    }
  }
  layout.lane_begin.assign(1, 0);
  for (uint32_t lane = 0; lane < lanes; ++lane) {
    const uint32_t begin = layout.lane_begin.back();
    layout.lane_begin.push_back(begin + round_up(next[lane]));
    next[lane] = begin;
  }
  layout.windows = layout.lane_begin.back();
  layout.pieces.reserve(size_t{rows} * plan.segments);
  uint32_t window = 0, shift = 0;
  for (uint32_t row = 0; row < rows; ++row) {
    for (uint32_t s = 0; s < plan.segments; ++s) {
      if (opens(row)) {
        window = next[lane_of(row, s)]++;
        shift = 0;
      }
      const uint32_t first = plan.begin(width, s), count = plan.begin(width, s + 1) - first;
      append(layout.pieces, {row / tile_rows, row % tile_rows, first, count, window, shift});
      shift += count;
      layout.bits = std::max(layout.bits, shift);
    }
  }
  for (const Piece& piece : layout.pieces) extend(layout.runs, piece, width);
  set_words(config, count_windows == 1, layout);
  return layout;
}

PositionLayout lay_images(const LnpuConfig& config, uint32_t images) {
  const uint32_t inputs = config.ilb_window * config.lanes;
  PositionLayout layout;
  for (uint32_t first = 0; first < images; first += inputs) {
    append(layout.pieces, {0, 0, first, std::min(inputs, images - first), layout.windows++, 0});
  }
  layout.runs = layout.pieces;
  layout.lane_begin = {0, layout.windows};
  layout.bits = std::min(images, inputs);
  set_words(config, layout.windows == 1, layout);
  return layout;
}

}  // namespace backboard::npu::lnpu
