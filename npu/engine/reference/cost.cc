#include "npu/engine/reference/cost.h"

namespace backboard::npu::reference {

Price price(const Facts& facts, const ReferenceConfig& config, const EnergyConstants& energy) {
  Price price;
  const uint64_t products = facts.macs;
  price.cycles.multipliers =
      (products + config.multipliers - 1) / config.multipliers + facts.tiles * config.tile_startup_cycles;
  price.cycles.elementwise = (facts.elementwise + config.elementwise_per_cycle - 1) / config.elementwise_per_cycle;
  price.energy.multiply_high_pj = static_cast<double>(products) * energy.fp32_mul_pj;
  price.energy.accumulate_pj = static_cast<double>(products) * energy.fp32_add_pj;
  price.energy.elementwise_pj = static_cast<double>(facts.elementwise) * energy.fp32_add_pj;
  price.energy.buffer_pj =
      static_cast<double>(facts.buffer_read_bytes + facts.buffer_write_bytes) / 8.0 * energy.sram_64bit_access_pj;
  return price;
}

Inventory inventory(const ReferenceConfig& config) {
  Inventory list{
      {Circuits::Kind::kFloat32Multiplier, config.multipliers},
      {Circuits::Kind::kFloat32Adder, config.multipliers},
      {Circuits::Kind::kRegister, config.multipliers, 3 * 32},
  };
  add_vector_unit(list, config.elementwise_per_cycle);
  return list;
}

}  // namespace backboard::npu::reference
