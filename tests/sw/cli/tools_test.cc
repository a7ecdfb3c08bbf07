// The commands plan, pack and dump from outside.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/program.h"

using backboard::test::ProgramResult;
using backboard::test::read_text;
using backboard::test::TemporaryFolder;
using Catch::Contains;

namespace {

const std::string kConfigs = BACKBOARD_SOURCE "/configs/";

ProgramResult backboard_run(const std::string& arguments) {
  return backboard::test::run_program(BACKBOARD_PROGRAM, arguments);
}

/// Bad input: exit code 2 and one line on stderr.
void check_bad_input(const ProgramResult& result, const std::string& part) {
  CHECK(result.exit_code == 2);
  CHECK_THAT(result.err, Contains(part));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
}

}  // namespace

TEST_CASE("a network is compiled, explained and dumped, and its weights come out and go in again") {
  const TemporaryFolder folder;
  const std::string plan = folder.path("s.plan"), weights = folder.path("w.npz"), again = folder.path("again.plan");
  const ProgramResult first = backboard_run("plan " + kConfigs + "nets/s.yaml --policy last:2 --seed 3 -o " + plan);
  CHECK(first.exit_code == 0);
  CHECK_THAT(first.out, Contains("15 commands a training step"));
  const ProgramResult dump = backboard_run("dump " + plan + " --weights " + weights);
  CHECK(dump.exit_code == 0);
  CHECK_THAT(dump.out, Contains("program train_step: 15 commands"));
  CHECK_THAT(backboard_run("dump " + weights).out, Contains("conv1.weight") && Contains("(8, 1, 3, 3)"));
  CHECK(backboard_run("plan " + kConfigs + "nets/s.yaml --policy last:2 --weights " + weights + " -o " + again)
            .exit_code == 0);
  CHECK(read_text(again) == read_text(plan));
  const ProgramResult explained = backboard_run("plan " + kConfigs + "nets/s.yaml --batch 1 --engine reference");
  CHECK(explained.exit_code == 0);
  CHECK_THAT(explained.out, Contains("527104") && Contains("engine REFERENCE, batch 1"));
}

TEST_CASE("an ONNX model compiles to the plan of its own description and weights, and takes other weights") {
  const TemporaryFolder folder;
  const std::string model = BACKBOARD_SOURCE "/tests/sw/onnx/data/s.onnx";
  const std::string network = folder.path("s.yaml"), weights = folder.path("w.npz");
  const ProgramResult dump = backboard_run("dump " + model + " --network " + network + " --weights " + weights);
  CHECK(dump.exit_code == 0);
  CHECK_THAT(dump.out, Contains("25034 parameters, 527104 MAC") && Contains("fc2            fc"));
  const std::string one = folder.path("one.plan"), two = folder.path("two.plan");
  CHECK(backboard_run("plan " + model + " -o " + one).exit_code == 0);
  CHECK(backboard_run("plan " + network + " --weights " + weights + " -o " + two).exit_code == 0);
  CHECK(read_text(one) == read_text(two));
  // The weights of net S, trained, in the model's graph.
  const std::string trained = BACKBOARD_SOURCE "/data/weights/net_s_mnist.npz", out = folder.path("out.onnx");
  CHECK(backboard_run("dump " + trained + " --model " + model + " --onnx " + out).exit_code == 0);
  CHECK(backboard_run("dump " + out + " --weights " + weights).exit_code == 0);
  CHECK_THAT(backboard_run("dump " + weights).out, Contains(backboard_run("dump " + trained).out.substr(0, 30)));
  // The same weights in a model that is made of our own description.
  CHECK(backboard_run("dump " + trained + " --model " + kConfigs + "nets/s.yaml --onnx " + out).exit_code == 0);
  CHECK(backboard_run("dump " + out + " --weights " + weights).exit_code == 0);
  CHECK((read_text(weights) == read_text(trained)));
  check_bad_input(backboard_run("dump " + trained + " --model " + kConfigs + "nets/m.yaml --onnx " + out),
                  "net_s_mnist.npz: 'conv1.weight' is (8, 1, 3, 3), the network wants (16, 1, 3, 3)");
  check_bad_input(
      backboard_run("dump " + kConfigs + "../data/optdigits/digits.csv.gz --model " + model + " --onnx " + out),
      "digits.csv.gz");
  check_bad_input(backboard_run("plan " + network + ".onnx"), network + ".onnx");
}

TEST_CASE("a data set is packed from a spec, with keys overridden") {
  const TemporaryFolder folder;
  const std::string data = folder.path("x.data");
  const ProgramResult packed = backboard_run(
      "pack " + kConfigs + "data/optdigits_100.yaml --set subset.seed=2 --set subset.count=20 -o " + data);
  CHECK(packed.exit_code == 0);
  CHECK_THAT(packed.out, Contains("20 images of 1 x 28 x 28, 10 classes"));
  CHECK_THAT(backboard_run("dump " + data).out, Contains("20 images of 1 x 28 x 28, 10 classes"));
  CHECK(backboard_run("pack --images " + kConfigs + "../data/optdigits/digits.csv.gz --set shape=[1,8,8] -o " + data)
            .exit_code == 0);
}

TEST_CASE("mistakes end in one line and exit code 2") {
  const TemporaryFolder folder;
  const std::string net = kConfigs + "nets/s.yaml", out = folder.path("x");
  check_bad_input(backboard_run("plan " + net + " --policy lats:1 -o " + out), "unknown policy 'lats:1'; offered:");
  check_bad_input(backboard_run("plan " + net + " --engine tpu -o " + out), "unknown engine 'tpu'");
  check_bad_input(backboard_run("plan " + net + " --set formats.weigth=fp16 -o " + out), "weight");
  check_bad_input(backboard_run("plan " + net + " --set formats.weight=fp17 -o " + out), "fp17");
  check_bad_input(backboard_run("plan absent.yaml -o " + out), "absent.yaml");
  check_bad_input(backboard_run("plan " + net + " --weights " + net + " -o " + out), "not an .npz file");
  check_bad_input(backboard_run("pack " + net + " -o " + out), "s.yaml:");
  check_bad_input(backboard_run("pack --set rows=[0,9999] " + kConfigs + "data/optdigits.yaml -o " + out), "1797");
  check_bad_input(backboard_run("dump " + net), "too small for a flash image");
  CHECK(read_text(out).empty());
}
