#include "sw/onnx/write.h"

#include <fmt/format.h>

#include <cmath>

#include "platform/check/input_error.h"
#include "sw/onnx/arrays.h"
#include "sw/onnx/model.h"

namespace backboard {

namespace {

using Ints = std::vector<int64_t>;

class ModelMaker {
 public:
  ModelMaker(const Network& network, const Arrays& weights) : network_(network), weights_(weights) {
    model_.set_ir_version(onnx::IR_VERSION_2020_5_8);
    model_.set_producer_name(kOnnxProducer);
    model_.add_opset_import()->set_version(14);
    add_metadata(kOnnxScaleKey, fmt::format("{}", network.input.scale));
    if (network.loss == LossKind::mse) add_metadata(kOnnxLossKey, "mse");
    graph_.set_name(network.name.empty() ? "network" : network.name);
  }

  onnx::ModelProto run() {
    const ImageShape in = network_.input_shape();
    add_value(*graph_.add_input(), "images", {in.c, in.h, in.w});
    for (size_t i = 0; i < network_.layers.size(); ++i) add_layer(static_cast<int>(i));
    flat(static_cast<int>(network_.layers.size()) - 1, "logits");
    add_value(*graph_.add_output(), "logits", {network_.classes()});
    return std::move(model_);
  }

 private:
  static std::string value_of(const std::string& layer) { return layer + ".y"; }
  std::string value_of(int layer) const { return layer == kImages ? "images" : value_of(network_.layers[layer].name); }
  bool is_flat(int layer) const { return layer != kImages && flat_.at(layer); }

  void add_metadata(const char* key, const std::string& value) {
    onnx::StringStringEntryProto& entry = *model_.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  static void add_value(onnx::ValueInfoProto& value, const std::string& name, const Ints& dims) {
    value.set_name(name);
    onnx::TypeProto_Tensor& tensor = *value.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(onnx::TensorProto::FLOAT);
    tensor.mutable_shape()->add_dim()->set_dim_param("n");
    for (const int64_t dim : dims) tensor.mutable_shape()->add_dim()->set_dim_value(dim);
  }

  onnx::NodeProto& add_node(const char* operation, const std::string& name, const std::vector<std::string>& inputs,
                            const std::string& output) {
    onnx::NodeProto& node = *graph_.add_node();
    node.set_op_type(operation);
    node.set_name(name);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }
  static void set(onnx::NodeProto& node, const char* name, const Ints& values) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INTS);
    for (const int64_t value : values) attribute.add_ints(value);
  }
  static void set(onnx::NodeProto& node, const char* name, int64_t value) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  }
  static void set(onnx::NodeProto& node, const char* name, double value) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::FLOAT);
    attribute.set_f(static_cast<float>(value));
  }
  static void set(onnx::NodeProto& node, const char* name, const char* value) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::STRING);
    attribute.set_s(value);
  }

  std::string add_floats(const std::string& name, const Ints& dims, const std::vector<float>& values) {
    onnx::TensorProto& tensor = *graph_.add_initializer();
    tensor.set_name(name);
    for (const int64_t dim : dims) tensor.add_dims(dim);
    set_floats(tensor, values);
    return name;
  }
  /// An array of a layer; FC weights are (k, inputs).
  std::string add_array(const NetLayer& layer, const char* suffix) {
    const std::string name = layer.name + "." + suffix;
    const Array& array = weights_.at(name);
    Ints dims(array.shape.begin(), array.shape.end());
    if (layer.kind == LayerKind::fc && dims.size() == 4) dims.resize(2);
    return add_floats(name, dims, array.floats());
  }

  /// The same as a constant of the graph, which says that it does not train.
  std::string add_constant(const NetLayer& layer, const char* suffix) {
    const std::string name = add_array(layer, suffix);
    onnx::AttributeProto& value = *add_node("Constant", name, {}, name).add_attribute();
    value.set_name("value");
    value.set_type(onnx::AttributeProto::TENSOR);
    value.mutable_t()->Swap(&*graph_.mutable_initializer()->rbegin());
    graph_.mutable_initializer()->RemoveLast();
    return name;
  }

  /// The output of a layer as (n, c h w), under `name`.
  std::string flat(int layer, const std::string& name) {
    if (is_flat(layer) && name != "logits") return value_of(layer);
    if (is_flat(layer))
      add_node("Identity", "end", {value_of(layer)}, name);
    else
      set(add_node("Flatten", name, {value_of(layer)}, name), "axis", int64_t{1});
    return name;
  }
  /// The output of a layer as (n, c, h, w).
  std::string image(int layer, const std::string& reader) {
    if (!is_flat(layer)) return value_of(layer);
    const std::string name = reader + ".x";
    onnx::TensorProto& axes = *graph_.add_initializer();
    axes.set_name(name + ".axes");
    axes.set_data_type(onnx::TensorProto::INT64);
    axes.add_dims(2);
    axes.add_int64_data(2);
    axes.add_int64_data(3);
    add_node("Unsqueeze", name, {value_of(layer), name + ".axes"}, name);
    return name;
  }

  void add_layer(int index);
  void add_window(const char* operation, const NetLayer& layer, std::vector<std::string> inputs);
  void add_join(int index);
  void add_elementwise(const NetLayer& layer);

  const Network& network_;
  const Arrays& weights_;
  onnx::ModelProto model_;
  onnx::GraphProto& graph_ = *model_.mutable_graph();
  std::vector<bool> flat_;  ///< whether a layer's output is (n, c)
};

