// One firmware binary on every engine: the board says which engine it has, the plan follows its offer.
#include <catch2/catch.hpp>
#include <cmath>

#include "sw/npz/npz.h"
#include "tests/system/board_run.h"

using namespace backboard::test;

namespace {

const std::string kPretrained = "--set weights=" SOURCE_FOLDER "/data/weights/net_s_mnist.npz ";

RunOutcome run_on(const BoardRuns& runs, const std::string& file, const std::string& name, const std::string& set) {
  RunOutcome run = runs.run(file, name, kPretrained + set);
  INFO(name << "\n" << run.program.err);
  REQUIRE(run.exit_code() == 0);
  return run;
}

double accuracy(const RunOutcome& run) {
  return run.summary.at("training").at("accuracy_after").get<double>();
}

}  // namespace

TEST_CASE("the same firmware trains on daa, whose controls are configurations") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 4, batch: 16, shuffle: 1, learning_rate: 0.02}", 64);
  const std::string daa = "--set platform.npu.engine=daa ";
  const RunOutcome reference = run_on(runs, file, "reference", "--set platform.npu.engine=reference");
  const RunOutcome value = run_on(runs, file, "daa", daa);
  const RunOutcome again =
      run_on(runs, file, "again", daa + "--set compile.tiles.rows=3 --set platform.npu.buffer=64KiB");
  const RunOutcome coins = run_on(runs, file, "random", daa + "--set platform.npu.daa.arbiter=random");
  const RunOutcome dense = run_on(runs, file, "dense",
                                  daa +
                                      "--set platform.npu.daa.ff=dense --set platform.npu.daa.bp=dense "
                                      "--set platform.npu.daa.wg=dense");
  // Of 32 images: within two of what binary32 gets, and far from the ten of a hundred of a guess.
  CHECK(accuracy(value) >= accuracy(reference) - 6.3);
  CHECK(accuracy(value) > 50.0);
  check_same_training(value, again);
  // Coins change the sums, not the work; two streams halve the steps of the array, not its products.
  CHECK((coins.weights != value.weights));
  CHECK(coins.stat("npu.macs_by_class.LL") > 0);
  CHECK(coins.stat("npu.cycles.multipliers") == value.stat("npu.cycles.multipliers"));
  CHECK(dense.stat("npu.macs") == value.stat("npu.macs"));
  CHECK(dense.stat("npu.macs_by_class.LL") == 0);
  const double gain = static_cast<double>(dense.stat("npu.cycles.multipliers")) /
                      static_cast<double>(value.stat("npu.cycles.multipliers"));
  CHECK(gain > 1.4);
  CHECK(gain < 2.0);
  // bfloat16 moves half the bytes of binary32, but for masters.
  CHECK(value.dram_bytes() < reference.dram_bytes());
}

TEST_CASE("the same firmware trains on neuroflix, whose bricks and baseline of equal area are configurations") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 4, batch: 16, shuffle: 1, learning_rate: 0.02}", 64);
  const std::string neuroflix = "--set platform.npu.engine=neuroflix ";
  const RunOutcome reference = run_on(runs, file, "reference", "--set platform.npu.engine=reference");
  const RunOutcome bricks = run_on(runs, file, "bricks", neuroflix);
  const RunOutcome again =
      run_on(runs, file, "again", neuroflix + "--set compile.tiles.rows=3 --set platform.npu.buffer=64KiB");
  const RunOutcome baseline = run_on(runs, file, "baseline", neuroflix + "--set platform.npu.neuroflix.units=bfloat16");
  CHECK(accuracy(bricks) >= accuracy(reference) - 6.3);
  CHECK(accuracy(bricks) > 50.0);
  check_same_training(bricks, again);
  // FF has no errors, BP and WG have; the baseline knows one kind of product.
  CHECK(bricks.stat("npu.macs_by_class.LL") > 0);
  CHECK(bricks.stat("npu.macs_by_class.HL") > 0);
  CHECK(bricks.stat("npu.macs_by_class.LL") + bricks.stat("npu.macs_by_class.HL") == bricks.stat("npu.macs"));
  CHECK(baseline.stat("npu.macs_by_class.HH") == baseline.stat("npu.macs"));
  CHECK(bricks.stats.at("npu.energy.total").at("value").get<double>() <
        baseline.stats.at("npu.energy.total").at("value").get<double>());
}

