// Convolution and pooling: their windows, and padding of every kind that ONNX has.
#include <fmt/format.h>

#include <algorithm>

#include "sw/onnx/importer.h"

namespace backboard {

/// A window as ONNX describes it, padding in front of the node included.
struct OnnxImporter::Window {
  std::vector<uint32_t> kernel, stride, dilation;  ///< rows, columns
  std::array<uint32_t, 4> pads{};                  ///< top, left, bottom, right
  bool has_own_pads = false;
  const char* pads_attribute = "pads";  ///< which attribute says so
};

namespace {

constexpr uint32_t kLongestSide = 255;

std::vector<uint32_t> pair_of(OnnxNode& node, const char* attribute, uint32_t lowest) {
  std::vector<uint32_t> pair;
  const std::vector<int64_t> given = node.integers(attribute);
  if (given.empty()) return {1, 1};
  if (given.size() != 2)
    node.fail_attribute(attribute, fmt::format("{} dimensions; only windows of 2 are supported", given.size()));
  for (const int64_t value : given) {
    if (value < lowest || value > kLongestSide)
      node.fail_attribute(attribute, fmt::format("{} is not supported, only {} to {}", value, lowest, kLongestSide));
    pair.push_back(static_cast<uint32_t>(value));
  }
  return pair;
}

}  // namespace

OnnxImporter::Window OnnxImporter::read_window(OnnxNode& node, const OnnxTensor& x, uint32_t kernel_h,
                                               uint32_t kernel_w, bool has_dilations) {
  Window window;
  window.kernel = node.has("kernel_shape") ? pair_of(node, "kernel_shape", 1) : std::vector{kernel_h, kernel_w};
  if (kernel_h != 0 && window.kernel != std::vector{kernel_h, kernel_w})
    node.fail_attribute("kernel_shape", fmt::format("not that of the weights, {} x {}", kernel_h, kernel_w));
  if (window.kernel[0] < 1 || window.kernel[1] < 1) node.fail("attribute 'kernel_shape' is needed");
  if (std::max(window.kernel[0], window.kernel[1]) > kLongestSide)
    node.fail(fmt::format("a kernel of {} x {}; at most {}", window.kernel[0], window.kernel[1], kLongestSide));
  window.stride = pair_of(node, "strides", 1);
  window.dilation = has_dilations ? pair_of(node, "dilations", 1) : std::vector<uint32_t>{1, 1};

  const std::string automatic = node.text("auto_pad", "NOTSET");
  const std::vector<int64_t> pads = node.integers("pads");
  const ImageShape in = shape_of(x);
  const uint32_t size[] = {in.h + x.pads[0] + x.pads[2], in.w + x.pads[1] + x.pads[3]};
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
    window.pads_attribute = "auto_pad";
    for (int i = 0; i < 2; ++i) {
      const int64_t reach = int64_t{window.dilation[i]} * (window.kernel[i] - 1) + 1;
      const int64_t out = (int64_t{size[i]} + window.stride[i] - 1) / window.stride[i];
      const int64_t total = std::max<int64_t>((out - 1) * window.stride[i] + reach - size[i], 0);
      const auto less = static_cast<uint32_t>(total / 2), more = static_cast<uint32_t>(total - total / 2);
      window.pads[i] = automatic == "SAME_UPPER" ? less : more;
      window.pads[i + 2] = automatic == "SAME_UPPER" ? more : less;
    }
  } else if (automatic == "NOTSET" && !pads.empty()) {
    if (pads.size() != 4)
      node.fail_attribute("pads", fmt::format("{} numbers; must be top, left, bottom, right", pads.size()));
    for (int i = 0; i < 4; ++i) {
      if (pads[i] < 0 || pads[i] > kLongestSide)
        node.fail_attribute("pads", fmt::format("{} is not supported, only 0 to {}", pads[i], kLongestSide));
      window.pads[i] = static_cast<uint32_t>(pads[i]);
    }
  } else if (automatic != "NOTSET" && automatic != "VALID") {
    node.fail_attribute("auto_pad", fmt::format("'{}' is not supported", printable(automatic)));
  }
  for (int i = 0; i < 4; ++i) {
    window.has_own_pads |= window.pads[i] != 0;
    window.pads[i] += x.pads[i];
  }
  return window;
}

