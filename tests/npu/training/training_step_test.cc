// Training on the NPU, commands by hand: `reference` against the trainer, finite differences and the direct executor;
// `lnpu` near the trainer; the same bytes whatever the tile sizes, the fusing of commands, the buffer and the threads.
#include <catch2/catch.hpp>

#include <cmath>
#include <string>

#include "tests/npu/training/direct_executor.h"
#include "tests/npu/training/npu_rig.h"
#include "tests/npu/training/training_run.h"

using namespace backboard;
using namespace backboard::test;
using npu::TensorFormat;

namespace {

constexpr uint64_t kBuffer_bytes = 372 * 1024;

TrainingRun on_npu(const std::string& engine, ImageSize image, const std::vector<LayerSpec>& layers,
                   const ProgramOptions& options, uint32_t threads = 1, uint64_t buffer_bytes = kBuffer_bytes) {
  npu::NpuConfig config;
  config.engine = engine;
  config.host_threads = threads;
  config.buffer_bytes = buffer_bytes;
  return TrainingRun(std::make_unique<NpuRig>(config), image, layers, options);
}

/// Parameters after `steps` steps of net S.
std::vector<float> train(const std::string& engine, const ProgramOptions& options, uint32_t steps, uint32_t threads = 1,
                         uint64_t buffer_bytes = kBuffer_bytes) {
  TrainingRun run = on_npu(engine, kDigit, net_s(), options, threads, buffer_bytes);
  const std::vector<float> before = run.parameters();
  for (uint32_t step = 0; step < steps; ++step) run.machine_step(step);
  REQUIRE_FALSE(same_bytes(before, run.parameters()));
  return run.parameters();
}

ProgramOptions lnpu_options(bool coded) {
  ProgramOptions options;
  options.activation = coded ? TensorFormat::kFGMP : TensorFormat::kFP16;
  options.error = options.activation;
  options.weight = TensorFormat::kFP16;
  options.activation_threshold = 0.25f;
  options.error_threshold = 4.0f;  // errors carry the loss scale
  return options;
}

}  // namespace

TEST_CASE("reference: 20 steps of net S agree with the double-precision trainer to 1e-4") {
  for (const bool momentum : {false, true}) {
    ProgramOptions options;
    options.momentum = momentum;
    TrainingRun run = on_npu("reference", kDigit, net_s(), options);
    for (uint32_t step = 0; step < 20; ++step) {
      run.machine_step(step);
      const BatchLoss expected = run.trainer_step(step);
      const npu_loss_record found = run.program().loss();
      INFO("step " << step);
      CHECK(std::fabs(static_cast<double>(found.loss_sum) - expected.loss_sum) < 1e-5 * (1.0 + expected.loss_sum));
      CHECK(found.correct == expected.correct);
    }
    INFO("largest relative difference " << run.difference());
    CHECK(run.difference() < 1e-4);
  }
}

TEST_CASE("reference: gradients of net S agree with finite differences of the loss") {
  ProgramOptions options;
  options.fuse_update = false;
  TrainingRun run = on_npu("reference", kDigit, net_s(), options);
  CHECK(gradient_difference(run, options.batch) < 1e-4);
}

TEST_CASE("reference: the weights are those of whole tensors in scalar code, byte for byte, for every kind of layer") {
  for (const auto& layers : uneven_networks())
    for (const bool fused : {false, true}) {
      ProgramOptions options;
      options.fuse_elementwise = options.fuse_update = fused;
      options.momentum = true;
      options.batch = 3;
      options.images = 12;
      TrainingRun run = on_npu("reference", {2, 13, 11}, layers, options);
      TrainingRun direct(std::make_unique<DirectMachine>(Arithmetic::reference), {2, 13, 11}, layers, options);
      for (uint32_t step = 0; step < 4; ++step) {
        run.machine_step(step);
        run.trainer_step(step);
        direct.machine_step(step);
        INFO("step " << step << " fused " << fused);
        REQUIRE(same_bytes(run.parameters(), direct.parameters()));
        REQUIRE(run.program().loss().loss_sum == direct.program().loss().loss_sum);
      }
      CHECK(run.difference() < 1e-5);
    }
}

TEST_CASE("an update at write-back, and bias, ReLU and masks at write-back, give the bytes of commands of their own") {
  ProgramOptions fused;
  fused.momentum = true;
  ProgramOptions update_apart = fused, elements_apart = fused;
  update_apart.fuse_update = false;
  elements_apart.fuse_elementwise = false;
  const auto expected = train("reference", fused, 3);
  CHECK(same_bytes(train("reference", update_apart, 3), expected));
  CHECK(same_bytes(train("reference", elements_apart, 3), expected));

  ProgramOptions low = lnpu_options(true), low_apart = low;
  low_apart.fuse_update = false;
  CHECK(same_bytes(train("lnpu", low, 3), train("lnpu", low_apart, 3)));
}

