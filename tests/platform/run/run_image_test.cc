#include "platform/run/run_image.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "platform/config/config.h"
#include "platform/run/run_points.h"

using namespace backboard;

namespace {

RunConfig config_of(const std::string& text) {
  return config_from<RunConfig>(load_yaml_text(text, "r.yaml"));
}

}  // namespace

TEST_CASE("the run block says what the training keys say") {
  const RunConfig config = config_of(
      "training:\n  epochs: 20\n  max_steps: 7\n  shuffle: 42\n  learning_rate: [0.02, {epoch: 10, rate: 0.01}]\n"
      "  momentum: 0.9\n  weight_decay: 0.0001\n  loss_scale: {initial: 1024, dynamic: true, interval: 500}\n"
      "  fgmp_share: 0.1\n  fgmp_stall_step: 0.05\n  evaluate_every: 2\n  checkpoint_every: 5\n  resume: true\n");
  const run_block block = run_block_of(config, 10);
  CHECK(block.magic == RUN_MAGIC);
  CHECK(block.version == RUN_VERSION);
  CHECK(block.epochs == 20);
  CHECK(block.max_steps == 7);
  CHECK(block.shuffle == 1);
  CHECK(block.seed == 42);
  CHECK(block.schedule_points == 2);
  CHECK(block.schedule[0].learning_rate == 0.02f);
  CHECK(block.schedule[1].epoch == 10);
  CHECK(block.schedule[1].learning_rate == 0.01f);
  CHECK(block.momentum == 0.9f);
  CHECK(block.weight_decay == 0.0001f);
  CHECK(block.loss_scale == 1024.0f);
  CHECK(block.loss_scale_dynamic == 1);
  CHECK(block.loss_scale_interval == 500);
  CHECK(block.fgmp_share == 0.1f);
  CHECK(block.fgmp_stall_step == 0.05f);
  CHECK(block.max_loss == Approx(10 * std::log(10.0)));  // ten classes
  CHECK(block.evaluate_every == 2);
  CHECK(block.checkpoint_every == 5);
  CHECK(block.resume == 1);
}

TEST_CASE("off means no shuffle, thresholds as compiled, no checkpoints") {
  const run_block block =
      run_block_of(config_of("training: {shuffle: off, fgmp_share: off, checkpoint_every: off}\n"), 10);
  CHECK(block.shuffle == 0);
  CHECK(block.fgmp_share == -1.0f);
  CHECK(block.checkpoint_every == 0xffffffff);
}

TEST_CASE("what `compile` says of outputs and normalisations reaches the compiler") {
  const PrepareRequest plain = prepare_request(config_of("policy: full\n"));
  CHECK(plain.options.recompute == "none");
  CHECK(plain.options.fold_batchnorm == NormFolding::off);
  const PrepareRequest request = prepare_request(config_of("compile: {recompute: sqrt, fold_batchnorm: auto}\n"));
  CHECK(request.options.recompute == "sqrt");
  CHECK(request.options.fold_batchnorm == NormFolding::automatic);
}

TEST_CASE("the plan's arena is the upper half of DRAM") {
  const PrepareRequest request = prepare_request(config_of("policy: last:2\ntraining: {batch: 8, momentum: 0.5}\n"));
  CHECK(request.options.arena_base == 0x88000000);
  CHECK(request.options.arena_bytes == 128 * kMiB);
  CHECK(request.options.policy == "last:2");
  CHECK(request.options.batch == 8);
  CHECK(request.options.momentum);
}

TEST_CASE("a firmware without a plan gets no run block") {
  const RunImage image = place_run(config_of("firmware: hello\n"), {});
  CHECK(image.blobs.empty());
  CHECK(image.argument == 0);
}

TEST_CASE("a plan that is none is refused before anything is placed") {
  PreparedRun prepared;
  prepared.plan = {1, 2, 3};
  CHECK_THROWS_AS(place_run(config_of("plan: x.plan\ndata: {eval_file: e}\n"), std::move(prepared)), InputError);
}

TEST_CASE("the inference block says what training.inference says, and a plan for it is asked for") {
  const std::string head = "network: n.yaml\ndata: {eval_file: e}\n";
  const RunConfig config = config_of(
      head + "training: {inference: {every: 500 us, requests: 40, arrivals: random, seed: 9, priority: high}}\n");
  const inference_block block = inference_block_of(config);
  CHECK(block.magic == INFERENCE_MAGIC);
  CHECK(block.version == INFERENCE_VERSION);
  CHECK(block.interval_ticks == 5000);  // of 10 MHz
  CHECK(block.requests == 40);
  CHECK(block.random == 1);
  CHECK(block.seed == 9);
  CHECK(block.priority_inference > block.priority_training);
  CHECK(prepare_request(config).inference);
  CHECK_FALSE(prepare_request(config_of(head)).inference);
  const inference_block low = inference_block_of(config_of(head + "training: {inference: {priority: low}}\n"));
  CHECK(low.priority_inference < low.priority_training);
  CHECK(low.random == 0);
  const inference_block equal = inference_block_of(config_of(head + "training: {inference: {priority: equal}}\n"));
  CHECK(equal.priority_inference == equal.priority_training);
}

TEST_CASE("an inference that cannot be is refused: no images, no network, a time that the timer cannot count") {
  CHECK_THROWS_WITH(config_of("network: n.yaml\ndata: {train_file: t}\ntraining: {inference: {requests: 1}}\n"),
                    Catch::Contains("needs data.eval"));
  CHECK_THROWS_WITH(config_of("plan: p\ndata: {eval_file: e}\ntraining: {inference: {requests: 1}}\n"),
                    Catch::Contains("needs a network"));
  CHECK_THROWS_WITH(config_of("network: n.yaml\ndata: {eval_file: e}\ntraining: {inference: {requests: 4097}}\n"),
                    Catch::Contains("4096"));
  const RunConfig slow = config_of(
      "network: n.yaml\ndata: {eval_file: e}\nplatform: {clint: {clock: 32768}}\n"
      "training: {inference: {every: 100 us}}\n");
  CHECK_THROWS_WITH(inference_block_of(slow), Catch::Contains("training.inference.every: 3 ticks"));
}
