#include "sw/plan/policy.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "platform/check/input_error.h"

namespace backboard {

namespace {

using Parts = std::vector<TrainedParts>;

/// Numbers of the layers with weights, in order. Batch normalisations count to the layer above them.
std::vector<size_t> layers_with_weights(const Network& network) {
  std::vector<size_t> indices;
  for (size_t i = 0; i < network.layers.size(); ++i)
    if (network.layers[i].has_weights()) indices.push_back(i);
  return indices;
}

bool has_parameters(const NetLayer& layer) {
  return !layer.arrays().empty();
}

bool has_bias(const NetLayer& layer) {
  return layer.kind == LayerKind::batchnorm || (layer.has_weights() && layer.bias);
}

void train_from(const Network& network, size_t first, Parts& parts) {
  for (size_t i = first; i < network.layers.size(); ++i)
    if (has_parameters(network.layers[i])) parts[i] = {.weight = true, .bias = has_bias(network.layers[i])};
}

void full(const Network& network, const PlanOptions&, uint32_t, Parts& parts) {
  train_from(network, 0, parts);
}

void last(const Network& network, const PlanOptions&, uint32_t count, Parts& parts) {
  const std::vector<size_t> layers = layers_with_weights(network);
  if (count == 0 || count > layers.size())
    throw InputError(fmt::format("policy last:{}: the network has {} layers with parameters", count, layers.size()));
  train_from(network, layers[layers.size() - count], parts);
}

void bias(const Network& network, const PlanOptions&, uint32_t, Parts& parts) {
  for (size_t i = 0; i < network.layers.size(); ++i) parts[i].bias = has_bias(network.layers[i]);
  train_from(network, layers_with_weights(network).back(), parts);
}

void norm(const Network& network, const PlanOptions&, uint32_t, Parts& parts) {
  for (size_t i = 0; i < network.layers.size(); ++i)
    if (network.layers[i].kind == LayerKind::batchnorm) parts[i] = {.weight = true, .bias = true};
  train_from(network, layers_with_weights(network).back(), parts);
}

void lite_residual(const Network& network, const PlanOptions& options, uint32_t, Parts& parts) {
  bias(network, options, 0, parts);
  for (size_t i = 0; i < network.layers.size(); ++i)
    if (network.layers[i].lite && has_parameters(network.layers[i]))
      parts[i] = {.weight = true, .bias = has_bias(network.layers[i])};
}

/// Input channels that a ratio of a layer's weights spans; 0: all.
uint32_t channels_of(const NetLayer& layer, double ratio) {
  if (ratio == 1.0) return 0;
  const bool depthwise = layer.groups == layer.in.c && layer.groups == layer.channels;
  if (!layer.has_weights() || (layer.groups > 1 && !depthwise))
    throw InputError(fmt::format("policy sparse: layer {} trains whole or not at all: ratio must be 1", layer.name));
  const double inputs = layer.kind == LayerKind::fc ? static_cast<double>(layer.in.elements()) : layer.in.c;
  const auto channels = static_cast<uint32_t>(std::ceil(ratio * inputs));
  return channels == static_cast<uint32_t>(inputs) ? 0 : channels;
}

void sparse(const Network& network, const PlanOptions& options, uint32_t, Parts& parts) {
  if (options.sparse.empty()) throw InputError("policy sparse: `sparse` lists no layer");
  for (const SparseLayer& row : options.sparse) {
    size_t i = 0;
    while (i < network.layers.size() && network.layers[i].name != row.layer) ++i;
    if (i == network.layers.size() || !has_parameters(network.layers[i]))
      throw InputError(
          fmt::format("policy sparse: network {} has no layer '{}' with parameters", network.name, row.layer));
    const NetLayer& layer = network.layers[i];
    parts[i] = {.weight = row.ratio > 0,
                .bias = row.bias && has_bias(layer),
                .channels = row.ratio > 0 ? channels_of(layer, row.ratio) : 0};
  }
}

void none(const Network&, const PlanOptions&, uint32_t, Parts&) {}

/// What a policy says of a batch normalisation's gamma decides about its moments, also where gamma and beta stay.
void settle_norms(const Network& network, const PlanOptions& options, Parts& parts) {
  for (size_t i = 0; i < network.layers.size(); ++i) {
    const NetLayer& layer = network.layers[i];
    if (layer.kind != LayerKind::batchnorm) continue;
    parts[i].moments =
        parts[i].weight && layer.moments == Moments::batch && options.batchnorm == NormMoments::automatic;
    if (!layer.affine) parts[i].weight = parts[i].bias = false;
  }
}

/// Every policy is a row.
struct PolicyRow {
  const char* name;
  bool takes_number;
  const char* meaning;
  void (*apply)(const Network&, const PlanOptions&, uint32_t, Parts&);
};
constexpr PolicyRow kPolicies[] = {
    {"full", false, "all parameters", full},
    {"last", true, "all parameters of the last N layers that have some", last},
    {"bias", false, "the biases of all layers (beta of batch normalisations), and the whole last layer", bias},
    {"lite-residual", false, "added branches of reduced resolution, all biases, and the whole last layer",
     lite_residual},
    {"sparse", false, "layers and shares of their input channels that `sparse` lists", sparse},
    {"none", false, "nothing: a plan for inference only", none},
    {"bn", false, "gamma and beta of all batch normalisations, and the whole last layer", norm},
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

std::vector<TrainedParts> apply_policy(const PlanOptions& options, const Network& network) {
  const std::string& policy = options.policy;
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
    row.apply(network, options, *argument, parts);
    settle_norms(network, options, parts);
    return parts;
  }
  throw InputError(fmt::format("unknown policy '{}'; offered: {}", policy, policies_offered()));
}

}  // namespace backboard
