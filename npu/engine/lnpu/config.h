// Configuration of the lnpu engine's arithmetic and timing (KAIST LNPU, ISSCC 2019 paper 7.7).
#pragma once

#include <cstdint>

#include "npu/engine/facts.h"
#include "npu/numerics/accumulator.h"
#include "platform/config/fields.h"

namespace backboard::npu::lnpu {

/// Which zeros are skipped. kInput: those of the operand that lanes broadcast (FF: activation, BP and WG: error).
/// kBoth: products with any zero are not issued; a lane saves the time of an input whose multipliers all hold zeros.
/// kNone: the dense baseline: every product is issued at the FP16 rate, on an array that no mapping leaves idle.
enum class Skip : uint8_t { kInput, kBoth, kNone };

/// 16 cores of 6 lanes of 8 multipliers: 768 multipliers of one FP16 or two FP8 products a cycle.
struct LnpuConfig {
  uint32_t cores = 16;                ///< at most kMaxCores
  uint32_t lanes = 6;                 ///< of a core
  uint32_t multipliers_per_lane = 8;  ///< outputs that one input is broadcast to
  uint32_t ilb_window = 10;           ///< input load balancer: inputs of each lane that are dealt anew; 1: off
  Accumulator accumulator = Accumulator::kFp32;
  Skip skip = Skip::kInput;
  uint32_t tile_startup_cycles = 8;  ///< filling the pipeline of multiplier, adder and accumulator
  uint32_t elementwise_per_cycle = 16;

  template <class V>
  void fields(V& v) {
    v("cores", cores, Range{1, kMaxCores}, "Cores (ISSCC 2019 7.7: 16)");
    v("lanes", lanes, Range{1, 64}, "Lanes of a core");
    v("multipliers_per_lane", multipliers_per_lane, Range{1, 64}, "Outputs that one input is broadcast to");
    v("ilb_window", ilb_window, Range{1, 256}, "Input load balancer: inputs of a lane that are dealt anew; 1: off");
    v("accumulator", accumulator, Choices<Accumulator>{{"fp32", Accumulator::kFp32}, {"fp16", Accumulator::kFp16}},
      "Type of a sum; fp16 rounds after each addition");
    v("skip", skip, Choices<Skip>{{"input", Skip::kInput}, {"both", Skip::kBoth}, {"none", Skip::kNone}},
      "Operands whose zeros are skipped; none: a dense FP16 array, all products at the FP16 rate (baseline)");
    v("tile_startup", tile_startup_cycles, Range{0, 1024}, "Cycles to fill the pipeline at the start of a tile");
    v("elementwise_per_cycle", elementwise_per_cycle, Range{1, 1024}, "Element operations of the vector unit a cycle");
  }

  /// True when the values are within the limits that the lane model assumes.
  bool valid() const;
};

}  // namespace backboard::npu::lnpu
