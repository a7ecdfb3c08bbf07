#include <cmath>

#include "platform/check/input_error.h"
#include "sw/plan/compiler.h"
#include "sw/random/counter_stream.h"

namespace backboard {

namespace {

void check_array(const Arrays& weights, const std::string& name, const std::vector<std::vector<uint64_t>>& shapes,
                 const std::string& file) {
  const auto found = weights.find(name);
  if (found == weights.end()) throw InputError(fmt::format("{}: no array '{}'", file, name));
  const Array& array = found->second;
  bool fits = false;
  for (const std::vector<uint64_t>& shape : shapes) fits |= array.shape == shape;
  Array wanted;
  wanted.shape = shapes.front();
  if (!fits)
    throw InputError(
        fmt::format("{}: '{}' is {}, the network wants {}", file, name, array.shape_text(), wanted.shape_text()));
  for (uint64_t i = 0; i < array.elements(); ++i)
    if (!std::isfinite(static_cast<float>(array.at(i))))
      throw InputError(fmt::format("{}: element {} of '{}' is not a finite binary32 number", file, i, name));
}

}  // namespace

void check_weights(const Network& network, const Arrays& weights, const std::string& file) {
  size_t expected = 0;
  for (const NetLayer& layer : network.layers) {
    if (!layer.has_weights()) continue;
    const std::vector<uint64_t> shape = layer.weight_shape();
    std::vector<std::vector<uint64_t>> shapes{shape};
    if (layer.kind == LayerKind::fc) shapes.push_back({shape[0], shape[1]});
    check_array(weights, layer.name + ".weight", shapes, file);
    if (layer.bias) check_array(weights, layer.name + ".bias", {{layer.channels}}, file);
    expected += layer.bias ? 2 : 1;
  }
  if (weights.size() == expected) return;
  for (const auto& [name, array] : weights) {
    bool known = false;
    for (const NetLayer& layer : network.layers)
      known |= layer.has_weights() && (name == layer.name + ".weight" || (layer.bias && name == layer.name + ".bias"));
    if (!known) throw InputError(fmt::format("{}: '{}' is no parameter of network {}", file, name, network.name));
  }
}

Arrays initial_weights(const Network& network, uint32_t seed) {
  Arrays weights;
  uint32_t number = 0;
  for (const NetLayer& layer : network.layers) {
    if (!layer.has_weights()) continue;
    const CounterStream stream(seed, number++);
    const float bound = std::sqrt(6.0f / static_cast<float>(layer.fan_in()));
    std::vector<float> values(layer.weight_elements());
    for (size_t i = 0; i < values.size(); ++i) values[i] = stream.symmetric(static_cast<uint32_t>(i)) * bound;
    weights[layer.name + ".weight"] = Array::of_floats(layer.weight_shape(), values);
    if (layer.bias)
      weights[layer.name + ".bias"] = Array::of_floats({layer.channels}, std::vector<float>(layer.channels, 0.0f));
  }
  return weights;
}

}  // namespace backboard
