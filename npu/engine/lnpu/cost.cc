#include "npu/engine/lnpu/cost.h"

namespace backboard::npu::lnpu {

Price price(const Facts& facts, const LnpuConfig& config, const EnergyConstants& energy) {
  Price price;
  price.cycles.multipliers = (facts.slowest_half_cycles + 1) / 2 + facts.tiles * config.tile_startup_cycles;
  price.cycles.elementwise = (facts.elementwise + config.elementwise_per_cycle - 1) / config.elementwise_per_cycle;

  // Products that were issued: all but the skipped ones. A zero beside a high operand goes at the high rate.
  const auto& pairs = facts.macs_by_class;
  const bool both = config.skip == Skip::kBoth;
  const uint64_t low = pairs[kClassLow][kClassLow] + (both ? 0 : pairs[kClassLow][kClassZero]);
  const uint64_t high = pairs[kClassLow][kClassHigh] + pairs[kClassHigh][kClassLow] + pairs[kClassHigh][kClassHigh] +
                        (both ? 0 : pairs[kClassHigh][kClassZero]);
  const double share = energy.fp8_mac_share_of_fp16;
  const double adder = config.accumulator == Accumulator::kFp32 ? energy.fp32_add_pj : energy.fp16_add_pj;
  const double fp16_mac = energy.fp16_mul_pj + energy.fp16_add_pj;
  // The published share is of a whole FP16 MAC. An accumulator that is wider than FP16 costs its difference on top.
  price.energy.multiply_low_pj = static_cast<double>(low) * share * fp16_mac;
  price.energy.multiply_high_pj = static_cast<double>(high) * fp16_mac;
  price.energy.accumulate_pj = static_cast<double>(low + high) * (adder - energy.fp16_add_pj);
  const double lanes = static_cast<double>(config.cores) * config.lanes;
  const double idle =
      static_cast<double>(facts.slowest_half_cycles) * lanes - static_cast<double>(facts.busy_half_cycles);
  price.energy.idle_pj =
      (idle > 0 ? idle : 0.0) / 2 * config.multipliers_per_lane * energy.idle_lane_share_of_fp16 * fp16_mac;
  price.energy.elementwise_pj = static_cast<double>(facts.elementwise) * energy.fp32_add_pj;
  price.energy.buffer_pj =
      static_cast<double>(facts.buffer_read_bytes + facts.buffer_write_bytes) / 8.0 * energy.sram_64bit_access_pj;
  return price;
}

Inventory inventory(const LnpuConfig& config) {
  const uint64_t multipliers = uint64_t{config.cores} * config.lanes * config.multipliers_per_lane;
  const bool wide = config.accumulator == Accumulator::kFp32;
  Inventory list{
      {Circuits::Kind::kFloatMultiplier, multipliers, 11},
      {wide ? Circuits::Kind::kFloat32Adder : Circuits::Kind::kFloat16Adder, 2 * multipliers},
      {Circuits::Kind::kRegister, 2 * multipliers, wide ? 32u : 16u},
      {Circuits::Kind::kRegister, multipliers, 16},  // weight
      {Circuits::Kind::kRegister, uint64_t{config.cores} * config.lanes * config.ilb_window, 16},
  };
  add_vector_unit(list, config.elementwise_per_cycle);
  return list;
}

}  // namespace backboard::npu::lnpu
