// Whole training steps are the same to the last byte on every vector unit and with any number of threads of the host.
#include <catch2/catch.hpp>

#include "npu/engine/table.h"
#include "tests/support/simd_targets.h"
#include "tests/sw/plan/graph_reference.h"
#include "tests/sw/plan/plan_player.h"
#include "tests/sw/plan/plans.h"

using namespace backboard;
using namespace backboard::sw_test;

namespace {

/// What two steps leave: all arrays, losses, and what the NPU counted.
struct Left {
  Arrays weights;
  std::vector<float> losses;
  npu::NpuTotals totals;
};

Left two_steps(const Network& network, const std::string& engine, uint32_t threads) {
  PlanOptions options;
  options.batch = 4;
  options.momentum = true;
  options.arena_base = kArenaAddress;
  options.arena_bytes = kRigBytes - (3u << 20);
  npu::NpuConfig config;
  config.engine = engine;
  config.host_threads = threads;
  const PlanTarget target = plan_target(engine, static_cast<uint32_t>(config.buffer_bytes));
  PlanPlayer play(config, parse_plan(compile_plan(network, options, target, random_weights(network, 3)), "plan"),
                  random_image_set(network, 8, 5));
  Left left;
  for (uint32_t step = 0; step < 2; ++step) {
    const std::vector<uint32_t> images{step, step + 2, step + 4, step + 6};
    npu_hyper hyper = sgd(0.02f, 64.0f, 0.5f);
    hyper.step = step;
    left.losses.push_back(play.train(images, hyper).loss_sum);
  }
  left.weights = play.weights();
  left.totals = play.totals();
  return left;
}

void check_same(const Left& a, const Left& b) {
  REQUIRE(a.weights.size() == b.weights.size());
  for (const auto& [name, array] : a.weights) {
    INFO(name);
    CHECK((array.bytes == b.weights.at(name).bytes));
  }
  CHECK(a.losses == b.losses);
  CHECK(a.totals.macs_skipped == b.totals.macs_skipped);
  CHECK(a.totals.busy_cycles == b.totals.busy_cycles);
  CHECK(a.totals.compute_cycles == b.totals.compute_cycles);
  CHECK(a.totals.read_bytes == b.totals.read_bytes);
  CHECK(a.totals.write_bytes == b.totals.write_bytes);
  CHECK(a.totals.saturated == b.totals.saturated);
  CHECK(a.totals.energy.total_pj() == b.totals.energy.total_pj());
}

/// One, two and four threads on each vector unit, against one thread on the widest.
void check_everywhere(const Network& network, const std::string& engine) {
  const Left wanted = two_steps(network, engine, 1);
  unsigned targets = 0;
  test::for_each_simd_target([&](const char* target) {
    for (const uint32_t threads : {1u, 2u, 4u}) {
      CAPTURE(network.name, engine, target, threads);
      check_same(wanted, two_steps(network, engine, threads));
    }
    ++targets;
  });
  CHECK(targets > 1);
}

}  // namespace

TEST_CASE(
    "training steps of net S leave the same bytes, counters and time on every vector unit, with 1, 2, 4 threads") {
  const Network network = load_network(kSource + "/configs/nets/s.yaml");
  for (const npu::EngineRow& row : npu::engine_table()) check_everywhere(network, row.name);
}

TEST_CASE(
    "training steps of ResNet-8 leave the same bytes, counters and time on every vector unit, with 1, 2, 4 threads") {
  const Network network = load_network(kSource + "/configs/nets/resnet8.yaml");
  for (const char* engine : {"reference", "lnpu"}) check_everywhere(network, engine);
}
