// Inference beside a training: when requests come, percentiles, and what is checked before it begins.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>

#include "firmware/runtime/inference_check.h"
#include "firmware/runtime/refresh.h"
#include "firmware/runtime/requests.h"
#include "tests/firmware/fake_dram.h"
#include "tests/firmware/sample_plan.h"

using namespace backboard::test;

namespace {

constexpr uint32_t kBlock = 0x80002800, kResult = 0x80009000, kPlan = 0x80028000, kArena = 0x80018000;

/// A sample run with a second plan for its inference, whose arena follows that of the training.
struct Beside {
  FakeDram dram{SamplePlaces::kDramBytes};
  run_block block = sample_run();
  inference_block inference{
      INFERENCE_MAGIC, INFERENCE_VERSION, kPlan, 0, kResult, sizeof(inference_result), 10, 1000, 0, 1, 0, 1, 0};
  SamplePlan second;
  uint32_t block_address = kBlock;
  bool eval = true;
  session training{}, own{};

  Beside() { move_arena(kArena); }
  /// Moves what lies in the arena.
  void move_arena(uint32_t base) {
    const uint32_t by = base - second.header.arena_base;
    second.header.arena_base = base;
    for (uint32_t* address : {&second.header.gather_address, &second.header.labels_address, &second.header.loss_address,
                              &second.header.hyper_address, &second.header.descriptors_address}) {
      *address += by;
    }
    for (npu_descriptor& d : second.descriptors) {
      if (d.address != 0) d.address += by;
      if (d.metadata != 0) d.metadata += by;
      if (d.statistics != 0) d.statistics += by;
    }
    for (plan_segment& segment : second.segments) segment.address += by;
  }

  run_error check() {
    const std::vector<uint8_t> plan = SamplePlan().bytes(), train = sample_data(20), images = sample_data(7);
    const std::vector<uint8_t> other = second.bytes();
    block.plan_bytes = static_cast<uint32_t>(plan.size());
    block.train_bytes = static_cast<uint32_t>(train.size());
    block.eval_bytes = eval ? static_cast<uint32_t>(images.size()) : 0;
    if (!eval) block.eval_address = 0;
    block.inference_address = block_address;
    if (inference.plan_bytes == 0) inference.plan_bytes = static_cast<uint32_t>(other.size());
    dram.put(SamplePlaces::kPlan, plan);
    dram.put(SamplePlaces::kTrain, train);
    dram.put(SamplePlaces::kEval, images);
    dram.put(kPlan, other);
    std::memcpy(memory_at(SamplePlaces::kRun), &block, sizeof block);
    if (block_address == kBlock) std::memcpy(memory_at(kBlock), &inference, sizeof inference);
    const memory_limits limits = dram.limits();
    REQUIRE(session_check(&training, SamplePlaces::kRun, &limits) == RUN_ERROR_NONE);
    return inference_check(&training, &own);
  }
};

run_error changed(const std::function<void(inference_block&)>& change) {
  Beside beside;
  change(beside.inference);
  return beside.check();
}

}  // namespace

TEST_CASE("the sample inference passes, with plan, images and loss scale of its own") {
  Beside beside;
  REQUIRE(beside.check() == RUN_ERROR_NONE);
  CHECK(beside.own.plan.arena.base == kArena);
  CHECK(beside.own.eval.count == 7);
  CHECK(beside.own.progress.loss_scale == 1.0f);
}