/// Our windows of pooling have the same padding on both sides and may be cut off at the end. Uneven padding is the same
/// when the windows do not reach what is missing or too much there, or reach it and leave padding out; convolutions
/// have it as it is.
void OnnxImporter::set_window(OnnxNode& node, const Window& window, const ImageShape& in, bool ceil_mode,
                              NetLayer& layer) {
  const uint32_t size[] = {in.h, in.w};
  const bool average = layer.kind == LayerKind::avgpool;
  const bool leaves_out = layer.kind == LayerKind::maxpool || (average && !layer.count_include_pad);
  const bool even = window.pads[0] == window.pads[2] && window.pads[1] == window.pads[3];
  const bool may_be_cut = leaves_out || (average && even);
  bool same_whole = true, same_cut = true;
  for (int i = 0; i < 2; ++i) {
    const int64_t reach = int64_t{window.dilation[i]} * (window.kernel[i] - 1) + 1, stride = window.stride[i];
    const int64_t room = int64_t{size[i]} + window.pads[i] + window.pads[i + 2] - reach;
    const int64_t even_room = room + window.pads[i] - window.pads[i + 2];
    if (room < 0)
      node.fail(fmt::format("kernel of {} x {} does not fit the input of {} x {}", window.kernel[0], window.kernel[1],
                            in.h, in.w));
    // One more that is cut off, unless it sees padding alone.
    const auto cut_windows = [&](int64_t space) {
      const bool more = space % stride != 0 && (space / stride + 1) * stride < int64_t{size[i]} + window.pads[i];
      return space / stride + 1 + more;
    };
    const int64_t windows = ceil_mode ? cut_windows(room) : room / stride + 1;
    same_whole &= even_room >= 0 && windows == even_room / stride + 1;
    same_cut &= even_room >= 0 && windows == cut_windows(even_room);
  }
  const bool uneven = !same_whole && layer.kind == LayerKind::conv;
  if (!same_whole && !uneven && !(may_be_cut && same_cut)) {
    node.fail_attribute(
        window.pads_attribute,
        fmt::format("padding of {} above, {} left, {} below, {} right: only a convolution may have it uneven",
                    window.pads[0], window.pads[1], window.pads[2], window.pads[3]));
  }
  layer.ceil = !same_whole && may_be_cut;
  layer.kernel = window.kernel;
  layer.stride = window.stride;
  if (uneven)
    layer.pad.assign(window.pads.begin(), window.pads.end());
  else if (window.pads[0] != 0 || window.pads[1] != 0)
    layer.pad = {window.pads[0], window.pads[1]};
  else
    layer.count_include_pad = true;  // without padding it is the same
}

