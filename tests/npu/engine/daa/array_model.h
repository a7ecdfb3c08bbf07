// A cycle-stepped micro-model of daa's array: operands move through registers from unit to unit, each unit works when
// its operands are there. It shares no code with the closed form.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace backboard::npu::test {

/// A GEMM as matrices: a[m][r] and b[r][n], zeros where taps fall on padding.
struct ModelGemm {
  uint32_t rows = 0, columns = 0, steps = 0;
  std::vector<float> a, b;
};

struct ModelCounts {
  uint64_t cycles = 0;
  uint64_t high = 0, low = 0, operands = 0;
};

/// What moves along a row or a column in one cycle: the operands of one step, one for each stream.
struct ModelPacket {
  bool there = false;
  float first = 0, second = 0;
};

/// One fold: `rows` x `columns` units, `streams` operands a step. Returns when the last unit has worked on the last
/// step; with two streams a unit compares in one cycle and multiplies in the next.
inline void run_fold(const ModelGemm& g, uint32_t m0, uint32_t rows, uint32_t n0, uint32_t columns, uint32_t streams,
                     ModelCounts& counts) {
  const uint32_t steps = (g.steps + streams - 1) / streams;
  const auto a_at = [&](uint32_t m, uint32_t r) { return r < g.steps ? g.a[size_t{m0 + m} * g.steps + r] : 0.0f; };
  const auto b_at = [&](uint32_t r, uint32_t n) { return r < g.steps ? g.b[size_t{r} * g.columns + n0 + n] : 0.0f; };
  std::vector<ModelPacket> right(size_t{rows} * columns), down(size_t{rows} * columns),
      compared(size_t{rows} * columns);
  uint64_t left = uint64_t{rows} * columns * steps;
  uint64_t cycle = 0;
  for (; left > 0; ++cycle) {
    // Units are visited from the far corner, so that a packet moves by one unit a cycle.
    for (uint32_t i = rows; i-- > 0;) {
      for (uint32_t j = columns; j-- > 0;) {
        ModelPacket a, b;
        const int64_t a_step = static_cast<int64_t>(cycle) - i, b_step = static_cast<int64_t>(cycle) - j;
        if (j > 0) {
          a = right[size_t{i} * columns + j - 1];
        } else if (a_step >= 0 && a_step < steps) {
          const auto r = static_cast<uint32_t>(a_step) * streams;
          a = {true, a_at(i, r), streams == 2 ? a_at(i, r + 1) : 0.0f};
          counts.operands += std::min(streams, g.steps - r);
        }
        if (i > 0) {
          b = down[size_t{i - 1} * columns + j];
        } else if (b_step >= 0 && b_step < steps) {
          const auto r = static_cast<uint32_t>(b_step) * streams;
          b = {true, b_at(r, j), streams == 2 ? b_at(r + 1, j) : 0.0f};
          counts.operands += std::min(streams, g.steps - r);
        }
        const size_t unit = size_t{i} * columns + j;
        right[unit] = a;
        down[unit] = b;
        if (streams == 2 && compared[unit].there) --left;
        compared[unit] = {};
        if (!a.there || !b.there) continue;
        const bool first = a.first != 0 && b.first != 0, second = a.second != 0 && b.second != 0;
        counts.high += first || second;
        counts.low += first && second;
        if (streams == 1) {
          --left;
        } else {
          compared[unit] = {true, 0, 0};
        }
      }
    }
  }
  counts.cycles += cycle;
}

/// All folds of a GEMM, one after the other.
inline void run_array(const ModelGemm& g, uint32_t array_rows, uint32_t array_columns, uint32_t streams,
                      ModelCounts& counts) {
  for (uint32_t m = 0; m < g.rows; m += array_rows) {
    for (uint32_t n = 0; n < g.columns; n += array_columns) {
      run_fold(g, m, std::min(array_rows, g.rows - m), n, std::min(array_columns, g.columns - n), streams, counts);
    }
  }
}

}  // namespace backboard::npu::test
