// Whole models: the ways in which exporters write flattening, heads, names and constants, and a ResNet-18.
#include <catch2/catch.hpp>

#include "tests/sw/onnx/import_cases.h"

using namespace backboard;
using namespace backboard::sw_test;

TEST_CASE("onnx: the ways in which exporters flatten cost no layer") {
  // x.view(x.size(0), -1) by Shape, Gather, Unsqueeze and Concat, with Unsqueeze in both its forms.
  for (const int64_t opset : {11, 13}) {
    ModelBuilder model(opset);
    model.input({kOpen, 2, 2, 3});
    model.node("Shape", {"x"}, "shape");
    model.integers("zero", {0}).clear_dims();
    model.node("Gather", {"shape", "zero"}, "size", {{"axis", int64_t{0}}});
    model.integers("axes", {0});
    if (opset == 11)
      model.node("Unsqueeze", {"size"}, "sizes", {{"axes", std::vector<int64_t>{0}}});
    else
      model.node("Unsqueeze", {"size", "axes"}, "sizes");
    model.integers("rest", {-1});
    model.node("Concat", {"sizes", "rest"}, "wanted", {{"axis", int64_t{0}}});
    model.node("Reshape", {"x", "wanted"}, "flat");
    model.reals("w", {12, 4});
    model.node("MatMul", {"flat", "w"}, "y");
    model.output("y");
    CHECK(kinds(read(model).network) == "fc");
  }
  const auto reshape = [](std::vector<int64_t> shape, int64_t batch) {
    ModelBuilder model;
    model.input({batch, 2, 2, 3});
    model.integers("shape", shape);
    model.node("Reshape", {"x", "shape"}, "flat");
    model.reals("w", {12, 4});
    model.node("MatMul", {"flat", "w"}, "y");
    model.output("y");
    return kinds(read(model).network);
  };
  CHECK(reshape({0, -1}, kOpen) == "fc");
  CHECK(reshape({-1, 12}, kOpen) == "fc");
  CHECK(reshape({5, 12}, 5) == "fc");
  CHECK_THROWS_WITH(reshape({4, 12}, 5), Catch::Contains("node 0 'flat': Reshape: shape (4, 12)"));
  CHECK_THROWS_WITH(reshape({-1, 6}, kOpen), Catch::Contains("keep the images apart"));
}

TEST_CASE("onnx: one row behind a pooling, and a slice of everything, cost no layer") {
  // x.mean of [:, :, 0, 0], then [:, :2] of two channels.
  const auto net = [](int64_t axis, std::vector<int64_t> ends, std::vector<int64_t> axes, float index = -1) {
    ModelBuilder model;
    model.input({kOpen, 2, 6, 6});
    model.node("GlobalAveragePool", {"x"}, "p");
    model.integers("zero", {static_cast<int64_t>(index) + 1}).clear_dims();
    model.node("Gather", {"p", "zero"}, "row", {{"axis", axis}});
    model.node("Gather", {"row", "zero"}, "one", {{"axis", int64_t{-1}}});
    model.integers("starts", std::vector<int64_t>(ends.size(), 0));
    model.integers("ends", ends);
    model.integers("axes", axes);
    model.node("Slice", {"one", "starts", "ends", "axes"}, "all");
    model.reals("w", {2, 3});
    model.node("MatMul", {"all", "w"}, "y");
    model.output("y");
    return kinds(read(model).network);
  };
  CHECK(net(2, {2}, {1}) == "globalpool fc");
  CHECK(net(-2, {INT64_MAX, INT64_MAX}, {0, -1}) == "globalpool fc");
  CHECK_THROWS_WITH(net(1, {2}, {1}), Catch::Contains("node 1 'row': Gather: attribute 'axis': 1 of (n, 2, 1, 1)"));
  CHECK_THROWS_WITH(net(0, {2}, {1}), Catch::Contains("node 1 'row': Gather: attribute 'axis': 0 of (n, 2, 1, 1)"));
  CHECK_THROWS_WITH(net(2, {2}, {1}, 0), Catch::Contains("node 1 'row': Gather: indices 'zero' must be the number 0"));
  CHECK_THROWS_WITH(
      net(2, {1}, {1}),
      Catch::Contains("node 3 'all': Slice: 0 to 1 of dimension 1 of (n, 2) by 1: no layer takes a part"));
  CHECK_THROWS_WITH(net(2, {2}, {0}), Catch::Contains("0 to 2 of dimension 0 of (n, 2)"));
  CHECK_THROWS_WITH(net(2, {2}, {2}), Catch::Contains("node 3 'all': Slice: axis 2 of (n, 2)"));
  CHECK_THROWS_WITH(net(2, {2, 2}, {1}), Catch::Contains("lists of different lengths"));
}

