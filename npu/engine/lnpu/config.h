// Configuration of the lnpu engine's arithmetic and timing (KAIST LNPU, ISSCC 2019 paper 7.7).
#pragma once

#include <cstdint>

#include "npu/engine/facts.h"
#include "npu/numerics/accumulator.h"

namespace backboard::npu::lnpu {

/// Which zeros are skipped. kInput: those of the operand that lanes broadcast (FF: activation, BP and WG: error).
/// kBoth: products with any zero are not issued; a lane saves the time of an input whose multipliers all hold zeros.
enum class Skip : uint8_t { kInput, kBoth };

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

  /// True when the values are within the limits that the lane model assumes.
  bool valid() const;
};

}  // namespace backboard::npu::lnpu
