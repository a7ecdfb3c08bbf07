// Run blocks, data sets, and whether the parts of a run lie apart.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <functional>

#include "firmware/runtime/session.h"
#include "tests/firmware/fake_dram.h"
#include "tests/firmware/sample_plan.h"

using namespace backboard::test;

namespace {

struct Run {
  FakeDram dram{SamplePlaces::kDramBytes};
  run_block block = sample_run();
  std::vector<uint8_t> plan = SamplePlan().bytes(), train = sample_data(20), eval = sample_data(7);
  session s{};

  run_error check() {
    block.plan_bytes = static_cast<uint32_t>(plan.size());
    if (block.train_bytes == 0) block.train_bytes = static_cast<uint32_t>(train.size());
    if (block.eval_bytes == 0) block.eval_bytes = static_cast<uint32_t>(eval.size());
    dram.put(SamplePlaces::kPlan, plan);
    dram.put(SamplePlaces::kTrain, train);
    dram.put(SamplePlaces::kEval, eval);
    std::memcpy(memory_at(SamplePlaces::kRun), &block, sizeof block);
    const memory_limits limits = dram.limits();
    return session_check(&s, SamplePlaces::kRun, &limits);
  }
};

run_error run_changed(const std::function<void(run_block&)>& change) {
  Run run;
  change(run.block);
  return run.check();
}

run_error data_changed(const std::function<void(data_header&)>& change) {
  Run run;
  data_header header;
  std::memcpy(&header, run.train.data(), sizeof header);
  change(header);
  std::memcpy(run.train.data(), &header, sizeof header);
  return run.check();
}

}  // namespace

TEST_CASE("the sample run passes, and watched and steered tensors are found") {
  Run run;
  REQUIRE(run.check() == RUN_ERROR_NONE);
  CHECK(run.s.train.count == 20);
  CHECK(run.s.eval.count == 7);
  REQUIRE(run.s.watched_count == 1);
  CHECK(run.s.watched[0] == kError);
  REQUIRE(run.s.steered_count == 1);
  CHECK(run.s.steered[0] == kActivation);
  CHECK(run.s.progress.loss_scale == 1024.0f);
}

TEST_CASE("each fault of the run block has its code") {
  FakeDram dram(SamplePlaces::kDramBytes);
  const memory_limits limits = dram.limits();
  CHECK(run_check(0, &limits) == RUN_ERROR_NO_RUN_BLOCK);
  CHECK(run_check(0x80002002, &limits) == RUN_ERROR_NO_RUN_BLOCK);
  CHECK(run_check(0x8003FFF0, &limits) == RUN_ERROR_NO_RUN_BLOCK);
  CHECK(run_check(0xFFFFFFF0, &limits) == RUN_ERROR_NO_RUN_BLOCK);
  CHECK(run_check(SamplePlaces::kRun, &limits) == RUN_ERROR_RUN_MAGIC);
  CHECK(run_changed([](run_block& r) { r.version = 2; }) == RUN_ERROR_RUN_MAGIC);
  CHECK(run_changed([](run_block& r) { r.result_bytes--; }) == RUN_ERROR_RUN_RESULT);
  CHECK(run_changed([](run_block& r) { r.result_address += 4; }) == RUN_ERROR_RUN_RESULT);
  CHECK(run_changed([](run_block& r) { r.result_address = 0x10000000; }) == RUN_ERROR_RUN_RESULT);
  CHECK(run_changed([](run_block& r) { r.epochs = RUN_MAX_EPOCHS + 1; }) == RUN_ERROR_RUN_RANGE);
  CHECK(run_changed([](run_block& r) { r.schedule_points = RUN_SCHEDULE_POINTS + 1; }) == RUN_ERROR_RUN_RANGE);
  CHECK(run_changed([](run_block& r) { r.schedule_points = 0; }) == RUN_ERROR_RUN_RANGE);
  CHECK(run_changed([](run_block& r) { r.schedule_points = 2; }) == RUN_ERROR_RUN_RANGE);  // both at epoch 0
  CHECK(run_changed([](run_block& r) { r.schedule[0].learning_rate = NAN; }) == RUN_ERROR_RUN_RANGE);
  CHECK(run_changed([](run_block& r) { r.momentum = 1.5f; }) == RUN_ERROR_RUN_RANGE);
  CHECK(run_changed([](run_block& r) { r.hyper_flags = 4; }) == RUN_ERROR_RUN_RANGE);
  CHECK(run_changed([](run_block& r) { r.loss_scale = 0.0f; }) == RUN_ERROR_RUN_RANGE);
  CHECK(run_changed([](run_block& r) { r.loss_scale_interval = 0; }) == RUN_ERROR_RUN_RANGE);
  CHECK(run_changed([](run_block& r) { r.shuffle = 2; }) == RUN_ERROR_RUN_RANGE);
  CHECK(run_changed([](run_block& r) { r.fgmp_share = INFINITY; }) == RUN_ERROR_RUN_RANGE);
}