TEST_CASE("onnx: images may come flat or without channels") {
  ModelBuilder flat;
  flat.input({kOpen, 36});
  flat.integers("shape", {-1, 1, 6, 6});
  flat.node("Reshape", {"x", "shape"}, "r");
  flat.reals("w", {2, 1, 3, 3});
  flat.node("Conv", {"r", "w"}, "y");
  add_head(flat, 2);
  CHECK(read(flat).network.input_shape() == ImageShape{1, 6, 6});
  ModelBuilder bare;
  bare.input({kOpen, 6, 6});
  bare.integers("axes", {1});
  bare.node("Unsqueeze", {"x", "axes"}, "r");
  bare.reals("w", {2, 1, 3, 3});
  bare.node("Conv", {"r", "w"}, "y");
  add_head(bare, 2);
  CHECK(read(bare).network.input_shape() == ImageShape{1, 6, 6});
}

TEST_CASE("onnx: the head's softmax, log-softmax or loss is the network's loss") {
  const auto head = [](int form) {
    ModelBuilder model;
    model.input({kOpen, 4}).input({kOpen}, "labels", onnx::TensorProto::INT64);
    model.reals("w", {4, 3});
    model.node("MatMul", {"x", "w"}, "y");
    if (form == 0) model.node("Softmax", {"y"}, "end", {{"axis", int64_t{-1}}});
    if (form == 1) model.node("LogSoftmax", {"y"}, "end", {{"axis", int64_t{1}}});
    if (form == 2) model.node("SoftmaxCrossEntropyLoss", {"y", "labels"}, "end");
    if (form == 3) {
      model.node("LogSoftmax", {"y"}, "p");
      model.node("NegativeLogLikelihoodLoss", {"p", "labels"}, "end", {{"reduction", std::string("mean")}});
    }
    model.output("end");
    if (form == 2) model.output("y");
    const Network network = read(model).network;
    CHECK(network.loss == LossKind::softmax_ce);
    return kinds(network);
  };
  for (int form = 0; form < 4; ++form) CHECK(head(form) == "fc");
}

TEST_CASE("onnx: Identity, Constant, Cast and dead nodes leave nothing behind") {
  const Network network = between(2, [](ModelBuilder& model) {
    model.node("Identity", {"x"}, "i");
    model.node("Cast", {"i"}, "c", {{"to", int64_t{onnx::TensorProto::FLOAT}}});
    model.node("Relu", {"c"}, "y");
    model.node("Erf", {"y"}, "nobody reads this");
  });
  CHECK(kinds(network) == "relu globalpool fc");
}

TEST_CASE("onnx: nearest-neighbour Resize by whole factors repeats elements") {
  const auto resize = [](std::vector<float> scales, const std::string& nearest) {
    return between(2,
                   [&](ModelBuilder& model) {
                     model.reals("ones", {2}, {scales[0], scales[1]});
                     model.reals("factors", {2}, {scales[2], scales[3]});
                     model.node("Concat", {"ones", "factors"}, "scales", {{"axis", int64_t{0}}});
                     model.node("Resize", {"x", "", "scales"}, "y",
                                {{"mode", std::string("nearest")},
                                 {"coordinate_transformation_mode", std::string("asymmetric")},
                                 {"nearest_mode", nearest},
                                 {"cubic_coeff_a", -0.75f}});
                   })
        .layers.at(0);
  };
  CHECK(resize({1, 1, 2, 3}, "floor").out == ImageShape{2, 12, 18});
  CHECK_THROWS_WITH(resize({1, 1, 1.5f, 2}, "floor"), Catch::Contains("a scale of 1.5"));
  CHECK_THROWS_WITH(resize({1, 1, 2, 2}, "ceil"), Catch::Contains("attribute 'nearest_mode'"));
  // Or by sizes, which exporters join from the input's and the wanted ones.
  const auto sized = [](std::vector<int64_t> sizes, bool empty = false) {
    return between(2,
                   [&](ModelBuilder& model) {
                     model.node("Shape", {"x"}, "shape");
                     model.integers("zero", {0}), model.integers("two", {2});
                     model.node("Slice", {"shape", "zero", "two"}, "kept");
                     model.integers("wanted", sizes);
                     model.node("Concat", {"kept", "wanted"}, "sizes", {{"axis", int64_t{0}}});
                     if (empty) model.reals("none", {0}, {});  // operator set 11 has no other way to leave it out
                     model.node("Resize", {"x", empty ? "none" : "", empty ? "none" : "", "sizes"}, "y",
                                {{"coordinate_transformation_mode", std::string("asymmetric")},
                                 {"nearest_mode", std::string("floor")}});
                   })
        .layers.at(0);
  };
  CHECK(sized({12, 18}).out == ImageShape{2, 12, 18});
  CHECK(sized({12, 18}, true).out == ImageShape{2, 12, 18});
  CHECK_THROWS_WITH(sized({12, 17}), Catch::Contains("node 3 'y': Resize: a scale of 2.83"));
  CHECK_THROWS_WITH(sized({3, 6}), Catch::Contains("a scale of 0.5"));
  CHECK_THROWS_WITH(sized({12}), Catch::Contains("sizes over those of the input must be 1, 1, rows, columns"));
}

