// What is not read ends in one line that names file, node, operation and attribute.
#include <catch2/catch.hpp>

#include "platform/check/input_error.h"
#include "sw/onnx/import.h"
#include "tests/sw/onnx/model_builder.h"

using namespace backboard;
using namespace backboard::sw_test;

namespace {

constexpr int64_t kOpen = -1;

std::string error_of(const std::vector<uint8_t>& bytes) {
  try {
    static_cast<void>(parse_onnx(bytes, "bad.onnx"));
  } catch (const InputError& error) {
    const std::string text = error.what();
    CHECK(text.starts_with("bad.onnx: "));
    CHECK(text.find('\n') == std::string::npos);
    return text;
  }
  return "no error";
}
std::string error_of(const ModelBuilder& model) {
  return error_of(model.bytes());
}

/// images (n, 2, 6, 6), one node from "x" to "y", head.
std::string error_of_node(const std::string& operation, const std::vector<Attribute>& attributes,
                          std::vector<std::string> inputs = {"x"}) {
  ModelBuilder model;
  model.input({kOpen, 2, 6, 6});
  model.reals("w", {2, 2, 3, 3});
  model.reals("v", {2});
  model.reals("s", {}, {2});
  model.integers("i", {0, 0, 1, 1, 0, 0, 1, 1});
  model.node(operation, inputs, "y", attributes);
  add_head(model, 2);
  return error_of(model);
}

using Ints = std::vector<int64_t>;

}  // namespace

TEST_CASE("onnx: an operation that is not supported is named with its node") {
  CHECK(error_of_node("Selu", {}) == "bad.onnx: node 0 'y': Selu: the operation is not supported");
  const std::string only = "the operation is not supported but as a part of GELU, x * (1 + erf(x / sqrt(2))) / 2";
  CHECK(error_of_node("Erf", {}) == "bad.onnx: node 0 'y': Erf: " + only);
  CHECK(error_of_node("Div", {}, {"x", "s"}) == "bad.onnx: node 0 'y': Div: " + only);
  CHECK(error_of_node("Mul", {}, {"x", "s"}) == "bad.onnx: node 0 'y': Mul: " + only);
  CHECK(error_of_node("Mul", {}, {"x", "x"}) ==
        "bad.onnx: node 0 'y': Mul: products of two tensors are not supported (gates, SiLU, GELU's approximation by "
        "tanh)");
  ModelBuilder model;
  model.input({kOpen, 2, 6, 6});
  model.node("Relu", {"x"}, "y").set_domain("com.vendor");
  add_head(model, 2);
  CHECK(error_of(model) == "bad.onnx: node 0 'y': Relu: operations of domain 'com.vendor' are not supported");
}

TEST_CASE("onnx: what resembles GELU and is not is named where it goes wrong") {
  // The pattern with one thing changed; the error is the node's that does not fit.
  const auto error = [](float root, float one, float half, const std::string& times) {
    ModelBuilder model;
    model.input({kOpen, 2, 6, 6});
    model.reals("root", {}, {root}), model.reals("one", {}, {one}), model.reals("half", {}, {half});
    model.node("Relu", {"x"}, "r");
    model.node("Div", {"x", "root"}, "scaled");
    model.node("Erf", {"scaled"}, "erf");
    model.node("Add", {"erf", "one"}, "share");
    model.node("Mul", {times, "share"}, "twice");
    model.node("Mul", {"twice", "half"}, "y");
    add_head(model, 2);
    const std::string text = error_of(model);
    return text.substr(0, text.find(": the operation"));
  };
  const auto root = static_cast<float>(M_SQRT2);
  CHECK(error(root, 1, 0.5f, "x") == "no error");
  CHECK(error(1.5f, 1, 0.5f, "x") == "bad.onnx: node 2 'erf': Erf");
  CHECK(error(0, 1, 0.5f, "x") == "bad.onnx: node 1 'scaled': Div");
  CHECK(error(root, 2, 0.5f, "x") == "bad.onnx: node 2 'erf': Erf");
  CHECK(error(root, 1, 0.25f, "x") == "bad.onnx: node 5 'y': Mul");
  CHECK(error(root, 1, 0.5f, "r") == "bad.onnx: node 4 'twice': Mul");
  CHECK(error(root, 1, 0.5f, "erf") == "bad.onnx: node 4 'twice': Mul");
  CHECK(error(root, 1, 0.5f, "share") == "bad.onnx: node 4 'twice': Mul");
}

