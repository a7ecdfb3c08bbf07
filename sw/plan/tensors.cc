#include "sw/plan/tensors.h"

#include <cmath>

#include "platform/check/check.h"

namespace backboard {

namespace {

using npu::BlockGeometry;
using npu::TensorFormat;

/// The default geometry; of a tensor that is flattened, one whose blocks are runs of the flat tensor: blocks of whole
/// rows that divide the channel evenly.
BlockGeometry geometry_of(const npu::TensorShape& shape, bool flattened, uint32_t group) {
  BlockGeometry geometry = BlockGeometry::choose(shape);
  if (group != 0)
    while (group % geometry.block_channels != 0) --geometry.block_channels;
  if (flattened)
    while (shape.h % geometry.block_rows != 0) --geometry.block_rows;
  return geometry;
}

std::array<uint32_t, 4> batch_shape(uint32_t batch, const ImageShape& shape) {
  return {batch, shape.c, shape.h, shape.w};
}

}  // namespace

bool keeps_statistics(TensorClass tensor_class) {
  switch (tensor_class) {
    case TensorClass::kINPUT:
    case TensorClass::kACTIVATION:
    case TensorClass::kERROR:
    case TensorClass::kWEIGHT:
    case TensorClass::kGRADIENT:
      return true;
    default:
      return false;
  }
}

template <class ByClass>
auto TensorTable::of_class(const ByClass& values, TensorClass tensor_class) {
  switch (tensor_class) {
    case TensorClass::kINPUT:
      return values.input;
    case TensorClass::kERROR:
      return values.error;
    case TensorClass::kWEIGHT:
      return values.weight;
    default:
      return values.activation;
  }
}

int TensorTable::add(DraftTensor tensor, bool persistent, bool flattened, uint32_t group) {
  BB_CHECK(tensor.name.size() < PLAN_NAME_BYTES, "{}", tensor.name);
  const npu::TensorShape shape{tensor.shape[0], tensor.shape[1], tensor.shape[2], tensor.shape[3]};
  DraftBuffer buffer;
  buffer.persistent = persistent;
  if (npu::is_coded(tensor.format)) {
    tensor.geometry = geometry_of(shape, flattened, group);
    buffer.data_bytes = tensor.geometry.tensor_bytes(tensor.format);
    buffer.directory_bytes = tensor.geometry.directory_bytes();
  } else {
    buffer.data_bytes = shape.elements() * npu::dense_bytes(tensor.format);
  }
  if (tensor.format == TensorFormat::kFGMP) {
    tensor.rule = formats_.rule;
    tensor.threshold = of_class(options_.thresholds, tensor.tensor_class);
  }
  if (npu::has_format(npu::kFixedFormats, tensor.format))
    tensor.scale = std::ldexp(1.0f, -of_class(options_.fractions, tensor.tensor_class));
  tensor.buffer = static_cast<int>(draft_.buffers.size());
  draft_.buffers.push_back(buffer);
  draft_.tensors.push_back(std::move(tensor));
  return static_cast<int>(draft_.tensors.size()) - 1;
}

int TensorTable::packed_images(const ImageShape& shape, float scale) {
  DraftTensor tensor;
  tensor.name = "images";
  tensor.shape = batch_shape(options_.batch, shape);
  tensor.format = TensorFormat::kU8;
  tensor.tensor_class = TensorClass::kINPUT;
  tensor.scale = scale;
  draft_.tensors.push_back(std::move(tensor));
  return static_cast<int>(draft_.tensors.size()) - 1;
}

int TensorTable::labels(uint32_t classes) {
  DraftTensor tensor;
  tensor.name = "labels";
  tensor.shape = {options_.batch, classes > PLAN_BYTE_CLASSES ? 2u : 1u, 1, 1};
  tensor.format = TensorFormat::kU8;
  tensor.tensor_class = TensorClass::kLABEL;
  return add(std::move(tensor), true);
}

int TensorTable::activation(const std::string& name, const ImageShape& shape, TensorFormat format,
                            TensorClass tensor_class, uint16_t layer, bool flattened, uint32_t group) {
  DraftTensor tensor;
  tensor.name = name;
  tensor.shape = batch_shape(options_.batch, shape);
  tensor.format = format;
  tensor.tensor_class = tensor_class;
  tensor.layer = layer;
  return add(std::move(tensor), false, flattened, group);
}

int TensorTable::error(const std::string& name, const ImageShape& shape, TensorFormat format, uint16_t layer,
                       bool flattened, uint32_t group) {
  return activation(name, shape, format, TensorClass::kERROR, layer, flattened, group);
}

int TensorTable::pool_index(const std::string& name, const ImageShape& shape, uint16_t layer) {
  return activation(name, shape, TensorFormat::kU8, TensorClass::kINDEX, layer, false);
}

LayerParameters TensorTable::parameters(const NetLayer& layer, uint16_t number, const TrainedParts& trained,
                                        TensorFormat copy_format, bool fused) {
  const auto parameter = [&](const std::string& name, const std::array<uint32_t, 4>& whole,
                             const std::array<uint32_t, 4>& part, TensorFormat master, TensorFormat copy, bool trains) {
    std::array<uint32_t, 4> shape = whole;
    const auto make = [&](const char* suffix, TensorFormat format, TensorClass tensor_class, bool persistent,
                          uint32_t flags) {
      DraftTensor tensor;
      tensor.name = name + suffix;
      tensor.shape = shape;
      tensor.format = format;
      tensor.tensor_class = tensor_class;
      tensor.layer = number;
      tensor.flags = flags;
      return add(std::move(tensor), persistent, false, layer.groups > 1 ? shape[1] : 0);
    };
    const uint32_t trained_flag = trains ? uint32_t{PLAN_TENSOR_TRAINED} : 0u;
    Parameter result;
    const bool own_copy = copy != master;
    result.master = make("", master, own_copy ? TensorClass::kMASTER : TensorClass::kWEIGHT, true,
                         PLAN_TENSOR_PARAMETER | trained_flag);
    result.copy = own_copy ? make(".c", copy, TensorClass::kWEIGHT, true, trained_flag) : result.master;
    result.trained = result.master;
    if (trains && part != whole) {
      DraftTensor first_channels = draft_.tensors[result.master];
      first_channels.name = name + ".part";
      first_channels.shape = shape = part;
      first_channels.flags = 0;
      if (part[0] == whole[0]) first_channels.stride_n = whole[1] * whole[2] * whole[3];
      result.trained = view(std::move(first_channels), result.master, 0);
    }
    if (trains && !fused)
      result.gradient = make(".g", TensorFormat::kFP32, TensorClass::kGRADIENT, options_.accumulate > 1, 0);
    if (trains && options_.momentum)
      result.momentum = make(".m", TensorFormat::kFP32, TensorClass::kMOMENTUM, true, PLAN_TENSOR_MOMENTUM);
    if (trains && options_.optimizer == Optimizer::adam)
      result.second = make(".v", TensorFormat::kFP32, TensorClass::kMOMENTUM, true, PLAN_TENSOR_MOMENTUM);
    return result;
  };

  const std::vector<uint64_t> shape = layer.weight_shape();
  const auto at = [&](size_t i) { return static_cast<uint32_t>(shape[i]); };
  LayerParameters result;
  const std::array<uint32_t, 4> weight{at(0), at(1), at(2), at(3)}, bias{1, layer.channels, 1, 1};
  std::array<uint32_t, 4> part = weight;
  if (trained.channels != 0) part[layer.groups > 1 ? 0 : 1] = trained.channels;
  result.weight = parameter(layer.name + ".weight", weight, part, formats_.master, copy_format, trained.weight);
  if (layer.bias)
    result.bias = parameter(layer.name + ".bias", bias, bias, TensorFormat::kFP32, TensorFormat::kFP32, trained.bias);
  return result;
}

int TensorTable::view(DraftTensor tensor, int of, uint64_t offset_bytes) {
  BB_CHECK(tensor.name.size() < PLAN_NAME_BYTES, "{}", tensor.name);
  tensor.buffer = draft_.tensors[of].buffer;
  tensor.offset_bytes = offset_bytes;
  draft_.tensors.push_back(std::move(tensor));
  return static_cast<int>(draft_.tensors.size()) - 1;
}

int TensorTable::pair(const DraftTensor& model, const std::string& both, const std::string& first,
                      const std::string& second, std::array<uint32_t, 2> flags) {
  const uint32_t channels = model.shape[1];
  DraftTensor tensor = model;
  tensor.name = both;
  tensor.shape = {2, channels, 1, 1};
  const int result = add(tensor, true);
  tensor.shape = {1, channels, 1, 1};
  tensor.name = first;
  tensor.flags = flags[0];
  view(tensor, result, 0);
  tensor.name = second;
  tensor.flags = flags[1];
  view(tensor, result, uint64_t{channels} * sizeof(float));
  return result;
}

NormParameters TensorTable::norm_parameters(const NetLayer& layer, uint16_t number, const TrainedParts& trained,
                                            bool sends, bool fused) {
  const bool batch = trained.moments;
  DraftTensor model;
  model.shape = {2, layer.in.c, 1, 1};
  model.format = TensorFormat::kFP32;
  model.layer = number;
  const auto make = [&](const std::string& name, TensorClass tensor_class, std::array<uint32_t, 4> shape,
                        bool persistent, uint32_t flags = 0) {
    DraftTensor tensor = model;
    tensor.name = name;
    tensor.shape = shape;
    tensor.tensor_class = tensor_class;
    tensor.flags = flags;
    return add(std::move(tensor), persistent);
  };
  const auto parameter = [](bool trains) {
    return uint32_t{PLAN_TENSOR_PARAMETER} | (trains ? uint32_t{PLAN_TENSOR_TRAINED} : 0u);
  };
  const std::string& name = layer.name;
  NormParameters result;
  model.tensor_class = TensorClass::kWEIGHT;
  result.affine = pair(model, name + ".affine", name + ".weight", name + ".bias",
                       {parameter(trained.weight), parameter(trained.bias)});
  model.tensor_class = TensorClass::kMASTER;
  result.running =
      pair(model, name + ".running", name + ".mean", name + ".variance", {parameter(batch), parameter(batch)});
  const std::array<uint32_t, 4> two{2, layer.in.c, 1, 1}, one{1, layer.in.c, 1, 1};
  if (batch) result.moments = make(name + ".moments", TensorClass::kACTIVATION, two, false);
  const bool adam = options_.optimizer == Optimizer::adam;
  const auto trains = [&](Parameter& p, int master, const std::string& of, std::array<uint32_t, 4> shape, bool stored) {
    p.master = p.copy = p.trained = master;
    if (stored) p.gradient = make(of + ".g", TensorClass::kGRADIENT, shape, options_.accumulate > 1);
    if (options_.momentum) p.momentum = make(of + ".m", TensorClass::kMOMENTUM, shape, true, PLAN_TENSOR_MOMENTUM);
    if (adam) p.second = make(of + ".v", TensorClass::kMOMENTUM, shape, true, PLAN_TENSOR_MOMENTUM);
  };
  if (trained.weight) {
    trains(result.both, result.affine, name, two, true);
  } else if (trained.bias) {
    trains(result.beta, result.affine + 2, name + ".bias", one, !fused);
  }
  result.sums = result.both.gradient;
  if (batch && sends && result.sums == kNoTensor) result.sums = make(name + ".g", TensorClass::kGRADIENT, two, false);
  return result;
}

int TensorTable::flat(int number) {
  const DraftTensor& from = draft_.tensors[number];
  const uint32_t plane = from.shape[2] * from.shape[3];
  if (plane == 1) return number;
  if (const auto found = flat_of_.find(number); found != flat_of_.end()) return found->second;
  DraftTensor view = from;
  view.name += ".flat";
  BB_CHECK(view.name.size() < PLAN_NAME_BYTES, "{}", view.name);
  view.shape = {from.shape[0], from.shape[1] * plane, 1, 1};
  if (npu::is_coded(from.format)) {
    const BlockGeometry& blocks = from.geometry;
    BB_CHECK(blocks.block_channels == 1 || blocks.block_rows == from.shape[2], "{}", from.name);
    BB_CHECK(from.shape[2] % blocks.block_rows == 0, "{}", from.name);
    view.geometry = {
        {view.shape[0], view.shape[1], 1, 1}, blocks.block_channels * blocks.block_rows * from.shape[3], 1};
    BB_CHECK(view.geometry.valid() && view.geometry.blocks() == blocks.blocks(), "{}", from.name);
  }
  draft_.tensors.push_back(std::move(view));
  const int result = static_cast<int>(draft_.tensors.size()) - 1;
  flat_of_[number] = result;
  spatial_of_[result] = number;
  return result;
}

int TensorTable::spatial(int tensor) const {
  const auto found = spatial_of_.find(tensor);
  return found == spatial_of_.end() ? tensor : found->second;
}

}  // namespace backboard
