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

void add_points(const RunConfig& config, const YamlNode& tree, const std::string& variant,
                std::vector<RunPoint>& points) {
  RunPoint point{variant, std::nullopt, variant, config, tree};
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
    if (config.data.eval && config.data.eval->subset.rest) point.config.data.eval->subset.seed = subset;
    points.push_back(point);
  }
}

/// Whether a variant's own `set` hides an override: then it comes out alike whatever the override's value.
bool hides(const VariantConfig& variant, const Overrides::Item& item) {
  if (!item.value.is_scalar()) return false;
  YamlNode said = YamlNode::mapping(), other = YamlNode::mapping();
  set_yaml(said, item.key, item.value);
  set_yaml(other, item.key, YamlNode::scalar(item.value.text + "?"));
  apply_overrides(said, variant.set.items);
  apply_overrides(other, variant.set.items);
  return write_yaml_flow(said) == write_yaml_flow(other);
}

/// A line for each override that a variant does not follow.
std::vector<std::string> hidden_overrides(const RunConfig& config, std::span<const Overrides::Item> overrides) {
  std::vector<std::string> notes;
  for (const Overrides::Item& item : overrides)
    for (const VariantConfig& variant : config.variants)
      if (hides(variant, item))
        notes.push_back(
            fmt::format("note: variant {} sets {} itself, --set does not reach it", variant.name, item.key));
  return notes;
}

}  // namespace

RunPlan run_from(const YamlNode& root, const std::string& name) {
  RunPlan plan{config_from<RunConfig>(root), {}, {}};
  if (plan.config.name.empty()) plan.config.name = name;
  if (plan.config.variants.empty()) add_points(plan.config, root, "", plan.points);
  for (const VariantConfig& variant : plan.config.variants) {
    const YamlNode tree = variant_tree(root, variant);
    RunConfig config = config_from<RunConfig>(tree);
    config.name = plan.config.name;
    add_points(config, tree, variant.name, plan.points);
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
  const std::vector<Overrides::Item> full = run_overrides(overrides);
  apply_overrides(root, full);
  RunPlan plan = run_from(root, std::filesystem::path(path).stem().string());
  plan.notes = hidden_overrides(plan.config, full);
  return plan;
}

}  // namespace backboard
