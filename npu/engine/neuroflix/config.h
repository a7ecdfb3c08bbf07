// Configuration of the neuroflix engine: fixed-point data, floating-point error, accumulation by bricks (IEEE
// Transactions on Computers 71(5), 2022).
#pragma once

#include <cmath>
#include <cstdint>

#include "npu/engine/layer_shape.h"
#include "platform/config/fields.h"

namespace backboard::npu::neuroflix {

/// Terms of a sum that share the exponents of their operands.
inline constexpr uint32_t kGroup = 16;

/// What the units are.
enum class Units : uint8_t {
  kBricks,    ///< fixed-point multipliers of 4 bits by 4 bits, each with an accumulator
  kBfloat16,  ///< the baseline: bfloat16 multiply-accumulates, as many as fit in the same area
};

struct NeuroflixConfig {
  Units units = Units::kBricks;
  uint32_t rows = 16, columns = 16;  ///< units
  uint32_t bricks = 6;               ///< brick multipliers of a unit
  uint32_t brick_bits = 4;           ///< width of a brick
  uint32_t low_bits = 8;             ///< of activations and weights, sign included
  uint32_t high_bits = 12;           ///< of errors, sign included
  double brick_area = 40;            ///< a brick multiplier and its accumulator, in full adders
  double unit_area = 60;             ///< what a unit has besides: shift-and-merge, output register
  double bfloat16_area = 300;        ///< a bfloat16 multiplier with a binary32 adder
  uint32_t elementwise_per_cycle = 16;

  template <class V>
  void fields(V& v) {
    v("units", units, Choices<Units>{{"bricks", Units::kBricks}, {"bfloat16", Units::kBfloat16}},
      "Brick multipliers, or bfloat16 multiply-accumulates of equal area: the baseline");
    v("rows", rows, Range{1, 256}, "Rows of units");
    v("columns", columns, Range{1, 256}, "Columns of units");
    v("bricks", bricks, Range{1, 64}, "Multipliers of two bricks in a unit");
    v("brick_bits", brick_bits, Range{2, 4},
      "Width of a brick: 2 or 4. Values do not depend on it: merged bricks are the exact sum; counts, time and energy "
      "do");
    v("low_bits", low_bits, Range{4, 8}, "Bits of activations and weights, sign included: 4 or 8");
    v("high_bits", high_bits, Range{8, 12}, "Bits of errors, sign included: 8 or 12");
    v("brick_area", brick_area, Reals{1.0, 10000.0}, "Area of a brick multiplier and its accumulator, in full adders");
    v("unit_area", unit_area, Reals{0.0, 10000.0}, "Area of a unit besides its bricks, in full adders");
    v("bfloat16_area", bfloat16_area, Reals{1.0, 10000.0}, "Area of a bfloat16 multiply-accumulate, in full adders");
    v("elementwise_per_cycle", elementwise_per_cycle, Range{1, 1024}, "Element operations of the vector unit a cycle");
  }
  void check() const {
    if (brick_bits == 3) throw ConfigRule("brick_bits", "must be 2 or 4");
    if (low_bits % 4 != 0) throw ConfigRule("low_bits", "must be 4 or 8");
    if (high_bits % 4 != 0) throw ConfigRule("high_bits", "must be 8 or 12");
  }

  /// Bits of the operands of a pass. FF: activation and weight (LL); BP: error and weight (LH); WG: activation and
  /// error (AH). In the order of TileArithmetic.
  uint32_t first_bits(Pass pass) const { return pass == Pass::bp ? high_bits : low_bits; }
  uint32_t second_bits(Pass pass) const { return pass == Pass::wg ? high_bits : low_bits; }
  /// Brick products of one product.
  uint32_t bricks_of(Pass pass) const { return first_bits(pass) / brick_bits * (second_bits(pass) / brick_bits); }
  /// Columns of the array: those of the baseline take the area of all units.
  uint32_t array_columns() const {
    if (units == Units::kBricks) return columns;
    const double area = bricks * brick_area + unit_area;
    const auto equal = static_cast<uint32_t>(std::lround(columns * area / bfloat16_area));
    return equal == 0 ? 1 : equal;
  }
};

}  // namespace backboard::npu::neuroflix