TEST_CASE("onnx: an attribute that is not supported is named with node and operation") {
  const auto conv = [](const Attribute& attribute) { return error_of_node("Conv", {attribute}, {"x", "w"}); };
  const std::string place = "bad.onnx: node 0 'y': Conv: attribute ";
  CHECK(conv({"group", int64_t{3}}) == place + "'group': 3 does not divide 2 inputs and 2 outputs");
  CHECK(conv({"group", int64_t{0}}) == place + "'group': 0 is not supported, only 1 to 65535");
  CHECK(conv({"group", 1.0f}) == place + "'group': must be of type INT");
  CHECK(conv({"strides", Ints{1}}) == place + "'strides': 1 dimensions; only windows of 2 are supported");
  CHECK(conv({"strides", Ints{0, 1}}) == place + "'strides': 0 is not supported, only 1 to 255");
  CHECK(conv({"kernel_shape", Ints{5, 5}}) == place + "'kernel_shape': not that of the weights, 3 x 3");
  CHECK(conv({"pads", Ints{1, 1}}) == place + "'pads': 2 numbers; must be top, left, bottom, right");
  CHECK(conv({"pads", Ints{-1, 0, 0, 0}}) == place + "'pads': -1 is not supported, only 0 to 255");
  CHECK(conv({"pads", Ints{3, 3, 3, 3}}) ==
        "bad.onnx: node 0 'y': Conv: attribute 'pads': must be below the kernel (3 x 3)");
  CHECK(conv({"auto_pad", std::string("SOME")}) == place + "'auto_pad': 'SOME' is not supported");
  CHECK(conv({"precision", int64_t{8}}) == place + "'precision': is not supported");
  const std::vector<Attribute> window{{"kernel_shape", Ints{2, 2}}};
  const auto with = [&](const Attribute& attribute) {
    std::vector<Attribute> attributes = window;
    attributes.push_back(attribute);
    return attributes;
  };
  CHECK(error_of_node("MaxPool", with({"dilations", Ints{2, 2}})) ==
        "bad.onnx: node 0 'y': MaxPool: attribute 'dilations': only 1 is supported");
  CHECK(error_of_node("MaxPool", {}) == "bad.onnx: node 0 'y': MaxPool: attribute 'kernel_shape' is needed");
  CHECK(error_of_node("LeakyRelu", {{"alpha", 2.0f}}).find("LeakyRelu: attribute 'alpha': 2 is not") !=
        std::string::npos);
  CHECK(error_of_node("Transpose", {{"perm", Ints{0, 2, 3, 1}}}).find("Transpose: attribute 'perm': moves") !=
        std::string::npos);
  CHECK(error_of_node("Flatten", {{"axis", int64_t{2}}}).find("Flatten: attribute 'axis': 2") != std::string::npos);
  CHECK(error_of_node("Cast", {{"to", int64_t{onnx::TensorProto::FLOAT16}}}).find("Cast: attribute 'to'") !=
        std::string::npos);
}

TEST_CASE("onnx: an attribute given twice is refused") {
  CHECK(error_of_node("LeakyRelu", {{"alpha", 0.1f}, {"alpha", 0.2f}}) ==
        "bad.onnx: node 0 'y': LeakyRelu: attribute 'alpha': is given twice");
}

