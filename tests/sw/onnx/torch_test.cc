// Networks exported from PyTorch in training mode mean here what they mean there: logits, losses and SGD steps.
#include <catch2/catch.hpp>

#include "tests/sw/onnx/torch_reference.h"

using namespace backboard::sw_test;

TEST_CASE("onnx torch: net S in double precision is PyTorch's, 10 steps of SGD included") {
  check_double("s");
}

TEST_CASE("onnx torch: ResNet-8 in double precision is PyTorch's, 10 steps of SGD included") {
  check_double("resnet8");
}

TEST_CASE("onnx torch: a DS-CNN in double precision is PyTorch's, 10 steps of SGD included") {
  check_double("dscnn");
}

TEST_CASE("onnx torch: every other operation in double precision is PyTorch's, 10 steps of SGD included") {
  check_double("mixture");
}

TEST_CASE("onnx torch: GELU in double precision is PyTorch's, 10 steps of SGD included") {
  check_double("gelu");
}

TEST_CASE("onnx torch: net S under the engine reference agrees with PyTorch, 10 steps of SGD included") {
  check_reference("s");
}

TEST_CASE("onnx torch: ResNet-8 under the engine reference agrees with PyTorch, 10 steps of SGD included") {
  check_reference("resnet8");
}

TEST_CASE("onnx torch: a DS-CNN under the engine reference agrees with PyTorch, 10 steps of SGD included") {
  check_reference("dscnn");
}

TEST_CASE(
    "onnx torch: every other operation under the engine reference agrees with PyTorch, 10 steps of SGD included") {
  check_reference("mixture");
}

TEST_CASE("onnx torch: GELU under the engine reference agrees with PyTorch, 10 steps of SGD included") {
  check_reference("gelu");
}

TEST_CASE(
    "onnx torch: LeNet in double precision and under the engine reference is PyTorch's, 10 steps of SGD included") {
  check_double("lenet");
  check_reference("lenet");
}

TEST_CASE(
    "onnx torch: convolutions whose padding differs by side are PyTorch's in double precision and under the engine "
    "reference, 10 steps of SGD included") {
  check_double("sides");
  check_reference("sides");
}

TEST_CASE(
    "onnx torch: SqueezeNet in double precision and under the engine reference is PyTorch's, 10 steps of SGD "
    "included") {
  check_double("squeezenet");
  check_reference("squeezenet");
}

TEST_CASE(
    "onnx torch: DenseNet in double precision and under the engine reference is PyTorch's, 10 steps of SGD included") {
  check_double("densenet");
  check_reference("densenet");
}

TEST_CASE(
    "onnx torch: MobileNetV2 in double precision and under the engine reference is PyTorch's, 10 steps of SGD "
    "included") {
  check_double("mobilenetv2");
  check_reference("mobilenetv2");
}

TEST_CASE(
    "onnx torch: what the exporter computes in the graph in double precision and under the engine reference is "
    "PyTorch's, 10 steps of SGD included") {
  check_double("computed");
  check_reference("computed");
}

TEST_CASE(
    "onnx torch: normalisations without parameters or frozen, and further forms of the same, in double precision and "
    "under the engine reference are PyTorch's, 10 steps of SGD included") {
  check_double("forms");
  check_reference("forms");
}
