// Configuration of the taxonn engine: training in simple steps on the units of an inference array, in fixed point
// (arXiv 2010.05197, ISCAS 2020).
#pragma once

#include <cstdint>
#include <vector>

#include "platform/config/fields.h"

namespace backboard::npu::taxonn {

/// A fixed-point format: a sign, `integer` bits before the point and `fraction` bits behind it. Negative `integer`: the
/// highest bits behind the point are missing. Values are whole multiples of 2^-fraction up to 2^integer - 2^-fraction.
struct FixedPoint {
  int32_t integer = 0, fraction = 0;

  template <class V>
  void fields(V& v) {
    v("integer", integer, Range{-20, 15}, "Bits before the point; the sign is one more");
    v("fraction", fraction, Range{-10, 24}, "Bits behind the point");
  }
  int32_t bits() const { return integer + fraction; }
  bool operator==(const FixedPoint&) const = default;
};

/// Formats of what a layer multiplies and of its gradient.
struct Widths {
  FixedPoint x{4, 8}, weight{1, 11}, delta{-2, 14}, gradient{2, 18};

  template <class V>
  void fields(V& v) {
    v("x", x, "Inputs of the layer");
    v("weight", weight, "Weights, where they are multiplied");
    v("delta", delta, "Errors of the layer's outputs");
    v("gradient", gradient, "Gradients of the weights");
  }
  void check() const {
    // Two of 12 bits give products that binary32 holds; gradients are sums.
    if (x.bits() < 1 || x.bits() > 12) throw ConfigRule("x", "needs 1 to 12 bits in all");
    if (weight.bits() < 1 || weight.bits() > 12) throw ConfigRule("weight", "needs 1 to 12 bits in all");
    if (delta.bits() < 1 || delta.bits() > 12) throw ConfigRule("delta", "needs 1 to 12 bits in all");
    if (gradient.bits() < 1 || gradient.bits() > 23) throw ConfigRule("gradient", "needs 1 to 23 bits in all");
  }
};

/// Widths of one layer.
struct LayerWidths {
  uint32_t layer = 0;
  Widths widths;

  template <class V>
  void fields(V& v) {
    v("layer", layer, Range{0, 65535}, "Layer number in the plan");
    v("widths", widths, "Its formats");
  }
};

/// Whether the three products of training share one array.
enum class Trainer : uint8_t {
  kShared,     ///< one array, time-multiplexed: the publication
  kDedicated,  ///< an array for each of FF, BP and WG: the baseline
};

/// What an update leaves in the masters of weights and biases.
enum class Masters : uint8_t {
  kFloat,  ///< any value of their tensor's format; they are rounded where they are multiplied
  kFixed,  ///< values of the layer's `weight` format, as an array without floating point keeps them
};

struct TaxonnConfig {
  uint32_t units = 256;  ///< P: multiply-accumulates a cycle
  Trainer trainer = Trainer::kShared;
  Widths widths;                    ///< of layers that `layers` does not name
  std::vector<LayerWidths> layers;  ///< the first one that names a layer counts
  Masters masters = Masters::kFloat;
  uint32_t latency_cycles = 8;      ///< L: from the last operands of a tile to its last sum
  uint32_t mode_switch_cycles = 2;  ///< setting the operand multiplexers for a tile; shared arrays only
  uint32_t elementwise_per_cycle = 16;

  template <class V>
  void fields(V& v) {
    v("units", units, Range{1, 65536}, "Processing units: multiply-accumulates a cycle");
    v("trainer", trainer, Choices<Trainer>{{"shared", Trainer::kShared}, {"dedicated", Trainer::kDedicated}},
      "One array for FF, BP and WG in turn, or one for each: the baseline");
    v("widths", widths, "Fixed-point formats");
    v("layers", layers, Count{0, 256}, "Fixed-point formats of single layers");
    v("masters", masters, Choices<Masters>{{"float", Masters::kFloat}, {"fixed", Masters::kFixed}},
      "Masters of weights: any value of their tensor's format, or, from the first update on, values of the layer's "
      "`weight` "
      "format; then training.stochastic_rounding rounds to these");
    v("latency", latency_cycles, Range{0, 1024}, "Cycles from a tile's last operands to its last sum");
    v("mode_switch", mode_switch_cycles, Range{0, 1024},
      "Cycles to set a shared array's operand multiplexers for a tile");
    v("elementwise_per_cycle", elementwise_per_cycle, Range{1, 1024}, "Element operations of the vector unit a cycle");
  }

  const Widths& widths_of(uint32_t layer) const {
    for (const LayerWidths& own : layers) {
      if (own.layer == layer) return own.widths;
    }
    return widths;
  }
};

}  // namespace backboard::npu::taxonn
