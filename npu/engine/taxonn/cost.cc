#include "npu/engine/taxonn/cost.h"

#include <algorithm>

namespace backboard::npu::taxonn {

Price price(const Facts& facts, const TaxonnConfig& config, const EnergyConstants& energy) {
  Price price;
  const bool shared = config.trainer == Trainer::kShared;
  const uint64_t per_tile = config.latency_cycles + (shared ? config.mode_switch_cycles : 0);
  price.cycles.multipliers = facts.fold_steps[0] + facts.folds[0] * per_tile;
  price.cycles.elementwise = (facts.elementwise + config.elementwise_per_cycle - 1) / config.elementwise_per_cycle;
  const auto macs = static_cast<double>(facts.macs);
  // Products by their single-bit products, from int8's 64; sums of 32 bits.
  const double multiply_pj = static_cast<double>(facts.brick_products) * energy.int8_mul_pj / 64.0;
  const double high_share =
      facts.macs == 0 ? 0.0 : static_cast<double>(facts.macs_by_class[kClassHigh][kClassLow]) / macs;
  price.energy.multiply_low_pj = multiply_pj * (1 - high_share);
  price.energy.multiply_high_pj = multiply_pj * high_share;
  price.energy.accumulate_pj = macs * energy.int32_add_pj;
  // Two operand multiplexers for each product of a shared array, an int8 addition each.
  if (shared) price.energy.control_pj = macs * 2 * energy.int8_add_pj;
  const double units = static_cast<double>(config.units) * (shared ? 1 : 3);
  const double product_pj = facts.macs == 0 ? 0.0 : multiply_pj / macs + energy.int32_add_pj;
  const double idle = std::max(units * static_cast<double>(price.cycles.multipliers) - macs, 0.0);
  price.energy.idle_pj = energy.idle_lane_share_of_fp16 * idle * product_pj;
  price.energy.elementwise_pj = static_cast<double>(facts.elementwise) * energy.fp32_add_pj;
  price.energy.buffer_pj =
      static_cast<double>(facts.buffer_read_bytes + facts.buffer_write_bytes) / 8.0 * energy.sram_64bit_access_pj;
  return price;
}

Inventory inventory(const TaxonnConfig& config) {
  // The sign is one of the bits. Which operands meet: x and W, delta and W, delta and x.
  int32_t x = 0, weight = 0, delta = 0;
  const auto widen = [&](const Widths& widths) {
    x = std::max(x, widths.x.bits() + 1);
    weight = std::max(weight, widths.weight.bits() + 1);
    delta = std::max(delta, widths.delta.bits() + 1);
  };
  widen(config.widths);
  for (const LayerWidths& layer : config.layers) widen(layer.widths);
  Inventory list;
  const auto array = [&](int32_t a, int32_t b) {
    list.push_back(
        {Circuits::Kind::kIntegerMultiplier, config.units, static_cast<uint32_t>(a), static_cast<uint32_t>(b)});
    list.push_back({Circuits::Kind::kIntegerAdder, config.units, 32});
    list.push_back({Circuits::Kind::kRegister, config.units, static_cast<uint32_t>(32 + a + b)});
  };
  if (config.trainer == Trainer::kShared) {
    const int32_t first = std::max(x, delta), second = std::max(weight, x);
    array(first, second);
    list.push_back({Circuits::Kind::kMultiplexer, config.units, static_cast<uint32_t>(2 * (first + second))});
  } else {
    array(x, weight), array(delta, weight), array(x, delta);
  }
  add_vector_unit(list, config.elementwise_per_cycle);
  return list;
}

}  // namespace backboard::npu::taxonn
