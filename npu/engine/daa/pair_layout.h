// How the vector kernel of daa lays its operands out; the same for every Highway target.
#pragma once

#include <cstddef>
#include <cstdint>

#include "npu/numerics/row_constants.h"

namespace backboard::npu::daa {

// Who is high is one comparison: with E the exponent field of an operand, or kZeroKey for a zero,
// E(a0) + E(b0) >= E(a1) + E(b1), that is E(a0) - E(a1) >= E(b1) - E(b0). A zero outweighs any exponents. The other
// arbiters take all non-zeros as equal; ties go to stream 0, or by the coins, which are less than one.
inline constexpr float kZeroKey = -1024.0f;

inline constexpr size_t kWidest = 16;       ///< floats in a vector of any target
inline constexpr uint32_t kPassRows = 8;    ///< rows of A that a pass has room for
inline constexpr uint32_t kPairFields = 5;  ///< of a pair: high of either step, low of either, difference
inline constexpr uint32_t kPairBlock = 64;  ///< pairs of B whose panel stays in the first-level cache
inline constexpr uint32_t kRowBlock = 64;   ///< rows that are packed together
inline constexpr uint32_t kPanelGroup = 8;  ///< panels of columns that a block of rows is packed for
inline constexpr size_t kPassFloats = size_t{kPairBlock} * kPairFields * kPassRows;  ///< of a pass's packed A

/// What the rule makes of operands.
struct Derivation {
  RowConstants low;
  bool all_low, by_exponent;
};

/// Whether places lie evenly apart.
inline bool is_even(const ptrdiff_t* places, uint32_t count) {
  for (uint32_t i = 2; i < count; ++i) {
    if (places[i] - places[i - 1] != places[1] - places[0]) return false;
  }
  return true;
}

/// Where the kernel keeps things.
struct Room {
  float* packed;        ///< steps x a vector of columns of B; or raw A, two steps and kPassRows more than a pair block
  float* panels;        ///< by panel: pairs x kPairFields vectors
  float* rows;          ///< by pass: [pair of a block][field][kPassRows]
  float* block;         ///< by panel: kRowBlock vectors
  float* column_coins;  ///< [pair][column], or null
};

/// Where the kernel over lines keeps things.
struct LineRoom {
  float* weights;    ///< [pass][pair][field][kPassRows]
  float* raw;        ///< weights of a pass, all steps and kPassRows more
  float* positions;  ///< kPairBlock x kPairFields vectors
  // Where few passes read a position: what the rule makes of each element, from `first` of B on, worked out once.
  ptrdiff_t first;
  size_t count;      ///< elements; 0: there are many passes
  float *low, *key;  ///< and two vectors behind
};

}  // namespace backboard::npu::daa
