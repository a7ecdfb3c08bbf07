// Each operation that is read becomes the layers and arrays that it should.
#include <catch2/catch.hpp>

#include "tests/sw/onnx/import_cases.h"

using namespace backboard;
using namespace backboard::sw_test;

TEST_CASE("onnx: a convolution keeps stride, padding, dilation, groups and bias") {
  ModelBuilder model;
  model.input({kOpen, 2, 9, 7});
  model.reals("features.conv.weight", {4, 1, 3, 2});
  model.reals("features.conv.bias", {4});
  model.node("Conv", {"x", "features.conv.weight", "features.conv.bias"}, "y",
             {{"strides", std::vector<int64_t>{2, 1}},
              {"pads", std::vector<int64_t>{1, 0, 1, 0}},
              {"dilations", std::vector<int64_t>{1, 2}},
              {"group", int64_t{2}},
              {"kernel_shape", std::vector<int64_t>{3, 2}}});
  add_head(model, 4);
  const OnnxNetwork result = read(model);
  const NetLayer& conv = result.network.layers.at(0);
  CHECK(kinds(result.network) == "conv globalpool fc");
  CHECK(conv.name == "features.conv");
  CHECK((conv.stride_h == 2 && conv.stride_w == 1 && conv.pad_h == 1 && conv.pad_w == 0));
  CHECK((conv.dilation_h == 1 && conv.dilation_w == 2 && conv.groups == 2 && conv.bias));
  CHECK(conv.out == ImageShape{4, 5, 5});
  // 24 weights: 1/8 to 24/8 in order; (k, c / groups, kh, kw).
  const Array& weight = result.weights.at("features.conv.weight");
  CHECK(weight.shape == std::vector<uint64_t>{4, 1, 3, 2});
  CHECK((weight.at(0) == 0.125 && weight.at(23) == 3.0));
  CHECK(result.weights.at("features.conv.bias").shape == std::vector<uint64_t>{4});
  CHECK(result.weights.at("head.weight").shape == std::vector<uint64_t>{3, 4});
  CHECK(result.notes.empty());
}

TEST_CASE("onnx: auto_pad and uneven padding become even padding where the windows are the same, else four numbers") {
  int32_t more = 0;
  const auto padding = [&more](const std::string& automatic, std::vector<int64_t> pads, int64_t size) {
    ModelBuilder model;
    model.input({kOpen, 1, size, size});
    model.reals("w", {2, 1, 3, 3});
    std::vector<Attribute> attributes{{"strides", std::vector<int64_t>{2, 2}}};
    if (!automatic.empty()) attributes.push_back({"auto_pad", automatic});
    if (!pads.empty()) attributes.push_back({"pads", pads});
    model.node("Conv", {"x", "w"}, "y", attributes);
    add_head(model, 2);
    const NetLayer layer = read(model).network.layers.at(0);
    CHECK(layer.pad_h == layer.pad_w);
    CHECK(layer.out.h == layer.out.w);
    CHECK(layer.pad_more_h == layer.pad_more_w);
    more = layer.pad_more_h;
    return std::pair(layer.pad_h, layer.out.h);
  };
  // Size 7, kernel 3, stride 2: SAME gives 4 windows and 2 of padding in all, 1 on each side.
  CHECK(padding("SAME_UPPER", {}, 7) == std::pair(1u, 4u));
  CHECK(padding("SAME_LOWER", {}, 7) == std::pair(1u, 4u));
  // Size 8: 4 windows, 1 of padding in all. Above, the windows are those of padding 1 on both sides.
  CHECK(padding("SAME_LOWER", {}, 8) == std::pair(1u, 4u));
  CHECK(padding("VALID", {}, 8) == std::pair(0u, 3u));
  CHECK(padding("", {1, 1, 0, 0}, 8) == std::pair(1u, 4u));
  CHECK(more == 0);
  // Below, no even padding gives them.
  CHECK(padding("SAME_UPPER", {}, 8) == std::pair(0u, 4u));
  CHECK(more == 1);
  CHECK(padding("", {0, 0, 1, 1}, 8) == std::pair(0u, 4u));
  CHECK(more == 1);
  CHECK(padding("", {2, 2, 1, 1}, 7) == std::pair(2u, 4u));
  CHECK(more == -1);
  CHECK_THROWS_WITH(padding("", {0, 0, 3, 3}, 8),
                    Catch::Contains("node 0 'y': Conv: attribute 'pads': must be below the kernel"));
}

