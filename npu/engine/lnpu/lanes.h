// The lanes of the lnpu engine: which input goes to which lane of which core, and how long the lanes take.
//
// A tile is M x N outputs with a reduction; each input belongs to one output row m (FF, BP: a position; WG: an output
// channel k), and is broadcast to the multipliers of a lane, which hold N-side operands of one group of
// multipliers_per_lane outputs (FF: k, BP: c, WG: (c, kh, kw)).
//  - Cores form a grid: N-side groups are dealt round robin to `columns` of cores; M is cut into `strips`.
//  - An input costs one half-cycle, or two when it or any of the group's operands is high. Zeros cost nothing
//    (Skip::kInput), as do inputs that meet zeros only (Skip::kBoth).
//  - Load balancer: the inputs of a window, at most ilb_window * lanes of them, are dealt to the lanes anew, the
//    high-rate ones first, starting at lane 0: with n inputs of which n2 are high-rate, lane 0 is the slowest and takes
//    ceil(n / lanes) + ceil(n2 / lanes) half-cycles. Dealing keeps no memory from window to window.
//  - Off (ilb_window 1): each lane keeps fixed columns of every row of positions (or, when rows are shorter than the
//    lanes are many, every lanes-th row).
//  - A core takes its slowest lane, a tile its slowest core.
// A window of FF and BP is, of one reduction step, as many whole rows of positions of a strip as fit, or a piece of a
// longer row; a strip of at most half a window takes 2^i steps at once. A window of WG is the same for the positions
// that one output channel is summed over; when all positions of the tile fit twice, it takes several channels at once.
#pragma once

#include <cstdint>
#include <vector>

#include "npu/engine/lnpu/config.h"

namespace backboard::npu::lnpu {

/// How the cores share a tile.
struct CoreGrid {
  uint32_t columns = 1;  ///< N-side groups are dealt over these
  uint32_t strips = 1;   ///< parts of M; columns * strips <= cores
};

/// The grid for `groups` N-side groups: as many columns as divide the cores and are not more than the groups.
CoreGrid core_grid(const LnpuConfig& config, uint32_t groups);

/// First unit of a strip when `units` are cut into `strips`.
constexpr uint32_t strip_begin(uint32_t units, uint32_t strips, uint32_t strip) {
  return static_cast<uint32_t>(uint64_t{units} * strip / strips);
}

/// The ends of strips one after the other, as strip_begin() has them, without its divisions.
class StripEnds {
 public:
  StripEnds(uint32_t units, uint32_t strips) : strips_(strips), whole_(units / strips), rest_(units % strips) {}
  uint32_t widest() const { return whole_ + (rest_ > 0 ? 1 : 0); }
  uint32_t next() {
    end_ += whole_;
    sum_ += rest_;
    if (sum_ >= strips_) {
      sum_ -= strips_;
      ++end_;
    }
    return end_;
  }

 private:
  uint32_t strips_, whole_, rest_, sum_ = 0, end_ = 0;
};

/// How rows of positions are cut into windows (load balancer on) or dealt to lanes (off).
struct RowPlan {
  uint32_t segments = 1;         ///< pieces of a row
  uint32_t rows_per_window = 1;  ///< whole rows together, when segments is 1
  bool balanced = true;

  /// First column of a segment.
  uint32_t begin(uint32_t width, uint32_t segment) const {
    return static_cast<uint32_t>(uint64_t{width} * segment / segments);
  }
};
RowPlan row_plan(const LnpuConfig& config, uint32_t width);

/// Reduction steps in one window of a strip of `positions` inputs a step.
uint32_t steps_per_window(const LnpuConfig& config, uint32_t positions);
/// WG: output channels in one window when a tile has `positions` positions.
uint32_t channels_per_window(const LnpuConfig& config, uint32_t positions);

/// Adds the times of all lanes ([strip][lane][column]) to the facts: slowest lane of each core, slowest core.
void add_core_times(const uint64_t* bin_times, const CoreGrid& grid, uint32_t lanes_per_bin, Facts& facts);

}  // namespace backboard::npu::lnpu
