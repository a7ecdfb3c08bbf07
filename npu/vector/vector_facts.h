// What a function of the vector unit did: counts of operations, without time or energy.
#pragma once

#include <cstdint>

namespace backboard::npu {

/// Operations by kind, all binary32. Their sums over the tiles of a tensor do not depend on the tiling.
struct VectorFacts {
  uint64_t adds = 0;  ///< additions and subtractions
  uint64_t multiplies = 0;
  uint64_t compares = 0;  ///< comparisons with the selection that follows
  uint64_t divides = 0;
  uint64_t exponentials = 0;
  uint64_t logarithms = 0;

  VectorFacts& operator+=(const VectorFacts& other) {
    adds += other.adds;
    multiplies += other.multiplies;
    compares += other.compares;
    divides += other.divides;
    exponentials += other.exponentials;
    logarithms += other.logarithms;
    return *this;
  }
  bool operator==(const VectorFacts&) const = default;
};

}  // namespace backboard::npu
