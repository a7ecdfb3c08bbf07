#include "npu/engine/neuroflix/cost.h"

#include <algorithm>

#include "npu/engine/product_energy.h"

namespace backboard::npu::neuroflix {
namespace {

/// Bits of an accumulator: a product and the growth of 16 terms, without the sign.
uint32_t sum_bits(const NeuroflixConfig& config) {
  return 2 * config.brick_bits + 4;
}

/// A product of two bricks, from the int8 product by its partial products.
double brick_pj(const NeuroflixConfig& config, const EnergyConstants& energy) {
  return energy.int8_mul_pj * (config.brick_bits * config.brick_bits) / 64.0;
}

/// Adding it in fixed point: whole int8 additions, two at 4 bits.
double brick_add_pj(const NeuroflixConfig& config, const EnergyConstants& energy) {
  return (sum_bits(config) + 7) / 8 * energy.int8_add_pj;
}

constexpr double kLowOperand_bytes = 1, kHighOperand_bytes = 2, kBfloat16_bytes = 2;

}  // namespace

Price price(const Facts& facts, const NeuroflixConfig& config, const EnergyConstants& energy) {
  Price price;
  price.cycles.multipliers = facts.fold_steps[0] + facts.fold_edges;
  price.cycles.elementwise = (facts.elementwise + config.elementwise_per_cycle - 1) / config.elementwise_per_cycle;
  const auto& pairs = facts.macs_by_class;
  const double units = static_cast<double>(config.rows) * config.array_columns();
  const auto cycles = static_cast<double>(price.cycles.multipliers);
  double operand_bytes = kBfloat16_bytes;
  if (config.units == Units::kBfloat16) {
    const auto macs = static_cast<double>(pairs[kClassHigh][kClassHigh]);
    const double mac_pj = product_pj(energy, kBfloat16Bits) + energy.fp32_add_pj;
    price.energy.multiply_high_pj = macs * product_pj(energy, kBfloat16Bits);
    price.energy.accumulate_pj = macs * energy.fp32_add_pj;
    price.energy.idle_pj = energy.idle_lane_share_of_fp16 * std::max(units * cycles - macs, 0.0) * mac_pj;
  } else {
    const double low = static_cast<double>(pairs[kClassLow][kClassLow]) * config.bricks_of(Pass::ff);
    const double high = static_cast<double>(pairs[kClassHigh][kClassLow]) * config.bricks_of(Pass::bp);
    price.energy.multiply_low_pj = low * brick_pj(config, energy);
    price.energy.multiply_high_pj = high * brick_pj(config, energy);
    // A group's bricks are shifted and merged, and their sum is added to the output's binary32 accumulator.
    const auto groups = static_cast<double>(facts.group_sums);
    const double bricks_a_product =
        facts.macs == 0 ? 0 : static_cast<double>(facts.brick_products) / static_cast<double>(facts.macs);
    price.energy.accumulate_pj = (low + high) * brick_add_pj(config, energy) +
                                 groups * (bricks_a_product * energy.int32_add_pj + energy.fp32_add_pj);
    // Aligning an operand to its group: a shift, priced as an addition of its width.
    price.energy.control_pj = static_cast<double>(facts.operands_fed) * 2 * energy.int8_add_pj;
    const double idle = std::max(units * config.bricks * cycles - (low + high), 0.0);
    price.energy.idle_pj =
        energy.idle_lane_share_of_fp16 * idle * (brick_pj(config, energy) + brick_add_pj(config, energy));
    // One edge of BP and WG brings errors.
    const double macs = std::max(static_cast<double>(facts.macs), 1.0);
    const double with_error = static_cast<double>(pairs[kClassHigh][kClassLow]) / macs;
    operand_bytes = kLowOperand_bytes + with_error * (kHighOperand_bytes - kLowOperand_bytes) / 2;
  }
  price.energy.elementwise_pj = static_cast<double>(facts.elementwise) * energy.fp32_add_pj;
  const double fed_bytes = static_cast<double>(facts.operands_fed) * operand_bytes;
  const auto moved_bytes = static_cast<double>(facts.buffer_read_bytes + facts.buffer_write_bytes);
  price.energy.buffer_pj = (fed_bytes + moved_bytes) / 8.0 * energy.sram_64bit_access_pj;
  return price;
}

Inventory inventory(const NeuroflixConfig& config) {
  const uint64_t units = uint64_t{config.rows} * config.array_columns();
  Inventory list;
  if (config.units == Units::kBfloat16) {
    list.push_back({Circuits::Kind::kFloatMultiplier, units, kBfloat16Bits});
    list.push_back({Circuits::Kind::kRegister, units, 32 + 2 * 16});
  } else {
    const uint64_t bricks = units * config.bricks;
    list.push_back({Circuits::Kind::kIntegerMultiplier, bricks, config.brick_bits, config.brick_bits});
    list.push_back({Circuits::Kind::kIntegerAdder, bricks, sum_bits(config) + 1});
    list.push_back({Circuits::Kind::kRegister, bricks, sum_bits(config) + 1});
    list.push_back({Circuits::Kind::kIntegerAdder, units, 32});
    list.push_back({Circuits::Kind::kRegister, units, 32 + config.low_bits + config.high_bits});
  }
  list.push_back({Circuits::Kind::kFloat32Adder, units});
  add_vector_unit(list, config.elementwise_per_cycle);
  return list;
}

}  // namespace backboard::npu::neuroflix