/// Zeros around rows and columns, and around the zeros of a Pad in front.
OnnxTensor OnnxImporter::pad(OnnxNode& node) {
  OnnxTensor x = any_tensor(node, 0).pending == OnnxPending::padded ? any_tensor(node, 0) : tensor(node, 0);
  if (const std::string mode = node.text("mode", "constant"); mode != "constant")
    node.fail_attribute("mode", fmt::format("'{}' is not supported, only 'constant'", printable(mode)));
  if (!node.input(2).empty() && scalar(node, 2, "constant_value") != 0.0f)
    node.fail("only padding with zero is supported");
  const std::vector<int64_t> pads = integer_list(node, 1, "pads");
  if (pads.size() != 2 * x.dims.size())
    node.fail(fmt::format("{} numbers of padding for {}", pads.size(), dims_text(x.dims)));
  const size_t rank = x.dims.size();
  bool any = false;
  for (size_t i = 0; i < pads.size(); ++i) {
    const bool sides = rank == 4 && i % rank >= 2;
    if (pads[i] < 0 || pads[i] > (sides ? kLongestSide : 0))
      node.fail(
          fmt::format("padding {} of dimension {}: only rows and columns, 0 to {}", pads[i], i % rank, kLongestSide));
    any |= pads[i] != 0;
  }
  x.fresh = false;
  if (!any) return x;
  image(node, x);
  x.pending = OnnxPending::padded;
  constexpr size_t kPlaces[] = {2, 3, 6, 7};
  for (size_t i = 0; i < 4; ++i) {
    x.pads[i] += static_cast<uint32_t>(pads[kPlaces[i]]);
    if (x.pads[i] > kLongestSide) node.fail(fmt::format("padding of {} in all; at most {}", x.pads[i], kLongestSide));
  }
  return x;
}

OnnxTensor OnnxImporter::conv(OnnxNode& node) {
  const OnnxConstant& weight = real_constant(node, 1, "weight");
  if (weight.dims.size() != 4)
    node.fail(fmt::format("weight '{}' is {}; only windows of 2 dimensions are supported", printable(node.input(1)),
                          dims_text(weight.dims)));
  const OnnxTensor x = any_tensor(node, 0).pending == OnnxPending::padded ? any_tensor(node, 0) : image(node, 0);
  image(node, x);
  for (const int64_t dim : weight.dims)
    if (dim < 1 || dim > 65535)
      node.fail(fmt::format("weight '{}' is {}", printable(node.input(1)), dims_text(weight.dims)));
  const auto dim = [&](size_t i) { return static_cast<uint32_t>(weight.dims[i]); };
  const Window window = read_window(node, x, dim(2), dim(3), true);
  NetLayer layer;
  layer.kind = LayerKind::conv;
  layer.channels = dim(0);
  layer.groups = node.integer_within("group", 1, 1, 65535);
  layer.bias = !node.input(2).empty();
  if (window.dilation != std::vector<uint32_t>{1, 1}) layer.dilation = window.dilation;
  set_window(node, window, shape_of(x), false, layer);
  const uint32_t channels = shape_of(x).c;
  if (channels % layer.groups != 0 || layer.channels % layer.groups != 0)
    node.fail_attribute(
        "group", fmt::format("{} does not divide {} inputs and {} outputs", layer.groups, channels, layer.channels));
  if (channels / layer.groups != dim(1))
    node.fail(fmt::format("weight '{}' is {}; the input has {} channels in {} groups", printable(node.input(1)),
                          dims_text(weight.dims), channels, layer.groups));
  layer.name = layer_name(node, LayerKind::conv, 1);
  const OnnxTensor result = add_layer(node, std::move(layer), {x});
  const NetLayer& added = result_.network.layers.back();
  add_array(node, result.layer, "weight", 1, added.weight_shape());
  if (added.bias) add_array(node, result.layer, "bias", 2, {added.channels});
  return result;
}

/// Zeros around what a ReLU made are no larger than any of it, and where one is as large the ReLU lets no error
/// through: maxima over them are those that leave padding out.
bool OnnxImporter::has_zeros_around_relu(const OnnxTensor& x) const {
  if (x.pending != OnnxPending::padded || x.layer == kImages) return false;
  const LayerKind kind = result_.network.layers[x.layer].kind;
  return kind == LayerKind::relu || kind == LayerKind::relu6;
}

OnnxTensor OnnxImporter::maxpool(OnnxNode& node) {
  const OnnxTensor x = has_zeros_around_relu(any_tensor(node, 0)) ? any_tensor(node, 0) : image(node, 0);
  image(node, x);
  NetLayer layer;
  layer.kind = LayerKind::maxpool;
  const Window window = read_window(node, x, 0, 0, true);
  if (window.dilation != std::vector<uint32_t>{1, 1}) node.fail_attribute("dilations", "only 1 is supported");
  node.ignore("storage_order");  // of the indices, which nobody reads
  set_window(node, window, shape_of(x), node.integer("ceil_mode", 0) != 0, layer);
  return add_layer(node, std::move(layer), {x});
}

