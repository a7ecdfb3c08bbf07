// ResNet-18 as PyTorch exports it in training mode, on 64 x 64 images: the whole way from the file over ten steps and
// back to a file.
#include <catch2/catch.hpp>

#include "sw/onnx/export.h"
#include "tests/sw/onnx/torch_reference.h"

using namespace backboard;
using namespace backboard::sw_test;

TEST_CASE("onnx torch: ResNet-18 in double precision is PyTorch's, 10 steps of SGD included") {
  check_double("resnet18");
}

TEST_CASE("onnx torch: ResNet-18 under the engine reference agrees with PyTorch, 10 steps of SGD included, and back") {
  const Exported before = exported("resnet18");
  const Arrays adapted = check_reference("resnet18", 160u << 20);
  const std::vector<uint8_t> bytes = export_onnx(before.bytes, "resnet18.onnx", adapted, "weights.npz");
  CHECK(bytes != before.bytes);
  const OnnxNetwork after = parse_onnx(bytes, "adapted.onnx");
  REQUIRE(after.weights.size() == adapted.size());
  for (const auto& [name, array] : adapted) {
    INFO(name);
    REQUIRE(after.weights.contains(name));
    CHECK((after.weights.at(name).bytes == array.bytes));
    CHECK(after.weights.at(name).shape == array.shape);
  }
  CHECK((export_onnx(bytes, "adapted.onnx", after.weights, "weights.npz") == bytes));
}
