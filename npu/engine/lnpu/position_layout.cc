#include "npu/engine/lnpu/position_layout.h"

#include <algorithm>

#include "npu/engine/lnpu/lanes.h"

namespace backboard::npu::lnpu {
namespace {

constexpr uint32_t round_up(uint32_t count) {
  return (count + kWindowMultiple - 1) / kWindowMultiple * kWindowMultiple;
}

/// Appends positions [first, first + count), in parts of at most 64. Fields are written one by one: copies of a piece
/// just put together would wait for it.
void append(std::vector<Piece>& pieces, const Piece& piece) {
  for (uint32_t done = 0; done < piece.count; done += 64) {
    Piece& part = pieces.emplace_back();
    part.n = piece.n;
    part.row = piece.row;
    part.first = piece.first + done;
    part.count = std::min(64u, piece.count - done);
    part.window = piece.window;
    part.shift = piece.shift + done;
  }
}

/// Adds a piece to the runs: to the last one when it follows it in memory and in the window.
void add_run(std::vector<Piece>& runs, const Piece& piece, uint32_t width) {
  const uint32_t first = piece.row * width + piece.first;
  if (!runs.empty()) {
    Piece& last = runs.back();
    if (last.window == piece.window && last.n == piece.n && last.first + last.count == first &&
        last.count + piece.count <= 64) {
      last.count += piece.count;
      return;
    }
  }
  Piece& run = runs.emplace_back();
  run.n = piece.n;
  run.first = first;
  run.count = piece.count;
  run.window = piece.window;
  run.shift = piece.shift;
}

void set_words(const LnpuConfig& config, bool one_window, PositionLayout& layout) {
  if (one_window) layout.copies = channels_per_window(config, layout.bits);
  layout.words = (layout.bits * layout.copies + 63) / 64;
}

/// Pieces and runs of whole rows of at most 64 positions, `together` rows a window: the common case, quickly.
void lay_rows(uint32_t images, uint32_t tile_rows, uint32_t width, uint32_t together, PositionLayout& layout) {
  layout.pieces.resize(size_t{images} * tile_rows);
  layout.runs.resize(layout.pieces.size());
  Piece *piece = layout.pieces.data(), *run = layout.runs.data();
  uint32_t open = 0, window = 0, shift = 0, run_count = 0;  // rows in the window; positions of the run at hand
  for (uint32_t n = 0; n < images; ++n) {
    for (uint32_t row = 0; row < tile_rows; ++row, ++piece) {
      piece->n = n;
      piece->row = row;
      piece->count = width;
      piece->window = window;
      piece->shift = shift;
      if (open == 0 || row == 0 || run_count + width > 64) {
        run->n = n;
        run->first = row * width;
        run->window = window;
        run->shift = shift;
        run_count = 0;
        ++run;
      }
      run_count += width;
      run[-1].count = run_count;
      shift += width;
      layout.bits = std::max(layout.bits, shift);
      if (++open < together) continue;
      open = shift = 0;
      ++window;
    }
  }
  layout.runs.resize(static_cast<size_t>(run - layout.runs.data()));
}

}  // namespace

PositionLayout lay_positions(const LnpuConfig& config, uint32_t images, uint32_t tile_rows, uint32_t width) {
  const uint32_t rows = images * tile_rows;
  const RowPlan plan = row_plan(config, width);
  const uint32_t lanes = plan.balanced ? 1 : config.lanes;
  // Rows that a window takes; with pieces of rows, each has its own.
  const uint32_t together = plan.balanced && plan.segments == 1 ? plan.rows_per_window : 1;
  const uint32_t opened = (rows + together - 1) / together;
  PositionLayout layout;
  std::vector<uint32_t> next;  // where the next window of each lane stands
  layout.lane_begin.assign(1, 0);
  for (uint32_t lane = 0; lane < lanes; ++lane) {
    const uint32_t windows = plan.balanced       ? opened * plan.segments
                             : plan.segments > 1 ? opened
                                                 : opened / lanes + (lane < opened % lanes);
    next.push_back(layout.lane_begin.back());
    layout.lane_begin.push_back(next.back() + round_up(windows));
  }
  layout.windows = layout.lane_begin.back();
  if (plan.balanced && plan.segments == 1 && opened > 1 && uint64_t{together} * width <= 64) {
    layout.bits = together * width;
    layout.words = 1;
    layout.rows_in_word = together;
    return layout;
  }
  if (plan.balanced && plan.segments == 1 && width <= 64) {
    lay_rows(images, tile_rows, width, together, layout);
    set_words(config, opened == 1, layout);
    return layout;
  }
  layout.pieces.reserve(size_t{rows} * plan.segments);
  layout.runs.reserve(size_t{rows} * plan.segments);
  std::vector<uint32_t> begin;
  for (uint32_t s = 0; s <= plan.segments; ++s) begin.push_back(plan.begin(width, s));
  Piece piece{};
  uint32_t open = 0, row_lane = 0;  // rows that are in the window; lane of the row, when rows go to lanes
  for (piece.n = 0; piece.n < images; ++piece.n) {
    for (piece.row = 0; piece.row < tile_rows; ++piece.row) {
      for (uint32_t s = 0; s < plan.segments; ++s) {
        if (open == 0) {
          piece.window = next[plan.balanced ? 0 : plan.segments > 1 ? s : row_lane]++;
          piece.shift = 0;
        }
        piece.first = begin[s];
        piece.count = begin[s + 1] - begin[s];
        append(layout.pieces, piece);
        piece.shift += piece.count;
        layout.bits = std::max(layout.bits, piece.shift);
      }
      if (++open == together) open = 0;
      if (++row_lane == lanes) row_lane = 0;
    }
  }
  for (const Piece& part : layout.pieces) add_run(layout.runs, part, width);
  set_words(config, opened * plan.segments == 1, layout);
  return layout;
}

PositionLayout lay_images(const LnpuConfig& config, uint32_t images) {
  const uint32_t inputs = config.ilb_window * config.lanes;
  PositionLayout layout;
  layout.pieces.reserve((images + 63) / 64 + (images + inputs - 1) / inputs);
  for (uint32_t first = 0; first < images; first += inputs) {
    append(layout.pieces, {0, 0, first, std::min(inputs, images - first), layout.windows++, 0});
  }
  layout.bits = std::min(images, inputs);
  set_words(config, layout.windows == 1, layout);
  return layout;
}

}  // namespace backboard::npu::lnpu
