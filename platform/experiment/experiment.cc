#include "platform/experiment/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <set>

#include "platform/config/config.h"
#include "platform/experiment/formula.h"

namespace backboard {
namespace {

Overrides seed_overrides(const ExperimentConfig& config, uint32_t seed) {
  Overrides set;
  for (const std::string& key : config.seed_keys) set.items.push_back(number_override(key, seed, "seed_keys"));
  return set;
}

/// Adds one job; `extra`: of a sensitivity, or null.
void add_job(ExperimentPlan& plan, const JobOf& what, const Overrides* extra) {
  const ExperimentConfig& config = plan.config;
  const PointConfig& point = plan.points[what.point];
  std::vector<const Overrides*> sets{&config.set};
  if (plan.quick) sets.push_back(&config.quick.set);
  sets.push_back(&point.set);
  if (extra) sets.push_back(extra);
  Overrides seed;
  if (!plan.seeds.empty()) seed = seed_overrides(config, plan.seeds[what.seed]);
  sets.push_back(&seed);
  PointJob job;
  job.label = point.name;
  job.folder = "points/" + point.name;
  if (what.sensitivity) {
    const SensitivityConfig& sensitivity = config.sensitivities[*what.sensitivity];
    const std::string& one = sensitivity.cases[what.sensitivity_case].name;
    job.label += fmt::format(", {} {}", sensitivity.name, one);
    job.folder = fmt::format("sensitivities/{}/{}/{}", *what.sensitivity, one, point.name);
  }
  if (!plan.seeds.empty()) {
    job.label += fmt::format(", seed {}", plan.seeds[what.seed]);
    job.folder += fmt::format("/seed{}", plan.seeds[what.seed]);
  }
  job.point = point_of(point.run.empty() ? config.run : point.run, sets, config.name);
  plan.jobs.push_back(std::move(job));
  plan.what.push_back(what);
}

/// The metrics of one job, in the order of the file.
std::vector<std::optional<double>> metrics_of(const std::vector<MetricConfig>& metrics, const PointOutcome& outcome,
                                              const std::string& label, std::set<std::string>& failures) {
  std::vector<std::optional<double>> values;
  for (const MetricConfig& metric : metrics) {
    const Formula formula(metric.value);
    values.push_back(formula.evaluate([&](const Formula::Reference& reference) {
      const auto value = outcome.values.find(reference.name);
      if (!value && !reference.optional) {
        failures.insert(fmt::format("{}: metric {}: there is no value '{}'{}", label, metric.name, reference.name,
                                    outcome.values.suggest(reference.name)));
      }
      return value;
    }));
  }
  return values;
}

/// The values of the metrics of all points for one seed, or for one case of a sensitivity.
using MetricTable = std::vector<std::vector<std::optional<double>>>;

class Headlines {
 public:
  explicit Headlines(const ExperimentPlan& plan) : plan_(plan) {
    for (const HeadlineConfig& headline : plan.config.headlines) formulas_.emplace_back(headline.value);
  }

  /// Adds what each headline is in `table` to `results`.
  void add(const MetricTable& table, std::vector<HeadlineResult>& results) const {
    results.resize(formulas_.size());
    for (size_t i = 0; i < formulas_.size(); ++i) {
      const auto value = formulas_[i].evaluate([&](const Formula::Reference& reference) {
        const auto found = lookup(table, reference);
        if (!found && results[i].missing.empty()) {
          results[i].missing = fmt::format("{}[{}] has no value", reference.name, reference.point);
        }
        return found;
      });
      if (value) results[i].ours.values.push_back(*value);
      if (!value && results[i].missing.empty()) results[i].missing = "the formula has no finite value";
    }
  }

 private:
  std::optional<double> lookup(const MetricTable& table, const Formula::Reference& reference) const {
    const auto index = [](const auto& items, const std::string& name) {
      return static_cast<size_t>(
          std::find_if(items.begin(), items.end(), [&](const auto& item) { return item.name == name; }) -
          items.begin());
    };
    const auto& row = table[index(plan_.points, reference.point)];
    return row.empty() ? std::nullopt : row[index(plan_.config.metrics, reference.name)];
  }