TEST_CASE("the run block says how much DRAM there is, in place of the default map") {
  CHECK(run_changed([](run_block& r) { r.dram_bytes = SamplePlaces::kDramBytes; }) == RUN_ERROR_NONE);
  CHECK(run_changed([](run_block& r) { r.dram_bytes = SamplePlan::kArena - 0x80000000; }) == RUN_ERROR_PLAN_RANGE);
  CHECK(run_changed([](run_block& r) { r.dram_bytes = 0x80000000; }) == RUN_ERROR_RUN_RANGE);  // past 32-bit addresses
}

TEST_CASE("parts that overlap are refused") {
  CHECK(run_changed([](run_block& r) { r.result_address = SamplePlan::kArena; }) == RUN_ERROR_RUN_OVERLAP);
  CHECK(run_changed([](run_block& r) { r.result_address = 0x80000000; }) == RUN_ERROR_RUN_OVERLAP);
  CHECK(run_changed([](run_block& r) { r.result_address = SamplePlaces::kPlan; }) == RUN_ERROR_RUN_OVERLAP);
  Run run;
  SamplePlan plan;
  plan.header.arena_bytes = SamplePlaces::kPlan - SamplePlan::kArena + 64;
  run.plan = plan.bytes();
  CHECK(run.check() == RUN_ERROR_RUN_OVERLAP);
}

TEST_CASE("each fault of a data set has its code") {
  CHECK(run_changed([](run_block& r) { r.train_address += 4; }) == RUN_ERROR_DATA_RANGE);
  CHECK(run_changed([](run_block& r) { r.train_bytes = 10; }) == RUN_ERROR_DATA_RANGE);
  CHECK(run_changed([](run_block& r) { r.train_bytes = 0x40000; }) == RUN_ERROR_DATA_RANGE);
  CHECK(run_changed([](run_block& r) { r.train_bytes = 70; }) == RUN_ERROR_DATA_SIZE);
  CHECK(data_changed([](data_header& h) { h.magic = 0; }) == RUN_ERROR_DATA_MAGIC);
  CHECK(data_changed([](data_header& h) { h.version = 3; }) == RUN_ERROR_DATA_MAGIC);
  CHECK(data_changed([](data_header& h) { h.version = 0; }) == RUN_ERROR_DATA_MAGIC);
  CHECK(data_changed([](data_header& h) { h.version = DATA_VERSION_WIDE; }) == RUN_ERROR_DATA_SIZE);  // half as many
  CHECK(data_changed([](data_header& h) { h.crc32++; }) == RUN_ERROR_DATA_CRC);
  CHECK(data_changed([](data_header& h) { h.count = 21; }) == RUN_ERROR_DATA_SIZE);
  CHECK(data_changed([](data_header& h) { h.count = 0xFFFFFFFF; }) == RUN_ERROR_DATA_SIZE);
  CHECK(data_changed([](data_header& h) { h.images_offset = 0; }) == RUN_ERROR_DATA_SIZE);
  CHECK(data_changed([](data_header& h) { h.images_offset = 0xFFFFFFC0; }) == RUN_ERROR_DATA_SIZE);
  CHECK(data_changed([](data_header& h) { h.labels_offset = 0xFFFFFFFF; }) == RUN_ERROR_DATA_SIZE);
  CHECK(data_changed([](data_header& h) { h.w = 5; }) == RUN_ERROR_DATA_SHAPE);
  CHECK(data_changed([](data_header& h) { h.classes = 4; }) == RUN_ERROR_DATA_SHAPE);
  CHECK(data_changed([](data_header& h) { h.scale = 1.0f; }) == RUN_ERROR_DATA_SHAPE);
  CHECK(data_changed([](data_header& h) { h.classes = 2; }) == RUN_ERROR_DATA_LABEL);
  CHECK(run_changed([](run_block& r) { r.train_first = 20; }) == RUN_ERROR_DATA_SELECTION);
  CHECK(run_changed([](run_block& r) { r.train_first = 5, r.train_count = 16; }) == RUN_ERROR_DATA_SELECTION);
}

TEST_CASE("a chosen range counts from its first image, and the last batch is filled up and says how many count") {
  Run run;
  run.block.train_first = 5;
  run.block.train_count = 8;
  REQUIRE(run.check() == RUN_ERROR_NONE);
  session_load(&run.s);
  const uint32_t order[8] = {7, 6, 5, 4, 3, 2, 1, 0};
  session_prepare_batch(&run.s, &run.s.train, order, 6);
  session_publish_batch(&run.s);
  const plan_header& h = *run.s.plan.header;
  CHECK(run.dram.at<npu_loss_record>(h.loss_address).valid == 2);
  const uint32_t* gather = &run.dram.at<uint32_t>(h.gather_address);
  const uint8_t* labels = &run.dram.at<uint8_t>(h.labels_address);
  // order[6] = 1, order[7] = 0: images 6 and 5, labels 6 % 3 and 5 % 3; then the first chosen image, label 0.
  const uint32_t images[6] = {6, 5, 5, 5, 5, 5};
  const uint8_t classes[6] = {0, 2, 0, 0, 0, 0};
  for (int i = 0; i < 6; i++) {
    CHECK(gather[i] == images[i]);
    CHECK(labels[i] == classes[i]);
  }
}

