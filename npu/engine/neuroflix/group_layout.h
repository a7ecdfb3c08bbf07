// How the vector kernel of neuroflix lays its operands out; the same for every Highway target.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace backboard::npu::neuroflix {

inline constexpr size_t kWidest = 16;        ///< floats in a vector of any target
inline constexpr uint32_t kRowBlock = 64;    ///< rows that are packed together
inline constexpr uint32_t kGroupBlock = 16;  ///< groups that are packed together, at most

/// Steps of a group whose operands follow each other in memory: step `first` + i is at `offset` + `first` + i.
struct StepRun {
  ptrdiff_t offset;
  uint32_t first, count;
};

/// All steps of one operand, cut into runs.
struct StepRuns {
  StepRun* runs;    ///< [steps]
  uint32_t* begin;  ///< [groups + 1], in runs
};

/// Where the kernel keeps things.
struct GroupRoom {
  float* panels;      ///< B, column by column: a vector of units, then kGroup vectors of integers, for each group
  float* block;       ///< kRowBlock rows of C, `pitch` apart
  float* rows;        ///< A: [row][group of a block][kGroup], and a vector of rows behind
  float* row_units;   ///< [row][group of a block]
  size_t row_groups;  ///< of a row: kGroupBlock, or all where there are fewer
  StepRuns a_runs, b_runs;
  const ptrdiff_t *a_steps, *b_steps;
  size_t pitch;
};

inline constexpr uint32_t kLineRows = 8;  ///< rows of a pass over a line, at most

/// Where the kernel over lines keeps things.
struct LineRoom {
  float* positions;  ///< of a vector of positions: a vector of units, then kGroup vectors of integers, for each group
  float* weights;    ///< [pass][step][kLineRows], integers
  float* units;      ///< [pass][group][kLineRows]
};

/// The unit of a group and its inverse, both powers of two.
struct GroupUnit {
  float unit, inverse;
};

/// From the bits of the largest magnitude, finite and not zero.
inline GroupUnit unit_of(uint32_t top, uint32_t bits) {
  const int32_t field = std::clamp(static_cast<int32_t>(top >> 23) - static_cast<int32_t>(bits - 2), 1, 253);
  return {std::bit_cast<float>(static_cast<uint32_t>(field) << 23),
          std::bit_cast<float>(static_cast<uint32_t>(254 - field) << 23)};
}

}  // namespace backboard::npu::neuroflix