  const ExperimentPlan& plan_;
  std::vector<Formula> formulas_;
};

}  // namespace

ExperimentConfig experiment_from(const YamlNode& root, const std::string& name) {
  ExperimentConfig config = config_from<ExperimentConfig>(root);
  if (config.name.empty()) config.name = name;
  return config;
}

ExperimentConfig load_experiment(const std::string& path, std::span<const Overrides::Item> overrides) {
  YamlNode root = load_yaml(path);
  apply_overrides(root, overrides);
  return experiment_from(root, std::filesystem::path(path).stem().string());
}

ExperimentPlan plan_experiment(ExperimentConfig config, bool quick) {
  ExperimentPlan plan;
  plan.points = config.all_points();
  plan.seeds = config.seeds;
  plan.quick = quick;
  if (quick && !config.quick.seeds.empty()) {
    plan.seeds = config.quick.seeds;
  } else if (quick && plan.seeds.size() > 1) {
    plan.seeds.resize(1);
  }
  plan.config = std::move(config);
  for (size_t point = 0; point < plan.points.size(); ++point) {
    for (size_t seed = 0; seed < plan.seed_count(); ++seed) add_job(plan, {point, seed, std::nullopt, 0}, nullptr);
  }
  if (quick && !plan.config.quick.sensitivities) return plan;
  for (size_t i = 0; i < plan.config.sensitivities.size(); ++i) {
    const SensitivityConfig& sensitivity = plan.config.sensitivities[i];
    for (size_t c = 0; c < sensitivity.cases.size(); ++c) {
      for (size_t point = 0; point < plan.points.size(); ++point) {
        const auto& whose = sensitivity.points;
        const bool changed =
            whose.empty() || std::find(whose.begin(), whose.end(), plan.points[point].name) != whose.end();
        if (changed) add_job(plan, {point, 0, i, c}, &sensitivity.cases[c].set);
      }
    }
  }
  return plan;
}

double Statistic::mean() const {
  return values.empty() ? 0.0 : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double Statistic::spread() const {
  if (values.size() < 2) return 0.0;
  double squares = 0.0;
  for (const double value : values) squares += (value - mean()) * (value - mean());
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

ExperimentResult evaluate(const ExperimentPlan& plan, std::vector<PointOutcome> outcomes) {
  ExperimentResult result;
  result.outcomes = std::move(outcomes);
  std::set<std::string> failures;
  std::vector<MetricTable> by_seed(plan.seed_count(), MetricTable(plan.points.size()));
  result.metrics.assign(plan.points.size(), std::vector<Statistic>(plan.config.metrics.size()));
  // A case of a sensitivity starts as the first seed and changes the points that it is of.
  std::map<std::pair<size_t, size_t>, MetricTable> by_case;
  for (size_t i = 0; i < plan.jobs.size(); ++i) {
    const PointOutcome& outcome = result.outcomes[i];
    const JobOf& what = plan.what[i];
    if (!outcome.failure.empty()) failures.insert(fmt::format("{}: {}", plan.jobs[i].label, outcome.failure));
    std::vector<std::optional<double>> values;
    if (outcome.finished) values = metrics_of(plan.config.metrics, outcome, plan.jobs[i].label, failures);
    if (what.sensitivity) {
      // Jobs of points come first: the first seed's table is whole here.
      by_case.try_emplace({*what.sensitivity, what.sensitivity_case}, by_seed[0]).first->second[what.point] = values;
      continue;
    }
    for (size_t m = 0; m < values.size(); ++m) {
      if (values[m]) result.metrics[what.point][m].values.push_back(*values[m]);
    }
    by_seed[what.seed][what.point] = std::move(values);
  }
  const Headlines headlines(plan);
  for (const MetricTable& table : by_seed) headlines.add(table, result.headlines);
  for (const auto& [which, table] : by_case) {
    SensitivityResult one{which.first, which.second, {}};
    headlines.add(table, one.headlines);
    result.sensitivities.push_back(std::move(one));
  }
  result.failures.assign(failures.begin(), failures.end());
  return result;
}

}  // namespace backboard