TEST_CASE("tile sizes, the local buffer and host threads never change a byte of the weights") {
  for (const std::string engine : {"reference", "lnpu"}) {
    INFO(engine);
    const ProgramOptions plain = engine == "lnpu" ? lnpu_options(false) : ProgramOptions{};
    const auto expected = train(engine, plain, 2);
    const uint16_t tiles[][4] = {{3, 0, 0, 0}, {0, 2, 0, 1}, {0, 0, 5, 0}, {0, 0, 0, 3}, {7, 5, 3, 1}, {2, 1, 8, 1}};
    for (const auto& tile : tiles) {
      ProgramOptions options = plain;
      options.tile_k = tile[0];
      options.tile_rows = tile[1];
      options.tile_c = tile[2];
      options.tile_n = tile[3];
      INFO("tile k " << tile[0] << " rows " << tile[1] << " c " << tile[2] << " n " << tile[3]);
      CHECK(same_bytes(train(engine, options, 2), expected));
    }
    CHECK(same_bytes(train(engine, plain, 2, 2), expected));
    CHECK(same_bytes(train(engine, plain, 2, 1, 48 * 1024), expected));
  }
}

TEST_CASE("lnpu: coded tensors give the weights of any tiles and threads too") {
  const ProgramOptions plain = lnpu_options(true);
  const auto expected = train("lnpu", plain, 2);
  ProgramOptions images = plain;
  images.tile_n = 1;
  CHECK(same_bytes(train("lnpu", images, 2), expected));
  CHECK(same_bytes(train("lnpu", plain, 2, 2), expected));
  CHECK(same_bytes(train("lnpu", plain, 2, 1, 64 * 1024), expected));
}

TEST_CASE("lnpu: weights and losses are those of whole tensors in scalar code, byte for byte, in every storage") {
  ProgramOptions half = lnpu_options(false), coded = lnpu_options(true), zeros = half, apart = coded, eighth = half;
  zeros.activation = zeros.error = TensorFormat::kFP16Z;
  zeros.master = TensorFormat::kFP16;
  zeros.weight = TensorFormat::kFP8;
  apart.fuse_elementwise = apart.fuse_update = false;
  apart.weight = TensorFormat::kFGMP;
  apart.weight_threshold = 0.125f;
  eighth.activation = eighth.weight = TensorFormat::kFP8;
  eighth.momentum = true;
  const ProgramOptions all[] = {half, coded, zeros, apart, eighth};
  for (size_t i = 0; i < std::size(all); ++i) {
    INFO("options " << i);
    TrainingRun run = on_npu("lnpu", kDigit, net_s(), all[i]);
    TrainingRun direct(std::make_unique<DirectMachine>(Arithmetic::lnpu), kDigit, net_s(), all[i]);
    for (uint32_t step = 0; step < 4; ++step) {
      run.machine_step(step);
      direct.machine_step(step);
      INFO("step " << step);
      REQUIRE(same_bytes(run.parameters(), direct.parameters()));
      REQUIRE(run.program().loss().loss_sum == direct.program().loss().loss_sum);
    }
  }
}

// A ReLU or a maximum that FP16 decides otherwise moves a gradient by an image's whole share: the largest difference is
// that of a few elements, while losses agree closely.
TEST_CASE("lnpu: 20 steps of net S stay near the trainer, nearer in FP16 than in FGMP") {
  double difference[2] = {};
  for (const bool coded : {false, true}) {
    TrainingRun run = on_npu("lnpu", kDigit, net_s(), lnpu_options(coded));
    double expected = 0.0, found = 0.0;
    for (uint32_t step = 0; step < 20; ++step) {
      run.machine_step(step);
      expected += run.trainer_step(step).loss_sum;
      found += static_cast<double>(run.program().loss().loss_sum);
    }
    difference[coded] = run.difference();
    INFO("largest relative difference " << run.difference() << ", losses " << expected << " and " << found);
    CHECK(run.difference() > 0.0);
    CHECK(run.difference() < (coded ? 0.15 : 0.03));
    CHECK(std::fabs(found - expected) < (coded ? 2e-2 : 2e-3) * expected);
  }
  CHECK(difference[0] < difference[1]);
}
