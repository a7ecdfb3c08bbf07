#include "sw/onnx/importer.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <filesystem>

#include "platform/check/check.h"
#include "platform/check/input_error.h"
#include "platform/check/read_file.h"
#include "sw/onnx/layer_name.h"

namespace backboard {

namespace {

constexpr uint64_t kMaxWeights = uint64_t{1} << 28;  ///< elements of all arrays, and of those that transpositions make
constexpr size_t kMaxLayers = 1024;

}  // namespace

const OnnxImporter::OperationRow OnnxImporter::kOperations[] = {
    {"Add", &OnnxImporter::add, 2, 2},
    {"AveragePool", &OnnxImporter::avgpool, 1, 1},
    {"BatchNormalization", &OnnxImporter::batchnorm, 5, 5},
    {"Cast", &OnnxImporter::cast, 1, 1},
    {"Clip", &OnnxImporter::clip, 1, 3},
    {"Concat", &OnnxImporter::concat, 1, INT16_MAX},
    {"Conv", &OnnxImporter::conv, 2, 3},
    {"Div", &OnnxImporter::divide, 2, 2},
    {"Dropout", &OnnxImporter::dropout, 1, 3},
    {"Erf", &OnnxImporter::erf, 1, 1},
    {"Flatten", &OnnxImporter::flatten, 1, 1},
    {"Gather", &OnnxImporter::gather, 2, 2},
    {"Gemm", &OnnxImporter::gemm, 2, 3},
    {"GlobalAveragePool", &OnnxImporter::globalpool, 1, 1},
    {"GlobalMaxPool", &OnnxImporter::global_maxpool, 1, 1},
    {"Identity", &OnnxImporter::identity, 1, 1},
    {"LeakyRelu", &OnnxImporter::leaky_relu, 1, 1},
    {"LogSoftmax", &OnnxImporter::softmax, 1, 1},
    {"MatMul", &OnnxImporter::matmul, 2, 2},
    {"MaxPool", &OnnxImporter::maxpool, 1, 1},
    {"Mul", &OnnxImporter::multiply, 2, 2},
    {"NegativeLogLikelihoodLoss", &OnnxImporter::loss, 2, 3},
    {"Pad", &OnnxImporter::pad, 2, 3},
    {"ReduceMean", &OnnxImporter::reduce_mean, 1, 1},
    {"Relu", &OnnxImporter::relu, 1, 1},
    {"Reshape", &OnnxImporter::reshape, 2, 2},
    {"Resize", &OnnxImporter::resize, 1, 4},
    {"Sigmoid", &OnnxImporter::sigmoid, 1, 1},
    {"Slice", &OnnxImporter::slice, 3, 5},
    {"Softmax", &OnnxImporter::softmax, 1, 1},
    {"SoftmaxCrossEntropyLoss", &OnnxImporter::loss, 2, 3},
    {"Squeeze", &OnnxImporter::squeeze, 1, 2},
    {"Sum", &OnnxImporter::sum, 1, INT16_MAX},
    {"Tanh", &OnnxImporter::tanh, 1, 1},
    {"Transpose", &OnnxImporter::transpose, 1, 1},
    {"Unsqueeze", &OnnxImporter::unsqueeze, 1, 2},
};

std::string dims_text(const std::vector<int64_t>& dims) {
  std::string text;
  for (const int64_t dim : dims)
    text += (text.empty() ? "" : ", ") + (dim == kBatch ? std::string("n") : std::to_string(dim));
  return "(" + text + ")";
}

OnnxImporter::OnnxImporter(const onnx::ModelProto& model, const std::string& file)
    : model_(model), graph_(model.graph()), file_(file), opset_(opset_of(model, file)) {}

OnnxNetwork OnnxImporter::run() {
  result_.network.name = std::filesystem::path(file_).stem().string();
  live_ = live_nodes(graph_, uses_);
  refuse_unknown_names();
  read_metadata();
  read_initializers();
  read_inputs();
  refuse_computed_moments();
  for (const int index : live_) {
    if (graph_.node(index).op_type() != "BatchNormalization") continue;
    OnnxNode node(graph_.node(index), index, file_);
    some_norm_trains_ = norm_trains(node) || some_norm_trains_;
  }
  for (const int index : live_) import_node(index);
  finish();
  return std::move(result_);
}

void OnnxImporter::read_metadata() {
  for (const onnx::StringStringEntryProto& entry : model_.metadata_props()) {
    if (entry.key() == kOnnxLossKey && entry.value() == "mse") result_.network.loss = LossKind::mse;
    if (entry.key() != kOnnxScaleKey) continue;
    const std::string& text = entry.value();
    double scale = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), scale);
    if (error != std::errc() || end != text.data() + text.size() || !(scale >= 0x1p-60 && scale <= 0x1p60))
      throw InputError(fmt::format("{}: metadata '{}': '{}' is no scale", file_, kOnnxScaleKey, printable(text)));
    result_.network.input.scale = scale;
  }
}

