// Widths of taxonn by layer.
#include <fmt/format.h>

#include <algorithm>

#include "platform/config/config.h"
#include "platform/experiment/search.h"

namespace backboard {
namespace {

constexpr const char* kAccuracy = "summary.training.accuracy_after";

npu::taxonn::LayerWidths narrowed(const WidthSearch& config, size_t layer, const LayerCut& cut) {
  npu::taxonn::LayerWidths widths{config.layers[layer], config.start};
  for (npu::taxonn::FixedPoint* format : {&widths.widths.x, &widths.widths.weight, &widths.widths.delta}) {
    format->fraction -= static_cast<int32_t>(cut.fraction);
    format->integer -= static_cast<int32_t>(cut.integer);
  }
  return widths;
}

class WidthSearcher {
 public:
  WidthSearcher(const WidthSearch& config, Trials& trials) : config_(config), trials_(trials) {}

  WidthResult search() {
    const std::vector<LayerCut> none(config_.layers.size());
    const auto first = accuracies({{"baseline", config_.baseline}, candidate("start", none)});
    if (!first[0] || !first[1]) throw SearchFailure("the baseline or the first widths of the search did not finish");
    result_.baseline = *first[0];
    result_.start = *first[1];
    result_.cuts = none;
    narrow_alone(&LayerCut::fraction, config_.most_fraction, "f");
    narrow_alone(&LayerCut::integer, config_.most_integer, "i");
    widen_together();
    for (size_t i = 0; i < result_.cuts.size(); ++i) result_.layers.push_back(narrowed(config_, i, result_.cuts[i]));
    return result_;
  }

 private:
  bool allowed(const std::optional<double>& accuracy) const {
    return accuracy && result_.baseline - *accuracy <= config_.loss;
  }

  Candidate candidate(std::string name, const std::vector<LayerCut>& cuts) const {
    std::vector<npu::taxonn::LayerWidths> layers;
    for (size_t i = 0; i < cuts.size(); ++i) layers.push_back(narrowed(config_, i, cuts[i]));
    Overrides set = overrides_of(layers);
    return {std::move(name), std::move(set)};
  }

  std::vector<std::optional<double>> accuracies(const std::vector<Candidate>& candidates) {
    result_.trials += static_cast<uint32_t>(candidates.size());
    std::vector<std::optional<double>> values;
    for (const auto& row : trials_.run(candidates, {kAccuracy})) values.push_back(row[0]);
    return values;
  }

  /// Each layer by itself, the others with the bits of the start: the largest cut below the first that is not allowed.
  void narrow_alone(uint32_t LayerCut::*part, uint32_t most, const char* letter) {
    if (most == 0) return;
    std::vector<Candidate> candidates;
    for (size_t layer = 0; layer < config_.layers.size(); ++layer) {
      for (uint32_t bits = 1; bits <= most; ++bits) {
        std::vector<LayerCut> cuts(config_.layers.size());
        cuts[layer].*part = bits;
        candidates.push_back(candidate(fmt::format("layer{}-{}{}", config_.layers[layer], letter, bits), cuts));
      }
    }
    const auto values = accuracies(candidates);
    for (size_t layer = 0; layer < config_.layers.size(); ++layer) {
      uint32_t bits = 0;
      while (bits < most && allowed(values[layer * most + bits])) ++bits;
      result_.cuts[layer].*part = bits;
    }
  }

  /// All cuts at once; gives bits back, one at a time, until the loss is allowed.
  void widen_together() {
    auto accuracy = accuracies({candidate(name_of_cuts(), result_.cuts)})[0];
    while (!allowed(accuracy)) {
      std::vector<std::vector<LayerCut>> wider;
      std::vector<Candidate> candidates;
      for (size_t layer = 0; layer < result_.cuts.size(); ++layer) {
        for (uint32_t LayerCut::*part : {&LayerCut::integer, &LayerCut::fraction}) {
          if (result_.cuts[layer].*part == 0) continue;
          wider.push_back(result_.cuts);
          --(wider.back()[layer].*part);
          candidates.push_back(candidate(name_of_cuts(wider.back()), wider.back()));
        }
      }
      if (wider.empty()) break;  // the start itself loses more
      const auto values = accuracies(candidates);
      // One that failed counts as nothing; ties go to the first.
      const auto best = std::max_element(values.begin(), values.end(), [](const auto& a, const auto& b) {
        return a.value_or(-1.0) < b.value_or(-1.0);
      });
      result_.cuts = wider[static_cast<size_t>(best - values.begin())];
      accuracy = *best;
    }
    result_.found = accuracy.value_or(0.0);
    result_.holds = allowed(accuracy);
  }

  std::string name_of_cuts() const { return name_of_cuts(result_.cuts); }
  static std::string name_of_cuts(const std::vector<LayerCut>& cuts) {
    std::string name = "all";
    for (const LayerCut& cut : cuts) name += fmt::format("-{}.{}", cut.integer, cut.fraction);
    return name;
  }

  const WidthSearch& config_;
  Trials& trials_;
  WidthResult result_;
};

/// A list of layers' widths as YAML.
struct LayerList {
  std::vector<npu::taxonn::LayerWidths> layers;
  template <class V>
  void fields(V& v) {
    v("layers", layers, Count{0, 256}, "Fixed-point formats of single layers");
  }
};

}  // namespace

WidthResult search_widths(const WidthSearch& config, Trials& trials) {
  return WidthSearcher(config, trials).search();
}

Overrides overrides_of(const std::vector<npu::taxonn::LayerWidths>& layers) {
  LayerList list{layers};
  const auto origin = std::make_shared<const std::string>("search");
  Overrides set;
  set.items.push_back({"platform.npu.engine", YamlNode::scalar("taxonn")});
  set.items.push_back({"platform.npu.taxonn.layers", *FieldList::bind(list)->dump().find("layers")});
  for (Overrides::Item& item : set.items) item.value.place = {origin, 0};
  return set;
}

std::string found_yaml(const WidthResult& result) {
  YamlNode root = YamlNode::mapping();
  for (const Overrides::Item& item : overrides_of(result.layers).items) set_yaml(root, item.key, item.value);
  return write_yaml(root);
}

}  // namespace backboard