void ModelMaker::add_window(const char* operation, const NetLayer& layer, std::vector<std::string> inputs) {
  onnx::NodeProto& node = add_node(operation, layer.name, inputs, value_of(layer.name));
  set(node, "kernel_shape", Ints{layer.kernel_h, layer.kernel_w});
  set(node, "strides", Ints{layer.stride_h, layer.stride_w});
  set(node, "pads", Ints{layer.pad_h, layer.pad_w, layer.pad_h + layer.pad_more_h, layer.pad_w + layer.pad_more_w});
  if (layer.kind == LayerKind::conv) {
    set(node, "dilations", Ints{layer.dilation_h, layer.dilation_w});
    set(node, "group", int64_t{layer.groups});
  } else {
    if (layer.kind == LayerKind::avgpool) set(node, "count_include_pad", int64_t{layer.count_include_pad});
    if (layer.ceil) set(node, "ceil_mode", int64_t{1});
  }
}

/// Both inputs in the same number of dimensions: (n, c) when one of them is.
void ModelMaker::add_join(int index) {
  const NetLayer& layer = network_.layers[index];
  const int a = layer.sources[0], b = layer.sources[1];
  std::vector<std::string> inputs{value_of(a), value_of(b)};
  if (is_flat(a) != is_flat(b)) inputs = {flat(a, layer.name + ".a"), flat(b, layer.name + ".b")};
  flat_[index] = is_flat(a) || is_flat(b);
  const bool add = layer.kind == LayerKind::add;
  onnx::NodeProto& node = add_node(add ? "Add" : "Concat", layer.name, inputs, value_of(layer.name));
  if (!add) set(node, "axis", int64_t{1});
}

