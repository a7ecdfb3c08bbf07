// A model with other weights reads back as these weights, to the bit.
#include <catch2/catch.hpp>

#include <cstring>

#include "platform/check/input_error.h"
#include "platform/check/read_file.h"
#include "sw/onnx/export.h"
#include "sw/onnx/import.h"
#include "sw/onnx/write.h"
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
  for (const std::string name : {"s", "resnet8", "dscnn", "mixture", "gelu", "lenet", "squeezenet", "densenet",
                                 "mobilenetv2", "computed", "sides", "forms"}) {
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

TEST_CASE("onnx export: gamma and beta that are constants of the graph stay constants that do not train") {
  const std::vector<uint8_t> model = read_file(std::string(BACKBOARD_TEST_DATA) + "/forms.onnx");
  const OnnxNetwork before = parse_onnx(model, "forms.onnx");
  Arrays weights = adapted(before.weights);
  size_t fixed = 0;
  for (const NetLayer& layer : before.network.layers)
    for (const char* suffix : {".weight", ".bias"})
      if (!layer.affine) weights[layer.name + suffix] = before.weights.at(layer.name + suffix), ++fixed;
  CHECK(fixed == 4);
  const std::vector<uint8_t> bytes = export_onnx(model, "forms.onnx", weights, "weights.npz");
  const OnnxNetwork after = parse_onnx(bytes, "forms.onnx");
  check_equal(after.weights, weights);
  for (size_t i = 0; i < before.network.layers.size(); ++i) {
    CHECK(after.network.layers[i].affine == before.network.layers[i].affine);
    CHECK(after.network.layers[i].moments == before.network.layers[i].moments);
  }
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

TEST_CASE("onnx write: a network of every kind of layer reads back with its layers, names and weights") {
  const Network network = parse_network(
      "name: all\nloss: mse\ninput: {channels: 4, rows: 9, columns: 8, scale: 0.5}\nlayers:\n"
      "  - {type: conv, name: c1, channels: 6, kernel: 3, pad: 2, dilation: 2, groups: 2, bias: off}\n"
      "  - {type: batchnorm, name: n1, epsilon: 0.001, momentum: 0.2, affine: off}\n  - {type: relu6, name: r1}\n"
      "  - {type: conv, name: c2, channels: 6, kernel: [1, 3], pad: [0, 0, 0, 2]}\n  - {type: leakyrelu, name: l1, "
      "slope: "
      "0.2}\n"
      "  - {type: add, name: s1, inputs: [l1, r1]}\n  - {type: sigmoid, name: g1}\n"
      "  - {type: concat, name: j1, inputs: [g1, s1]}\n  - {type: maxpool, name: m1, kernel: 3, stride: 2, pad: 1, "
      "ceil: on}\n"
      "  - {type: upsample, name: u1, kernel: [2, 1]}\n  - {type: avgpool, name: a1, kernel: 2, stride: 1, pad: 1}\n"
      "  - {type: avgpool, name: a2, kernel: 3, stride: 2, pad: 1, ceil: on, count_include_pad: off}\n"
      "  - {type: avgpool, name: a3, kernel: 2, stride: 1, pad: [0, 1], count_include_pad: off}\n"
      "  - {type: dropout, name: d1, rate: 0.3}\n  - {type: globalpool, name: p1}\n"
      "  - {type: fc, name: f1, channels: 12, bias: off}\n  - {type: batchnorm, name: n2, moments: running}\n  - "
      "{type: tanh, name: t1}\n"
      "  - {type: gelu, name: e1}\n  - {type: add, name: s2, inputs: [e1, p1]}\n  - {type: conv, name: c3, channels: "
      "5, kernel: 1}\n"
      "  - {type: relu, name: relu7}\n  - {type: fc, name: f2, channels: 3}\n",
      "all.yaml");
  Arrays shapes;
  for (const NetLayer& layer : network.layers)
    for (const LayerArray& array : layer.arrays()) {
      uint64_t elements = 1;
      for (const uint64_t dim : array.shape) elements *= dim;
      std::vector<uint64_t> shape = array.shape;
      if (layer.kind == LayerKind::fc && shape.size() == 4) shape.resize(2);
      shapes[layer.name + "." + array.suffix] = Array::of_floats(shape, std::vector<float>(elements));
    }
  const Arrays weights = adapted(shapes);
  const std::vector<uint8_t> bytes = write_onnx(network, weights, "w.npz");
  CHECK(write_onnx(network, weights, "w.npz") == bytes);
  const OnnxNetwork back = parse_onnx(bytes, "all.onnx");
  check_equal(back.weights, weights);
  CHECK(back.network.loss == LossKind::mse);
  CHECK(back.network.input.scale == 0.5);
  REQUIRE(back.network.layers.size() == network.layers.size());
  for (size_t i = 0; i < network.layers.size(); ++i) {
    const NetLayer &a = network.layers[i], &b = back.network.layers[i];
    INFO(a.name);
    CHECK((a.kind == b.kind && a.name == b.name && a.sources == b.sources && a.out == b.out));
    CHECK((a.kernel_h == b.kernel_h && a.kernel_w == b.kernel_w && a.stride_h == b.stride_h && a.pad_h == b.pad_h));
    CHECK((a.pad_w == b.pad_w && a.pad_more_h == b.pad_more_h && a.pad_more_w == b.pad_more_w));
    CHECK((a.dilation_h == b.dilation_h && a.groups == b.groups && a.bias == b.bias && a.ceil == b.ceil));
    CHECK(a.count_include_pad == b.count_include_pad);
    CHECK((a.affine == b.affine && a.moments == b.moments));
    CHECK((a.epsilon == b.epsilon && a.momentum == b.momentum && a.slope == b.slope && a.rate == b.rate));
  }
  Arrays fewer = weights;
  fewer.erase("n2.mean");
  CHECK_THROWS_WITH(write_onnx(network, fewer, "w.npz"), "w.npz: no array 'n2.mean'");
}
