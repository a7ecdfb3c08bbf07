// Cost of the SGD unit: facts to cycles and picojoules; pure.
#pragma once

#include <cstdint>

#include "npu/engine/energy_constants.h"
#include "npu/sgd/sgd_unit.h"

namespace backboard::npu {

/// Size of the unit, and the energies that the shared table does not have.
struct SgdCostConfig {
  uint32_t lanes = 16;          ///< elements updated a cycle
  uint32_t pipeline_depth = 6;  ///< cycles from operands to result, once a span
  double conversion_pj = 0.4;   ///< one rounding to FP16
  double random_draw_pj = 2.0;  ///< 64 bits of the stream

  /// Lists key, value, unit and source: serves loading, dumping and documentation.
  template <class V>
  void fields(V& v) {
    static constexpr const char* kOurs = "assumption of Backboard, no publication";
    v("lanes", lanes, "elements a cycle", kOurs);
    v("pipeline_depth", pipeline_depth, "cycles", "assumption of Backboard: one stage an operation");
    v("conversion", conversion_pj, "pJ", "assumption of Backboard: as an FP16 addition");
    v("random_draw", random_draw_pj, "pJ", "assumption of Backboard: as 20 int32 additions");
  }
};

/// Cycles of one span of `elements`: pipeline_depth + ceil(elements / lanes); 0 for none. Skipped elements take their
/// slot, so time depends on no value.
uint64_t sgd_cycles(uint64_t elements, const SgdCostConfig& config);

/// Energy of the operations that were carried out: binary32 additions and multiplications from the shared table.
double sgd_energy_pj(const SgdFacts& facts, const SgdCostConfig& config, const EnergyConstants& energy);

}  // namespace backboard::npu