void ModelMaker::add_elementwise(const NetLayer& layer) {
  const std::string x = value_of(layer.sources[0]), y = value_of(layer.name);
  const auto node = [&](const char* operation) -> onnx::NodeProto& { return add_node(operation, layer.name, {x}, y); };
  switch (layer.kind) {
    case LayerKind::relu:
      node("Relu");
      return;
    case LayerKind::relu6:
      node("Clip").add_input(add_floats(layer.name + ".min", {}, {0.0f}));
      graph_.mutable_node()->rbegin()->add_input(add_floats(layer.name + ".max", {}, {6.0f}));
      return;
    case LayerKind::leakyrelu:
      set(node("LeakyRelu"), "alpha", layer.slope);
      return;
    case LayerKind::sigmoid:
      node("Sigmoid");
      return;
    case LayerKind::tanh:
      node("Tanh");
      return;
    case LayerKind::gelu: {  // an operation of its own from operator set 20 on only
      const std::string& name = layer.name;
      const auto part = [&](const char* operation, const char* suffix, const std::string& a, const std::string& b) {
        add_node(operation, name + suffix, b.empty() ? std::vector{a} : std::vector{a, b}, name + suffix);
        return name + suffix;
      };
      const std::string scaled =
          part("Div", ".scaled", x, add_floats(name + ".root", {}, {static_cast<float>(M_SQRT2)}));
      const std::string erf = part("Erf", ".erf", scaled, "");
      const std::string share = part("Add", ".share", erf, add_floats(name + ".one", {}, {1.0f}));
      const std::string twice = part("Mul", ".twice", x, share);
      add_node("Mul", name, {twice, add_floats(name + ".half", {}, {0.5f})}, y);
      return;
    }
    case LayerKind::dropout: {
      onnx::NodeProto& dropout = node("Dropout");
      dropout.add_input(add_floats(layer.name + ".ratio", {}, {static_cast<float>(layer.rate)}));
      onnx::TensorProto& training = *graph_.add_initializer();
      training.set_name(layer.name + ".training");
      training.set_data_type(onnx::TensorProto::BOOL);
      training.add_int32_data(1);
      dropout.add_input(training.name());
      return;
    }
    case LayerKind::batchnorm: {
      std::vector<std::string> arrays;
      for (const char* suffix : {"weight", "bias"})
        arrays.push_back(layer.affine ? add_array(layer, suffix) : add_constant(layer, suffix));
      for (const char* suffix : {"mean", "variance"}) arrays.push_back(add_array(layer, suffix));
      const bool running = layer.moments == Moments::running;
      onnx::NodeProto& norm = node("BatchNormalization");
      for (const std::string& array : arrays) norm.add_input(array);
      if (!running) norm.add_output(layer.name + ".moving_mean");
      if (!running) norm.add_output(layer.name + ".moving_variance");
      set(norm, "epsilon", layer.epsilon);
      set(norm, "momentum", 1.0 - layer.momentum);
      set(norm, "training_mode", int64_t{!running});
      return;
    }
    default:
      throw InputError(fmt::format("layer {}: {} has no form in ONNX here", layer.name, name_of(layer.kind)));
  }
}

void ModelMaker::add_layer(int index) {
  const NetLayer& layer = network_.layers[index];
  const int source = layer.sources[0];
  flat_.push_back(false);
  switch (layer.kind) {
    case LayerKind::conv:
    case LayerKind::maxpool:
    case LayerKind::avgpool: {
      std::vector<std::string> inputs{image(source, layer.name)};
      if (layer.kind == LayerKind::conv) inputs.push_back(add_array(layer, "weight"));
      if (layer.kind == LayerKind::conv && layer.bias) inputs.push_back(add_array(layer, "bias"));
      const bool conv = layer.kind == LayerKind::conv;
      add_window(conv ? "Conv" : layer.kind == LayerKind::maxpool ? "MaxPool" : "AveragePool", layer, inputs);
      return;
    }
    case LayerKind::fc: {
      std::vector<std::string> inputs{flat(source, layer.name + ".x"), add_array(layer, "weight")};
      if (layer.bias) inputs.push_back(add_array(layer, "bias"));
      set(add_node("Gemm", layer.name, inputs, value_of(layer.name)), "transB", int64_t{1});
      flat_.back() = true;
      return;
    }
    case LayerKind::globalpool:
      add_node("GlobalAveragePool", layer.name, {image(source, layer.name)}, value_of(layer.name));
      return;
    case LayerKind::upsample: {
      const std::string scales = add_floats(
          layer.name + ".scales", {4}, {1, 1, static_cast<float>(layer.kernel_h), static_cast<float>(layer.kernel_w)});
      onnx::NodeProto& node =
          add_node("Resize", layer.name, {image(source, layer.name), "", scales}, value_of(layer.name));
      set(node, "mode", "nearest");
      set(node, "coordinate_transformation_mode", "asymmetric");
      set(node, "nearest_mode", "floor");
      return;
    }
    case LayerKind::add:
    case LayerKind::concat:
      add_join(index);
      return;
    default:
      flat_.back() = is_flat(source);
      add_elementwise(layer);
      return;
  }
}

}  // namespace

std::vector<uint8_t> write_onnx(const Network& network, const Arrays& weights, const std::string& file) {
  check_arrays(network, weights, file);
  return serialise(ModelMaker(network, weights).run());
}

}  // namespace backboard