TEST_CASE("onnx: inputs that do not fit an operation are named") {
  CHECK(error_of_node("Conv", {}, {"x", "x"}).find("weight 'x' must be an initialiser") != std::string::npos);
  CHECK(error_of_node("Conv", {}, {"x", "nothing"}).find("reads 'nothing', which no input") != std::string::npos);
  CHECK(error_of_node("Conv", {}, {"x", "v"}).find("weight 'v' is (2)") != std::string::npos);
  ModelBuilder line;  // Conv1d
  line.input({kOpen, 3, 20});
  line.reals("w", {6, 3, 3});
  line.node("Conv", {"x", "w"}, "y");
  line.output("y");
  CHECK(error_of(line) ==
        "bad.onnx: node 0 'y': Conv: weight 'w' is (6, 3, 3); only windows of 2 dimensions are supported");
  CHECK(error_of_node("Conv", {}, {"x", "w", "s"}).find("bias 's' is (); must have 2 elements") != std::string::npos);
  CHECK(error_of_node("Conv", {}, {"x"}).find("Conv: 1 inputs; must be 2 to 3") != std::string::npos);
  CHECK(error_of_node("Sum", {}, {"x", "v"}).find("input 1 'v' is a constant") != std::string::npos);
  CHECK(error_of_node("Add", {}, {"x", "y"}).find("reads 'y', which no input") != std::string::npos);
  CHECK(error_of_node("Add", {}, {"x", "s"}).find("a constant is added to what is not") != std::string::npos);
  CHECK(error_of_node("MatMul", {}, {"x", "v"}).find("its input is (n, 2, 6, 6); only (n, 72)") != std::string::npos);
  CHECK(error_of_node("Pad", {}, {"x", "i", "s"}).find("only padding with zero") != std::string::npos);
  CHECK(error_of_node("Pad", {}, {"x", "i"}).find("GlobalAveragePool: its input is padded") != std::string::npos);
  CHECK(error_of_node("Pad", {{"mode", std::string("reflect")}}, {"x", "i"}).find("attribute 'mode'") !=
        std::string::npos);
  CHECK(error_of_node("Softmax", {}).find("Softmax: attribute 'axis'") != std::string::npos);
}

TEST_CASE("onnx: reshaping into other channels is refused where a layer would see it") {
  ModelBuilder model;
  model.input({kOpen, 2, 6, 6});
  model.node("Relu", {"x"}, "r");
  model.integers("shape", {0, 8, 3, 3});
  model.node("Reshape", {"r", "shape"}, "y");
  add_head(model, 8);
  CHECK(error_of(model).find("GlobalAveragePool: reads (n, 2, 6, 6) as (n, 8, 3, 3)") != std::string::npos);
}

