// Configuration of the daa engine: precision decided per product at run time on a systolic array (IEEE Computer
// Architecture Letters 22(1), 2023; forerunner NB-SMT, MICRO 2020).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "npu/engine/layer_shape.h"
#include "platform/config/fields.h"

namespace backboard::npu::daa {

/// Who takes the high unit when both products of a pair have no zero operand.
enum class Arbiter : uint8_t {
  kValue,   ///< the larger sum of exponents; ties to stream 0
  kRandom,  ///< a coin: the control of the claim that values should decide
  kFirst,   ///< stream 0
};

/// How a layer runs in a pass.
enum class Mode : uint8_t {
  kDual,   ///< two streams, one high and one low product a unit and step
  kDense,  ///< one stream on the high units: the bfloat16 baseline
  kLow,    ///< two streams, both products low: a fixed low precision
};

struct DaaConfig {
  uint32_t rows = 16, columns = 16;  ///< processing units
  uint32_t low_mantissa = 3;         ///< m of the low format 1-8-m
  Arbiter arbiter = Arbiter::kValue;
  Mode ff = Mode::kDual, bp = Mode::kDual, wg = Mode::kDual;
  std::vector<uint32_t> dense_layers, low_layers;  ///< layers that run so in all passes
  uint32_t random_seed = 1;
  bool gate_zeros = true;                ///< a unit of a dense layer that meets a zero takes no energy
  uint32_t operand_bytes_per_cycle = 0;  ///< of the local buffer; 0: what two streams need
  uint32_t arbitration_cycles = 1;       ///< a fold with two streams takes this much longer
  uint32_t elementwise_per_cycle = 16;

  template <class V>
  void fields(V& v) {
    const Choices<Mode> modes{{"dual", Mode::kDual}, {"dense", Mode::kDense}, {"low", Mode::kLow}};
    const Each<Range> layers{Range{0, 65535}, Count{0, 256}};
    v("rows", rows, Range{1, 256}, "Rows of the array (NB-SMT, MICRO 2020: 16)");
    v("columns", columns, Range{1, 256}, "Columns of the array (NB-SMT: 16)");
    v("low_mantissa", low_mantissa, Range{2, 4}, "m of the low operands, 1-8-m; the high ones are bfloat16");
    v("arbiter", arbiter,
      Choices<Arbiter>{{"value", Arbiter::kValue}, {"random", Arbiter::kRandom}, {"first", Arbiter::kFirst}},
      "Which of two products without a zero goes to the high unit: larger exponent sum, a coin, or stream 0");
    v("ff", ff, modes, "Forward: two streams, bfloat16 in one stream, or all low");
    v("bp", bp, modes, "Error: the same");
    v("wg", wg, modes, "Weight gradient: the same");
    v("dense_layers", dense_layers, layers, "Layer numbers that run dense in every pass (fixed precision per layer)");
    v("low_layers", low_layers, layers, "Layer numbers that run low in every pass (fixed precision per layer)");
    v("random_seed", random_seed, Range{0, UINT32_MAX}, "Seed of the coins of `arbiter: random`");
    v("gate_zeros", gate_zeros, "Whether dense layers, too, spend no energy on products with a zero operand");
    v("operand_bytes_per_cycle", operand_bytes_per_cycle, Range{0, 65536},
      "Operand bytes that the local buffer feeds a cycle; fewer than a step needs stretch it; 0: what two streams "
      "need");
    v("arbitration", arbitration_cycles, Range{0, 64}, "Cycles that the arbiter adds to a rectangle of outputs");
    v("elementwise_per_cycle", elementwise_per_cycle, Range{1, 1024}, "Element operations of the vector unit a cycle");
  }

  Mode mode_of(Pass pass, uint32_t layer) const {
    const auto listed = [layer](const std::vector<uint32_t>& layers) {
      return std::find(layers.begin(), layers.end(), layer) != layers.end();
    };
    if (listed(dense_layers)) return Mode::kDense;
    if (listed(low_layers)) return Mode::kLow;
    return pass == Pass::ff ? ff : pass == Pass::bp ? bp : wg;
  }
};

}  // namespace backboard::npu::daa
