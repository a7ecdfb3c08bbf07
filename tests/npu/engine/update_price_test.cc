// What weight updates cost, in every engine of the table.
#include <catch2/catch.hpp>

#include "npu/engine/table.h"

namespace backboard::npu {
namespace {

TEST_CASE("Every engine prices updates by its SGD unit, beside multipliers and element operations") {
  for (const EngineRow& row : engine_table()) {
    INFO(row.name);
    EngineConfigs configs;
    const auto engine = row.make(configs);
    Facts facts;
    facts.tiles = 1;
    facts.elementwise = 160;
    const Price without = engine->price(facts);
    CHECK(without.cycles.update == 0);
    CHECK(without.energy.update_pj == 0);

    facts.sgd.elements = 1000;
    facts.sgd.adds = 3000;
    facts.sgd.multiplies = 4000;
    facts.sgd.conversions = 1000;
    facts.sgd.random_draws = 10;
    const Price with = engine->price(facts);
    // 1000 elements by 16 lanes are 63 rows, and six cycles fill the pipeline.
    CHECK(with.cycles.update == 63 + 6);
    CHECK(with.cycles.step() == 69);
    CHECK(with.cycles.multipliers == without.cycles.multipliers);
    CHECK(with.cycles.elementwise == without.cycles.elementwise);
    // Additions 0.9, products 3.7, roundings 0.4 and draws 2 pJ.
    const double expected_pj = 3000 * 0.9 + 4000 * 3.7 + 1000 * 0.4 + 10 * 2.0;
    CHECK(with.energy.update_pj == Approx(expected_pj));
    CHECK(with.energy.total_pj() - without.energy.total_pj() == Approx(expected_pj));

    Facts adam;
    adam.tiles = 1;
    adam.elementwise = 160;
    adam.sgd.elements = adam.sgd.adam_elements = 160;
    adam.sgd.divisions = adam.sgd.roots = 160;
    const Price by_adam = engine->price(adam);
    CHECK(by_adam.cycles.update == 10 * 16 + 6);
    CHECK(by_adam.cycles.elementwise == without.cycles.elementwise);
    CHECK(by_adam.energy.update_pj == Approx(320 * 14.8));

    configs.sgd.lanes = 100;
    configs.sgd.pipeline_depth = 4;
    configs.sgd.conversion_pj = 1.4;
    const Price wider = row.make(configs)->price(facts);
    CHECK(wider.cycles.update == 14);
    CHECK(wider.energy.update_pj == Approx(expected_pj + 1000));
  }
}

}  // namespace
}  // namespace backboard::npu