TEST_CASE("onnx: uneven padding of an average that counts it is refused, and padding of two kinds") {
  const auto average = [](ModelBuilder& model) {
    model.node("AveragePool", {"x"}, "y",
               {{"kernel_shape", std::vector<int64_t>{2, 2}},
                {"pads", std::vector<int64_t>{0, 0, 1, 1}},
                {"count_include_pad", int64_t{1}}});
  };
  CHECK_THROWS_WITH(between(2, average), Catch::Contains("'pads': padding of 0 above, 0 left, 1 below, 1 right: only a "
                                                         "convolution may have it uneven"));
  const auto twice = [](ModelBuilder& model) {
    model.integers("pads", {0, 0, 1, 1, 0, 0, 1, 1});
    model.node("Pad", {"x", "pads"}, "p");
    model.node("AveragePool", {"p"}, "y",
               {{"kernel_shape", std::vector<int64_t>{3, 3}}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  };
  CHECK_THROWS_WITH(between(2, twice), Catch::Contains("AveragePool: attribute 'count_include_pad': 0 with padding"));
}

TEST_CASE("onnx: averages leave padding out or count it, and may be cut off") {
  const auto average = [](std::vector<int64_t> pads, int64_t counts, int64_t ceil, int64_t stride = 2) {
    const Network network = between(2, [&](ModelBuilder& model) {  // of 6 x 6
      model.node("AveragePool", {"x"}, "y",
                 {{"kernel_shape", std::vector<int64_t>{3, 3}},
                  {"strides", std::vector<int64_t>{stride, stride}},
                  {"pads", pads},
                  {"count_include_pad", counts},
                  {"ceil_mode", ceil}});
    });
    const NetLayer& layer = network.layers[0];
    return std::tuple(layer.pad_h, layer.out.h, layer.ceil, layer.count_include_pad);
  };
  CHECK(average({1, 1, 1, 1}, 1, 0) == std::tuple(1u, 3u, false, true));
  CHECK(average({1, 1, 1, 1}, 0, 0) == std::tuple(1u, 3u, false, false));
  CHECK(average({1, 1, 1, 1}, 0, 1) == std::tuple(1u, 4u, true, false));
  CHECK(average({1, 1, 1, 1}, 1, 1) == std::tuple(1u, 4u, true, true));
  // Without padding that a window sees nothing is left out.
  CHECK(average({0, 0, 0, 0}, 0, 0) == std::tuple(0u, 2u, false, true));
  CHECK(average({0, 0, 0, 0}, 0, 1) == std::tuple(0u, 3u, true, true));
  // As TensorFlow pads: what lies behind the end is left out, as of a window that is cut off.
  CHECK(average({0, 0, 1, 1}, 0, 0) == std::tuple(0u, 3u, true, true));
  CHECK_THROWS_WITH(average({0, 0, 1, 1}, 1, 0), Catch::Contains("AveragePool: attribute 'pads'"));
  CHECK_THROWS_WITH(average({0, 0, 1, 1}, 0, 0, 1), Catch::Contains("AveragePool: attribute 'pads'"));
}

TEST_CASE("onnx: a Pad in front of a convolution or average pooling is its padding") {
  for (const int64_t opset : {11, 17}) {
    const Network network = between(
        2,
        [](ModelBuilder& model) {
          model.integers("pads", {0, 0, 1, 1, 0, 0, 1, 1});
          model.node("Pad", {"x", "pads"}, "p");
          model.node("AveragePool", {"p"}, "y",
                     {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}});
        },
        opset);
    CHECK(kinds(network) == "avgpool globalpool fc");
    CHECK((network.layers[0].pad_h == 1 && network.layers[0].out.h == 4));
  }
}

TEST_CASE("onnx: Gemm and MatMul in every layout give weights (k, inputs)") {
  // y = x W: W is (2, 3), elements 1/8 .. 6/8 in its own order.
  const auto weight = [](bool transposed_weight, const std::string& form) {
    ModelBuilder model;
    model.input({kOpen, 2});
    if (form == "gemm") {
      model.reals("fc.weight", transposed_weight ? std::vector<int64_t>{3, 2} : std::vector<int64_t>{2, 3});
      model.node("Gemm", {"x", "fc.weight"}, "y", {{"transB", int64_t{transposed_weight}}});
    } else {
      model.reals("fc.weight", {3, 2});
      model.reals("fc.bias", {3});
      model.node("Transpose", {"fc.weight"}, "t", {{"perm", std::vector<int64_t>{1, 0}}});
      model.node("MatMul", {"x", "t"}, "m");
      model.node("Add", {"fc.bias", "m"}, "y");
    }
    model.output("y");
    const OnnxNetwork result = read(model);
    CHECK(kinds(result.network) == "fc");
    CHECK(result.network.layers[0].name == "fc");
    CHECK(result.network.layers[0].bias == (form != "gemm"));
    CHECK(result.network.input_shape() == ImageShape{2, 1, 1});
    return result.weights.at("fc.weight").floats();
  };
  CHECK(weight(true, "gemm") == std::vector<float>{.125f, .25f, .375f, .5f, .625f, .75f});
  CHECK(weight(false, "gemm") == std::vector<float>{.125f, .5f, .25f, .625f, .375f, .75f});
  CHECK(weight(true, "matmul") == std::vector<float>{.125f, .25f, .375f, .5f, .625f, .75f});
}

TEST_CASE("onnx: an Add of a constant behind a convolution is its bias") {
  const Network network = between(3, [](ModelBuilder& model) {
    model.reals("w", {3, 2, 1, 1});
    model.reals("b", {1, 3, 1, 1});
    model.node("Conv", {"x", "w"}, "c");
    model.node("Add", {"c", "b"}, "y");
  });
  CHECK(kinds(network) == "conv globalpool fc");
  CHECK(network.layers[0].bias);
}

TEST_CASE("onnx: batch normalisation keeps its moments, epsilon and momentum, and says when it came for inference") {
  const auto norm = [](int64_t opset, bool trains) {
    ModelBuilder model(opset);
    model.input({kOpen, 2, 6, 6});
    model.reals("bn.weight", {2}, {1, 2});
    model.reals("bn.bias", {2}, {3, 4});
    model.reals("bn.running_mean", {2}, {5, 6});
    model.reals("bn.running_var", {2}, {7, 8});
    onnx::NodeProto& node =
        model.node("BatchNormalization", {"x", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"}, "y",
                   {{"epsilon", 1e-3f}, {"momentum", 0.8f}});
    if (trains) {
      node.add_output("mean");
      node.add_output("variance");
    }
    if (opset >= 14) {
      onnx::AttributeProto& mode = *node.add_attribute();
      mode.set_name("training_mode");
      mode.set_type(onnx::AttributeProto::INT);
      mode.set_i(trains);
    }
    add_head(model, 2);
    return read(model);
  };
  for (const int64_t opset : {11, 13, 14, 17}) {
    const OnnxNetwork result = norm(opset, true);
    const NetLayer& layer = result.network.layers.at(0);
    CHECK((layer.kind == LayerKind::batchnorm && layer.name == "bn"));
    CHECK(layer.epsilon == 1e-3);
    CHECK(layer.momentum == 0.2);  // the share of the batch, 1 - 0.8
    CHECK(result.weights.at("bn.weight").floats() == std::vector<float>{1, 2});
    CHECK(result.weights.at("bn.bias").floats() == std::vector<float>{3, 4});
    CHECK(result.weights.at("bn.mean").floats() == std::vector<float>{5, 6});
    CHECK(result.weights.at("bn.variance").floats() == std::vector<float>{7, 8});
    CHECK(result.notes.empty());
    CHECK(norm(opset, false).notes.size() == 1);
  }
}

namespace {

/// Two normalisations of which the first trains; `fixed`: gamma and beta of the second, as constants of the graph.
OnnxNetwork two_norms(bool first_trains, bool second_trains, float momentum = 0.9f, std::vector<float> fixed = {}) {
  ModelBuilder model(15);
  model.input({kOpen, 2, 6, 6});
  std::string from = "x";
  for (const std::string name : {"a", "b"}) {
    const bool trains = name == "a" ? first_trains : second_trains;
    const auto array = [&](const char* suffix, float value) {
      if (name == "a" || fixed.empty()) return void(model.reals(name + suffix, {2}));
      onnx::TensorProto tensor;
      tensor.set_data_type(onnx::TensorProto::FLOAT);
      tensor.add_dims(2);
      for (int i = 0; i < 2; ++i) tensor.add_float_data(value);
      model.node("Constant", {}, name + suffix, {{"value", tensor}});
    };
    array(".weight", fixed.empty() ? 0 : fixed[0]);
    array(".bias", fixed.empty() ? 0 : fixed[1]);
    for (const char* suffix : {".mean", ".variance"}) model.reals(name + suffix, {2});
    onnx::NodeProto& node =
        model.node("BatchNormalization", {from, name + ".weight", name + ".bias", name + ".mean", name + ".variance"},
                   name + "y", {{"momentum", momentum}, {"training_mode", int64_t{trains}}});
    if (trains) node.add_output(name + ".moved");
    from = name + "y";
  }
  add_head(model, 2, from);
  return read(model);
}

}  // namespace

TEST_CASE("onnx: normalisations that are frozen beside others that train keep their running moments") {
  const auto moments = [](bool first, bool second) {
    const OnnxNetwork result = two_norms(first, second);
    return std::pair(result.network.layers[0].moments, result.network.layers[1].moments);
  };
  CHECK(moments(true, true) == std::pair(Moments::batch, Moments::batch));
  CHECK(moments(true, false) == std::pair(Moments::batch, Moments::running));
  CHECK(moments(false, true) == std::pair(Moments::running, Moments::batch));
  CHECK(moments(false, false) == std::pair(Moments::batch, Moments::batch));  // exported for inference
  CHECK(two_norms(true, false).notes.empty());
  CHECK(two_norms(false, false).notes.size() == 1);
}

TEST_CASE("onnx: ones and zeros that are constants of the graph are gamma and beta that do not train") {
  const auto affine = [](std::vector<float> fixed) {
    return two_norms(true, true, 0.9f, fixed).network.layers[1].affine;
  };
  CHECK_FALSE(affine({1, 0}));
  CHECK(affine({}));
  CHECK(affine({2, 0}));  // exporters that write all weights as constants
  CHECK(affine({1, 1}));
  CHECK(two_norms(true, true, 0.9f, {1, 0}).notes.empty());
  CHECK(two_norms(true, true, 0.9f, {2, 0}).notes.size() == 1);
}

TEST_CASE("onnx: a momentum that PyTorch writes for a cumulative average is told in a note") {
  const auto note = [](bool first, bool second, float momentum) {
    const std::vector<std::string> notes = two_norms(first, second, momentum).notes;
    return notes.empty() ? "" : notes.back();
  };
  const std::string end = "; so PyTorch writes momentum=None, the mean of all batches";
  CHECK(note(true, true, 0) ==
        "test.onnx: 2 batch normalisations have momentum 0, 'a' the first: their running moments are those of the last "
        "batch" +
            end);
  CHECK(note(false, false, 1) ==
        "test.onnx: 2 batch normalisations have momentum 1, 'a' the first: their running moments do not move" + end);
  CHECK(note(true, false, 0).find("1 batch normalisations have momentum 0, 'a'") != std::string::npos);
  CHECK(note(true, false, 1).empty());  // the frozen one is not to move
  CHECK(note(true, true, 0.9f).empty());
}

TEST_CASE("onnx: activations become layers of their kind") {
  const auto kind = [](const std::string& operation, const std::vector<Attribute>& attributes) {
    return between(2, [&](ModelBuilder& model) { model.node(operation, {"x"}, "y", attributes); }).layers.at(0);
  };
  CHECK(kind("Relu", {}).kind == LayerKind::relu);
  CHECK(kind("Sigmoid", {}).kind == LayerKind::sigmoid);
  CHECK(kind("Tanh", {}).kind == LayerKind::tanh);
  CHECK(kind("LeakyRelu", {{"alpha", 0.1f}}).kind == LayerKind::leakyrelu);
  CHECK(kind("LeakyRelu", {{"alpha", 0.1f}}).slope == 0.1);
  CHECK(kind("LeakyRelu", {}).slope == 0.01);
  CHECK(kind("GlobalMaxPool", {}).kernel_h == 6);
  const auto clip = [](std::vector<float> low, std::vector<float> high) {
    return between(2,
                   [&](ModelBuilder& model) {
                     model.reals("low", {}, low);
                     if (!high.empty()) model.reals("high", {}, high);
                     model.node("Clip", {"x", "low", high.empty() ? "" : "high"}, "y");
                   })
        .layers.at(0)
        .kind;
  };
  CHECK(clip({0}, {6}) == LayerKind::relu6);
  CHECK(clip({0}, {}) == LayerKind::relu);
  CHECK_THROWS_WITH(clip({-1}, {1}), Catch::Contains("node 0 'y': Clip: from min -1 to max 1"));
}

TEST_CASE("onnx: the operations that exporters write for GELU become one layer, in any order of the factors") {
  // Each row: nodes as "OPERATION a b -> y".
  struct Node {
    const char *operation, *a, *b, *y;
  };
  const std::vector<std::vector<Node>> orders = {
      {{"Div", "x", "root", "s"},
       {"Erf", "s", "", "e"},
       {"Add", "e", "one", "p"},
       {"Mul", "x", "p", "t"},
       {"Mul", "t", "half", "y"}},
      {{"Mul", "x", "inverse", "s"},
       {"Erf", "s", "", "e"},
       {"Add", "one", "e", "p"},
       {"Mul", "half", "p", "h"},
       {"Mul", "h", "x", "y"}},
      {{"Mul", "x", "half", "h"},
       {"Div", "x", "root", "s"},
       {"Erf", "s", "", "e"},
       {"Add", "e", "one", "p"},
       {"Mul", "h", "p", "y"}},
      {{"Div", "x", "root", "s"},
       {"Erf", "s", "", "e"},
       {"Add", "e", "one", "p"},
       {"Mul", "p", "x", "t"},
       {"Div", "t", "two", "y"}},
  };
  for (const int64_t opset : {11, 14, 17}) {
    for (const std::vector<Node>& nodes : orders) {
      ModelBuilder model(opset);
      model.input({kOpen, 2, 6, 6});
      model.reals("root", {}, {static_cast<float>(M_SQRT2)}),
          model.reals("inverse", {}, {static_cast<float>(M_SQRT1_2)});
      model.reals("one", {}, {1}), model.reals("half", {1}, {0.5f}), model.reals("two", {}, {2});
      for (const Node& node : nodes)
        model.node(node.operation,
                   *node.b ? std::vector<std::string>{node.a, node.b} : std::vector<std::string>{node.a}, node.y);
      add_head(model, 2);
      const Network network = read(model).network;
      REQUIRE(network.layers.size() == 3);
      CHECK(network.layers[0].kind == LayerKind::gelu);
      CHECK(network.layers[0].out == network.input_shape());
    }
  }
}

TEST_CASE("onnx: dropout has its ratio from attribute or input, and none at ratio zero") {
  for (const int64_t opset : {11, 13}) {
    const auto rate = [&](float ratio) {
      return between(
          2,
          [&](ModelBuilder& model) {
            if (opset == 11) {
              model.node("Dropout", {"x"}, "y", {{"ratio", ratio}});
              return;
            }
            model.reals("ratio", {}, {ratio});
            onnx::TensorProto& mode = model.integers("mode", {1});
            mode.set_data_type(onnx::TensorProto::BOOL);
            mode.clear_int64_data();
            mode.add_int32_data(1);
            model.node("Dropout", {"x", "ratio", "mode"}, "y");
          },
          opset);
    };
    CHECK(kinds(rate(0.2f)) == "dropout globalpool fc");
    CHECK(rate(0.2f).layers[0].rate == 0.2);
    CHECK(kinds(rate(0.0f)) == "globalpool fc");
  }
}

TEST_CASE("onnx: Add, Sum and Concat join tensors, more than two by a chain") {
  const Network sum = between(2, [](ModelBuilder& model) {
    model.node("Relu", {"x"}, "a");
    model.node("Sigmoid", {"x"}, "b");
    model.node("Sum", {"a", "b", "a"}, "y");
  });
  CHECK(kinds(sum) == "relu sigmoid add add globalpool fc");
  CHECK(sum.layers[2].sources == std::vector<int>{0, 1});
  CHECK(sum.layers[3].sources == std::vector<int>{2, 0});
  const Network concat = between(6, [](ModelBuilder& model) {
    model.node("Relu", {"x"}, "a");
    model.node("Sigmoid", {"x"}, "b");
    model.node("Concat", {"a", "x", "b"}, "y", {{"axis", int64_t{-3}}});
  });
  CHECK(kinds(concat) == "relu sigmoid concat concat globalpool fc");
  CHECK(concat.layers[2].sources == std::vector<int>{0, kImages});
  CHECK(concat.layers[3].out == ImageShape{6, 6, 6});
}

TEST_CASE("onnx: joins that begin like one before go on from its layer") {
  // A block of DenseNet: each part reads all before it.
  const Network network = between(8, [](ModelBuilder& model) {
    model.node("Relu", {"x"}, "a");
    model.node("Concat", {"x", "a"}, "xa", {{"axis", int64_t{1}}});
    model.reals("b.weight", {2, 4, 1, 1});
    model.node("Conv", {"xa", "b.weight"}, "b");
    model.node("Concat", {"x", "a", "b"}, "xab", {{"axis", int64_t{1}}});
    model.reals("c.weight", {2, 6, 1, 1});
    model.node("Conv", {"xab", "c.weight"}, "c");
    model.node("Concat", {"x", "a", "b", "c"}, "y", {{"axis", int64_t{1}}});
  });
  CHECK(kinds(network) == "relu concat conv concat conv concat globalpool fc");
  CHECK(network.layers[1].sources == std::vector<int>{kImages, 0});
  CHECK(network.layers[3].sources == std::vector<int>{1, 2});
  CHECK(network.layers[5].sources == std::vector<int>{3, 4});
  const Network others = between(4, [](ModelBuilder& model) {  // the order and the tensors count
    model.node("Relu", {"x"}, "a");
    model.node("Concat", {"x", "a"}, "xa", {{"axis", int64_t{1}}});
    model.node("Concat", {"a", "x"}, "ax", {{"axis", int64_t{1}}});
    model.node("Add", {"xa", "ax"}, "y");
  });
  CHECK(kinds(others) == "relu concat concat add globalpool fc");
}

TEST_CASE("onnx: pooling of every kind") {
  const std::vector<Attribute> two{
      {"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}, {"ceil_mode", int64_t{1}}};
  CHECK(between(2, [&](ModelBuilder& m) { m.node("MaxPool", {"x"}, "y", two); }).layers[0].out == ImageShape{2, 3, 3});
  const auto cut = [](std::vector<int64_t> kernel, std::vector<int64_t> strides, std::vector<int64_t> pads) {
    return between(2,
                   [&](ModelBuilder& m) {
                     m.node(
                         "MaxPool", {"x"}, "y",
                         {{"kernel_shape", kernel}, {"strides", strides}, {"pads", pads}, {"ceil_mode", int64_t{1}}});
                   })
        .layers[0];
  };
  CHECK(cut({3, 3}, {2, 2}, {0, 0, 0, 0}).out == ImageShape{2, 3, 3});
  CHECK(cut({3, 3}, {2, 3}, {0, 0, 0, 0}).ceil);
  CHECK_FALSE(cut({2, 2}, {2, 2}, {0, 0, 0, 0}).ceil);
  CHECK_FALSE(cut({2, 2}, {3, 3}, {0, 0, 0, 0}).ceil);                  // the third would see padding alone
  CHECK(cut({3, 3}, {2, 2}, {0, 0, 1, 1}).out == ImageShape{2, 3, 3});  // whole with padding at the end: as cut off
  CHECK(cut({3, 3}, {2, 2}, {0, 0, 1, 0}).out == ImageShape{2, 3, 3});
  CHECK(cut({3, 3}, {3, 3}, {0, 0, 1, 1}).out == ImageShape{2, 2, 2});
  CHECK_THROWS_WITH(cut({3, 3}, {1, 1}, {0, 0, 1, 1}),
                    Catch::Contains("MaxPool: attribute 'pads': padding of 0 above"));
  // ONNX's default stride is 1, ours the kernel.
  const std::vector<Attribute> three{{"kernel_shape", std::vector<int64_t>{3, 3}}};
  CHECK(between(2, [&](ModelBuilder& m) { m.node("AveragePool", {"x"}, "y", three); }).layers[0].out ==
        ImageShape{2, 4, 4});
  const auto mean = [](std::vector<int64_t> axes, int64_t keep, bool flat) {
    ModelBuilder model;
    model.input({kOpen, 3, 6, 6});
    model.integers("shape", {0, 3, -1});
    if (flat) model.node("Reshape", {"x", "shape"}, "r");
    model.node("ReduceMean", {flat ? "r" : "x"}, "m", {{"axes", axes}, {"keepdims", keep}});
    if (keep != 0) model.node("Flatten", {"m"}, "f");
    model.node("Softmax", {keep != 0 ? "f" : "m"}, "y");
    model.output("y");
    return kinds(read(model).network);
  };
  CHECK(mean({2, 3}, 1, false) == "globalpool");
  CHECK(mean({-1, -2}, 0, false) == "globalpool");
  CHECK(mean({2}, 0, true) == "globalpool");
  CHECK_THROWS_WITH(mean({1}, 0, false), Catch::Contains("node 0 'm': ReduceMean: attribute 'axes'"));
}

TEST_CASE("onnx: zeros around what a ReLU made are padding of the maxima behind") {
  const auto pool = [](const char* before, std::vector<int64_t> pads, int64_t stride = 2) {
    return between(2, [&](ModelBuilder& m) {
      m.node(before, {"x"}, "r");
      m.integers("pads", pads);
      m.node("Pad", {"r", "pads"}, "p");
      m.node("MaxPool", {"p"}, "y",
             {{"kernel_shape", std::vector<int64_t>{3, 3}}, {"strides", std::vector<int64_t>{stride, stride}}});
    });
  };
  const NetLayer even = pool("Relu", {0, 0, 1, 1, 0, 0, 1, 1}).layers[1];
  CHECK((even.pad_h == 1 && even.pad_w == 1 && even.out == ImageShape{2, 3, 3}));
  CHECK(pool("Relu", {0, 0, 0, 0, 0, 0, 1, 1}).layers[1].ceil);  // from TensorFlow: at the end only
  const std::string padded =
      "node 2 'y': MaxPool: its input is padded; only convolutions, average pooling and maxima of";
  CHECK_THROWS_WITH(pool("Tanh", {0, 0, 1, 1, 0, 0, 1, 1}), Catch::Contains(padded));
  CHECK_THROWS_WITH(pool("Relu", {0, 0, 3, 3, 0, 0, 3, 3}),
                    Catch::Contains("MaxPool: attribute 'pads': must be below"));
  CHECK_THROWS_WITH(pool("Relu", {0, 0, 0, 0, 0, 0, 3, 3}), Catch::Contains("only a convolution may have it uneven"));
}

TEST_CASE("onnx: the mean over rows and then over columns, or the other way round, is one global pooling") {
  const auto twice = [](int64_t first, int64_t second, int64_t keep, int64_t columns = 5) {
    ModelBuilder model;
    model.input({kOpen, 3, 6, columns});
    model.node("ReduceMean", {"x"}, "m", {{"axes", std::vector<int64_t>{first}}, {"keepdims", keep}});
    if (second != 0) model.node("ReduceMean", {"m"}, "y", {{"axes", std::vector<int64_t>{second}}, {"keepdims", keep}});
    model.node("Flatten", {second != 0 ? "y" : "m"}, "f");
    model.reals("w", {3, 4});
    model.node("MatMul", {"f", "w"}, "logits");
    model.output("logits");
    return kinds(read(model).network);
  };
  CHECK(twice(3, 2, 0) == "globalpool fc");
  CHECK(twice(2, 2, 0) == "globalpool fc");
  CHECK(twice(-1, -2, 1) == "globalpool fc");
  CHECK(twice(2, 0, 0, 1) == "globalpool fc");  // one column: the mean over the rows is all
  const std::string alone = "its input is a mean over rows or columns alone; only the mean over both is supported";
  CHECK_THROWS_WITH(twice(3, 3, 1), Catch::Contains("node 2 'f': Flatten: " + alone));
  CHECK_THROWS_WITH(twice(3, 0, 0), Catch::Contains("node 1 'f': Flatten: " + alone));
  CHECK_THROWS_WITH(twice(3, 1, 0), Catch::Contains("node 1 'y': ReduceMean: attribute 'axes': of (n, 3, 6)"));
  ModelBuilder end;
  end.input({kOpen, 3, 6, 5});
  end.node("ReduceMean", {"x"}, "m", {{"axes", std::vector<int64_t>{3}}});
  end.node("Relu", {"x"}, "r"), end.node("ReduceMean", {"r"}, "y", {{"axes", std::vector<int64_t>{2}}});
  end.output("y");
  CHECK_THROWS_WITH(read(end), Catch::Contains("output 'y': a mean over rows or columns alone"));
}

TEST_CASE("onnx: normalisation and global pooling see rows and columns as one dimension, too") {
  ModelBuilder model;
  model.input({kOpen, 2, 6, 6});
  model.integers("shape", {0, 2, -1});
  model.node("Reshape", {"x", "shape"}, "line");
  for (const char* name : {"gamma", "beta", "mean", "variance"}) model.reals(name, {2});
  model.node("BatchNormalization", {"line", "gamma", "beta", "mean", "variance"}, "n");
  model.node("GlobalAveragePool", {"n"}, "p");
  model.integers("axes", {2});
  model.node("Squeeze", {"p", "axes"}, "f");
  model.reals("w", {2, 3});
  model.node("MatMul", {"f", "w"}, "y");
  model.output("y");
  CHECK(kinds(read(model).network) == "batchnorm globalpool fc");
}

TEST_CASE("onnx: a product plus nothing times a constant is an FC layer without bias") {
  // torch.mm is Gemm with a constant times beta = 0.
  const auto gemm = [](float beta, bool constant) {
    ModelBuilder model;
    model.input({kOpen, 4});
    model.reals("w", {4, 3});
    model.reals("c", {1}, {5.0f});
    model.node("Gemm", constant ? std::vector<std::string>{"x", "w", "c"} : std::vector<std::string>{"x", "w"}, "y",
               {{"beta", beta}});
    model.output("y");
    return read(model);
  };
  CHECK_FALSE(gemm(0.0f, true).network.layers[0].bias);
  CHECK(gemm(0.0f, true).weights.size() == 1);
  CHECK_FALSE(gemm(0.5f, false).network.layers[0].bias);
  CHECK_THROWS_WITH(gemm(0.5f, true), Catch::Contains("Gemm: attribute 'beta': only 0 and 1 are supported"));
}
