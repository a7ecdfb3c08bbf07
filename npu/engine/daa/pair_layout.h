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

inline constexpr size_t kWidest = 16;        ///< floats in a vector of any target
inline constexpr uint32_t kFields = 4;       ///< of an element of A: high value, low value, key, unused
inline constexpr uint32_t kPairVectors = 5;  ///< of a pair of B: high, low of either step, and E(b1) - E(b0)
inline constexpr uint32_t kPairBlock = 128;
inline constexpr uint32_t kRowBlock = 64;

/// What the rule makes of operands.
struct Derivation {
  RowConstants low;
  bool all_low, by_exponent;
};

/// The places [first, last].
struct Reach {
  ptrdiff_t first, last;
};

/// Where the kernel keeps things.
struct Room {
  const float* a;          ///< derived A
  const ptrdiff_t* steps;  ///< offsets of floats in derived A, even in number
  float* packed;           ///< steps x a vector of columns of B
  float* panel;            ///< pairs x kPairVectors vectors
  float* block;            ///< kRowBlock vectors
  float* row_coins;        ///< [row of a block][pair of a block], or null
  float* column_coins;     ///< [pair][column], or null
};

}  // namespace backboard::npu::daa
