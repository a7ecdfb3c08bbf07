#include "npu/sgd/sgd_cost.h"

#include "platform/check/check.h"

namespace backboard::npu {

uint64_t sgd_cycles(uint64_t elements, const SgdCostConfig& config) {
  BB_CHECK(config.lanes > 0, "an SGD unit without lanes");
  if (elements == 0) return 0;
  return config.pipeline_depth + (elements + config.lanes - 1) / config.lanes;
}

double sgd_energy_pj(const SgdFacts& facts, const SgdCostConfig& config, const EnergyConstants& energy) {
  return static_cast<double>(facts.adds) * energy.fp32_add_pj +
         static_cast<double>(facts.multiplies) * energy.fp32_mul_pj +
         static_cast<double>(facts.conversions) * config.conversion_pj +
         static_cast<double>(facts.random_draws) * config.random_draw_pj;
}

}  // namespace backboard::npu