void OnnxImporter::read_initializers() {
  for (int i = 0; i < graph_.initializer_size(); ++i) {
    const onnx::TensorProto& tensor = graph_.initializer(i);
    if (!uses_.contains(tensor.name())) continue;
    const std::string what = fmt::format("{}: initialiser '{}'", file_, printable(tensor.name()));
    OnnxConstant constant;
    constant.initializer = i;
    constant.direct = true;
    if (is_real(tensor))
      constant.reals = std::make_shared<const std::vector<float>>(floats_of(tensor, what));
    else
      constant.integers = integers_of(tensor, what);
    count_integers(constant, what);
    constant.dims.assign(tensor.dims().begin(), tensor.dims().end());
    if (!values_.emplace(tensor.name(), std::move(constant)).second) throw InputError(what + " stands there twice");
  }
}

void OnnxImporter::read_inputs() {
  bool images = false;
  for (const onnx::ValueInfoProto& input : graph_.input()) {
    if (values_.contains(input.name()) || !uses_.contains(input.name())) continue;
    const std::string what = fmt::format("{}: input '{}'", file_, printable(input.name()));
    const int type = input.type().tensor_type().elem_type();
    if (type == onnx::TensorProto::INT64 || type == onnx::TensorProto::INT32) {
      values_.emplace(input.name(), OnnxLabels{});
      continue;
    }
    if (type != onnx::TensorProto::FLOAT) throw InputError(what + ": images must be a tensor of FLOAT");
    if (images)
      throw InputError(
          what +
          ": a second input of FLOAT; a network reads images only (weights are initialisers: export_params=True in "
          "PyTorch)");
    images = true;
    read_image_input(input);
  }
  if (!images) throw InputError(file_ + ": no output depends on an input of FLOAT");
}

void OnnxImporter::read_image_input(const onnx::ValueInfoProto& input) {
  const std::string what = fmt::format("{}: input '{}'", file_, printable(input.name()));
  const onnx::TensorShapeProto& shape = input.type().tensor_type().shape();
  if (shape.dim_size() < 2 || shape.dim_size() > 4)
    throw InputError(
        fmt::format("{}: {} dimensions; images are (n, c, h, w), (n, h, w) or (n, c)", what, shape.dim_size()));
  OnnxTensor tensor{kImages, {kBatch}};
  for (int i = 1; i < shape.dim_size(); ++i) {
    const onnx::TensorShapeProto::Dimension& dim = shape.dim(i);
    if (!dim.has_dim_value() || dim.dim_value() < 1 || dim.dim_value() > 65535)
      throw InputError(
          fmt::format("{}: dimension {} must be a number from 1 to 65535; only the first may be open", what, i));
    tensor.dims.push_back(dim.dim_value());
  }
  if (shape.dim(0).has_dim_value()) batch_ = shape.dim(0).dim_value();
  if (batch_ < 0) throw InputError(fmt::format("{}: {} images; must be open or a number from 1 on", what, batch_));
  const auto dim = [&](size_t i) { return static_cast<uint32_t>(tensor.dims[i]); };
  NetInput& net = result_.network.input;
  net.channels = tensor.dims.size() == 3 ? 1 : dim(1);
  net.rows = tensor.dims.size() == 2 ? 1 : dim(tensor.dims.size() - 2);
  net.columns = tensor.dims.size() == 2 ? 1 : dim(tensor.dims.size() - 1);
  values_.emplace(input.name(), std::move(tensor));
}

