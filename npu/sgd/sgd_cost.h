// Cost of the SGD unit: facts to cycles and picojoules; pure.
#pragma once

#include <cstdint>

#include "npu/engine/energy_constants.h"
#include "npu/sgd/sgd_unit.h"
#include "platform/config/fields.h"

namespace backboard::npu {

/// Size of the unit, and the energies that the shared table does not have.
struct SgdCostConfig {
  uint32_t lanes = 16;          ///< elements updated a cycle
  uint32_t pipeline_depth = 6;  ///< cycles from operands to result, once a tile
  double conversion_pj = 0.4;   ///< one rounding to FP16
  double random_draw_pj = 2.0;  ///< 64 bits of the stream
  uint32_t adam_cycles = 16;    ///< of a lane, from one element of Adam to the next
  double division_pj = 14.8;    ///< one binary32 division or square root

  template <class V>
  void fields(V& v) {
    const Reals picojoules{0.0, 1000.0};
    v("lanes", lanes, Range{1, 1024}, "Elements updated a cycle (assumption of Backboard, no publication)");
    v("pipeline_depth", pipeline_depth, Range{0, 1024},
      "Cycles from operands to result, once a tile (assumption of Backboard: one stage an operation)");
    v("conversion", conversion_pj, picojoules,
      "pJ of a rounding to FP16 (assumption of Backboard: as an FP16 addition)");
    v("random_draw", random_draw_pj, picojoules,
      "pJ of 64 bits of the stream (assumption of Backboard: as 20 int32 additions)");
    v("adam_cycles", adam_cycles, Range{1, 1024},
      "Cycles of a lane from one element of Adam to the next (assumption of Backboard: a root and a divider side by "
      "side, two bits a cycle)");
    v("division", division_pj, picojoules,
      "pJ of a binary32 division or square root (assumption of Backboard: as four products)");
  }
};

/// Cycles of one tile of updates: pipeline_depth and the turns of the lanes, one for an element of SGD, adam_cycles for
/// one of Adam; 0 for none. Skipped elements take their slot, so time depends on no value.
uint64_t sgd_cycles(const SgdFacts& facts, const SgdCostConfig& config);

/// Energy of the operations: binary32 additions and multiplications from the shared table.
double sgd_energy_pj(const SgdFacts& facts, const SgdCostConfig& config, const EnergyConstants& energy);

}  // namespace backboard::npu