TEST_CASE("the same firmware trains on taxonn, whose widths go by layer") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 4, batch: 16, shuffle: 1, learning_rate: 0.02}", 64);
  const std::string taxonn = "--set platform.npu.engine=taxonn ";
  const RunOutcome reference = run_on(runs, file, "reference", "--set platform.npu.engine=reference");
  const RunOutcome fixed = run_on(runs, file, "fixed", taxonn);
  const RunOutcome again =
      run_on(runs, file, "again", taxonn + "--set compile.tiles.rows=3 --set platform.npu.buffer=64KiB");
  const RunOutcome dedicated = run_on(runs, file, "dedicated", taxonn + "--set platform.npu.taxonn.trainer=dedicated");
  const RunOutcome coarse = run_on(
      runs, file, "coarse", taxonn + "--set platform.npu.taxonn.layers='[{layer: 0, widths: {x: {fraction: 1}}}]'");
  CHECK(accuracy(fixed) >= accuracy(reference) - 6.3);
  CHECK(accuracy(fixed) > 50.0);
  check_same_training(fixed, again);
  check_same_training(fixed, dedicated);
  CHECK((coarse.weights != fixed.weights));
  CHECK(dedicated.stats.at("npu.energy.idle").at("value").get<double>() >
        fixed.stats.at("npu.energy.idle").at("value").get<double>());
}

TEST_CASE("fixed-point masters of taxonn stay in their format, fused or not and however tiles are cut") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 4, batch: 16, shuffle: 1, learning_rate: 0.02}", 64);
  const std::string taxonn = "--set platform.npu.engine=taxonn --set platform.npu.taxonn.masters=fixed ";
  const std::string stream = taxonn + "--set training.rounding=stochastic ";
  const RunOutcome nearest = run_on(runs, file, "nearest", taxonn);
  const RunOutcome stochastic = run_on(runs, file, "stochastic", stream);
  const RunOutcome apart = run_on(runs, file, "apart", stream + "--set compile.fused=off");
  const RunOutcome cut =
      run_on(runs, file, "cut", stream + "--set compile.tiles.rows=3 --set platform.npu.buffer=64KiB");
  CHECK((nearest.weights != stochastic.weights));
  CHECK((apart.weights == stochastic.weights));
  check_same_training(stochastic, cut);
  CHECK(accuracy(stochastic) > 50.0);
  for (const RunOutcome* run : {&nearest, &stochastic}) {
    unsigned off = 0, moved = 0;
    for (const auto& [name, array] : backboard::read_npz(run->folder + "/weights.npz")) {
      for (size_t i = 0; i < array.elements(); ++i) {
        const double places = array.at(i) * 2048;  // 11 bits behind the point
        off += places != std::round(places) || std::fabs(places) > 4095;
        moved += places != 0;
      }
    }
    CHECK(off == 0);
    CHECK(moved > 1000);
  }
  // Roundings and draws of the stream are paid for.
  CHECK(stochastic.stats.at("npu.energy.update").at("value").get<double>() >
        nearest.stats.at("npu.energy.update").at("value").get<double>());
  const ProgramResult refused =
      BoardRuns::program("run " + file + " --set training.rounding=stochastic --out " + runs.path("no"));
  CHECK(refused.exit_code == 2);
  CHECK(refused.err.find("training.rounding") != std::string::npos);
}

TEST_CASE("the same firmware trains biases and head on rowpipe, whose frozen convolutions are 4-bit codes") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 4, batch: 16, shuffle: 1, learning_rate: 0.02}", 64);
  const std::string rowpipe = "--set platform.npu.engine=rowpipe --set policy=bias ";
  const RunOutcome reference = run_on(runs, file, "reference", "--set platform.npu.engine=reference --set policy=bias");
  const RunOutcome rows = run_on(runs, file, "rows", rowpipe);
  const RunOutcome again =
      run_on(runs, file, "again", rowpipe + "--set compile.tiles.rows=3 --set platform.npu.buffer=64KiB");
  const RunOutcome threads = run_on(runs, file, "threads", rowpipe + "--set platform.npu.host_threads=3");
  const RunOutcome maps = run_on(runs, file, "maps", rowpipe + "--set platform.npu.rowpipe.buffering=maps");
  const RunOutcome coarse = run_on(runs, file, "coarse", rowpipe + "--set platform.npu.rowpipe.weight_bits=2");
  CHECK(accuracy(rows) >= accuracy(reference) - 6.3);
  CHECK(accuracy(rows) > 50.0);
  check_same_training(rows, again);
  check_same_training(rows, threads);
  check_same_training(rows, maps);
  // Convolutions and pooling run as a pipeline of rows, which needs less of the buffer than whole maps.
  CHECK(rows.stat("npu.buffer.maps") > 0);
  CHECK(rows.stat("npu.buffer.maps") < maps.stat("npu.buffer.maps"));
  CHECK((coarse.weights != rows.weights));
  // Codes meet codes in FF; errors meet dequantised weights; the head is FP16.
  CHECK(rows.stat("npu.macs_by_class.LL") > 0);
  CHECK(rows.stat("npu.macs_by_class.HL") > 0);
  CHECK(rows.stat("npu.macs_by_class.HH") > 0);
  CHECK(rows.stat("npu.cycles.banks") > 0);
}

TEST_CASE("a format that daa does not take is refused when the plan is compiled") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16}", 16);
  const RunOutcome run = runs.run(file, "out", "--set platform.npu.engine=daa --set compile.formats=fp16");
  CHECK(run.exit_code() == 2);
  CHECK(run.program.err.find("engine daa does not take fp16") != std::string::npos);
}
