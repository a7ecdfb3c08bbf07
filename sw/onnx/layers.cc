// Operations that become one layer each, and the end of the network.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "sw/onnx/importer.h"

namespace backboard {

namespace {

NetLayer layer_of(LayerKind kind) {
  NetLayer layer;
  layer.kind = kind;
  return layer;
}

/// The number that was written before it became binary32: 0.1f gives 0.1.
double decimal(float value) {
  char text[64];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  double result = value;
  std::from_chars(text, end, result);
  return result;
}

/// `value` held to what a layer can say, or an error.
double within(const OnnxNode& node, const char* attribute, double value, double lowest, double highest) {
  if (!(value >= lowest && value <= highest))
    node.fail_attribute(attribute, fmt::format("{} is not supported, only {} to {}", value, lowest, highest));
  return value;
}

}  // namespace

OnnxTensor OnnxImporter::gemm(OnnxNode& node) {
  if (node.real("alpha", 1.0f) != 1.0f) node.fail_attribute("alpha", "only 1 is supported");
  // PyTorch writes a product without a bias (torch.mm) as one with a bias times 0.
  const float beta = node.real("beta", 1.0f);
  const bool has_bias = !node.input(2).empty() && beta != 0.0f;
  if (has_bias && beta != 1.0f) node.fail_attribute("beta", "only 0 and 1 are supported");
  if (node.integer("transA", 0) != 0) node.fail_attribute("transA", "only 0 is supported");
  return fully_connected(node, node.integer("transB", 0) == 0, has_bias);
}

OnnxTensor OnnxImporter::matmul(OnnxNode& node) {
  return fully_connected(node, true, false);
}

/// x (n, inputs) by weights (inputs, k), or (k, inputs), and perhaps a bias as input 2.
OnnxTensor OnnxImporter::fully_connected(const OnnxNode& node, bool inputs_first, bool has_bias) {
  const OnnxTensor& x = tensor(node, 0);
  const auto inputs = static_cast<int64_t>(shape_of(x).elements());
  if (x.dims != std::vector<int64_t>{kBatch, inputs})
    node.fail(fmt::format("its input is {}; only (n, {}) is supported", dims_text(x.dims), inputs));
  const OnnxConstant& weight = real_constant(node, 1, "weight");
  const int64_t outputs = weight.dims.size() == 2 ? weight.dims[inputs_first ? 1 : 0] : 0;
  const std::vector<int64_t> wanted = inputs_first ? std::vector{inputs, outputs} : std::vector{outputs, inputs};
  if (weight.dims != wanted || outputs < 1 || outputs > 65535)
    node.fail(fmt::format("weight '{}' is {}, its input {}", printable(node.input(1)), dims_text(weight.dims),
                          dims_text(x.dims)));
  NetLayer layer = layer_of(LayerKind::fc);
  layer.channels = static_cast<uint32_t>(outputs);
  layer.bias = has_bias;
  layer.name = layer_name(node, LayerKind::fc, 1);
  OnnxTensor result = add_layer(node, std::move(layer), {x});
  result.dims = {kBatch, outputs};
  const NetLayer& added = result_.network.layers.back();
  add_array(node, result.layer, "weight", 1, {added.channels, added.fan_in()}, inputs_first);
  if (added.bias) {
    const std::vector<int64_t>& dims = real_constant(node, 2, "bias").dims;
    if (dims != std::vector<int64_t>{outputs} && dims != std::vector<int64_t>{1, outputs})
      node.fail(fmt::format("bias '{}' is {}; must be ({})", printable(node.input(2)), dims_text(dims), outputs));
    add_array(node, result.layer, "bias", 2, {added.channels});
  }
  return result;
}

OnnxTensor OnnxImporter::add(OnnxNode& node) {
  if (is_gelu_part(node, 0)) return add_to_erf(node, 0, 1);
  if (is_gelu_part(node, 1)) return add_to_erf(node, 1, 0);
  if (is_constant(node, 1)) return add_bias(node, 0, 1);
  if (is_constant(node, 0)) return add_bias(node, 1, 0);
  return sum(node);
}

/// A constant is added: the bias of the layer that made the other input, when nothing else reads that.
OnnxTensor OnnxImporter::add_bias(const OnnxNode& node, int tensor_slot, int bias_slot) {
  OnnxTensor x = tensor(node, tensor_slot);
  NetLayer* layer = x.fresh ? &result_.network.layers[x.layer] : nullptr;
  if (layer == nullptr || !layer->has_weights() || layer->bias || uses_.at(node.input(tensor_slot)) != 1)
    node.fail("a constant is added to what is not a convolution or MatMul without a bias of its own");
  const int64_t k = layer->channels;
  const std::vector<int64_t>& dims = real_constant(node, bias_slot, "bias").dims;
  const size_t channel_from_end = x.dims.size() - 1;  // (k, 1, 1) for (n, k, h, w)
  std::vector<int64_t> wanted(channel_from_end, 1);
  wanted[0] = k;
  std::vector<int64_t> with_batch = wanted;
  with_batch.insert(with_batch.begin(), 1);
  if (dims != wanted && dims != with_batch)
    node.fail(fmt::format("bias '{}' is {}; must be {}", printable(node.input(bias_slot)), dims_text(dims),
                          dims_text(wanted)));
  layer->bias = true;
  add_array(node, x.layer, "bias", bias_slot, {layer->channels});
  return x;
}

/// Add of two tensors, and Sum of any number: a chain of additions.
OnnxTensor OnnxImporter::sum(OnnxNode& node) {
  OnnxTensor result = tensor(node, 0);
  result.fresh = false;
  for (int i = 1; i < node.proto().input_size(); ++i) {
    const OnnxTensor& x = tensor(node, i);
    if (x.dims != result.dims)
      node.fail(
          fmt::format("{} and {}: only tensors of one shape are added", dims_text(result.dims), dims_text(x.dims)));
    const std::vector<int64_t> dims = result.dims;
    result = add_layer(node, layer_of(LayerKind::add), {result, x});
    result.dims = dims;
  }
  return result;
}

/// A chain of joins. What joins the same tensors from the first on as a node before (DenseNet's blocks) goes on from
/// its layer: n nodes of 2 to n + 1 inputs are n layers.
OnnxTensor OnnxImporter::concat(OnnxNode& node) {
  OnnxTensor result = tensor(node, 0);
  result.fresh = false;
  const auto rank = static_cast<int64_t>(result.dims.size());
  if (!node.has("axis")) node.fail("attribute 'axis' is needed");
  const int64_t axis = node.integer("axis", 1);
  if (axis != 1 && axis != 1 - rank)
    node.fail_attribute("axis", fmt::format("{} is not supported, only 1: channels", axis));
  // Flat tensors may be joined too: (n, c h w) holds channel after channel, as long as rows and columns agree.
  if (rank != 2) image(node, result);
  for (int i = 1; i < node.proto().input_size(); ++i) {
    const OnnxTensor& x = rank == 2 ? tensor(node, i) : image(node, i);
    if (x.dims.size() != result.dims.size())
      node.fail(fmt::format("{} and {} do not fit", dims_text(result.dims), dims_text(x.dims)));
    std::vector<int64_t> dims = result.dims;
    dims[1] += x.dims[1];
    const ImageShape a = shape_of(result), b = shape_of(x);
    if (rank == 2 && (a.h != b.h || a.w != b.w))
      node.fail(
          fmt::format("{} and {} hold maps of {} x {} and {} x {}; flat maps are joined only where rows and "
                      "columns agree",
                      dims_text(result.dims), dims_text(x.dims), a.h, a.w, b.h, b.w));
    const auto [joined, is_new] = joins_.try_emplace({result.layer, x.layer});
    if (is_new) joined->second = add_layer(node, layer_of(LayerKind::concat), {result, x});
    result = joined->second;
    result.dims = dims;
    result.fresh = false;
  }
  return result;
}

/// Up to operator set 13 more than one output means training.
bool OnnxImporter::norm_trains(OnnxNode& node) const {
  return opset_ >= 14 ? node.integer("training_mode", 0) != 0 : node.proto().output_size() > 1;
}

OnnxTensor OnnxImporter::batchnorm(OnnxNode& node) {
  const OnnxTensor& x = channels(node, 0);
  NetLayer layer = layer_of(LayerKind::batchnorm);
  layer.epsilon = within(node, "epsilon", decimal(node.real("epsilon", 1e-5f)), 1e-12, 1.0);
  // ONNX gives the share of the old moments, we that of the batch.
  const double kept = within(node, "momentum", decimal(node.real("momentum", 0.9f)), 0.0, 1.0);
  layer.momentum = decimal(static_cast<float>(1.0 - kept));
  const bool trains = norm_trains(node);
  const bool ours = model_.producer_name() == kOnnxProducer;
  if (!trains && (ours || some_norm_trains_)) layer.moments = Moments::running;
  if (!trains && layer.moments == Moments::batch) ++inference_norms_;
  // PyTorch's affine=False: gamma and beta are constants of the graph. Other exporters write all weights so.
  const auto fixed = [&](int slot, float value) {
    const OnnxConstant& array = real_constant(node, slot, slot == 1 ? "weight" : "bias");
    return array.literal && (ours || std::all_of(array.reals->begin(), array.reals->end(),
                                                 [&](float element) { return element == value; }));
  };
  layer.affine = !(fixed(1, 1.0f) && fixed(2, 0.0f));
  layer.name = layer_name(node, LayerKind::batchnorm, 1);
  if (trains && kept == 0.0) last_batch_norms_.push_back(layer.name);
  if (!trains && kept == 1.0 && layer.moments == Moments::batch) still_norms_.push_back(layer.name);
  const OnnxTensor result = add_elementwise(node, std::move(layer), x);
  const uint64_t channels = result_.network.layers.back().in.c;
  add_array(node, result.layer, "weight", 1, {channels});
  add_array(node, result.layer, "bias", 2, {channels});
  add_array(node, result.layer, "mean", 3, {channels});
  add_array(node, result.layer, "variance", 4, {channels});
  for (const float variance : *real_constant(node, 4, "variance").reals)
    if (variance < 0) node.fail(fmt::format("variance '{}' has an element below zero", printable(node.input(4))));
  return result;
}

OnnxTensor OnnxImporter::relu(OnnxNode& node) {
  return add_elementwise(node, layer_of(LayerKind::relu), tensor(node, 0));
}

OnnxTensor OnnxImporter::clip(OnnxNode& node) {
  const float low = node.input(1).empty() ? -INFINITY : scalar(node, 1, "min");
  const float high = node.input(2).empty() ? INFINITY : scalar(node, 2, "max");
  // Exporters write "no bound" as the largest number, too.
  const bool open = high >= 3.4028234e38f;
  if (low != 0.0f || (!open && high != 6.0f))
    node.fail(fmt::format("from min {} to max {}: only 0 to 6 (ReLU6) and from 0 on (ReLU) are supported", low, high));
  return add_elementwise(node, layer_of(open ? LayerKind::relu : LayerKind::relu6), tensor(node, 0));
}

OnnxTensor OnnxImporter::leaky_relu(OnnxNode& node) {
  NetLayer layer = layer_of(LayerKind::leakyrelu);
  layer.slope = within(node, "alpha", decimal(node.real("alpha", 0.01f)), 0.0, 1.0);
  return add_elementwise(node, std::move(layer), tensor(node, 0));
}

OnnxTensor OnnxImporter::sigmoid(OnnxNode& node) {
  return add_elementwise(node, layer_of(LayerKind::sigmoid), tensor(node, 0));
}

OnnxTensor OnnxImporter::tanh(OnnxNode& node) {
  return add_elementwise(node, layer_of(LayerKind::tanh), tensor(node, 0));
}

/// The ratio is an attribute in operator set 11, an input from 12 on; the input `training_mode` says what training here
/// decides by itself.
OnnxTensor OnnxImporter::dropout(OnnxNode& node) {
  float ratio = node.real("ratio", 0.5f);
  if (!node.input(1).empty()) ratio = scalar(node, 1, "ratio");
  node.ignore("seed");
  NetLayer layer = layer_of(LayerKind::dropout);
  layer.rate = within(node, "ratio", decimal(ratio), 0.0, 0.95);
  if (layer.rate == 0.0) return identity(node);
  return add_elementwise(node, std::move(layer), tensor(node, 0));
}

/// Nearest neighbour by whole factors, as `scales` or as `sizes` that are multiples: inputs are X, roi, scales, sizes.
OnnxTensor OnnxImporter::resize(OnnxNode& node) {
  const OnnxTensor& x = image(node, 0);
  if (node.text("mode", "nearest") != "nearest") node.fail_attribute("mode", "only 'nearest' is supported");
  const std::string place = node.text("coordinate_transformation_mode", "half_pixel");
  if (place != "asymmetric" && place != "half_pixel")
    node.fail_attribute("coordinate_transformation_mode", "only 'asymmetric' and 'half_pixel' are supported");
  const char* repeats = place == "asymmetric" ? "floor" : "round_prefer_floor";
  if (node.text("nearest_mode", "round_prefer_floor") != repeats)
    node.fail_attribute("nearest_mode", fmt::format("only '{}' is supported with '{}'", repeats, place));
  for (const char* name : {"cubic_coeff_a", "exclude_outside", "extrapolation_value"}) node.ignore(name);
  // What is absent may also be there without elements.
  const auto has = [&](int slot) {
    return !node.input(slot).empty() && (!is_constant(node, slot) || constant(node, slot, "input").elements() > 0);
  };
  const bool sized = has(3);
  if (x.dims.size() != 4 || sized == has(2)) node.fail("only `scales` or `sizes` of four dimensions are supported");
  std::vector<double> factors;
  if (sized) {
    const std::vector<int64_t> sizes = integer_list(node, 3, "sizes");
    for (size_t i = 0; i < sizes.size() && i < 4; ++i)
      factors.push_back(sizes[i] == x.dims[i] || (i == 0 && sizes[i] == batch_ && batch_ != 0)
                            ? 1.0
                            : static_cast<double>(sizes[i]) / static_cast<double>(x.dims[i]));
    if (sizes.size() != 4) factors.clear();
  } else {
    const OnnxConstant& scales = real_constant(node, 2, "scales");
    factors.assign(scales.reals->begin(), scales.reals->end());
  }
  if (factors.size() != 4 || factors[0] != 1.0 || factors[1] != 1.0)
    node.fail(fmt::format("{} must be 1, 1, rows, columns", sized ? "sizes over those of the input" : "scales"));
  NetLayer layer = layer_of(LayerKind::upsample);
  for (int i = 2; i < 4; ++i) {
    if (!(factors[i] >= 1.0 && factors[i] <= 255.0) || factors[i] != std::floor(factors[i]))
      node.fail(fmt::format("a scale of {}; only whole numbers to 255 are supported", factors[i]));
    layer.kernel.push_back(static_cast<uint32_t>(factors[i]));
  }
  return add_layer(node, std::move(layer), {x});
}

OnnxTensor OnnxImporter::softmax(OnnxNode& node) {
  OnnxTensor x = tensor(node, 0);
  const int64_t axis = node.integer("axis", opset_ >= 13 ? -1 : 1);
  const auto rank = static_cast<int64_t>(x.dims.size());
  const ImageShape shape = shape_of(x);
  if ((axis != 1 && axis != 1 - rank) || shape.h != 1 || shape.w != 1)
    node.fail_attribute("axis",
                        fmt::format("{} of {}: only the classes of an image are supported", axis, dims_text(x.dims)));
  result_.network.loss = LossKind::softmax_ce;
  x.pending = OnnxPending::softmax;
  x.fresh = false;
  return x;
}

/// SoftmaxCrossEntropyLoss of logits, or NegativeLogLikelihoodLoss of their log-softmax: the loss that training here
/// has anyway.
OnnxTensor OnnxImporter::loss(OnnxNode& node) {
  const bool joined = node.operation() == "SoftmaxCrossEntropyLoss";
  OnnxTensor x = joined ? tensor(node, 0) : any_tensor(node, 0);
  if (!joined && x.pending != OnnxPending::softmax) node.fail("its input must be a LogSoftmax");
  if (!std::holds_alternative<OnnxLabels>(value(node, 1)))
    node.fail(fmt::format("labels '{}' must be an input of the model", printable(node.input(1))));
  if (!node.input(2).empty()) node.fail("weights of classes are not supported");
  if (const std::string reduction = node.text("reduction", "mean"); reduction != "mean")
    node.fail_attribute("reduction", fmt::format("'{}' is not supported, only 'mean'", printable(reduction)));
  result_.network.loss = LossKind::softmax_ce;
  x.pending = OnnxPending::loss;
  x.fresh = false;
  return x;
}

}  // namespace backboard