/// A name that nothing makes cuts off what lies below it: without this the error would be that no output depends on the
/// images.
void OnnxImporter::refuse_unknown_names() const {
  std::set<std::string> known;
  for (const onnx::TensorProto& tensor : graph_.initializer()) known.insert(tensor.name());
  for (const onnx::ValueInfoProto& input : graph_.input()) known.insert(input.name());
  for (const onnx::NodeProto& node : graph_.node()) known.insert(node.output().begin(), node.output().end());
  if (graph_.output_size() == 0) throw InputError(file_ + ": the model has no output");
  for (const onnx::ValueInfoProto& output : graph_.output())
    if (!known.contains(output.name()))
      throw InputError(fmt::format("{}: output '{}': nothing makes it", file_, printable(output.name())));
  for (const int index : live_)
    for (const std::string& input : graph_.node(index).input())
      if (!input.empty() && !known.contains(input)) fail_unknown(OnnxNode(graph_.node(index), index, file_), input);
}

void OnnxImporter::fail_unknown(const OnnxNode& node, const std::string& name) {
  node.fail(fmt::format("reads '{}', which no input, initialiser or node above makes", printable(name)));
}

/// A normalisation that has no running moments gets them from operations on its own input, which would be refused one
/// by one without saying why they are there.
void OnnxImporter::refuse_computed_moments() const {
  std::set<std::string> made_of_images;
  for (const auto& [name, value] : values_)
    if (std::holds_alternative<OnnxTensor>(value)) made_of_images.insert(name);
  for (const int index : live_) {
    const onnx::NodeProto& node = graph_.node(index);
    if (node.op_type() == "Shape") continue;
    for (int slot = 3; node.op_type() == "BatchNormalization" && slot < std::min(node.input_size(), 5); ++slot)
      if (made_of_images.contains(node.input(slot)))
        OnnxNode(node, index, file_)
            .fail(fmt::format("its running {} '{}' is computed from the images; only running moments that are kept are "
                              "supported (track_running_stats=True in PyTorch)",
                              slot == 3 ? "mean" : "variance", printable(node.input(slot))));
    for (const std::string& input : node.input())
      if (made_of_images.contains(input)) {
        made_of_images.insert(node.output().begin(), node.output().end());
        break;
      }
  }
}

void OnnxImporter::import_node(int index) {
  OnnxNode node(graph_.node(index), index, file_);
  std::optional<OnnxConstant> constant = fold(node);
  OnnxValue value;
  if (constant) {
    value = std::move(*constant);
  } else {
    const OperationRow* row = nullptr;
    for (const OperationRow& candidate : kOperations)
      if (node.operation() == candidate.name) row = &candidate;
    if (row == nullptr) node.fail("the operation is not supported");
    int inputs = node.proto().input_size();
    while (inputs > 0 && node.input(inputs - 1).empty()) --inputs;
    if (inputs < row->fewest_inputs || inputs > row->most_inputs)
      node.fail(fmt::format("{} inputs; must be {} to {}", inputs, row->fewest_inputs, row->most_inputs));
    value = (this->*row->run)(node);
  }
  node.expect_all_read();
  if (node.proto().output_size() == 0 || node.proto().output(0).empty()) node.fail("its first output has no name");
  const std::string& name = node.proto().output(0);
  if (!values_.emplace(name, std::move(value)).second)
    node.fail(fmt::format("'{}' stands for something else already", printable(name)));
}

const OnnxValue& OnnxImporter::value(const OnnxNode& node, int slot) const {
  const std::string& name = node.input(slot);
  const auto found = values_.find(name);
  if (found == values_.end()) fail_unknown(node, name);
  return found->second;
}

bool OnnxImporter::is_constant(const OnnxNode& node, int slot) const {
  return !node.input(slot).empty() && std::holds_alternative<OnnxConstant>(value(node, slot));
}

const OnnxConstant& OnnxImporter::constant(const OnnxNode& node, int slot, const char* what) const {
  const OnnxConstant* found = std::get_if<OnnxConstant>(&value(node, slot));
  if (found == nullptr)
    node.fail(fmt::format("{} '{}' must be an initialiser or constant", what, printable(node.input(slot))));
  return *found;
}

const OnnxConstant& OnnxImporter::real_constant(const OnnxNode& node, int slot, const char* what) const {
  const OnnxConstant& found = constant(node, slot, what);
  if (!found.reals) node.fail(fmt::format("{} '{}' must be of type FLOAT", what, printable(node.input(slot))));
  return found;
}

