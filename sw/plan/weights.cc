#include <cmath>
#include <set>
#include <string_view>

#include "platform/check/input_error.h"
#include "sw/plan/compiler.h"
#include "sw/random/counter_stream.h"

namespace backboard {

namespace {

constexpr std::string_view kWeight = "weight", kVariance = "variance";

void check_positive(const Array& array, const std::string& name, const std::string& file) {
  for (uint64_t i = 0; i < array.elements(); ++i)
    if (array.at(i) < 0)
      throw InputError(fmt::format("{}: element {} of '{}' is negative: no variance", file, i, name));
}

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
  std::set<std::string> known;
  for (const NetLayer& layer : network.layers) {
    for (const LayerArray& wanted : layer.arrays()) {
      const std::string name = layer.name + "." + wanted.suffix;
      std::vector<std::vector<uint64_t>> shapes{wanted.shape};
      const bool flat = layer.kind == LayerKind::fc && wanted.shape.size() == 4;
      if (flat) shapes.push_back({wanted.shape[0], wanted.shape[1]});
      check_array(weights, name, shapes, file);
      if (wanted.suffix == kVariance) check_positive(weights.at(name), name, file);
      known.insert(name);
    }
  }
  for (const auto& [name, array] : weights)
    if (!known.contains(name))
      throw InputError(fmt::format("{}: '{}' is no parameter of network {}", file, name, network.name));
}

Arrays grow_head(const Network& network, Arrays weights, const std::string& file) {
  const NetLayer* head = nullptr;
  for (const NetLayer& layer : network.layers) {
    if (!layer.arrays().empty()) head = &layer;
  }
  if (head == nullptr || head->kind != LayerKind::fc) {
    throw InputError(fmt::format("{}: the last layer of network {} that has weights is no FC layer: it cannot grow",
                                 file, network.name));
  }
  for (const LayerArray& wanted : head->arrays()) {
    const auto found = weights.find(head->name + "." + wanted.suffix);
    if (found == weights.end()) continue;  // check_weights says it
    const Array& old = found->second;
    if (old.shape.empty() || old.shape[0] == wanted.shape[0]) continue;
    if (old.shape[0] > wanted.shape[0]) {
      throw InputError(fmt::format("{}: '{}' is {}: more outputs than the network's {}", file, found->first,
                                   old.shape_text(), wanted.shape[0]));
    }
    std::vector<uint64_t> shape = old.shape;
    std::vector<float> values = old.floats();
    values.resize(values.size() / shape[0] * wanted.shape[0], 0.0f);
    shape[0] = wanted.shape[0];
    found->second = Array::of_floats(shape, values);
  }
  return weights;
}

Arrays initial_weights(const Network& network, uint32_t seed, WeightsInit init) {
  Arrays weights;
  uint32_t number = 0;
  for (const NetLayer& layer : network.layers) {
    const uint32_t stream_number = number;
    if (layer.has_weights()) ++number;
    for (const LayerArray& wanted : layer.arrays()) {
      uint64_t elements = 1;
      for (const uint64_t dimension : wanted.shape) elements *= dimension;
      // Gamma and variance start at one, biases, beta and means at zero.
      const bool one = !layer.has_weights() && (wanted.suffix == kWeight || wanted.suffix == kVariance);
      std::vector<float> values(elements, one ? 1.0f : 0.0f);
      const bool weight = wanted.suffix == kWeight;
      if (layer.has_weights() && (weight || init == WeightsInit::pytorch)) {
        const CounterStream stream(seed, stream_number);
        const auto first = static_cast<uint32_t>(weight ? 0 : layer.weight_elements());
        const float spread = init == WeightsInit::he ? 6.0f : 1.0f;
        const float bound = std::sqrt(spread / static_cast<float>(layer.fan_in()));
        for (size_t i = 0; i < values.size(); ++i)
          values[i] = stream.symmetric(first + static_cast<uint32_t>(i)) * bound;
      }
      weights[layer.name + "." + wanted.suffix] = Array::of_floats(wanted.shape, values);
    }
  }
  return weights;
}

}  // namespace backboard
