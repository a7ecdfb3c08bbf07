#include "npu/engine/rowpipe/cost.h"

#include <algorithm>

namespace backboard::npu::rowpipe {

Price price(const Facts& facts, const RowpipeConfig& config, const EnergyConstants& energy) {
  Price price;
  const uint64_t fixed_macs = facts.macs_by_class[kClassLow][kClassLow], float_macs = facts.macs - fixed_macs;
  const auto on_float_units = [&](uint64_t work) { return (work + config.float_units - 1) / config.float_units; };
  const uint64_t float_work = float_macs + facts.dequantised + facts.elementwise;
  // A sum waits for its fold, and with it the one operation that adds a bias or applies ReLU; other work need not.
  const uint64_t waiting = facts.dequantised + std::min(facts.elementwise, facts.dequantised);
  if (facts.folds[0] != 0) {
    // What the last fold leaves for the FP16 units cannot overlap with the array.
    price.cycles.multipliers = facts.fold_steps[0] + on_float_units(waiting / facts.folds[0]) + config.startup_cycles;
  }
  if (float_work != 0) {
    // Nor do they have sums before the first fold is through.
    price.cycles.elementwise =
        std::max(on_float_units(float_work), facts.fold_edges + on_float_units(waiting)) + config.startup_cycles;
  }
  const uint64_t words = facts.bank_cycles + *std::max_element(facts.bank_words.begin(), facts.bank_words.end());
  if (words != 0) price.cycles.banks = words + config.startup_cycles;

  // Products of a by b bits are a b single-bit products, of which int8 has 64; their sums have 32 bits.
  const double fixed_mul_pj = energy.int8_mul_pj * (config.activation_bits * config.weight_bits) / 64.0;
  const auto count = [](uint64_t events) { return static_cast<double>(events); };
  price.energy.multiply_low_pj = count(fixed_macs) * fixed_mul_pj;
  price.energy.multiply_high_pj = count(float_macs) * energy.fp16_mul_pj;
  price.energy.accumulate_pj = count(fixed_macs) * energy.int32_add_pj + count(float_macs) * energy.fp32_add_pj;
  // A dequantisation is an FP16 product; finding steps and rounding to codes is an FP16 addition an element.
  price.energy.control_pj = count(facts.dequantised) * energy.fp16_mul_pj + count(facts.quantised) * energy.fp16_add_pj;
  const double fixed_units = count(uint64_t{config.fixed_rows} * config.fixed_columns),
               cycles = count(price.cycles.step());
  const double fixed_idle = std::max(fixed_units * cycles - count(fixed_macs), 0.0);
  const double float_idle = std::max(config.float_units * cycles - count(float_work), 0.0);
  price.energy.idle_pj = energy.idle_lane_share_of_fp16 * (fixed_idle * (fixed_mul_pj + energy.int32_add_pj) +
                                                           float_idle * (energy.fp16_mul_pj + energy.fp32_add_pj));
  price.energy.elementwise_pj = count(facts.elementwise) * energy.fp16_add_pj;
  price.energy.buffer_pj =
      count(facts.buffer_read_bytes + facts.buffer_write_bytes) / 8.0 * energy.sram_64bit_access_pj;
  return price;
}

Inventory inventory(const RowpipeConfig& config) {
  using Kind = Circuits::Kind;
  const uint64_t fixed = uint64_t{config.fixed_rows} * config.fixed_columns;
  const uint32_t a = config.activation_bits, w = config.weight_bits;
  // Sums of the fixed-point array have 32 bits; those of the FP16 units are binary32, and the vector operations are
  // theirs too.
  return {{Kind::kIntegerMultiplier, fixed, a, w},   {Kind::kIntegerAdder, fixed, 32},
          {Kind::kRegister, fixed, 32 + a + w},      {Kind::kFloatMultiplier, config.float_units, 11},
          {Kind::kFloat32Adder, config.float_units}, {Kind::kRegister, config.float_units, 32 + 2 * kFloatBits}};
}

}  // namespace backboard::npu::rowpipe
