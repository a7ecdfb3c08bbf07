// The commands of a training step, carried out directly on whole tensors in binary32, against the independent trainer
// and finite differences: the sums and formulas that the NPU is to follow are those of training.
#include <catch2/catch.hpp>

#include <cmath>

#include "tests/npu/training/direct_executor.h"
#include "tests/npu/training/training_run.h"

using namespace backboard;
using namespace backboard::test;

namespace {

TrainingRun direct(ImageSize image, const std::vector<LayerSpec>& layers, const ProgramOptions& options) {
  return TrainingRun(std::make_unique<DirectMachine>(Arithmetic::reference), image, layers, options);
}

}  // namespace

TEST_CASE("20 steps of net S in binary32 agree with the double-precision trainer to 1e-4") {
  for (const bool momentum : {false, true}) {
    ProgramOptions options;
    options.momentum = momentum;
    TrainingRun run = direct(kDigit, net_s(), options);
    double first = 0.0, last = 0.0;
    for (uint32_t step = 0; step < 20; ++step) {
      run.machine_step(step);
      const BatchLoss expected = run.trainer_step(step);
      const npu_loss_record found = run.program().loss();
      INFO("step " << step);
      CHECK(std::fabs(static_cast<double>(found.loss_sum) - expected.loss_sum) < 1e-5 * (1.0 + expected.loss_sum));
      CHECK(found.correct == expected.correct);
      (step < 10 ? first : last) += expected.loss_sum;
    }
    CHECK(last < first);  // it learns
    INFO("largest relative difference " << run.difference());
    CHECK(run.difference() < 1e-4);
    CHECK(run.difference() > 0.0);  // binary32 is not double
  }
}

TEST_CASE("gradients of net S in binary32 agree with finite differences of the loss") {
  ProgramOptions options;
  options.fuse_update = false;
  TrainingRun run = direct(kDigit, net_s(), options);
  CHECK(gradient_difference(run, options.batch) < 1e-4);
}

TEST_CASE("every kind of layer, uneven windows and odd sizes agree with the trainer, fused or not") {
  for (const auto& layers : uneven_networks())
    for (const bool fused : {false, true}) {
      ProgramOptions options;
      options.fuse_elementwise = options.fuse_update = fused;
      options.batch = 3;
      options.images = 12;
      TrainingRun run = direct({2, 13, 11}, layers, options);
      for (uint32_t step = 0; step < 4; ++step) {
        run.machine_step(step);
        run.trainer_step(step);
      }
      INFO("largest relative difference " << run.difference());
      CHECK(run.difference() < 1e-5);
    }
}
