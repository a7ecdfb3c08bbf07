// With updates at write-back, the error of a layer's input is still that of the weights before the update (TaxoNN,
// arXiv 2010.05197: delta_i comes from the old W_{i+1}).
#include <catch2/catch.hpp>
#include <numeric>

#include "npu/engine/table.h"
#include "platform/config/config.h"
#include "tests/sw/plan/plan_player.h"
#include "tests/sw/plan/plans.h"

using namespace backboard;
using namespace backboard::sw_test;
using npu::Opcode;

namespace {

Plan plan_of(const std::string& engine, Fusion fused) {
  PlanOptions options;
  options.policy = "last:2";
  options.batch = 8;
  options.fused = fused;
  options.arena_base = kArenaAddress;
  options.arena_bytes = kRigBytes - (3u << 20);
  return compile(net_s(), options, engine);
}

/// Weights after one step on the same eight images.
Arrays trained(const std::string& engine, Plan plan) {
  PackSpec spec = load_config<PackSpec>(kSource + "/configs/data/optdigits_100.yaml");
  spec.subset.count = 8;
  npu::NpuConfig config;
  config.engine = engine;
  std::vector<uint32_t> images(8);
  std::iota(images.begin(), images.end(), 0u);
  PlanPlayer player(config, std::move(plan), pack_data(spec));
  player.train(images, sgd(0.5f));
  return player.weights();
}

/// The last layer's weight gradient, with its update, before the error that it sends down.
Plan updated_first(Plan plan) {
  const plan_program& program = plan.programs[PLAN_TRAIN_STEP];
  npu::Command *bp = nullptr, *wg = nullptr;
  for (uint32_t i = program.first; i < program.first + program.count; ++i) {
    npu::Command& command = plan.commands[i];
    if (bp == nullptr && command.opcode == static_cast<uint8_t>(Opcode::kFC_BP)) bp = &command;
    if (wg == nullptr && command.opcode == static_cast<uint8_t>(Opcode::kFC_WG)) wg = &command;
  }
  REQUIRE((bp != nullptr && wg != nullptr && bp < wg && bp->layer == wg->layer));
  std::swap(*bp, *wg);
  return plan;
}

}  // namespace

TEST_CASE("delta uses the old weights: a fused step equals one that updates at the end, and the other order does not") {
  for (const npu::EngineRow& row : npu::engine_table()) {
    CAPTURE(row.name);
    const Arrays at_end = trained(row.name, plan_of(row.name, Fusion::off));
    const Arrays fused = trained(row.name, plan_of(row.name, Fusion::on));
    const Arrays swapped = trained(row.name, updated_first(plan_of(row.name, Fusion::on)));
    for (const auto& [name, array] : at_end) CHECK(array.floats() == fused.at(name).floats());
    CHECK(swapped.at("fc2.weight").floats() == fused.at("fc2.weight").floats());
    CHECK(swapped.at("fc1.weight").floats() != fused.at("fc1.weight").floats());
  }
}
