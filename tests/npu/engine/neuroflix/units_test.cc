// neuroflix's cycles against units that are stepped cycle by cycle, and what they cost.
#include <catch2/catch.hpp>
#include <vector>

#include "npu/engine/neuroflix/compute_tile.h"
#include "npu/engine/neuroflix/cost.h"
#include "tests/npu/engine/conv_cases.h"

namespace backboard::npu {
namespace {

using neuroflix::NeuroflixConfig;
using neuroflix::Units;

/// A fold of units with queues: brick products of the terms arrive at the edges, `at_once` a cycle, move on by one unit
/// a cycle, and are worked off as they arrive; a unit that has seen the last one shifts one accumulator a cycle out.
uint64_t step_fold(uint32_t rows, uint32_t columns, uint64_t terms, uint32_t bricks_a_term, uint32_t at_once,
                   uint32_t accumulators) {
  struct Unit {
    uint64_t arrived = 0, merged = 0;
  };
  const uint64_t all = terms * bricks_a_term;
  std::vector<Unit> units(size_t{rows} * columns);
  uint64_t entered = 0, cycle = 0, left = units.size();
  for (; left > 0; ++cycle) {
    for (uint32_t i = rows; i-- > 0;) {
      for (uint32_t j = columns; j-- > 0;) {
        Unit& unit = units[size_t{i} * columns + j];
        if (unit.arrived == all) {
          // All products are added: drain.
          if (unit.merged < accumulators && ++unit.merged == accumulators) --left;
          continue;
        }
        if (i == 0 && j == 0) {
          entered = std::min<uint64_t>(entered + at_once, all);
          unit.arrived = entered;
        } else {
          // What both neighbours had at the end of the last cycle; at an edge, the one there is.
          const uint64_t up = i > 0 ? units[size_t{i - 1} * columns + j].arrived : UINT64_MAX;
          const uint64_t left_of = j > 0 ? units[size_t{i} * columns + j - 1].arrived : UINT64_MAX;
          unit.arrived = std::min(up, left_of);
        }
        if (unit.arrived == all && accumulators == 0) --left;
      }
    }
  }
  return cycle;
}

/// Rows, columns and terms of the GEMM of a pass without strides.
struct Gemm {
  uint32_t rows, columns;
  uint64_t terms;
};
Gemm gemm_of(Pass pass, const ConvTile& t) {
  const uint32_t taps = t.kh * t.kw, positions = t.n * t.oh * t.ow;
  if (pass == Pass::ff) return {positions, t.k, uint64_t{t.c} * taps};
  if (pass == Pass::bp) return {t.n * t.h * t.w, t.c, uint64_t{t.k} * taps};
  if (taps * t.oh * t.ow == 1) return {t.k, t.c, positions};
  return {t.c * taps, t.k, positions};
}

TEST_CASE("Cycles are within 2 % of stepped units") {
  uint32_t cases = 0;
  for (const ConvTile& tile :
       {ConvTile::whole(1, 1, 5, 5, 1, 3, 3, 1, 1), ConvTile::whole(2, 3, 7, 11, 5, 3, 3, 1, 1),
        ConvTile::whole(1, 8, 6, 6, 16, 3, 3, 1, 1), ConvTile::whole(2, 16, 4, 4, 20, 1, 1, 1, 0),
        ConvTile::fully_connected(5, 40, 18), ConvTile::fully_connected(16, 33, 10)}) {
    for (const uint32_t bricks : {1u, 4u, 6u, 7u}) {
      for (const Units units : {Units::kBricks, Units::kBfloat16}) {
        for (const Pass pass : {Pass::ff, Pass::bp, Pass::wg}) {
          NeuroflixConfig config;
          config.bricks = bricks;
          config.units = units;
          config.low_bits = bricks == 7 ? 4 : 8;
          Facts facts;
          neuroflix::count_tile(config, pass, tile, facts);
          const uint64_t cycles = neuroflix::price(facts, config, {}).cycles.multipliers;
          const Gemm gemm = gemm_of(pass, tile);
          const bool baseline = units == Units::kBfloat16;
          const uint32_t a_term = baseline ? 1 : config.bricks_of(pass);
          uint64_t stepped = 0;
          for (uint32_t m = 0; m < gemm.rows; m += config.rows) {
            for (uint32_t n = 0; n < gemm.columns; n += config.array_columns()) {
              stepped +=
                  step_fold(std::min(config.rows, gemm.rows - m), std::min(config.array_columns(), gemm.columns - n),
                            gemm.terms, a_term, baseline ? 1 : bricks, baseline ? 0 : a_term);
            }
          }
          INFO(test::describe(tile) << " pass " << static_cast<int>(pass) << " bricks " << bricks << " baseline "
                                    << baseline);
          CHECK(static_cast<double>(cycles) == Approx(static_cast<double>(stepped)).epsilon(0.02));
          ++cases;
        }
      }
    }
  }
  CHECK(cases == 144);
}

TEST_CASE("Bricks of each mode, and the columns of a baseline of equal area") {
  NeuroflixConfig config;
  CHECK(config.bricks_of(Pass::ff) == 4);  // 8 x 8 bits
  CHECK(config.bricks_of(Pass::bp) == 6);  // 12 x 8
  CHECK(config.bricks_of(Pass::wg) == 6);
  config.low_bits = 4;
  CHECK(config.bricks_of(Pass::ff) == 1);
  CHECK(config.bricks_of(Pass::wg) == 3);
  config.brick_bits = 2;
  CHECK(config.bricks_of(Pass::ff) == 4);  // 2 x 2 bricks of 2 bits
  CHECK(config.bricks_of(Pass::wg) == 12);
  config.units = Units::kBfloat16;
  CHECK(config.array_columns() == 16);  // 16 units of 6 x 40 + 60 full adders, 300 each
  config.bfloat16_area = 600;
  CHECK(config.array_columns() == 8);
}

TEST_CASE("Energy goes by bricks, groups and operands") {
  // One fold of 16 x 16 with one group.
  const ConvTile tile = ConvTile::fully_connected(16, 16, 16);
  NeuroflixConfig config;
  Facts facts;
  neuroflix::count_tile(config, Pass::ff, tile, facts);
  CHECK(facts.macs == 4096);
  CHECK(facts.brick_products == 4 * 4096);
  CHECK(facts.group_sums == 256);
  const EnergyConstants energy;
  Price price = neuroflix::price(facts, config, energy);
  CHECK(price.cycles.multipliers == 11 + 30 + 4);  // 64 bricks on 6, the way in and out, 4 accumulators
  CHECK(price.energy.multiply_low_pj == Approx(4 * 4096 * 0.2 / 4));
  CHECK(price.energy.accumulate_pj == Approx(4 * 4096 * 0.06 + 256 * (4 * 0.1 + 0.9)));
  CHECK(price.energy.control_pj == Approx(16 * 32 * 0.06));
  CHECK(price.energy.buffer_pj == Approx(16 * 32 * 1 / 8.0 * 10));
  Facts back;
  neuroflix::count_tile(config, Pass::bp, tile, back);
  price = neuroflix::price(back, config, energy);
  CHECK(price.energy.multiply_low_pj == 0.0);
  CHECK(price.energy.multiply_high_pj == Approx(6 * 4096 * 0.2 / 4));
  CHECK(price.energy.buffer_pj == Approx(16 * 32 * 1.5 / 8.0 * 10));
  // Bricks of 2 bits: four times as many, each a quarter of the product, an 8-bit addition instead of two.
  config.brick_bits = 2;
  Facts fine;
  neuroflix::count_tile(config, Pass::ff, tile, fine);
  price = neuroflix::price(fine, config, energy);
  CHECK(fine.brick_products == 16 * 4096);
  CHECK(price.energy.multiply_low_pj == Approx(4 * 4096 * 0.2 / 4));
  CHECK(price.energy.accumulate_pj == Approx(16 * 4096 * 0.03 + 256 * (16 * 0.1 + 0.9)));
  config.brick_bits = 4;
  config.units = Units::kBfloat16;
  Facts dense;
  neuroflix::count_tile(config, Pass::bp, tile, dense);
  price = neuroflix::price(dense, config, energy);
  CHECK(price.cycles.multipliers == 16 + 30);
  CHECK(price.energy.multiply_high_pj == Approx(4096 * 1.1 * 64 / 121));
  CHECK(price.energy.accumulate_pj == Approx(4096 * 0.9));
}

}  // namespace
}  // namespace backboard::npu
