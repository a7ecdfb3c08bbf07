// Cost of the SGD unit: facts to cycles and picojoules; pure.
#pragma once

#include <cstdint>

#include "npu/sgd/sgd_unit.h"

namespace backboard::npu {

/// Size and energy of the unit. Energies: Horowitz, ISSCC 2014, 45 nm, unless said.
struct SgdCostConfig {
  uint32_t lanes = 16;          ///< elements updated a cycle
  uint32_t pipeline_depth = 6;  ///< cycles from operands to result (ours: one stage an operation), once a span
  double fp32_add_pj = 0.9;
  double fp32_multiply_pj = 3.7;
  double conversion_pj = 0.4;   ///< rounding to FP16 (ours: charged as an FP16 addition)
  double random_draw_pj = 2.0;  ///< 64 random bits (ours: 20 int32 additions' worth; silicon would use an LFSR a lane)
};

/// Cycles of one span of `elements`: pipeline_depth + ceil(elements / lanes); 0 for none. Skipped elements take their
/// slot, so time depends on no value.
uint64_t sgd_cycles(uint64_t elements, const SgdCostConfig& config);

/// Energy of the operations that were carried out.
double sgd_energy_pj(const SgdFacts& facts, const SgdCostConfig& config);

}  // namespace backboard::npu
