// A model with other weights reads back as these weights, to the bit.
#include <catch2/catch.hpp>

#include <cstring>

#include "platform/check/input_error.h"
#include "platform/check/read_file.h"
#include "sw/onnx/export.h"
#include "sw/onnx/import.h"
#include "tests/sw/onnx/model_builder.h"

using namespace backboard;
using namespace backboard::sw_test;

namespace {

constexpr int64_t kOpen = -1;

/// Every element another one, of every sign and size.
Arrays adapted(const Arrays& weights) {
  Arrays result;
  uint32_t number = 1;
  for (const auto& [name, array] : weights) {
    std::vector<float> values(array.elements());
    const bool positive = name.ends_with(".variance");
    for (float& value : values) {
      number = number * 1664525u + 1013904223u;
      value = static_cast<float>(static_cast<int32_t>(number)) * 0x1p-33f;
      if (positive) value = std::abs(value);
    }
    result[name] = Array::of_floats(array.shape, values);
  }
  return result;
}

void check_equal(const Arrays& a, const Arrays& b) {
  REQUIRE(a.size() == b.size());
  for (const auto& [name, array] : a) {
    INFO(name);
    REQUIRE(b.contains(name));
    CHECK(array.shape == b.at(name).shape);
    CHECK(array.bytes == b.at(name).bytes);
  }
}

void check_round_trip(const std::vector<uint8_t>& model) {
  const OnnxNetwork before = parse_onnx(model, "before.onnx");
  const Arrays weights = adapted(before.weights);
  const std::vector<uint8_t> bytes = export_onnx(model, "before.onnx", weights, "weights.npz");
  const OnnxNetwork after = parse_onnx(bytes, "before.onnx");
  check_equal(after.weights, weights);
  CHECK(after.network.layers.size() == before.network.layers.size());
  for (size_t i = 0; i < after.network.layers.size(); ++i) {
    CHECK(after.network.layers[i].name == before.network.layers[i].name);
    CHECK(after.network.layers[i].sources == before.network.layers[i].sources);
  }
  CHECK(export_onnx(bytes, "after.onnx", weights, "weights.npz") == bytes);
}

}  // namespace

TEST_CASE("onnx export: networks from PyTorch with other weights read back to the same bytes") {
  for (const std::string name : {"s", "resnet8", "dscnn", "mixture"}) {
    INFO(name);
    check_round_trip(read_file(std::string(BACKBOARD_TEST_DATA) + "/" + name + ".onnx"));
  }
}

TEST_CASE("onnx export: with its own weights a model from PyTorch keeps every byte") {
  const std::vector<uint8_t> model = read_file(std::string(BACKBOARD_TEST_DATA) + "/s.onnx");
  CHECK(export_onnx(model, "s.onnx", parse_onnx(model, "s.onnx").weights, "s.npz") == model);
}

TEST_CASE("onnx export: transposed, shared and computed weights read back, and what nothing reads is gone") {
  ModelBuilder model;
  model.input({kOpen, 2, 1, 1});
  model.reals("fc1.weight", {4, 2});
  model.reals("shared", {4, 4});
  model.reals("zeros", {4});
  model.node("Flatten", {"x"}, "f");
  model.node("Transpose", {"fc1.weight"}, "t1", {{"perm", std::vector<int64_t>{1, 0}}});
  model.node("MatMul", {"f", "t1"}, "m1");
  model.node("Add", {"m1", "zeros"}, "a1");
  model.node("Identity", {"shared"}, "i");
  model.node("Identity", {"zeros"}, "z");
  model.node("Gemm", {"a1", "i", "z"}, "a2");
  model.node("Transpose", {"shared"}, "t2");
  model.node("MatMul", {"a2", "t2"}, "a3");
  model.node("Softmax", {"a3"}, "y");
  model.output("y");
  const std::vector<uint8_t> bytes = model.bytes();
  check_round_trip(bytes);

  const Arrays weights = adapted(parse_onnx(bytes, "x.onnx").weights);
  const onnx::ModelProto after = parse_model(export_onnx(bytes, "x.onnx", weights, "w.npz"), "x.onnx");
  std::vector<std::string> operations, initialisers;
  for (const onnx::NodeProto& node : after.graph().node()) operations.push_back(node.op_type());
  for (const onnx::TensorProto& tensor : after.graph().initializer()) initialisers.push_back(tensor.name());
  // fc1.weight is one layer's alone and keeps its name, layout and Transpose.
  CHECK(operations == std::vector<std::string>{"Flatten", "Transpose", "MatMul", "Add", "Gemm", "MatMul", "Softmax"});
  CHECK(initialisers.size() == 5);
  CHECK(initialisers.front() == "fc1.weight");
  const std::vector<float> stored = floats_of(after.graph().initializer(0), "fc1.weight");
  CHECK(stored == weights.at("fc1.weight").floats());
}

TEST_CASE("onnx export: weights of another network are refused") {
  ModelBuilder model;
  model.input({kOpen, 2, 6, 6});
  add_head(model, 2, "x");
  const std::vector<uint8_t> bytes = model.bytes();
  const Arrays good = parse_onnx(bytes, "x.onnx").weights;
  const auto error = [&](const Arrays& weights) -> std::string {
    try {
      static_cast<void>(export_onnx(bytes, "x.onnx", weights, "w.npz"));
    } catch (const InputError& e) {
      return e.what();
    }
    return "no error";
  };
  CHECK(error(good) == "no error");
  Arrays flat = good;
  flat.at("head.weight").shape = {3, 2, 1, 1};
  CHECK(error(flat) == "no error");
  Arrays fewer = good;
  fewer.erase("head.bias");
  CHECK(error(fewer) == "w.npz: no array 'head.bias'");
  Arrays more = good;
  more["other"] = good.at("head.bias");
  CHECK(error(more) == "w.npz: 'other' is no array of the network");
  Arrays other = good;
  other.at("head.bias") = Array::of_floats({1, 3}, std::vector<float>(3));
  CHECK(error(other) == "w.npz: 'head.bias' is (1, 3), the network wants (3,)");
}
