// What a cost model makes of facts: cycles by unit, picojoules by cause.
#pragma once

#include <algorithm>
#include <cstdint>

namespace backboard::npu {

/// Cycles (of the engine's clock) of the units that work side by side in one compute step.
struct CyclesByUnit {
  uint64_t multipliers = 0;  ///< the multiplier array, its start-up included
  uint64_t elementwise = 0;  ///< the unit for element operations: bias, ReLU, pooling, loss, codec
  uint64_t update = 0;       ///< the SGD unit on the write-back path
  uint64_t banks = 0;        ///< of the local buffer, where an engine counts their clashes
  /// The step takes as long as its slowest unit.
  uint64_t step() const { return std::max({multipliers, elementwise, update, banks}); }
  CyclesByUnit& operator+=(const CyclesByUnit& other) {
    multipliers += other.multipliers;
    elementwise += other.elementwise;
    update += other.update;
    banks += other.banks;
    return *this;
  }
};

/// Energy in picojoules, by cause.
struct EnergyByCause {
  double multiply_low_pj = 0;   ///< products in the engine's low precision (lnpu: FP8)
  double multiply_high_pj = 0;  ///< products in its high precision, mixed pairs included (reference: binary32)
  double accumulate_pj = 0;
  double control_pj = 0;  ///< deciding what goes where: arbiters
  double idle_pj = 0;     ///< lanes clocked without work
  double elementwise_pj = 0;
  double update_pj = 0;  ///< SGD unit
  double buffer_pj = 0;  ///< local SRAM
  double total_pj() const {
    return multiply_low_pj + multiply_high_pj + accumulate_pj + control_pj + idle_pj + elementwise_pj + update_pj +
           buffer_pj;
  }
  EnergyByCause& operator+=(const EnergyByCause& other) {
    multiply_low_pj += other.multiply_low_pj;
    multiply_high_pj += other.multiply_high_pj;
    accumulate_pj += other.accumulate_pj;
    control_pj += other.control_pj;
    idle_pj += other.idle_pj;
    elementwise_pj += other.elementwise_pj;
    update_pj += other.update_pj;
    buffer_pj += other.buffer_pj;
    return *this;
  }
};

/// What facts cost.
struct Price {
  CyclesByUnit cycles;
  EnergyByCause energy;
};

}  // namespace backboard::npu
