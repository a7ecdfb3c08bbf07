// Numbers that a graph works out before an image comes: what exporters compute of shapes, pads and bounds.
#include <catch2/catch.hpp>

#include "tests/sw/onnx/import_cases.h"

using namespace backboard;
using namespace backboard::sw_test;

TEST_CASE("onnx: padding that exporters compute from the last dimension to the first is worked out") {
  // nn.ZeroPad2d((left 1, right 2, top 3, bottom 4)): its list, filled up to eight numbers, as rows of two backwards,
  // the columns of that in turn. Then a second Pad around it; a window that is as large as all of it shows the sum.
  for (const int64_t opset : {11, 17}) {
    ModelBuilder model(opset);
    model.input({kOpen, 2, 6, 6});
    model.integers("given", {1, 2, 3, 4});
    model.node("Shape", {"given"}, "shape");
    model.integers("at", {0}).clear_dims();
    model.node("Gather", {"shape", "at"}, "count", {{"axis", int64_t{0}}});
    model.integers("eight", {8}).clear_dims();
    model.node("Sub", {"eight", "count"}, "rest");
    model.integers("axis", {0});
    if (opset == 11)
      model.node("Unsqueeze", {"rest"}, "missing", {{"axes", std::vector<int64_t>{0}}});
    else
      model.node("Unsqueeze", {"rest", "axis"}, "missing");
    model.integers("pairs", {-1, 2}), model.integers("all", {-1});
    model.integers("last", {-1}), model.integers("first", {-INT64_MAX}), model.integers("back", {-1});
    model.node("ConstantOfShape", {"missing"}, "none", {{"value", integer_tensor({0})}});
    model.node("Concat", {"given", "none"}, "list", {{"axis", int64_t{0}}});
    model.node("Reshape", {"list", "pairs"}, "rows");
    model.node("Slice", {"rows", "last", "first", "axis", "back"}, "turned");
    model.node("Transpose", {"turned"}, "columns", {{"perm", std::vector<int64_t>{1, 0}}});
    model.node("Reshape", {"columns", "all"}, "pads");
    model.node("Pad", {"x", "pads"}, "p");
    model.integers("more", {0, 0, 3, 2, 0, 0, 2, 1});
    model.node("Pad", {"p", "more"}, "q");
    model.reals("w", {3, 2, 18, 12});  // 6 + (3 + 4) + (3 + 2) rows, 6 + (1 + 2) + (2 + 1) columns
    model.node("Conv", {"q", "w"}, "y");
    add_head(model, 3);
    const Network network = read(model).network;
    CHECK((network.layers[0].pad_h == 6 && network.layers[0].pad_w == 3));
    CHECK(network.layers[0].out == ImageShape{3, 1, 1});
  }
}

TEST_CASE("onnx: numbers that need no image are worked out: divisions, slices backwards, integers as reals") {
  // Clip of bounds that somebody wrote as integers, the upper one as 13 / 2 of a list that is read backwards.
  const auto clip = [](int64_t dividend, int64_t divisor, int64_t start, int64_t end) {
    return between(2,
                   [&](ModelBuilder& model) {
                     model.integers("list", {0, divisor, dividend});
                     model.integers("start", {start}), model.integers("end", {end});
                     model.integers("axis", {0}), model.integers("step", {-1});
                     model.node("Slice", {"list", "start", "end", "axis", "step"}, "part");
                     model.integers("one", {1}).clear_dims(), model.integers("zero", {0}).clear_dims();
                     model.node("Gather", {"part", "zero"}, "a", {{"axis", int64_t{0}}});
                     model.node("Gather", {"part", "one"}, "b", {{"axis", int64_t{0}}});
                     model.node("Div", {"a", "b"}, "q");
                     for (const std::string name : {"zero", "q"})
                       model.node("Cast", {name}, name + "f", {{"to", int64_t{onnx::TensorProto::FLOAT}}});
                     model.node("Clip", {"x", "zerof", "qf"}, "y");
                   })
        .layers[0]
        .kind;
  };
  CHECK(clip(13, 2, -1, 0) == LayerKind::relu6);  // integers: 13 / 2 is 6
  CHECK(clip(-13, -2, 2, -3) == LayerKind::relu6);
  CHECK(clip(13, 2, 100, INT64_MIN + 1) == LayerKind::relu6);
  CHECK_THROWS_WITH(clip(13, 0, -1, 0), Catch::Contains("node 3 'q': Div: a division by zero"));
  CHECK_THROWS_WITH(clip(13, 2, -1, -2), Catch::Contains("element 1 of 1"));
  CHECK_THROWS_WITH(clip(15, 2, -1, 0), Catch::Contains("Clip: from min 0 to max 7"));
}

TEST_CASE("onnx: weights that Constant nodes hold are trained, and a note says so") {
  const auto notes = [](bool literal, bool identity) {
    ModelBuilder model(14);
    model.input({kOpen, 2, 6, 6});
    if (literal) {
      onnx::TensorProto value;
      value.set_data_type(onnx::TensorProto::FLOAT);
      value.add_dims(2);
      for (const float one : {1.0f, 1.0f}) value.add_float_data(one);
      model.node("Constant", {}, "bn.weight", {{"value", value}});
    } else {
      model.reals("bn.weight", {2});
    }
    model.reals("bn.bias", {2}), model.reals("mean", {2}), model.reals("variance", {2});
    if (identity) model.node("Identity", {"bn.weight"}, "scale");
    model
        .node("BatchNormalization", {"x", identity ? "scale" : "bn.weight", "bn.bias", "mean", "variance"}, "y",
              {{"training_mode", int64_t{1}}})
        .add_output("moved");
    add_head(model, 2);
    return read(model).notes;
  };
  CHECK(notes(false, false).empty());
  CHECK(notes(false, true).empty());
  for (const bool identity : {false, true}) {
    const std::vector<std::string> said = notes(true, identity);
    REQUIRE(said.size() == 1);
    CHECK(said[0] ==
          "test.onnx: 1 arrays of weights are constants of the graph and no initialisers, 'batchnorm1.weight' the "
          "first; training here changes them like all others");
  }
}

TEST_CASE("onnx: a list of one number as often as a shape says has bounds") {
  const auto pad = [](std::vector<int64_t> shape, std::vector<int64_t> value) {
    return between(2,
                   [&](ModelBuilder& model) {
                     model.integers("shape", shape);
                     model.node("ConstantOfShape", {"shape"}, "pads", {{"value", integer_tensor(value)}});
                     model.node("Pad", {"x", "pads"}, "y");
                   })
        .layers.size();
  };
  CHECK(pad({8}, {0}) == 2);
  CHECK_THROWS_WITH(pad({8}, {1}), Catch::Contains("Pad: padding 1 of dimension 0"));
  CHECK_THROWS_WITH(pad({7}, {0}), Catch::Contains("Pad: 7 numbers of padding"));
  CHECK_THROWS_WITH(pad({65}, {0}), Catch::Contains("node 0 'pads': ConstantOfShape: shape (65): only lists"));
  CHECK_THROWS_WITH(pad({-1}, {0}), Catch::Contains("ConstantOfShape: shape (-1)"));
  CHECK_THROWS_WITH(pad({2, 4}, {0}), Catch::Contains("ConstantOfShape: shape (2, 4)"));
  CHECK_THROWS_WITH(pad({8}, {0, 0}), Catch::Contains("ConstantOfShape: attribute 'value': must be one number"));
}
