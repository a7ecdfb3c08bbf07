// Rows of a matrix in the passes that a kernel has registers for.
#pragma once

#include <cstdint>

namespace backboard::npu {

/// Passes over `rows` rows, of `most` at most: of equal height, as a short last one would wait for the latency of its
/// few additions.
struct RowPasses {
  RowPasses(uint32_t all_rows, uint32_t most) : rows(all_rows), count((all_rows + most - 1) / most) {}
  /// first(count) is `rows`.
  uint32_t first(uint32_t pass) const { return pass * rows / count; }
  uint32_t height(uint32_t pass) const { return first(pass + 1) - first(pass); }
  uint32_t rows, count;
};

}  // namespace backboard::npu
