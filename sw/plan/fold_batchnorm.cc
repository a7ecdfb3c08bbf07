#include "sw/plan/fold_batchnorm.h"

#include <algorithm>
#include <cmath>

#include "platform/check/input_error.h"
#include "sw/plan/policy.h"

namespace backboard {

namespace {

/// Whether each layer, or one below it, trains.
std::vector<bool> trained_from_below(const Network& network, const std::vector<TrainedParts>& parts) {
  std::vector<bool> trained;
  for (size_t i = 0; i < network.layers.size(); ++i) {
    bool any = parts[i].any();
    for (const int source : network.layers[i].sources) any = any || (source != kImages && trained[source]);
    trained.push_back(any);
  }
  return trained;
}

/// Why normalisation `i` cannot be folded; empty when it can.
std::string obstacle(const Network& network, size_t i, const std::vector<TrainedParts>& parts,
                     const std::vector<bool>& trained) {
  if (parts[i].any()) return "it trains";
  if (parts[i].moments) return "it follows the moments of the batch";
  const int source = network.layers[i].sources.front();
  if (source == kImages) return "it reads the images";
  const NetLayer& from = network.layers[source];
  if (!from.has_weights()) return fmt::format("{} before it is no convolution or FC layer", from.name);
  if (network.readers(source).size() != 1) return fmt::format("{} before it is read by other layers too", from.name);
  if (trained[source]) return fmt::format("{} before it, or a layer below, trains", from.name);
  return {};
}

std::string array_of(const Network& network, size_t layer, const char* suffix) {
  return network.layers[layer].name + "." + suffix;
}

}  // namespace

std::vector<NormFold> norm_folds(const Network& network, const PlanOptions& options) {
  std::vector<NormFold> folds;
  if (options.fold_batchnorm == NormFolding::off) return folds;
  const std::vector<TrainedParts> parts = apply_policy(options, network);
  const std::vector<bool> trained = trained_from_below(network, parts);
  for (size_t i = 0; i < network.layers.size(); ++i) {
    if (network.layers[i].kind != LayerKind::batchnorm) continue;
    const std::string why = obstacle(network, i, parts, trained);
    if (why.empty()) {
      folds.push_back({i, static_cast<size_t>(network.layers[i].sources.front())});
    } else if (options.fold_batchnorm == NormFolding::on) {
      throw InputError(fmt::format("fold_batchnorm: batch normalisation {} cannot be folded under policy {}: {}",
                                   network.layers[i].name, options.policy, why));
    }
  }
  return folds;
}

Network folded_network(const Network& network, const std::vector<NormFold>& folds) {
  if (folds.empty()) return network;
  // Which layer stands for each, and which go.
  std::vector<size_t> stands(network.layers.size());
  for (size_t i = 0; i < stands.size(); ++i) stands[i] = i;
  for (const NormFold& fold : folds) stands[fold.norm] = fold.into;
  Network folded = network;
  folded.layers.clear();
  for (size_t i = 0; i < network.layers.size(); ++i) {
    if (stands[i] != i) continue;
    NetLayer layer = network.layers[i];
    layer.inputs.clear();
    for (const int source : layer.sources)
      layer.inputs.push_back(source == kImages ? kImagesName : network.layers[stands[source]].name);
    layer.bias = layer.bias || std::count(stands.begin(), stands.end(), i) > 1;
    folded.layers.push_back(std::move(layer));
  }
  folded.check();
  return folded;
}

Arrays folded_weights(const Network& network, const std::vector<NormFold>& folds, const Arrays& weights) {
  Arrays folded = weights;
  for (const NormFold& fold : folds) {
    const auto of_norm = [&](const char* suffix) -> const Array& {
      return weights.at(array_of(network, fold.norm, suffix));
    };
    const std::string weight = array_of(network, fold.into, "weight"), bias = array_of(network, fold.into, "bias");
    const Array& from = weights.at(weight);
    const uint64_t channels = network.layers[fold.into].channels, each = from.elements() / channels;
    std::vector<float> scaled(from.elements()), shifted(channels);
    for (uint64_t k = 0; k < channels; ++k) {
      const double factor =
          of_norm("weight").at(k) / std::sqrt(of_norm("variance").at(k) + network.layers[fold.norm].epsilon);
      const double before = network.layers[fold.into].bias ? weights.at(bias).at(k) : 0.0;
      for (uint64_t i = k * each; i < (k + 1) * each; ++i) scaled[i] = static_cast<float>(from.at(i) * factor);
      shifted[k] = static_cast<float>((before - of_norm("mean").at(k)) * factor + of_norm("bias").at(k));
    }
    folded[weight] = Array::of_floats(from.shape, scaled);
    folded[bias] = Array::of_floats({channels}, shifted);
    for (const LayerArray& array : network.layers[fold.norm].arrays())
      folded.erase(array_of(network, fold.norm, array.suffix));
  }
  return folded;
}

Arrays unfolded_weights(const Network& network, const std::vector<NormFold>& folds, const Arrays& first,
                        Arrays trained) {
  for (const NormFold& fold : folds) {
    trained.erase(array_of(network, fold.into, "bias"));
    for (const size_t layer : {fold.into, fold.norm}) {
      for (const LayerArray& array : network.layers[layer].arrays()) {
        const std::string name = array_of(network, layer, array.suffix);
        const auto old = trained.find(name);
        const std::vector<uint64_t> shape = old == trained.end() ? first.at(name).shape : old->second.shape;
        trained[name] = Array::of_floats(shape, first.at(name).floats());
      }
    }
  }
  return trained;
}

std::string folds_text(const Network& network, const std::vector<NormFold>& folds) {
  std::string text;
  for (const NormFold& fold : folds)
    text += fmt::format("batch normalisation {} is folded into {}\n", network.layers[fold.norm].name,
                        network.layers[fold.into].name);
  return text;
}

}  // namespace backboard