const std::vector<int64_t>& OnnxImporter::integer_list(const OnnxNode& node, int slot, const char* what) const {
  const OnnxConstant& found = constant(node, slot, what);
  if (found.reals || found.dims.size() > 1)
    node.fail(fmt::format("{} '{}' must be a list of integers", what, printable(node.input(slot))));
  return found.integers;
}

float OnnxImporter::scalar(const OnnxNode& node, int slot, const char* what) const {
  const OnnxConstant& found = real_constant(node, slot, what);
  if (found.elements() != 1) node.fail(fmt::format("{} '{}' must be one number", what, printable(node.input(slot))));
  return found.reals->front();
}

const OnnxTensor& OnnxImporter::any_tensor(const OnnxNode& node, int slot) const {
  const OnnxTensor* found = std::get_if<OnnxTensor>(&value(node, slot));
  if (found == nullptr)
    node.fail(
        fmt::format("input {} '{}' is a constant; must be made by the network", slot, printable(node.input(slot))));
  return *found;
}

const OnnxTensor& OnnxImporter::tensor(const OnnxNode& node, int slot) const {
  const OnnxTensor& found = any_tensor(node, slot);
  switch (found.pending) {
    case OnnxPending::none:
      return found;
    case OnnxPending::padded:
      node.fail("its input is padded; only convolutions, average pooling and maxima of what a Relu made take padding");
    case OnnxPending::softmax:
      node.fail("its input is a softmax; it is supported as the end of the network only");
    case OnnxPending::loss:
      node.fail("its input is a loss; it is supported as the end of the network only");
    case OnnxPending::mean:
      node.fail("its input is a mean over rows or columns alone; only the mean over both is supported");
    case OnnxPending::gelu:
      fail_gelu(OnnxNode(graph_.node(found.gelu.node), found.gelu.node, file_));
  }
  BB_CHECK(false, "pending {}", static_cast<int>(found.pending));
}

ImageShape OnnxImporter::shape_of(const OnnxTensor& tensor) const {
  return tensor.layer == kImages ? result_.network.input_shape() : result_.network.layers[tensor.layer].out;
}

const OnnxTensor& OnnxImporter::image(const OnnxNode& node, int slot) {
  return image(node, tensor(node, slot));
}

const OnnxTensor& OnnxImporter::image(const OnnxNode& node, const OnnxTensor& given) {
  const ImageShape shape = shape_of(given);
  const std::vector<int64_t>& dims = given.dims;
  if (dims == std::vector<int64_t>{kBatch, shape.c, shape.h, shape.w}) return given;
  if (dims == std::vector<int64_t>{kBatch, shape.c} && shape.h == 1 && shape.w == 1) return given;
  if (given.layer == kImages && !images_read_ && dims.size() == 4) {
    // A model that takes images flat, or without channels, says here what they are.
    NetInput& input = result_.network.input;
    input.channels = static_cast<uint32_t>(dims[1]);
    input.rows = static_cast<uint32_t>(dims[2]);
    input.columns = static_cast<uint32_t>(dims[3]);
    return given;
  }
  node.fail(fmt::format("reads {} as {}; reshaping is supported only in front of Gemm and MatMul",
                        dims_text({kBatch, shape.c, shape.h, shape.w}), dims_text(dims)));
}

const OnnxTensor& OnnxImporter::channels(const OnnxNode& node, int slot) {
  const OnnxTensor& given = tensor(node, slot);
  const ImageShape shape = shape_of(given);
  const std::vector<int64_t> joined{kBatch, shape.c, int64_t{shape.h} * shape.w};
  return given.dims == joined ? given : image(node, given);
}

/// A rule of our layers in ONNX's names.
void OnnxImporter::fail_rule(const OnnxNode& node, const ConfigRule& rule) {
  static constexpr std::pair<const char*, const char*> kAttributes[] = {{"kernel", "kernel_shape"},
                                                                        {"stride", "strides"},
                                                                        {"pad", "pads"},
                                                                        {"dilation", "dilations"},
                                                                        {"groups", "group"}};
  const std::string key = rule.key().substr(rule.key().rfind('.') + 1);
  for (const auto& [ours, attribute] : kAttributes)
    if (key == ours) node.fail_attribute(attribute, rule.what());
  if (key == "type") node.fail(rule.what());
  node.fail(fmt::format("{}: {}", key, rule.what()));
}

