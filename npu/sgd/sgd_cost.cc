#include "npu/sgd/sgd_cost.h"

#include "platform/check/check.h"

namespace backboard::npu {

uint64_t sgd_cycles(const SgdFacts& facts, const SgdCostConfig& config) {
  BB_CHECK(config.lanes > 0, "an SGD unit without lanes");
  BB_CHECK(facts.adam_elements <= facts.elements, "{} of {} elements", facts.adam_elements, facts.elements);
  if (facts.elements == 0) return 0;
  const auto rows = [&](uint64_t elements) { return (elements + config.lanes - 1) / config.lanes; };
  return config.pipeline_depth + rows(facts.elements - facts.adam_elements) +
         rows(facts.adam_elements) * config.adam_cycles;
}

double sgd_energy_pj(const SgdFacts& facts, const SgdCostConfig& config, const EnergyConstants& energy) {
  return static_cast<double>(facts.adds) * energy.fp32_add_pj +
         static_cast<double>(facts.multiplies) * energy.fp32_mul_pj +
         static_cast<double>(facts.conversions) * config.conversion_pj +
         static_cast<double>(facts.random_draws) * config.random_draw_pj +
         static_cast<double>(facts.divisions + facts.roots) * config.division_pj;
}

}  // namespace backboard::npu
