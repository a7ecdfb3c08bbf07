#include "platform/experiment/search.h"

#include <fmt/format.h>

#include <filesystem>

#include "platform/config/config.h"
#include "platform/run/layer_numbers.h"
#include "platform/run/process.h"

namespace backboard {
namespace {

/// `seed`: null for none.
RunPoint point_of_candidate(const SearchConfig& config, const Overrides& set, const uint32_t* seed) {
  Overrides seeds;
  if (seed) {
    for (const std::string& key : config.seed_keys) seeds.items.push_back(number_override(key, *seed, "seed_keys"));
  }
  return point_of(config.run, {&config.set, &set, &seeds}, config.name);
}

}  // namespace

SearchConfig search_from(const YamlNode& root, const std::string& name) {
  SearchConfig config = config_from<SearchConfig>(root);
  if (config.name.empty()) config.name = name;
  config.tree = root;
  return config;
}

SearchConfig load_search(const std::string& path, std::span<const Overrides::Item> overrides) {
  YamlNode root = load_yaml(path);
  apply_overrides(root, overrides);
  return search_from(root, std::filesystem::path(path).stem().string());
}

void check_search(const SearchConfig& config) {
  const uint32_t* seed = config.seeds.empty() ? nullptr : config.seeds.data();
  const RunPoint first = point_of_candidate(config, {}, seed);
  const std::string& engine = first.config.platform.npu.engine;
  if (config.thresholds && engine != "lnpu") {
    throw InputError(fmt::format("{}: thresholds are lnpu's, and the run has the engine {}", config.run, engine));
  }
  if (!config.widths) return;
  const RunPoint baseline = point_of_candidate(config, config.widths->baseline, seed);
  for (const RunPoint* point : {&first, &baseline}) {
    const DataConfig& data = point->config.data;
    if (!data.eval && data.eval_file.empty()) {
      throw InputError(fmt::format("{}: widths are searched by accuracy, and the run has no data.eval", config.run));
    }
  }
  const std::vector<std::string> layers = layer_names(point_of_candidate(config, overrides_of({}), seed).config);
  for (size_t i = 0; i < config.widths->layers.size(); ++i) {
    check_layer_number(config.widths->layers[i], layers, config.tree, fmt::format("widths.layers.{}", i));
  }
}

std::vector<std::vector<std::optional<double>>> PlatformTrials::run(const std::vector<Candidate>& candidates,
                                                                    const std::vector<std::string>& values) {
  const size_t seeds = config_.seeds.empty() ? 1 : config_.seeds.size();
  std::vector<PointJob> jobs;
  for (const Candidate& candidate : candidates) {
    for (size_t s = 0; s < seeds; ++s) {
      PointJob job{candidate.name, "points/" + candidate.name, {}};
      const uint32_t* seed = nullptr;
      if (!config_.seeds.empty()) {
        seed = &config_.seeds[s];
        job.label += fmt::format(", seed {}", *seed);
        job.folder += fmt::format("/seed{}", *seed);
      }
      job.point = point_of_candidate(config_, candidate.set, seed);
      jobs.push_back(std::move(job));
    }
  }
  const std::vector<PointOutcome> outcomes = run_jobs(jobs, runner_);
  if (interrupted()) throw SearchFailure("interrupted; --resume goes on from the finished points");
  std::vector<std::vector<std::optional<double>>> results;
  for (size_t c = 0; c < candidates.size(); ++c) {
    std::vector<std::optional<double>> means(values.size(), 0.0);
    for (size_t s = 0; s < seeds; ++s) {
      const PointOutcome& outcome = outcomes[c * seeds + s];
      if (!outcome.failure.empty()) failures_.push_back(jobs[c * seeds + s].label + ": " + outcome.failure);
      for (size_t v = 0; v < values.size(); ++v) {
        const auto value = outcome.finished ? outcome.values.find(values[v]) : std::nullopt;
        if (!value) {
          means[v].reset();
        } else if (means[v]) {
          *means[v] += *value / static_cast<double>(seeds);
        }
      }
    }
    results.push_back(std::move(means));
  }
  return results;
}

}  // namespace backboard
