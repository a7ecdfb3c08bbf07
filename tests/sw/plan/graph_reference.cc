#include "tests/sw/plan/graph_reference.h"

#include <cmath>
#include <cstring>
#include <random>

#include "drivers/plan/data_format.h"
#include "sw/file/file.h"

namespace backboard::sw_test {

test::GraphTrainer graph_trainer(const Network& network, const Arrays& weights, const std::set<std::string>& running) {
  std::vector<test::GraphOp> ops;
  for (const NetLayer& layer : network.layers) {
    test::GraphOp op;
    op.op = name_of(layer.kind);
    op.name = layer.name;
    op.sources = layer.sources;
    op.outputs = layer.channels;
    op.kh = layer.kernel_h, op.kw = layer.kernel_w, op.ceil = layer.ceil;
    op.count_pad = layer.count_include_pad;
    op.sh = layer.stride_h, op.sw = layer.stride_w;
    op.ph = layer.pad_h, op.pw = layer.pad_w;
    op.ph_end = layer.pad_h + layer.pad_more_h, op.pw_end = layer.pad_w + layer.pad_more_w;
    op.dh = layer.dilation_h, op.dw = layer.dilation_w;
    op.groups = layer.groups;
    op.bias = layer.bias;
    op.epsilon = layer.epsilon, op.momentum = layer.momentum, op.slope = layer.slope;
    op.batch_moments = layer.moments == Moments::batch && !running.contains(layer.name);
    ops.push_back(op);
  }
  test::GraphTrainer trainer(ops, network.loss == LossKind::mse);
  std::set<std::string> fixed;
  for (const NetLayer& layer : network.layers)
    if (!layer.affine) fixed.insert({layer.name + ".weight", layer.name + ".bias"});
  trainer.trains = [fixed](const std::string& name) { return !fixed.contains(name); };
  for (const auto& [name, array] : weights) {
    std::vector<double>& values = trainer.parameters[name];
    for (uint64_t i = 0; i < array.elements(); ++i) values.push_back(array.at(i));
  }
  return trainer;
}

test::Maps batch_maps(const DataSet& data, std::span<const uint32_t> images) {
  test::Maps maps(images.size(), data.shape.c, data.shape.h, data.shape.w);
  size_t at = 0;
  for (const uint32_t image : images)
    for (uint64_t i = 0; i < data.shape.elements(); ++i)
      maps.v[at++] =
          static_cast<double>(static_cast<float>(data.images[image * data.shape.elements() + i]) * data.scale);
  return maps;
}

std::vector<uint16_t> batch_labels(const DataSet& data, std::span<const uint32_t> images) {
  std::vector<uint16_t> labels;
  for (const uint32_t image : images) labels.push_back(static_cast<uint16_t>(data.label(image)));
  return labels;
}

std::vector<uint8_t> random_image_set(const Network& network, uint32_t images, uint32_t seed) {
  std::mt19937 random(seed);
  const ImageShape shape = network.input_shape();
  data_header header{};
  header.magic = DATA_MAGIC;
  header.count = images;
  header.c = shape.c, header.h = shape.h, header.w = shape.w;
  header.classes = network.classes();
  header.scale = static_cast<float>(network.input.scale);
  header.header_bytes = sizeof header;
  const auto round_up = [](uint64_t value) { return static_cast<uint32_t>((value + 63) / 64 * 64); };
  header.images_offset = round_up(sizeof header);
  header.labels_offset = header.images_offset + round_up(images * shape.elements());
  const uint32_t label_bytes = label_bytes_of(header.classes);
  header.version = label_bytes == 2 ? DATA_VERSION_WIDE : DATA_VERSION;
  header.total_bytes = round_up(header.labels_offset + images * label_bytes);
  std::vector<uint8_t> bytes(header.total_bytes, 0);
  for (uint64_t i = 0; i < images * shape.elements(); ++i)
    bytes[header.images_offset + i] = static_cast<uint8_t>(random());
  for (uint32_t i = 0; i < images; ++i) {
    const auto label = static_cast<uint32_t>(random() % header.classes);
    for (uint32_t byte = 0; byte < label_bytes; ++byte)
      bytes[header.labels_offset + i * label_bytes + byte] = static_cast<uint8_t>(label >> (8 * byte));
  }
  header.crc32 = crc32_of(std::span(bytes).subspan(sizeof header));
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

double largest_difference(const test::GraphTrainer& trainer, const Arrays& weights, double floor) {
  double worst = 0;
  for (const auto& [name, array] : weights) {
    const std::vector<double>& expected = trainer.parameters.at(name);
    double largest = floor, difference = 0;
    for (uint64_t i = 0; i < array.elements(); ++i) {
      largest = std::max(largest, std::fabs(expected[i]));
      difference = std::max(difference, std::fabs(expected[i] - array.at(i)));
    }
    if (difference > 0) worst = std::max(worst, difference / largest);
    if (std::isnan(difference)) return difference;
  }
  return worst;
}

Arrays random_weights(const Network& network, uint32_t seed) {
  std::mt19937 random(seed);
  Arrays weights;
  for (const NetLayer& layer : network.layers) {
    for (const LayerArray& array : layer.arrays()) {
      uint64_t elements = 1;
      for (const uint64_t dimension : array.shape) elements *= dimension;
      const std::string suffix = array.suffix;
      const bool matrix = suffix == "weight" && layer.has_weights();
      const double scale = matrix ? std::sqrt(6.0 / static_cast<double>(layer.fan_in())) : 0.3;
      const bool around_one = suffix == "variance" || (suffix == "weight" && !matrix);
      std::vector<float> values(elements);
      for (float& value : values)
        value =
            static_cast<float>((around_one ? 1.0 : 0.0) + scale * (static_cast<double>(random()) / 2147483648.0 - 1.0));
      weights[layer.name + "." + suffix] = Array::of_floats(array.shape, values);
    }
  }
  return weights;
}

}  // namespace backboard::sw_test
