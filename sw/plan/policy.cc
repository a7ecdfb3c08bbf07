#include "sw/plan/policy.h"

#include <charconv>
#include <optional>

#include "platform/check/input_error.h"

namespace backboard {

namespace {

using Parts = std::vector<TrainedParts>;

/// Numbers of the layers with parameters, in order.
std::vector<size_t> layers_with_weights(const Network& network) {
  std::vector<size_t> indices;
  for (size_t i = 0; i < network.layers.size(); ++i)
    if (network.layers[i].has_weights()) indices.push_back(i);
  return indices;
}

void train_all(const Network& network, size_t layer, Parts& parts) {
  parts[layer] = {true, network.layers[layer].bias};
}

void full(const Network& network, uint32_t, Parts& parts) {
  for (const size_t layer : layers_with_weights(network)) train_all(network, layer, parts);
}

void last(const Network& network, uint32_t count, Parts& parts) {
  const std::vector<size_t> layers = layers_with_weights(network);
  if (count == 0 || count > layers.size())
    throw InputError(fmt::format("policy last:{}: the network has {} layers with parameters", count, layers.size()));
  for (size_t i = layers.size() - count; i < layers.size(); ++i) train_all(network, layers[i], parts);
}

void bias(const Network& network, uint32_t, Parts& parts) {
  const std::vector<size_t> layers = layers_with_weights(network);
  for (const size_t layer : layers) parts[layer].bias = network.layers[layer].bias;
  train_all(network, layers.back(), parts);
}

/// Every policy is a row.
struct PolicyRow {
  const char* name;
  bool takes_number;
  const char* meaning;
  void (*apply)(const Network&, uint32_t, Parts&);
};
constexpr PolicyRow kPolicies[] = {
    {"full", false, "all parameters", full},
    {"last", true, "all parameters of the last N layers that have some", last},
    {"bias", false, "the biases of all layers, and the whole last layer", bias},
};

std::optional<uint32_t> number(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string policies_offered() {
  std::string text;
  for (const PolicyRow& row : kPolicies)
    text += fmt::format("{}{}{}: {}", text.empty() ? "" : "; ", row.name, row.takes_number ? ":N" : "", row.meaning);
  return text;
}

std::vector<TrainedParts> apply_policy(const std::string& policy, const Network& network) {
  const size_t colon = policy.find(':');
  const std::string name = policy.substr(0, colon);
  const bool has_argument = colon != std::string::npos;
  for (const PolicyRow& row : kPolicies) {
    if (name != row.name || has_argument != row.takes_number) continue;
    const std::optional<uint32_t> argument = has_argument ? number(policy.substr(colon + 1)) : 0;
    if (!argument) break;
    if (layers_with_weights(network).empty())
      throw InputError(fmt::format("policy {}: network {} has no parameters to train", policy, network.name));
    Parts parts(network.layers.size());
    row.apply(network, *argument, parts);
    return parts;
  }
  throw InputError(fmt::format("unknown policy '{}'; offered: {}", policy, policies_offered()));
}

}  // namespace backboard