TEST_CASE("a batch of a plan of more than 256 classes has labels of two bytes, whatever the data set has") {
  for (const uint32_t stored_bytes : {1u, 2u}) {
    SamplePlan plan;
    plan.header.classes = 300;
    Run run;
    run.plan = plan.bytes();
    if (stored_bytes == 2) {  // image i is of class 256 + i % 3
      data_header header;
      std::memcpy(&header, run.train.data(), sizeof header);
      header.version = DATA_VERSION_WIDE, header.classes = 300, header.total_bytes += header.count;
      run.train.resize(header.total_bytes);
      for (uint32_t i = 0; i < header.count; i++) {
        run.train[header.labels_offset + 2 * i] = static_cast<uint8_t>(i % 3);
        run.train[header.labels_offset + 2 * i + 1] = 1;
      }
      std::memcpy(run.train.data(), &header, sizeof header);
      seal_data(run.train);
    }
    REQUIRE(run.check() == RUN_ERROR_NONE);
    session_load(&run.s);
    session_prepare_batch(&run.s, &run.s.train, nullptr, 16);
    session_publish_batch(&run.s);
    const uint8_t* labels = &run.dram.at<uint8_t>(run.s.plan.header->labels_address);
    const uint32_t high = stored_bytes - 1;
    // Images 16 to 19, then images that do not count, with label 0.
    const uint32_t wanted[6] = {256 * high + 1, 256 * high + 2, 256 * high + 0, 256 * high + 1, 0, 0};
    for (int i = 0; i < 6; i++) CHECK((labels[2 * i] | labels[2 * i + 1] << 8) == static_cast<int>(wanted[i]));
  }
}

TEST_CASE("the load copies segments and descriptors, clears statistics and points at the data") {
  Run run;
  REQUIRE(run.check() == RUN_ERROR_NONE);
  std::memset(memory_at(SamplePlan::kArena), 0xA5, SamplePlan::kArenaBytes);
  session_load(&run.s);
  CHECK(run.dram.at<uint8_t>(SamplePlan::kArena + 0x1000) == 1);
  CHECK(run.dram.at<uint8_t>(SamplePlan::kArena + 0x1000 + 999) == static_cast<uint8_t>(999 * 7 + 1));
  CHECK(run.dram.at<uint8_t>(SamplePlan::kArena + 0x1800 + 1001) == 0);
  CHECK(run.dram.at<uint8_t>(SamplePlan::kArena + 0x1800 + 1002) == 0xA5);
  CHECK(run.dram.at<npu_tensor_statistics>(SamplePlan::kArena + 0x520).saturated == 0);
  session_select_data(&run.s, &run.s.eval);
  const auto& packed = run.dram.at<npu_descriptor>(SamplePlan::kArena);
  CHECK(packed.address == SamplePlaces::kEval + 64);
  CHECK(packed.shape_n == 7);
  CHECK(packed.size_bytes == 7 * 16);
}

TEST_CASE("hyper-parameters carry the loss scale and its inverse") {
  Run run;
  run.block.momentum = 0.875f;
  REQUIRE(run.check() == RUN_ERROR_NONE);
  run.s.progress.steps_done = 9;
  session_publish_hyper(&run.s, 0.25f, 1.0f);
  const auto& hyper = run.dram.at<npu_hyper>(run.s.plan.header->hyper_address);
  CHECK(hyper.learning_rate == 0.25f);
  CHECK(hyper.momentum == 0.875f);
  CHECK(hyper.loss_scale == 1024.0f);
  CHECK(hyper.gradient_scale == 1.0f / 1024.0f);
  CHECK(hyper.step == 9);
}

TEST_CASE("an overflow of a watched tensor is seen, and thresholds follow the statistics") {
  Run run;
  REQUIRE(run.check() == RUN_ERROR_NONE);
  session_load(&run.s);
  auto& error = run.dram.at<npu_tensor_statistics>(SamplePlan::kArena + 0x520);
  auto& activation = run.dram.at<npu_tensor_statistics>(SamplePlan::kArena + 0x500);
  activation.saturated = 5;  // not an error or gradient
  CHECK_FALSE(session_overflowed(&run.s));
  error.nonfinite = 1;
  CHECK(session_overflowed(&run.s));
  error.nonfinite = 0, error.saturated = 1;
  CHECK(session_overflowed(&run.s));
  activation.low = 50, activation.high = 50;  // share .5 against a target of .1
  CHECK(session_steer_thresholds(&run.s) == 0.5f);
  CHECK(run.dram.at<npu_descriptor>(SamplePlan::kArena + 64 * kActivation).threshold == 0.5f);  // .25 doubled
}