OnnxTensor OnnxImporter::avgpool(OnnxNode& node) {
  const OnnxTensor x = any_tensor(node, 0).pending == OnnxPending::padded ? any_tensor(node, 0) : image(node, 0);
  image(node, x);
  NetLayer layer;
  layer.kind = LayerKind::avgpool;
  const Window window = read_window(node, x, 0, 0, false);
  layer.count_include_pad = node.integer("count_include_pad", 0) != 0 || !window.has_own_pads;
  if (!layer.count_include_pad && x.pending == OnnxPending::padded)
    node.fail_attribute("count_include_pad", "0 with padding of its own behind a Pad, which counts, is not supported");
  set_window(node, window, shape_of(x), node.integer("ceil_mode", 0) != 0, layer);
  return add_layer(node, std::move(layer), {x});
}

OnnxTensor OnnxImporter::globalpool(OnnxNode& node) {
  const OnnxTensor& x = channels(node, 0);
  NetLayer layer;
  layer.kind = LayerKind::globalpool;
  OnnxTensor result = add_layer(node, std::move(layer), {x});
  result.dims.resize(x.dims.size(), 1);
  return result;
}

OnnxTensor OnnxImporter::global_maxpool(OnnxNode& node) {
  const OnnxTensor& x = image(node, 0);
  NetLayer layer;
  layer.kind = LayerKind::maxpool;
  layer.kernel = {shape_of(x).h, shape_of(x).w};
  return add_layer(node, std::move(layer), {x});
}

/// The mean over rows and columns, however they are seen: (n, c, h, w) or (n, c, h * w); in one node, or first over one
/// of them and then over the other.
OnnxTensor OnnxImporter::reduce_mean(OnnxNode& node) {
  const bool goes_on = any_tensor(node, 0).pending == OnnxPending::mean;
  OnnxTensor x = goes_on ? any_tensor(node, 0) : tensor(node, 0);
  const ImageShape shape = shape_of(x);
  std::vector<int64_t> axes = node.integers("axes");
  const bool keep = node.integer("keepdims", 1) != 0;
  const auto rank = static_cast<int64_t>(x.dims.size());
  for (int64_t& axis : axes) axis = axis < 0 && axis != kBatch ? axis + rank : axis;
  const auto averages = [&](int64_t axis) { return std::find(axes.begin(), axes.end(), axis) != axes.end(); };
  const bool seen = goes_on || x.dims == std::vector<int64_t>{kBatch, shape.c, shape.h, shape.w} ||
                    x.dims == std::vector<int64_t>{kBatch, shape.c, int64_t{shape.h} * shape.w};
  bool supported = seen && !axes.empty();
  for (const int64_t axis : axes) supported = supported && axis >= 2 && axis < rank;
  if (!supported)
    node.fail_attribute("axes",
                        fmt::format("of {}: only the mean over rows and columns is supported", dims_text(x.dims)));
  std::vector<int64_t> dims;
  bool whole = true;
  for (int64_t i = 0; i < rank; ++i) {
    if (i >= 2 && x.dims[i] != 1 && !averages(i)) whole = false;
    if (!averages(i))
      dims.push_back(x.dims[i]);
    else if (keep)
      dims.push_back(1);
  }
  x.pending = OnnxPending::none;
  if (whole) {
    NetLayer layer;
    layer.kind = LayerKind::globalpool;
    x = add_layer(node, std::move(layer), {x});
  } else {
    x.pending = OnnxPending::mean;
  }
  x.dims = std::move(dims);
  x.fresh = false;
  return x;
}

}  // namespace backboard
