// Outputs that are computed again, as the shipped firmware trains with them on the whole board.
#include <catch2/catch.hpp>

#include "tests/system/board_run.h"

using namespace backboard;
using namespace backboard::test;

namespace {

/// ResNet-8 on a few optdigits images, padded to its size.
std::string resnet_run(const BoardRuns& runs) {
  const std::string configs = SOURCE_FOLDER "/configs";
  return runs.write("resnet.yaml",
                    "name: resnet\nplatform: {extends: " + configs +
                        "/platforms/edge.yaml}\nfirmware: train\nnetwork: " + configs +
                        "/nets/resnet8_gray.yaml\nweights_seed: 7\ndata:\n  train: {extends: " + configs +
                        "/data/optdigits_100.yaml, pad: [32, 32], subset: {count: 20}}\n  eval: {extends: " + configs +
                        "/data/optdigits_validation.yaml, pad: [32, 32], rows: [800, 816]}\ntraining: "
                        "{epochs: 1, batch: 8, shuffle: 3, learning_rate: 0.01}\n");
}

}  // namespace

TEST_CASE("net S and ResNet-8 train to the same bytes whether outputs are kept or computed again") {
  const BoardRuns runs;
  const std::string nets[] = {
      runs.small_run("{epochs: 2, batch: 16, shuffle: 5, learning_rate: 0.02, loss_scale: {dynamic: true}}"),
      resnet_run(runs)};
  for (const std::string& file : nets) {
    for (const std::string engine : {"reference", "lnpu"}) {
      const std::string on = "--set platform.npu.engine=" + engine;
      const RunOutcome kept = runs.run(file, "kept", on);
      const RunOutcome again = runs.run(file, "again", on + " --set compile.recompute=sqrt");
      CAPTURE(file, engine, again.program.err);
      REQUIRE(kept.exit_code() == 0);
      REQUIRE(again.exit_code() == 0);
      check_same_training(kept, again);
      CHECK(again.summary["npu"]["macs"].get<uint64_t>() + again.summary["npu"]["macs_skipped"].get<uint64_t>() >
            kept.summary["npu"]["macs"].get<uint64_t>() + kept.summary["npu"]["macs_skipped"].get<uint64_t>());
      CHECK(again.summary["npu"]["commands"] > kept.summary["npu"]["commands"]);
      CHECK(again.dram_bytes() > kept.dram_bytes());
      CHECK(again.simulated_ps() > kept.simulated_ps());
    }
  }
}