TEST_CASE("each fault of the inference block has its code") {
  const run_error wrong = RUN_ERROR_INFERENCE_BLOCK;
  CHECK(changed([](inference_block& b) { b.magic++; }) == wrong);
  CHECK(changed([](inference_block& b) { b.version++; }) == wrong);
  CHECK(changed([](inference_block& b) { b.requests = 0; }) == wrong);
  CHECK(changed([](inference_block& b) { b.requests = INFERENCE_MAX_REQUESTS + 1; }) == wrong);
  CHECK(changed([](inference_block& b) { b.requests = INFERENCE_MAX_REQUESTS; }) == RUN_ERROR_NONE);
  CHECK(changed([](inference_block& b) { b.interval_ticks = INFERENCE_SLOTS - 1; }) == wrong);
  CHECK(changed([](inference_block& b) { b.interval_ticks = 0x80000000u; }) == wrong);
  CHECK(changed([](inference_block& b) { b.random = 2; }) == wrong);
  CHECK(changed([](inference_block& b) { b.priority_training = NPU_PRIORITY_MAX + 1; }) == wrong);
  CHECK(changed([](inference_block& b) { b.priority_inference = NPU_PRIORITY_MAX + 1; }) == wrong);
  CHECK(changed([](inference_block& b) { b.result_address += 4; }) == wrong);
  CHECK(changed([](inference_block& b) { b.result_bytes--; }) == wrong);
  CHECK(changed([](inference_block& b) { b.result_address = 0x10000000; }) == wrong);
  for (const uint32_t address : {0x80002802u, 0x10000000u, 0x8003FFF0u, 0xFFFFFFFCu}) {
    Beside beside;
    beside.block_address = address;
    CHECK(beside.check() == wrong);
  }
}

TEST_CASE("a faulty plan of the inference has the plan's codes, and requests need images") {
  CHECK(changed([](inference_block& b) { b.plan_address += 64; }) == RUN_ERROR_PLAN_MAGIC);
  CHECK(changed([](inference_block& b) { b.plan_bytes = 64; }) == RUN_ERROR_PLAN_RANGE);
  Beside narrow;
  narrow.second.header.classes = 2;
  CHECK(narrow.check() == RUN_ERROR_DATA_SHAPE);
  Beside none;
  none.eval = false;
  CHECK(none.check() == RUN_ERROR_DATA_MISSING);
}

TEST_CASE("the inference's memory meets nothing of the run, and nothing lies between the arenas") {
  const run_error overlap = RUN_ERROR_RUN_OVERLAP;
  CHECK(changed([](inference_block& b) { b.result_address = SamplePlaces::kResult; }) == overlap);
  CHECK(changed([](inference_block& b) { b.result_address = SamplePlan::kArena; }) == overlap);
  CHECK(changed([](inference_block& b) { b.result_address = kArena; }) == overlap);
  CHECK(changed([](inference_block& b) { b.result_address = FakeDram::kBase; }) == overlap);
  Beside same;
  same.move_arena(SamplePlan::kArena);
  CHECK(same.check() == overlap);
  // Plans and data lie between an arena at the end of memory and that of the training.
  Beside far;
  far.move_arena(0x80039000);
  far.second.header.arena_bytes = 0x7000;
  CHECK(far.check() == overlap);
}

