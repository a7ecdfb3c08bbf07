#include "npu/engine/daa/cost.h"

#include <algorithm>

#include "npu/engine/product_energy.h"

namespace backboard::npu::daa {
namespace {

constexpr uint64_t kOperand_bytes = 2;

/// Cycles of one step with this many streams.
uint64_t step_cycles(const DaaConfig& config, uint64_t streams) {
  const uint64_t needed = streams * (uint64_t{config.rows} + config.columns) * kOperand_bytes;
  if (config.operand_bytes_per_cycle == 0) return 1;
  return (needed + config.operand_bytes_per_cycle - 1) / config.operand_bytes_per_cycle;
}

}  // namespace

Price price(const Facts& facts, const DaaConfig& config, const EnergyConstants& energy) {
  Price price;
  const uint64_t dual_cycles =
      facts.fold_steps[1] * step_cycles(config, 2) + facts.folds[1] * config.arbitration_cycles;
  price.cycles.multipliers = facts.fold_steps[0] * step_cycles(config, 1) + dual_cycles + facts.fold_edges;
  price.cycles.elementwise = (facts.elementwise + config.elementwise_per_cycle - 1) / config.elementwise_per_cycle;

  const auto& pairs = facts.macs_by_class;
  const auto low = static_cast<double>(pairs[kClassLow][kClassLow]);
  const auto high = static_cast<double>(pairs[kClassHigh][kClassHigh] + pairs[kClassHigh][kClassZero]);
  const double high_pj = product_pj(energy, kBfloat16Bits), low_pj = product_pj(energy, config.low_mantissa + 1);
  price.energy.multiply_low_pj = low * low_pj;
  price.energy.multiply_high_pj = high * high_pj;
  price.energy.accumulate_pj = (low + high) * energy.fp32_add_pj;
  // The multipliers add exponents anyway: an arbiter compares two such sums wherever both products are there. In layers
  // that run low, one comparison a product is charged that nobody needs: facts do not tell them apart.
  if (config.arbiter == Arbiter::kValue) price.energy.control_pj = low * energy.int8_add_pj;
  const double units = static_cast<double>(config.rows) * config.columns;
  const double high_idle = units * static_cast<double>(price.cycles.multipliers) - high;
  const double low_idle = units * static_cast<double>(dual_cycles) - low;
  price.energy.idle_pj = energy.idle_lane_share_of_fp16 * (std::max(high_idle, 0.0) * (high_pj + energy.fp32_add_pj) +
                                                           std::max(low_idle, 0.0) * (low_pj + energy.fp32_add_pj));
  price.energy.elementwise_pj = static_cast<double>(facts.elementwise) * energy.fp32_add_pj;
  const auto fed_bytes = static_cast<double>(facts.operands_fed * kOperand_bytes);
  const auto moved_bytes = static_cast<double>(facts.buffer_read_bytes + facts.buffer_write_bytes);
  price.energy.buffer_pj = (fed_bytes + moved_bytes) / 8.0 * energy.sram_64bit_access_pj;
  return price;
}

Inventory inventory(const DaaConfig& config) {
  const uint64_t units = uint64_t{config.rows} * config.columns;
  constexpr uint32_t kOperand_bits = 16;
  Inventory list{
      {Circuits::Kind::kFloatMultiplier, units, kBfloat16Bits},
      {Circuits::Kind::kFloat32Adder, units},
      {Circuits::Kind::kRegister, units, 32 + 2 * kOperand_bits},
  };
  const bool dense = config.ff == Mode::kDense && config.bp == Mode::kDense && config.wg == Mode::kDense;
  if (!dense) {
    list.push_back({Circuits::Kind::kFloatMultiplier, units, config.low_mantissa + 1});
    list.push_back({Circuits::Kind::kFloat32Adder, units});
    list.push_back({Circuits::Kind::kRegister, units, 2 * kOperand_bits});
    list.push_back({Circuits::Kind::kMultiplexer, units, 4 * kOperand_bits});
    if (config.arbiter == Arbiter::kValue) list.push_back({Circuits::Kind::kIntegerAdder, 3 * units, 8});
  }
  add_vector_unit(list, config.elementwise_per_cycle);
  return list;
}

}  // namespace backboard::npu::daa