TEST_CASE("onnx: long names are shortened, and each layer has its own") {
  ModelBuilder model;
  model.input({kOpen, 2, 6, 6});
  std::string from = "x";
  // The last two differ only in what is cut off.
  for (const std::string name : {"layer1.0.downsample.0.weight", "backbone.features.stage.conv.weight",
                                 "backbone.features.stage.convolution.weight", "conv2.weight"}) {
    model.reals(name, {2, 2, 1, 1});
    model.node("Conv", {from, name}, name + "_y");
    from = name + "_y";
  }
  add_head(model, 2, from);
  const Network network = read(model).network;
  CHECK(network.layers[0].name == "laye1.0.down.0");
  CHECK(network.layers[1].name == "ba.fe.st.co");
  CHECK(network.layers[2].name == "conv1");
  CHECK(network.layers[3].name == "conv2");
}

TEST_CASE("onnx: the scale of a pixel comes from the model's metadata") {
  ModelBuilder model;
  model.input({kOpen, 2, 6, 6});
  add_head(model, 2, "x");
  CHECK(read(model).network.input.scale == 1.0 / 255.0);
  onnx::StringStringEntryProto& entry = *model.model.add_metadata_props();
  entry.set_key("backboard.input_scale");
  entry.set_value("0.0078125");
  CHECK(read(model).network.input.scale == 0.0078125);
  entry.set_value("1e999");
  CHECK_THROWS_WITH(read(model), Catch::Contains("test.onnx: metadata 'backboard.input_scale'"));
}

TEST_CASE("onnx: ResNet-18 at 224 x 224 is read with its known number of parameters") {
  ModelBuilder model(17);
  model.input({kOpen, 3, 224, 224});
  const auto zeros = [&](const std::string& name, std::vector<int64_t> dims) {
    int64_t count = 1;
    for (const int64_t dim : dims) count *= dim;
    onnx::TensorProto& tensor = model.reals(name, dims, {});
    tensor.set_raw_data(std::string(static_cast<size_t>(count) * 4, '\0'));
  };
  const auto conv = [&](const std::string& name, const std::string& from, int64_t inputs, int64_t outputs,
                        int64_t kernel, int64_t stride) {
    const int64_t pad = kernel / 2;
    zeros(name + ".weight", {outputs, inputs, kernel, kernel});
    model.node("Conv", {from, name + ".weight"}, name,
               {{"strides", std::vector<int64_t>{stride, stride}}, {"pads", std::vector<int64_t>{pad, pad, pad, pad}}});
    for (const char* suffix : {".gamma", ".beta", ".mean", ".var"}) zeros(name + suffix, {outputs});
    model.node("BatchNormalization", {name, name + ".gamma", name + ".beta", name + ".mean", name + ".var"}, name + "n",
               {{"training_mode", int64_t{1}}});
    return name + "n";
  };
  model.node("Relu", {conv("conv1", "x", 3, 64, 7, 2)}, "r");
  model.node("MaxPool", {"r"}, "p",
             {{"kernel_shape", std::vector<int64_t>{3, 3}},
              {"strides", std::vector<int64_t>{2, 2}},
              {"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  std::string from = "p";
  int64_t channels = 64;
  for (int stage = 0; stage < 4; ++stage) {
    const int64_t outputs = int64_t{64} << stage;
    for (int block = 0; block < 2; ++block) {
      const std::string name = "layer" + std::to_string(stage + 1) + "." + std::to_string(block);
      const int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      model.node("Relu", {conv(name + ".conv1", from, channels, outputs, 3, stride)}, name + "r");
      const std::string second = conv(name + ".conv2", name + "r", outputs, outputs, 3, 1);
      const std::string beside = stride == 1 ? from : conv(name + ".down", from, channels, outputs, 1, stride);
      model.node("Add", {second, beside}, name + "a");
      model.node("Relu", {name + "a"}, name + "y");
      from = name + "y";
      channels = outputs;
    }
  }
  model.node("GlobalAveragePool", {from}, "pooled");
  model.node("Flatten", {"pooled"}, "flat");
  zeros("fc.weight", {10, 512});
  zeros("fc.bias", {10});
  model.node("Gemm", {"flat", "fc.weight", "fc.bias"}, "logits", {{"transB", int64_t{1}}});
  model.output("logits");
  const Network network = read(model).network;
  // 11,689,512 of the published network of 1000 classes, less 990 rows of 513.
  CHECK(network.parameters() == 11'689'512 - 990 * 513);
  CHECK(network.macs() == 1'813'566'464);
  CHECK(network.layers.size() == 68);
  CHECK(network.classes() == 10);
}
