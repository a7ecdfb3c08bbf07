// ONNX models: any bytes end in a network or an InputError, and what was read can be written and read again.
#include "platform/check/input_error.h"
#include "sw/onnx/export.h"
#include "sw/onnx/import.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/sw/onnx/model_builder.h"

using backboard::sw_test::ModelBuilder;

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  using Ints = std::vector<int64_t>;
  ModelBuilder conv;
  conv.input({-1, 2, 6, 6});
  conv.reals("w", {4, 1, 3, 3});
  conv.reals("b", {1, 4, 1, 1});
  for (const char* name : {"g", "h", "m", "v"}) conv.reals(name, {4});
  conv.node("Conv", {"x", "w"}, "c", {{"group", int64_t{2}}, {"auto_pad", std::string("SAME_LOWER")}});
  conv.node("Add", {"c", "b"}, "a");
  conv.node("BatchNormalization", {"a", "g", "h", "m", "v"}, "n", {{"epsilon", 1e-3f}});
  conv.node("Relu", {"n"}, "r");
  conv.node("Add", {"r", "a"}, "s");
  conv.node("MaxPool", {"s"}, "y", {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}, {"ceil_mode", int64_t{1}}});
  backboard::sw_test::add_head(conv, 4);
  ModelBuilder flat(11);
  flat.input({-1, 2, 2, 3});
  flat.node("Shape", {"x"}, "shape");
  flat.integers("zero", {0});
  flat.node("Gather", {"shape", "zero"}, "size", {{"axis", int64_t{0}}});
  flat.integers("rest", {-1});
  flat.node("Concat", {"size", "rest"}, "wanted", {{"axis", int64_t{0}}});
  flat.node("Reshape", {"x", "wanted"}, "f");
  flat.reals("w", {4, 12});
  flat.node("Identity", {"w"}, "i");
  flat.node("Transpose", {"i"}, "t", {{"perm", Ints{1, 0}}});
  flat.node("MatMul", {"f", "t"}, "m");
  flat.node("Dropout", {"m"}, "d", {{"ratio", 0.5f}});
  flat.node("Softmax", {"d"}, "y", {{"axis", int64_t{1}}});
  flat.output("y");
  return {conv.bytes(), flat.bytes()};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span bytes(data, size);
  try {
    const backboard::OnnxNetwork first = backboard::parse_onnx(bytes, "fuzz.onnx");
    const auto written = backboard::export_onnx(bytes, "fuzz.onnx", first.weights, "weights");
    const backboard::OnnxNetwork second = backboard::parse_onnx(written, "written.onnx");
    for (const auto& [name, array] : first.weights)
      if (second.weights.at(name).bytes != array.bytes) __builtin_trap();
  } catch (const backboard::InputError&) {
  }
  return 0;
}
