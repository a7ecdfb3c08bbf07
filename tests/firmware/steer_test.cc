// What is steered: learning rate, loss scale, thresholds, order of images.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>
#include <vector>

#include "firmware/runtime/shuffle.h"
#include "firmware/runtime/steer.h"
#include "npu/sgd/random_stream.h"
#include "tests/firmware/sample_plan.h"

using namespace backboard::test;

TEST_CASE("the learning rate is that of the last schedule point, and grows during warm-up") {
  run_block run = sample_run();
  run.schedule_points = 3;
  run.schedule[1] = {4, 0.25f};
  run.schedule[2] = {9, 0.125f};
  CHECK(steer_learning_rate(&run, 0, 0) == 0.5f);
  CHECK(steer_learning_rate(&run, 3, 100) == 0.5f);
  CHECK(steer_learning_rate(&run, 4, 100) == 0.25f);
  CHECK(steer_learning_rate(&run, 8, 100) == 0.25f);
  CHECK(steer_learning_rate(&run, 1000, 100) == 0.125f);
  run.warmup_steps = 4;
  CHECK(steer_learning_rate(&run, 0, 0) == 0.125f);
  CHECK(steer_learning_rate(&run, 0, 3) == 0.5f);
  CHECK(steer_learning_rate(&run, 0, 4) == 0.5f);
}

TEST_CASE("the loss scale halves on overflow and doubles after clean steps, within bounds") {
  run_block run = sample_run();  // 1024, interval 3
  checkpoint_progress p = steer_start(&run);
  CHECK(steer_loss_scale(&p, &run, true));
  CHECK(p.loss_scale == 512.0f);
  CHECK_FALSE(steer_loss_scale(&p, &run, false));
  CHECK_FALSE(steer_loss_scale(&p, &run, false));
  CHECK(p.loss_scale == 512.0f);
  CHECK_FALSE(steer_loss_scale(&p, &run, false));
  CHECK(p.loss_scale == 1024.0f);
  for (int i = 0; i < 20; i++) steer_loss_scale(&p, &run, true);
  CHECK(p.loss_scale == STEER_LOSS_SCALE_MIN);
  CHECK_FALSE(steer_loss_scale(&p, &run, true));
  for (int i = 0; i < 100; i++) steer_loss_scale(&p, &run, false);
  CHECK(p.loss_scale == STEER_LOSS_SCALE_MAX);
  run.loss_scale_dynamic = 0;
  CHECK_FALSE(steer_loss_scale(&p, &run, true));
  CHECK(p.loss_scale == STEER_LOSS_SCALE_MAX);
}

TEST_CASE("a threshold moves towards the target share and stays in bounds") {
  npu_tensor_statistics s{};
  s.low = 900, s.high = 100, s.largest = 8.0f;
  CHECK(steer_threshold(0.5f, 0, &s, 0.1f) == 0.5f);     // on target
  CHECK(steer_threshold(0.5f, 0, &s, 0.04f) == 1.0f);    // 2.5 x the target
  CHECK(steer_threshold(0.5f, 0, &s, 0.08f) == 0.625f);  // 1.25 x
  CHECK(steer_threshold(0.5f, 0, &s, 0.15f) == 0.4f);    // 0.67 x
  CHECK(steer_threshold(0.5f, 0, &s, 0.5f) == 0.25f);    // 0.2 x
  CHECK(steer_threshold(0.0f, 0, &s, 0.1f) == 2.0f);     // first guess: a quarter of the largest
  CHECK(steer_threshold(0.0f, 1, &s, 0.1f) == 0x1p-4f);
  CHECK(steer_threshold(0x1p15f, 0, &s, 0.0f) == 0x1p15f);
  CHECK(steer_threshold(0x1p-24f, 0, &s, 1.0f) == 0x1p-24f);
  CHECK(steer_threshold(1.0f, 1, &s, 0.0f) == 1.0f);
  s.low = s.high = 0;
  CHECK(steer_threshold(0.5f, 0, &s, 0.1f) == 0.5f);
}

TEST_CASE("steering finds the threshold of a known distribution") {
  // |x| of 1000 elements, log-uniform over 2^-10 .. 2^0; the target share .1 is reached within its dead band.
  std::vector<float> magnitudes;
  for (int i = 0; i < 1000; i++) magnitudes.push_back(std::exp2(-10.0f * static_cast<float>(i) / 1000.0f));
  float threshold = 0.0f;
  npu_tensor_statistics s{};
  for (int step = 0; step < 60; step++) {
    s.high = static_cast<uint32_t>(
        std::count_if(magnitudes.begin(), magnitudes.end(), [&](float m) { return m >= threshold; }));
    s.low = 1000 - s.high;
    s.largest = 1.0f;
    threshold = steer_threshold(threshold, 0, &s, 0.1f);
  }
  CHECK(s.high >= 80);
  CHECK(s.high <= 120);
}

TEST_CASE("a stalled loss raises the target share") {
  run_block run = sample_run();
  run.fgmp_stall_step = 0.05f;
  checkpoint_progress p = steer_start(&run);
  steer_epoch_end(&p, &run, 2.0f);
  steer_epoch_end(&p, &run, 1.0f);
  CHECK(p.fgmp_target == 0.1f);
  steer_epoch_end(&p, &run, 0.995f);  // less than 1 % better
  CHECK(p.fgmp_target == 0.1f + 0.05f);
  CHECK(p.best_loss == 0.995f);
  for (int i = 0; i < 100; i++) steer_epoch_end(&p, &run, 5.0f);
  CHECK(p.fgmp_target == 1.0f);
}

TEST_CASE("the shuffle draws from the same stream as the NPU's stochastic rounding") {
  for (uint32_t i = 0; i < 1000; i++) {
    CHECK(shuffle_random(i * 977, i % 7, i) == backboard::npu::random_bits(i * 977, i % 7, i) >> 32);
  }
}

TEST_CASE("an epoch's order is a permutation that depends on seed and epoch alone") {
  std::set<std::vector<uint32_t>> orders;
  for (uint32_t seed = 0; seed < 5; seed++) {
    for (uint32_t epoch = 0; epoch < 5; epoch++) {
      std::vector<uint32_t> order(100), again(100);
      shuffle_order(order.data(), 100, seed, epoch);
      shuffle_order(again.data(), 100, seed, epoch);
      CHECK(order == again);
      orders.insert(order);
      std::sort(order.begin(), order.end());
      for (uint32_t i = 0; i < 100; i++) CHECK(order[i] == i);
    }
  }
  CHECK(orders.size() == 25);
  uint32_t one = 7;
  shuffle_order(&one, 0, 1, 1);
  CHECK(one == 7);
  shuffle_order(&one, 1, 1, 1);
  CHECK(one == 0);
}

TEST_CASE("each image comes to each place about equally often") {
  // 2400 orders of 4 images: a place expects 600 of each, standard deviation sqrt(2400 * 1/4 * 3/4) = 21.
  unsigned count[4][4] = {};
  for (uint32_t epoch = 0; epoch < 2400; epoch++) {
    uint32_t order[4];
    shuffle_order(order, 4, 99, epoch);
    for (int i = 0; i < 4; i++) count[i][order[i]]++;
  }
  for (auto& row : count) {
    for (const unsigned n : row) CHECK(std::abs(static_cast<int>(n) - 600) < 106);  // five deviations
  }
}
