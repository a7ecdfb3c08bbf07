#include "platform/run/run_points.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace backboard {
namespace {

// Where a variant comes from: the part of its `set` that says a key, with the place that says it.
YamlNode variant_tree(const YamlNode& root, const VariantConfig& variant) {
  YamlNode tree = root;
  apply_overrides(tree, variant.set.items);
  return tree;
}

void add_points(const RunConfig& config, const std::string& variant, std::vector<RunPoint>& points) {
  RunPoint point{variant, std::nullopt, variant, config};
  point.config.variants.clear();
  point.config.compare.clear();
  point.config.subsets.clear();
  if (config.subsets.empty()) {
    points.push_back(std::move(point));
    return;
  }
  for (const uint32_t subset : config.subsets) {
    point.subset = subset;
    const std::string folder = fmt::format("subset{}", subset);
    point.folder = variant.empty() ? folder : variant + "/" + folder;
    point.config.data.train->subset.seed = subset;
    points.push_back(point);
  }
}

}  // namespace

RunPlan run_from(const YamlNode& root, const std::string& name) {
  RunPlan plan{config_from<RunConfig>(root), {}};
  if (plan.config.name.empty()) plan.config.name = name;
  if (plan.config.variants.empty()) add_points(plan.config, "", plan.points);
  for (const VariantConfig& variant : plan.config.variants) {
    RunConfig config = config_from<RunConfig>(variant_tree(root, variant));
    config.name = plan.config.name;
    add_points(config, variant.name, plan.points);
  }
  return plan;
}

std::vector<Overrides::Item> run_overrides(std::span<const Overrides::Item> overrides) {
  const std::vector<KeyDoc> run = explain_config<RunConfig>(), board = explain_config<BoardConfig>();
  const auto knows = [](const std::vector<KeyDoc>& keys, const std::string& key) {
    return std::any_of(keys.begin(), keys.end(), [&](const KeyDoc& doc) { return doc.path == key; });
  };
  std::vector<Overrides::Item> full(overrides.begin(), overrides.end());
  for (Overrides::Item& item : full) {
    const std::string first = item.key.substr(0, item.key.find('.'));
    if (!knows(run, first) && knows(board, first)) item.key = "platform." + item.key;
  }
  return full;
}

RunPlan load_run(const std::string& path, std::span<const Overrides::Item> overrides) {
  YamlNode root = load_yaml(path);
  apply_overrides(root, run_overrides(overrides));
  return run_from(root, std::filesystem::path(path).stem().string());
}

}  // namespace backboard