TEST_CASE("onnx: names that nothing makes are told, also where the images are cut off with them") {
  const auto error = [](const char* reads, const char* output, int64_t images = kOpen) {
    ModelBuilder model;
    model.input({images, 2, 6, 6});
    model.node("Relu", {reads}, "y");
    add_head(model, 2);
    model.model.mutable_graph()->clear_output();
    if (output[0] != 0) model.output(output);
    return error_of(model);
  };
  CHECK(error("x", "logits") == "no error");
  CHECK(error("z", "logits") ==
        "bad.onnx: node 0 'y': Relu: reads 'z', which no input, initialiser or node above makes");
  CHECK(error("x", "nothing") == "bad.onnx: output 'nothing': nothing makes it");
  CHECK(error("x", "") == "bad.onnx: the model has no output");
  CHECK(error("x", "logits", 4) == "no error");
  ModelBuilder negative;
  negative.input({4, 2, 6, 6});
  negative.model.mutable_graph()
      ->mutable_input(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->mutable_shape()
      ->mutable_dim(0)
      ->set_dim_value(INT64_MIN);
  add_head(negative, 2, "x");
  CHECK(error_of(negative) == "bad.onnx: input 'x': -9223372036854775808 images; must be open or a number from 1 on");
}

TEST_CASE("onnx: running moments that are computed from the images are refused before what computes them") {
  // track_running_stats=False of PyTorch: Reshape, Transpose and ReduceMean of the normalisation's own input.
  const auto norm = [](bool images) {
    ModelBuilder model;
    model.input({2, 2, 6, 6});
    for (const char* name : {"gamma", "beta", "variance"}) model.reals(name, {2});
    model.reals("w", {2, 1});
    if (images) {
      model.integers("shape", {2, 2, -1});
      model.node("Reshape", {"x", "shape"}, "line");
      model.node("Transpose", {"line"}, "turned", {{"perm", Ints{0, 2, 1}}});
      model.node("ReduceMean", {"turned"}, "mean", {{"axes", Ints{0, 1}}, {"keepdims", int64_t{0}}});
    } else {
      model.integers("axes", {1});
      model.node("Squeeze", {"w", "axes"}, "mean");
    }
    model.node("BatchNormalization", {"x", "gamma", "beta", "mean", "variance"}, "y");
    add_head(model, 2);
    return error_of(model);
  };
  CHECK(norm(true) ==
        "bad.onnx: node 3 'y': BatchNormalization: its running mean 'mean' is computed from the images; only running "
        "moments that are kept are supported (track_running_stats=True in PyTorch)");
  CHECK(norm(false) == "no error");
}

TEST_CASE("onnx: flat maps of different sizes are not joined, and the error says so") {
  ModelBuilder model;
  model.input({kOpen, 2, 6, 6});
  model.node("MaxPool", {"x"}, "p", {{"kernel_shape", Ints{2, 2}}});
  model.node("Flatten", {"x"}, "a");
  model.node("Flatten", {"p"}, "b");
  model.node("Concat", {"a", "b"}, "c", {{"axis", int64_t{1}}});
  model.reals("w", {122, 3});
  model.node("MatMul", {"c", "w"}, "y");
  model.output("y");
  CHECK(error_of(model) ==
        "bad.onnx: node 3 'c': Concat: (n, 72) and (n, 50) hold maps of 6 x 6 and 5 x 5; flat maps are joined only "
        "where rows and columns agree");
}

TEST_CASE("onnx: weights that two layers share are refused, equal ones by way of Identity are not") {
  for (const bool identity : {false, true}) {
    ModelBuilder model;
    model.input({kOpen, 2, 6, 6});
    model.reals("w", {2, 2, 1, 1});
    if (identity) model.node("Identity", {"w"}, "v");
    model.node("Conv", {"x", "w"}, "a");
    model.node("Conv", {"a", identity ? "v" : "w"}, "y");
    add_head(model, 2);
    CHECK((error_of(model) == "no error") == identity);
    if (!identity)
      CHECK(error_of(model).find("initialiser 'w' is both 'w.weight' and 'conv1.weight'") != std::string::npos);
  }
}

TEST_CASE("onnx: operator sets below 11 and above 17 are refused") {
  for (const int64_t opset : {10, 11, 17, 18}) {
    ModelBuilder model(opset);
    model.input({kOpen, 2, 6, 6});
    add_head(model, 2, "x");
    const bool read = opset == 11 || opset == 17;
    CHECK(error_of(model) ==
          (read ? "no error" : "bad.onnx: operator set " + std::to_string(opset) + "; 11 to 17 are read"));
  }
  ModelBuilder none;
  none.model.clear_opset_import();
  CHECK(error_of(none).find("names no version") != std::string::npos);
}

TEST_CASE("onnx: inputs and outputs of the model that no network has are refused") {
  const auto with_input = [](const std::vector<int64_t>& dims, int type = onnx::TensorProto::FLOAT) {
    ModelBuilder model;
    model.input(dims, "x", type);
    add_head(model, 2, "x");
    return error_of(model);
  };
  CHECK(with_input({kOpen, 2, kOpen, 6}).find("input 'x': dimension 2 must be a number") != std::string::npos);
  CHECK(with_input({kOpen, 2, 6, 6, 6}).find("input 'x': 5 dimensions") != std::string::npos);
  CHECK(with_input({kOpen, 2, 6, 6}, onnx::TensorProto::FLOAT16).find("must be a tensor of FLOAT") !=
        std::string::npos);
  ModelBuilder two;
  two.input({kOpen, 2, 6, 6}).input({kOpen, 2, 6, 6}, "z");
  two.node("Add", {"x", "z"}, "y");
  add_head(two, 2);
  CHECK(error_of(two) ==
        "bad.onnx: input 'z': a second input of FLOAT; a network reads images only (weights are initialisers: "
        "export_params=True in PyTorch)");
  ModelBuilder constant;
  constant.input({kOpen, 2, 6, 6});
  constant.reals("v", {2});
  constant.node("Relu", {"v"}, "y");
  constant.output("y");
  CHECK(error_of(constant) == "bad.onnx: no output depends on an input of FLOAT");
  ModelBuilder outputs;
  outputs.input({kOpen, 2, 6, 6});
  add_head(outputs, 2, "x");
  outputs.output("pooled");
  CHECK(error_of(outputs).find("outputs") == std::string::npos);
  CHECK(error_of(outputs).find("come from different layers") != std::string::npos);
  ModelBuilder maps;
  maps.input({kOpen, 2, 6, 6});
  maps.node("Relu", {"x"}, "y");
  maps.output("y");
  CHECK(error_of(maps).find("must end in {classes} x 1 x 1") != std::string::npos);
}

TEST_CASE("onnx: tensors whose dimensions, type and data disagree are refused before memory is taken") {
  const auto weight = [](auto change) {
    ModelBuilder model;
    model.input({kOpen, 2, 6, 6});
    change(model.reals("w", {2, 2, 1, 1}));
    model.node("Conv", {"x", "w"}, "y");
    add_head(model, 2);
    return error_of(model);
  };
  CHECK(weight([](onnx::TensorProto&) {}) == "no error");
  CHECK(weight([](onnx::TensorProto& t) { t.add_float_data(1); }) ==
        "bad.onnx: initialiser 'w': 5 elements, its dimensions say 4");
  CHECK(weight([](onnx::TensorProto& t) { t.set_raw_data("abc"); }) ==
        "bad.onnx: initialiser 'w': 3 bytes of data, its dimensions say 16");
  CHECK(weight([](onnx::TensorProto& t) { t.set_dims(0, -1); }).find("a dimension of -1") != std::string::npos);
  CHECK(weight([](onnx::TensorProto& t) { t.set_dims(0, int64_t{1} << 27); }).find("elements, its dimensions say") !=
        std::string::npos);
  CHECK(weight([](onnx::TensorProto& t) { t.set_dims(0, int64_t{1} << 28); }).find("more than 268435456 elements") !=
        std::string::npos);
  CHECK(weight([](onnx::TensorProto& t) {
          t.set_data_location(onnx::TensorProto::EXTERNAL);
        }).find("its data lies in another file") != std::string::npos);
  CHECK(weight([](onnx::TensorProto& t) {
          t.set_data_type(onnx::TensorProto::FLOAT16);
        }).find("initialiser 'w': FLOAT16 is not read") != std::string::npos);
  CHECK(weight([](onnx::TensorProto& t) { t.set_float_data(2, INFINITY); }).find("element 2 is not finite") !=
        std::string::npos);
  // Raw data is little-endian binary32.
  CHECK(weight([](onnx::TensorProto& t) {
          t.clear_float_data();
          t.set_raw_data(std::string(16, '\0'));
        }) == "no error");
}

TEST_CASE("onnx: malformed bytes are refused with their offset") {
  const auto text = [](std::string bytes) { return error_of(std::vector<uint8_t>(bytes.begin(), bytes.end())); };
  CHECK(text("") == "bad.onnx: not an ONNX model: it holds no graph");
  CHECK(text("\x3a\x05\x0a") ==
        "bad.onnx: offset 0x0: not an ONNX model: onnx.ModelProto.graph of 5 bytes in a message "
        "that ends after 1");
  CHECK(text("\x0b").find("offset 0x0: not an ONNX model: wire type 3") != std::string::npos);
  CHECK(text("\x08\x80").find("offset 0x1: not an ONNX model: a number is cut off") != std::string::npos);
  CHECK(text("\x08" + std::string(11, '\xff')).find("more than 64 bits") != std::string::npos);
  CHECK(text(std::string("\0\0", 2)).find("no number of a field") != std::string::npos);
  // Graphs within graphs: an attribute's graph holds a node with an attribute with a graph ...
  onnx::GraphProto graph;
  graph.set_name("deep");
  for (int i = 0; i < 20; ++i) {
    onnx::GraphProto outer;
    *outer.add_node()->add_attribute()->mutable_g() = graph;
    graph = outer;
  }
  onnx::ModelProto deep;
  *deep.mutable_graph() = graph;
  CHECK(error_of(serialise(deep)).find("messages within each other") != std::string::npos);
}

TEST_CASE("onnx: a message that grows in memory is refused before it is built") {
  // Empty nodes: two bytes in the file, hundreds in memory. 16 MiB of them would be 3 GiB.
  std::vector<uint8_t> nodes;
  for (size_t i = 0; i < (size_t{8} << 20); ++i) nodes.insert(nodes.end(), {0x0a, 0x00});
  std::vector<uint8_t> bytes{0x3a, 0x80, 0x80, 0x80, 0x08};  // graph of 16 MiB
  bytes.insert(bytes.end(), nodes.begin(), nodes.end());
  CHECK(error_of(bytes).find("would take more than 2147483648 bytes of memory") != std::string::npos);
}

TEST_CASE("onnx: integers known beforehand are counted over the whole model, copies of them too") {
  const std::string limit = "more than 4194304 integers in the model's constants";
  const auto error_with = [](const onnx::TensorProto& tensor, int copies) {
    ModelBuilder model;
    model.input({kOpen, 2, 6, 6});
    *model.model.mutable_graph()->add_initializer() = tensor;
    for (int i = 0; i < copies; ++i) model.node("Identity", {"l" + std::to_string(i)}, "l" + std::to_string(i + 1));
    model.node("Reshape", {"x", "l" + std::to_string(copies)}, "y");
    add_head(model, 2);
    return error_of(model);
  };
  onnx::TensorProto tensor = integer_tensor(std::vector<int64_t>(1 << 20, 1));
  tensor.set_name("l0");
  CHECK(error_with(tensor, 3) == "bad.onnx: node 3 'y': Reshape: more than 8 dimensions");
  CHECK(error_with(tensor, 4) == "bad.onnx: node 3 'l4': Identity: " + limit);
  // A byte in the file, eight in memory.
  onnx::TensorProto bytes;
  bytes.set_name("l0");
  bytes.set_data_type(onnx::TensorProto::BOOL);
  bytes.add_dims((1 << 22) + 1);
  bytes.set_raw_data(std::string((1 << 22) + 1, 1));
  CHECK(error_with(bytes, 0) == "bad.onnx: initialiser 'l0': " + limit);
}

TEST_CASE("onnx: computed shapes cannot grow without end") {
  ModelBuilder model;
  model.input({kOpen, 2, 6, 6});
  model.integers("l0", {1, 1});
  for (int i = 0; i < 40; ++i)
    model.node("Concat", {"l" + std::to_string(i), "l" + std::to_string(i)}, "l" + std::to_string(i + 1),
               {{"axis", int64_t{0}}});
  model.node("Reshape", {"x", "l40"}, "y");
  add_head(model, 2);
  CHECK(error_of(model).find("more than 64 elements") != std::string::npos);
}
