// Small ONNX models made by hand.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sw/onnx/model.h"

namespace backboard::sw_test {

using Attribute =
    std::pair<std::string, std::variant<int64_t, float, std::string, std::vector<int64_t>, onnx::TensorProto>>;

/// A list of INT64 for an attribute.
inline onnx::TensorProto integer_tensor(const std::vector<int64_t>& values) {
  onnx::TensorProto tensor;
  tensor.set_data_type(onnx::TensorProto::INT64);
  tensor.add_dims(static_cast<int64_t>(values.size()));
  for (const int64_t value : values) tensor.add_int64_data(value);
  return tensor;
}

class ModelBuilder {
 public:
  explicit ModelBuilder(int64_t opset = 13) {
    model.set_ir_version(7);
    model.mutable_graph()->set_name("test");
    model.add_opset_import()->set_version(opset);
  }

  /// An input of FLOAT; a dimension of -1 is left open.
  ModelBuilder& input(const std::vector<int64_t>& dims, const std::string& name = "x",
                      int type = onnx::TensorProto::FLOAT) {
    onnx::ValueInfoProto& value = *model.mutable_graph()->add_input();
    value.set_name(name);
    onnx::TypeProto_Tensor& tensor = *value.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    for (const int64_t dim : dims) {
      onnx::TensorShapeProto_Dimension& dimension = *tensor.mutable_shape()->add_dim();
      if (dim < 0)
        dimension.set_dim_param("n");
      else
        dimension.set_dim_value(dim);
    }
    return *this;
  }
  ModelBuilder& output(const std::string& name) {
    model.mutable_graph()->add_output()->set_name(name);
    return *this;
  }
  /// An initialiser of FLOAT, in the typed field.
  onnx::TensorProto& reals(const std::string& name, const std::vector<int64_t>& dims,
                           const std::vector<float>& values) {
    onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    for (const int64_t dim : dims) tensor.add_dims(dim);
    for (const float value : values) tensor.add_float_data(value);
    return tensor;
  }
  /// The same with elements 1/8, 2/8, ...
  onnx::TensorProto& reals(const std::string& name, const std::vector<int64_t>& dims) {
    int64_t count = 1;
    for (const int64_t dim : dims) count *= dim;
    std::vector<float> values;
    for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(i + 1) / 8);
    return reals(name, dims, values);
  }
  onnx::TensorProto& integers(const std::string& name, const std::vector<int64_t>& values) {
    onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
    tensor = integer_tensor(values);
    tensor.set_name(name);
    return tensor;
  }
  /// A node named as its output.
  onnx::NodeProto& node(const std::string& operation, const std::vector<std::string>& inputs, const std::string& output,
                        const std::vector<Attribute>& attributes = {}) {
    onnx::NodeProto& node = *model.mutable_graph()->add_node();
    node.set_op_type(operation);
    node.set_name(output);
    for (const std::string& name : inputs) node.add_input(name);
    node.add_output(output);
    for (const Attribute& attribute : attributes) add(node, attribute);
    return node;
  }
  std::vector<uint8_t> bytes() const { return serialise(model); }

  onnx::ModelProto model;

 private:
  static void add(onnx::NodeProto& node, const Attribute& attribute) {
    onnx::AttributeProto& proto = *node.add_attribute();
    proto.set_name(attribute.first);
    if (const auto* i = std::get_if<int64_t>(&attribute.second)) {
      proto.set_type(onnx::AttributeProto::INT);
      proto.set_i(*i);
    } else if (const auto* f = std::get_if<float>(&attribute.second)) {
      proto.set_type(onnx::AttributeProto::FLOAT);
      proto.set_f(*f);
    } else if (const auto* s = std::get_if<std::string>(&attribute.second)) {
      proto.set_type(onnx::AttributeProto::STRING);
      proto.set_s(*s);
    } else if (const auto* tensor = std::get_if<onnx::TensorProto>(&attribute.second)) {
      proto.set_type(onnx::AttributeProto::TENSOR);
      *proto.mutable_t() = *tensor;
    } else {
      proto.set_type(onnx::AttributeProto::INTS);
      for (const int64_t value : std::get<std::vector<int64_t>>(attribute.second)) proto.add_ints(value);
    }
  }
};

/// images (n, 2, 6, 6), then what a test adds from "x" to "y", then global pooling and an FC layer to the output.
inline void add_head(ModelBuilder& model, int64_t channels, const std::string& from = "y") {
  model.node("GlobalAveragePool", {from}, "pooled");
  model.node("Flatten", {"pooled"}, "flat");
  model.reals("head.weight", {3, channels});
  model.reals("head.bias", {3});
  model.node("Gemm", {"flat", "head.weight", "head.bias"}, "logits", {{"transB", int64_t{1}}});
  model.output("logits");
}

}  // namespace backboard::sw_test
