// What the firmware steers by the NPU's counters, and how it goes on from a checkpoint.
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/system/board_run.h"

using namespace backboard::test;

namespace {

double share_of(const RunOutcome& run) {
  return run.summary.at("training").at("fgmp_share").get<double>();
}

}  // namespace

TEST_CASE("the measured FP16 share follows the share that was asked for") {
  const BoardRuns runs;
  const std::string pretrained = "--set weights=" SOURCE_FOLDER "/data/weights/net_s_mnist.npz ";
  const std::string file = runs.small_run("{epochs: 8, batch: 16, shuffle: 1, learning_rate: 0.01}", 100);
  std::vector<RunOutcome> outcomes;
  for (const double target : {0.1, 0.25, 0.5}) {
    outcomes.push_back(runs.run(file, "target" + std::to_string(target),
                                pretrained + "--set training.fgmp_share=" + std::to_string(target)));
    INFO("target " << target << ", measured " << share_of(outcomes.back()));
    REQUIRE(outcomes.back().exit_code() == 0);
    // Thresholds move by steps of a quarter and rest within a tenth of the target, tensor by tensor.
    CHECK(share_of(outcomes.back()) == Approx(target).epsilon(0.3));
    CHECK(outcomes.back().uart.find(" fp16 ") != std::string::npos);
  }
  CHECK(outcomes[0].dram_bytes() < outcomes[1].dram_bytes());
  CHECK(outcomes[1].dram_bytes() < outcomes[2].dram_bytes());
}

TEST_CASE("a loss that stalls raises the share") {
  const BoardRuns runs;
  // A learning rate of next to nothing: every epoch stalls, and four of five can raise the share by 0.1.
  const std::string file =
      runs.small_run("{epochs: 12, batch: 16, learning_rate: 1e-9, fgmp_share: 0.1, fgmp_stall_step: 0.05}", 32);
  const RunOutcome rises = runs.run(file, "rises");
  const RunOutcome rests = runs.run(file, "rests", "--set training.fgmp_stall_step=0");
  REQUIRE(rises.exit_code() == 0);
  REQUIRE(rests.exit_code() == 0);
  INFO("with " << share_of(rises) << ", without " << share_of(rests));
  CHECK(share_of(rises) > 2 * share_of(rests));
}

TEST_CASE("a loss scale that is too large overflows and is halved until gradients fit") {
  const BoardRuns runs;
  const std::string file = runs.small_run(
      "{epochs: 3, batch: 16, shuffle: 1, learning_rate: 0.02, loss_scale: {initial: 16777216, dynamic: true}}", 100);
  const RunOutcome run = runs.run(file, "dynamic");
  REQUIRE(run.exit_code() == 0);
  const unsigned overflows = run.summary["training"]["overflows"];
  CHECK(overflows >= 3);
  CHECK(run.summary["training"]["loss_scale"].get<double>() == std::ldexp(16777216.0, -static_cast<int>(overflows)));
  // It was halved because elements saturated, and steps went on being made after that.
  CHECK(run.stat("npu.saturated") > 0);
  CHECK(run.losses()[2] < run.losses()[0]);
  const RunOutcome fixed = runs.run(file, "fixed", "--set training.loss_scale='{initial: 1024}'");
  REQUIRE(fixed.exit_code() == 0);
  CHECK(fixed.summary["training"]["overflows"] == 0);
  CHECK(fixed.summary["training"]["loss_scale"] == 1024.0);
}

TEST_CASE("clean steps double a dynamic loss scale") {
  const BoardRuns runs;
  const std::string file = runs.small_run(
      "{epochs: 2, batch: 16, learning_rate: 0.02, loss_scale: {initial: 2, dynamic: true, interval: 2}}", 64);
  const RunOutcome run = runs.run(file, "out", "--set platform.npu.engine=reference");
  REQUIRE(run.exit_code() == 0);
  CHECK(run.summary["training"]["steps"] == 8);
  CHECK(run.summary["training"]["loss_scale"] == 32.0);  // 2 x 2^(8 / 2)
  // Powers of two pass through binary32 unchanged: the weights are those without scaling.
  const RunOutcome plain = runs.run(file, "plain", "--set platform.npu.engine=reference --set training.loss_scale=1");
  CHECK((plain.weights == run.weights));
}

TEST_CASE("a training resumed from the checkpoint in flash ends as the one that was not interrupted") {
  const BoardRuns runs;
  const std::string training =
      "shuffle: 3, batch: 16, learning_rate: [0.02, {epoch: 2, rate: 0.01}], momentum: 0.9, fgmp_share: 0.2, "
      "loss_scale: {initial: 4194304, dynamic: true, interval: 4}, checkpoint_every: 1, evaluate_every: 1";
  const std::string file = runs.small_run("{epochs: 4, " + training + "}", 48);
  const auto flash = [&](const char* name) { return "--set platform.flash.file=" + runs.path(name) + " "; };
  for (const std::string engine : {"lnpu", "reference"}) {
    INFO(engine);
    const std::string set = "--set platform.npu.engine=" + engine + " ";
    const RunOutcome whole = runs.run(file, "whole", set + flash(("whole." + engine).c_str()));
    REQUIRE(whole.exit_code() == 0);
    REQUIRE(whole.losses().size() == 4);
    const std::string cut = "cut." + engine;
    const RunOutcome first = runs.run(file, "first", set + flash(cut.c_str()) + "--set training.epochs=2");
    REQUIRE(first.exit_code() == 0);
    REQUIRE(first.losses().size() == 2);
    CHECK((first.weights != whole.weights));
    const RunOutcome second = runs.run(file, "second", set + flash(cut.c_str()) + "--set training.resume=true");
    REQUIRE(second.exit_code() == 0);
    CHECK(second.uart.find("resume: epoch 2, step 6") != std::string::npos);
    CHECK((second.weights == whole.weights));
    CHECK(second.losses() == whole.losses());
    for (const char* key : {"accuracy_after", "accuracy_by_epoch", "loss_scale", "overflows", "steps", "examples"}) {
      INFO(key);
      CHECK(second.summary["training"][key] == whole.summary["training"][key]);
    }
    // The checkpoints themselves hold the same weights.
    const ProgramResult dump = BoardRuns::program("dump " + runs.path(cut));
    CHECK(dump.exit_code == 0);
  }
}

TEST_CASE("resume without a checkpoint of this plan says so and starts afresh") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16, checkpoint_every: 1}", 32);
  const std::string flash = "--set platform.flash.file=" + runs.path("flash") + " ";
  const RunOutcome plain = runs.run(file, "plain");
  const RunOutcome fresh = runs.run(file, "fresh", flash + "--set training.resume=true");
  check_same_training(plain, fresh);
  CHECK(fresh.uart.find("resume: no checkpoint of this plan in flash") != std::string::npos);
  const RunOutcome other = runs.run(file, "other", flash + "--set training.resume=true --set policy=last:1");
  REQUIRE(other.exit_code() == 0);
  CHECK(other.uart.find("resume: no checkpoint of this plan in flash") != std::string::npos);
  // Everything done already: nothing is trained, and the result is that of the checkpoint.
  const RunOutcome done = runs.run(file, "done", "--set platform.flash.file=" + runs.path("flash2"));
  const RunOutcome again =
      runs.run(file, "again", "--set platform.flash.file=" + runs.path("flash2") + " --set training.resume=true");
  check_same_training(done, again);
}