TEST_CASE("requests come once an interval, or at random with that mean, as seed and number alone say") {
  inference_block block{};
  block.interval_ticks = 16'000;
  CHECK(requests_interval(&block, 0) == 16'000);
  CHECK(requests_interval(&block, 4095) == 16'000);
  block.random = 1;
  block.seed = 5;
  double sum = 0, squares = 0;
  uint32_t least = UINT32_MAX;
  for (uint32_t i = 0; i < INFERENCE_MAX_REQUESTS; ++i) {
    const uint32_t ticks = requests_interval(&block, i);
    REQUIRE(ticks % 1000 == 0);
    least = std::min(least, ticks);
    sum += ticks, squares += static_cast<double>(ticks) * ticks;
    CHECK(requests_interval(&block, i) == ticks);
  }
  const double mean = sum / INFERENCE_MAX_REQUESTS;
  // Geometric with p = 1/16: mean 16 slots, standard deviation sqrt(15/16) of it; of the mean of 4096, a 64th of that.
  CHECK(mean == Approx(16'000).margin(4 * 16'000 / 64.0));
  CHECK(std::sqrt(squares / INFERENCE_MAX_REQUESTS - mean * mean) ==
        Approx(16'000 * std::sqrt(15.0 / 16)).epsilon(0.1));
  CHECK(least == 1000);
  block.seed = 6;
  uint32_t different = 0;
  for (uint32_t i = 0; i < 100; ++i) {
    const uint32_t other = requests_interval(&block, i);
    block.seed = 5;
    different += requests_interval(&block, i) != other;
    block.seed = 6;
  }
  CHECK(different > 80);
}

TEST_CASE("percentiles are nearest ranks of the sorted latencies") {
  CHECK(inference_rank(1, 50) == 0);
  CHECK(inference_rank(1, 99) == 0);
  CHECK(inference_rank(100, 50) == 49);
  CHECK(inference_rank(100, 99) == 98);
  CHECK(inference_rank(101, 99) == 99);
  CHECK(inference_rank(100, 100) == 99);
  CHECK(inference_rank(3, 50) == 1);
  const auto result = std::make_unique<inference_result>();
  CHECK(requests_percentile(result.get(), 0, 50) == 0);
  for (uint32_t i = 0; i < INFERENCE_MAX_REQUESTS; ++i) result->latency_ticks[i] = (i * 2654435761u) >> 7;
  for (const uint32_t count : {1u, 2u, 3u, 10u, 1000u, INFERENCE_MAX_REQUESTS}) {
    std::vector<uint32_t> sorted(result->latency_ticks, result->latency_ticks + count);
    std::sort(sorted.begin(), sorted.end());
    for (const uint32_t percent : {1u, 50u, 99u, 100u}) {
      CHECK(requests_percentile(result.get(), count, percent) == sorted[inference_rank(count, percent)]);
    }
  }
}

TEST_CASE("weights are taken over by a copy for each parameter, between tensors of one name") {
  Beside beside;
  REQUIRE(beside.check() == RUN_ERROR_NONE);
  const auto refresh = std::make_unique<refresh_commands>();
  REQUIRE(refresh_prepare(refresh.get(), &beside.training, &beside.own) == RUN_ERROR_NONE);
  const plan_view &from = beside.training.plan, &to = beside.own.plan;
  uint32_t parameters = 0;
  for (uint32_t i = 0; i < to.header->tensors.count; ++i) {
    if ((to.tensors[i].flags & PLAN_TENSOR_PARAMETER) == 0) continue;
    REQUIRE(parameters < refresh->count);
    const npu_command& copy = refresh->commands[parameters++];
    CHECK(copy.opcode == NPU_OP_COPY);
    CHECK(copy.phase == NPU_PHASE_INFERENCE);
    CHECK(copy.tensor0 == from.header->descriptors_address + i * sizeof(npu_descriptor));
    CHECK(copy.tensor1 == to.header->descriptors_address + i * sizeof(npu_descriptor));
  }
  CHECK(parameters > 0);
  CHECK(refresh->count == parameters);
}

TEST_CASE("weights that are not those of the training are not taken over") {
  const auto refresh = std::make_unique<refresh_commands>();
  const auto with = [&](const std::function<void(plan_tensor&, npu_descriptor&)>& change) {
    Beside beside;
    for (size_t i = 0; i < beside.second.tensors.size(); ++i) {
      if ((beside.second.tensors[i].flags & PLAN_TENSOR_PARAMETER) == 0) continue;
      change(beside.second.tensors[i], beside.second.descriptors[i]);
      break;
    }
    REQUIRE(beside.check() == RUN_ERROR_NONE);
    return refresh_prepare(refresh.get(), &beside.training, &beside.own);
  };
  CHECK(with([](plan_tensor&, npu_descriptor&) {}) == RUN_ERROR_NONE);
  CHECK(with([](plan_tensor& t, npu_descriptor&) { t.name[0] ^= 1; }) == RUN_ERROR_INFERENCE_WEIGHTS);
  CHECK(with([](plan_tensor& t, npu_descriptor&) { t.flags = 0; }) == RUN_ERROR_INFERENCE_WEIGHTS);
  CHECK(with([](plan_tensor&, npu_descriptor& d) { d.shape_n = d.shape_c = d.shape_w = 1, d.shape_h++; }) ==
        RUN_ERROR_INFERENCE_WEIGHTS);
}