OnnxTensor OnnxImporter::add_layer(const OnnxNode& node, NetLayer layer, const std::vector<OnnxTensor>& sources) {
  std::vector<NetLayer>& layers = result_.network.layers;
  if (layers.size() == kMaxLayers) node.fail(fmt::format("a network of more than {} layers", kMaxLayers));
  const int index = static_cast<int>(layers.size());
  for (const OnnxTensor& source : sources) {
    layer.ins.push_back(shape_of(source));
    images_read_ |= source.layer == kImages;
    layer.inputs.push_back(source.layer == kImages ? kImagesName : layers[source.layer].name);
  }
  if (sources.size() == 1 && sources.front().layer == index - 1) layer.inputs.clear();
  if (layer.name.empty()) layer.name = layer_name(node, layer.kind, 0);
  try {
    check_layer(layer, layers.size());
  } catch (const ConfigRule& rule) {
    fail_rule(node, rule);
  }
  layers.push_back(std::move(layer));
  const ImageShape& out = layers.back().out;
  return {index, {kBatch, out.c, out.h, out.w}, OnnxPending::none, {}, true};
}

OnnxTensor OnnxImporter::add_elementwise(const OnnxNode& node, NetLayer layer, const OnnxTensor& source) {
  OnnxTensor result = add_layer(node, std::move(layer), {source});
  result.dims = source.dims;
  return result;
}

std::string OnnxImporter::layer_name(const OnnxNode& node, LayerKind kind, int weight_slot) {
  std::vector<std::string> candidates;
  if (model_.producer_name() == kOnnxProducer) candidates.push_back(node.proto().name());
  if (weight_slot > 0) {
    const OnnxConstant* weight = std::get_if<OnnxConstant>(&value(node, weight_slot));
    if (weight != nullptr && weight->initializer >= 0 && (weight->direct || weight->transposed)) {
      candidates.push_back(name_of_weight(graph_.initializer(weight->initializer).name()));
    }
    candidates.push_back(name_of_node(node.proto().name()));
  }
  for (const std::string& candidate : candidates) {
    std::string name = shortened(candidate, kLongestLayerName);
    if (!name.empty() && layer_names_.insert(name).second) return name;
  }
  for (;;) {
    std::string name = fmt::format("{}{}", name_of(kind), ++numbers_[kind]);
    if (layer_names_.insert(name).second) return name;
  }
}

void OnnxImporter::add_array(const OnnxNode& node, int layer, const char* suffix, int slot,
                             const std::vector<uint64_t>& shape, bool node_flips) {
  const OnnxConstant& found = real_constant(node, slot, suffix);
  uint64_t elements = 1;
  for (const uint64_t dimension : shape) elements *= dimension;
  if (found.elements() != elements)
    node.fail(fmt::format("{} '{}' is {}; must have {} elements", suffix, printable(node.input(slot)),
                          dims_text(found.dims), elements));
  weight_elements_ += elements;
  if (weight_elements_ > kMaxWeights) node.fail(fmt::format("more than {} weights in the network", kMaxWeights));
  const std::vector<float>& from = *found.reals;
  for (size_t i = 0; i < from.size(); ++i)
    if (!std::isfinite(from[i]))
      node.fail(fmt::format("{} '{}': element {} is not finite", suffix, printable(node.input(slot)), i));
  const std::string array = result_.network.layers[layer].name + "." + suffix;
  const bool trained = suffix != std::string_view("mean") && suffix != std::string_view("variance");
  if (found.literal && trained && result_.network.layers[layer].affine) literals_.push_back(array);
  result_.weights[array] = Array::of_floats(shape, node_flips ? transposed(from, elements / shape[0]) : from);
  slots_.push_back({array, node.index(), slot, found.initializer, node_flips, node_flips != found.transposed,
                    found.direct, found.dims});
}

bool is_onnx_path(const std::string& path) {
  return path.size() > 5 && path.ends_with(".onnx");
}

OnnxNetwork parse_onnx(std::span<const uint8_t> bytes, const std::string& file) {
  const onnx::ModelProto model = parse_model(bytes, file);
  return OnnxImporter(model, file).run();
}

OnnxNetwork import_onnx(const std::string& path) {
  return parse_onnx(read_file(path, kLargestModel_bytes), path);
}

}  // namespace backboard
