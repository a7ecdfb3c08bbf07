// More than 256 classes on the whole board: labels of two bytes from the data file to the loss.
#include <catch2/catch.hpp>
#include <random>

#include "sw/npz/npz.h"
#include "tests/system/board_run.h"

using namespace backboard;
using namespace backboard::test;

namespace {

Array whole_numbers(ArrayType type, std::vector<uint64_t> shape, const std::vector<uint64_t>& values) {
  Array array;
  array.type = type;
  array.shape = std::move(shape);
  for (const uint64_t value : values)
    for (unsigned byte = 0; byte < bytes_of(type); ++byte)
      array.bytes.push_back(static_cast<uint8_t>(value >> (8 * byte)));
  return array;
}

}  // namespace

TEST_CASE("a head of 257 or 1000 classes learns the labels that the data file has, and no others") {
  const BoardRuns runs;
  for (const unsigned classes : {257u, 1000u}) {
    // Eight images of each class; all classes of a pair have one low byte.
    const std::vector<uint64_t> known =
        classes == 257 ? std::vector<uint64_t>{0, 255, 256} : std::vector<uint64_t>{3, 259, 515, 771, 999};
    std::mt19937 random(5);
    std::vector<uint64_t> pixels, labels;
    for (size_t i = 0; i < 8 * known.size(); ++i) {
      labels.push_back(known[i % known.size()]);
      for (size_t p = 0; p < 16; ++p)
        pixels.push_back(p % known.size() == i % known.size() ? 200 + random() % 50 : random() % 50);
    }
    const uint64_t count = labels.size();
    write_npz(runs.path("set.npz"), {{"x", whole_numbers(ArrayType::u8, {count, 1, 4, 4}, pixels)},
                                     {"y", whole_numbers(ArrayType::i64, {count}, labels)}});
    runs.write("wide.yaml",
               "name: wide\ninput: {channels: 1, rows: 4, columns: 4}\nlayers:\n"
               "  - {type: fc, name: f1, channels: 24}\n  - {type: relu}\n"
               "  - {type: fc, name: head, channels: " +
                   std::to_string(classes) + "}\n");
    const std::string set = "{images: " + runs.path("set.npz") + ":x, labels: " + runs.path("set.npz") +
                            ":y, classes: " + std::to_string(classes) + "}";
    const std::string file =
        runs.write("run.yaml", "name: wide\nplatform: {extends: " SOURCE_FOLDER
                               "/configs/platforms/edge.yaml}\nfirmware: train\nnetwork: wide.yaml\nweights_seed: 7\n"
                               "data:\n  train: " +
                                   set + "\n  eval: " + set +
                                   "\ntraining: {epochs: 20, batch: 6, shuffle: 3, learning_rate: 0.2}\n");
    for (const std::string engine : {"reference", "lnpu"}) {
      const RunOutcome run = runs.run(file, engine, "--set platform.npu.engine=" + engine);
      CAPTURE(classes, engine, run.program.err, run.uart);
      REQUIRE(run.exit_code() == 0);
      CHECK(run.summary["training"]["accuracy_after"].get<double>() >= 99.9);
      // The bias of a class falls with every image that is not of it.
      const std::vector<float> bias = read_npz(run.folder + "/weights.npz").at("head.bias").floats();
      REQUIRE(bias.size() == classes);
      for (size_t c = 0; c < classes; ++c)
        CHECK((bias[c] > 0) == (std::find(known.begin(), known.end(), c) != known.end()));
    }
  }
}
