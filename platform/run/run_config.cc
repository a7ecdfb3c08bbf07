#include "platform/run/run_config.h"

#include <fmt/format.h>

#include <algorithm>

namespace backboard {

// Names become folders and columns.
bool plain_name(const std::string& name) {
  static constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+.:";
  return !name.empty() && name.size() <= 64 && name[0] != '.' && name.find_first_not_of(kAllowed) == std::string::npos;
}

void RunConfig::check() const {
  if (!name.empty() && !plain_name(name)) throw ConfigRule("name", "must be letters, digits and _-+.: only");
  if (!plan.empty() && !network.empty()) throw ConfigRule("plan", "stands instead of network, not beside it");
  if (!weights.empty() && network.empty()) throw ConfigRule("weights", "needs a network to compile");
  const auto& npu = platform.npu;
  const bool fixed = npu.engine == "taxonn" && npu.engines.taxonn.masters == npu::taxonn::Masters::kFixed;
  if (variants.empty() && plan.empty() && training.rounding == Rounding::stochastic && !fixed &&
      compile.formats.master != "fp16") {
    throw ConfigRule("training.rounding",
                     "needs masters that are rounded: compile.formats.master: fp16, or engine taxonn "
                     "with masters: fixed");
  }
  const bool has_plan = !plan.empty() || !network.empty();
  const bool has_data = data.train || data.eval || !data.train_file.empty() || !data.eval_file.empty();
  if (has_data && !has_plan) throw ConfigRule("data", "needs a network or a plan");
  if (has_plan && !has_data) throw ConfigRule(network.empty() ? "plan" : "network", "needs data");
  if (training.inference && network.empty())
    throw ConfigRule("training.inference", "needs a network to compile: its forward pass is a plan of its own");
  if (training.inference && !data.eval && data.eval_file.empty())
    throw ConfigRule("training.inference", "needs data.eval: the requests' images");
  if (training.inference && training.inference->refresh_steps != 0 && policy == "lite-residual")
    throw ConfigRule("training.inference.refresh_steps",
                     "not with policy lite-residual: the inference has no branches");
  if (!subsets.empty() && !data.train) throw ConfigRule("subsets", "needs data.train");
  for (auto subset = subsets.begin(); subset != subsets.end(); ++subset) {
    if (std::count(subsets.begin(), subset, *subset) != 0) throw ConfigRule("subsets", "must differ");
  }
  const auto known = [&](const std::string& variant) {
    return std::any_of(variants.begin(), variants.end(), [&](const VariantConfig& v) { return v.name == variant; });
  };
  for (size_t i = 0; i < variants.size(); ++i) {
    if (!plain_name(variants[i].name)) {
      throw ConfigRule(fmt::format("variants.{}.name", i), "must be letters, digits and _-+.: only");
    }
    for (size_t j = 0; j < i; ++j) {
      if (variants[j].name == variants[i].name) {
        throw ConfigRule(fmt::format("variants.{}.name", i), "another variant has this name");
      }
    }
    for (const Overrides::Item& item : variants[i].set.items) {
      for (const char* part : {"variants", "compare", "subsets", "name"}) {
        if (item.key.substr(0, item.key.find('.')) == part) {
          throw ConfigRule(fmt::format("variants.{}.set", i), fmt::format("a variant cannot set {}", part));
        }
      }
    }
  }
  for (size_t i = 0; i < compare.size(); ++i) {
    for (const std::string& variant : {compare[i].variant, compare[i].with}) {
      if (!known(variant)) throw ConfigRule(fmt::format("compare.{}", i), "there is no variant '" + variant + "'");
    }
  }
}

}  // namespace backboard
