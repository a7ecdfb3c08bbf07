#include "sw/plan/tensors.h"

#include "platform/check/check.h"

namespace backboard {

namespace {

using npu::BlockGeometry;
using npu::TensorFormat;

/// The default geometry; of a tensor that is flattened, one whose blocks are runs of the flat tensor: blocks of whole
/// rows that divide the channel evenly.
BlockGeometry geometry_of(const npu::TensorShape& shape, bool flattened) {
  BlockGeometry geometry = BlockGeometry::choose(shape);
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

float TensorTable::threshold_of(TensorClass tensor_class) const {
  const PlanThresholds& thresholds = options_.thresholds;
  switch (tensor_class) {
    case TensorClass::kINPUT:
      return thresholds.input;
    case TensorClass::kERROR:
      return thresholds.error;
    case TensorClass::kWEIGHT:
      return thresholds.weight;
    default:
      return thresholds.activation;
  }
}

int TensorTable::add(DraftTensor tensor, bool persistent, bool flattened) {
  BB_CHECK(tensor.name.size() < PLAN_NAME_BYTES, "{}", tensor.name);
  const npu::TensorShape shape{tensor.shape[0], tensor.shape[1], tensor.shape[2], tensor.shape[3]};
  DraftBuffer buffer;
  buffer.persistent = persistent;
  if (npu::is_coded(tensor.format)) {
    tensor.geometry = geometry_of(shape, flattened);
    buffer.data_bytes = tensor.geometry.tensor_bytes(tensor.format);
    buffer.directory_bytes = tensor.geometry.directory_bytes();
  } else {
    buffer.data_bytes = shape.elements() * npu::dense_bytes(tensor.format);
  }
  if (tensor.format == TensorFormat::kFGMP) {
    tensor.rule = formats_.rule;
    tensor.threshold = threshold_of(tensor.tensor_class);
  }
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

int TensorTable::labels() {
  DraftTensor tensor;
  tensor.name = "labels";
  tensor.shape = {options_.batch, 1, 1, 1};
  tensor.format = TensorFormat::kU8;
  tensor.tensor_class = TensorClass::kLABEL;
  return add(std::move(tensor), true);
}

int TensorTable::activation(const std::string& name, const ImageShape& shape, TensorFormat format,
                            TensorClass tensor_class, uint16_t layer, bool flattened) {
  DraftTensor tensor;
  tensor.name = name;
  tensor.shape = batch_shape(options_.batch, shape);
  tensor.format = format;
  tensor.tensor_class = tensor_class;
  tensor.layer = layer;
  return add(std::move(tensor), false, flattened);
}

int TensorTable::error(const std::string& name, const ImageShape& shape, TensorFormat format, uint16_t layer,
                       bool flattened) {
  return activation(name, shape, format, TensorClass::kERROR, layer, flattened);
}

int TensorTable::pool_index(const std::string& name, const ImageShape& shape, uint16_t layer) {
  return activation(name, shape, TensorFormat::kU8, TensorClass::kINDEX, layer, false);
}

LayerParameters TensorTable::parameters(const NetLayer& layer, uint16_t number, const TrainedParts& trained,
                                        TensorFormat copy_format, bool fused) {
  const auto parameter = [&](const std::string& name, const std::array<uint32_t, 4>& shape, TensorFormat master,
                             TensorFormat copy, bool trains) {
    const auto make = [&](const char* suffix, TensorFormat format, TensorClass tensor_class, bool persistent,
                          uint32_t flags) {
      DraftTensor tensor;
      tensor.name = name + suffix;
      tensor.shape = shape;
      tensor.format = format;
      tensor.tensor_class = tensor_class;
      tensor.layer = number;
      tensor.flags = flags;
      return add(std::move(tensor), persistent);
    };
    const uint32_t trained_flag = trains ? uint32_t{PLAN_TENSOR_TRAINED} : 0u;
    Parameter result;
    const bool own_copy = copy != master;
    result.master = make("", master, own_copy ? TensorClass::kMASTER : TensorClass::kWEIGHT, true,
                         PLAN_TENSOR_PARAMETER | trained_flag);
    result.copy = own_copy ? make(".c", copy, TensorClass::kWEIGHT, true, trained_flag) : result.master;
    if (trains && !fused) result.gradient = make(".g", TensorFormat::kFP32, TensorClass::kGRADIENT, false, 0);
    if (trains && options_.momentum)
      result.momentum = make(".m", TensorFormat::kFP32, TensorClass::kMOMENTUM, true, PLAN_TENSOR_MOMENTUM);
    return result;
  };

  const std::vector<uint64_t> shape = layer.weight_shape();
  const auto at = [&](size_t i) { return static_cast<uint32_t>(shape[i]); };
  LayerParameters result;
  result.weight =
      parameter(layer.name + ".weight", {at(0), at(1), at(2), at(3)}, formats_.master, copy_format, trained.weight);
  if (layer.bias)
    result.bias = parameter(layer.name + ".bias", {1, layer.channels, 1, 1}, TensorFormat::kFP32, TensorFormat::kFP32,
                            trained.bias);
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
