#include "sw/plan/lite_residual.h"

#include <algorithm>
#include <map>

#include "platform/check/input_error.h"
#include "sw/plan/compiler.h"

namespace backboard {

namespace {

/// Layers by number: the branch reads what `from` leaves (kImages: the images) and adds to what `to` leaves.
struct Branch {
  int from;
  int to;
};

ImageShape shape_of(const Network& network, int layer) {
  return layer == kImages ? network.input_shape() : network.layers[layer].out;
}

/// Where a shortcut starts: behind a layer that only changes its shape, the input of that.
int shortcut_start(const Network& network, int layer) {
  while (layer != kImages) {
    const NetLayer& at = network.layers[layer];
    const bool reshapes = at.kind == LayerKind::batchnorm || (at.kind == LayerKind::conv && at.kernel_h == 1);
    if (!reshapes) break;
    layer = at.sources.front();
  }
  return layer;
}

bool fits(const ImageShape& from, const ImageShape& to) {
  return from.h % to.h == 0 && from.w % to.w == 0 && to.h > 1 && to.w > 1;
}

std::vector<Branch> branches_of(const Network& network) {
  std::vector<Branch> branches;
  for (size_t i = 0; i < network.layers.size(); ++i) {
    const NetLayer& layer = network.layers[i];
    if (layer.kind != LayerKind::add) continue;
    const auto [a, b] = std::pair(shortcut_start(network, layer.sources[0]), shortcut_start(network, layer.sources[1]));
    const bool first_is_short = a < b;
    branches.push_back({first_is_short ? a : b, layer.sources[first_is_short ? 1 : 0]});
  }
  if (branches.empty()) {
    bool first = true;
    for (size_t i = 0; i < network.layers.size(); ++i) {
      if (network.layers[i].kind != LayerKind::conv) continue;
      if (!first) branches.push_back({network.layers[i].sources.front(), static_cast<int>(i)});
      first = false;
    }
  }
  std::erase_if(branches, [&](const Branch& branch) {
    return branch.from >= branch.to || !fits(shape_of(network, branch.from), shape_of(network, branch.to));
  });
  return branches;
}

NetLayer layer_of(LayerKind kind, const std::string& name, std::vector<std::string> inputs) {
  NetLayer layer;
  layer.kind = kind;
  layer.name = name;
  layer.inputs = std::move(inputs);
  layer.lite = true;
  return layer;
}

/// Appends the layers of a branch; gives the name of its sum.
std::string add_branch(const Network& network, const Branch& branch, size_t number, const std::string& start,
                       std::vector<NetLayer>& layers) {
  const ImageShape from = shape_of(network, branch.from), to = shape_of(network, branch.to);
  const std::string name = fmt::format("lr{}", number);
  const bool halves = to.h % 2 == 0 && to.w % 2 == 0;
  const uint32_t rows = from.h / to.h * (halves ? 2 : 1), columns = from.w / to.w * (halves ? 2 : 1);
  std::string at = start;
  if (rows > 1 || columns > 1) {
    layers.push_back(layer_of(LayerKind::avgpool, name + ".pool", {at}));
    layers.back().kernel = {rows, columns};
    at = name + ".pool";
  }
  layers.push_back(layer_of(LayerKind::conv, name + ".g", {at}));
  layers.back().channels = from.c;
  layers.back().kernel = {3};
  layers.back().pad = {1};
  layers.back().groups = from.c % 2 == 0 ? 2 : 1;
  layers.push_back(layer_of(LayerKind::relu, name + ".r", {name + ".g"}));
  layers.push_back(layer_of(LayerKind::conv, name + ".p", {name + ".r"}));
  layers.back().channels = to.c;
  layers.back().kernel = {1};
  at = name + ".p";
  if (halves) {
    layers.push_back(layer_of(LayerKind::upsample, name + ".up", {at}));
    layers.back().kernel = {2};
    at = name + ".up";
  }
  layers.push_back(layer_of(LayerKind::add, name + ".sum", {network.layers[branch.to].name, at}));
  return name + ".sum";
}

}  // namespace

Network with_lite_residuals(const Network& network) {
  const std::vector<Branch> branches = branches_of(network);
  if (branches.empty())
    throw InputError(fmt::format("policy lite-residual: network {} has no place for a branch", network.name));
  Network result = network;
  result.layers.clear();
  std::map<int, std::string> name_of_source{{kImages, kImagesName}};
  size_t number = 0;
  for (size_t i = 0; i < network.layers.size(); ++i) {
    NetLayer layer = network.layers[i];
    layer.inputs.clear();
    for (const int source : layer.sources) layer.inputs.push_back(name_of_source.at(source));
    result.layers.push_back(layer);
    name_of_source[static_cast<int>(i)] = layer.name;
    for (const Branch& branch : branches)
      if (branch.to == static_cast<int>(i))
        name_of_source[static_cast<int>(i)] =
            add_branch(network, branch, ++number, name_of_source.at(branch.from), result.layers);
  }
  try {
    result.check();
  } catch (const ConfigRule& rule) {
    throw InputError(fmt::format("policy lite-residual: network {}: {}: {}", network.name, rule.key(), rule.what()));
  }
  return result;
}

Arrays with_lite_weights(const Network& network, const Arrays& weights) {
  Arrays result = weights;
  const Arrays first = initial_weights(network, 1);
  for (const NetLayer& layer : network.layers) {
    if (!layer.lite) continue;
    for (const LayerArray& array : layer.arrays()) {
      const std::string name = layer.name + "." + array.suffix;
      if (result.contains(name)) continue;
      Array values = first.at(name);
      if (layer.name.ends_with(".p"))
        values = Array::of_floats(values.shape, std::vector<float>(values.elements(), 0.0f));
      result[name] = values;
    }
  }
  return result;
}

}  // namespace backboard
