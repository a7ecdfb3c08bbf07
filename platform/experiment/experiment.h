// An experiment: its points as jobs, and what their numbers say.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "platform/experiment/experiment_config.h"
#include "platform/experiment/point_runner.h"

namespace backboard {

/// Reads an experiment file with overrides. Throws InputError, also for what is wrong with a point's run file.
ExperimentConfig load_experiment(const std::string& path, std::span<const Overrides::Item> overrides);
/// The same from a tree; `name` where the file gives none.
ExperimentConfig experiment_from(const YamlNode& root, const std::string& name);

/// What one job of an experiment is of.
struct JobOf {
  size_t point = 0;                   ///< of all_points()
  size_t seed = 0;                    ///< of the seeds that are run
  std::optional<size_t> sensitivity;  ///< and
  size_t sensitivity_case = 0;        ///< of it
};

/// An experiment as jobs.
struct ExperimentPlan {
  ExperimentConfig config;
  bool quick = false;
  std::vector<PointConfig> points;
  std::vector<uint32_t> seeds;  ///< empty: each point once, as the run file says
  std::vector<JobOf> what;      ///< of `jobs`
  std::vector<PointJob> jobs;

  size_t seed_count() const { return seeds.empty() ? 1 : seeds.size(); }
};

/// Each point for each seed, then the sensitivities on the first seed. Every point's whole configuration is checked.
/// Throws InputError.
ExperimentPlan plan_experiment(ExperimentConfig config, bool quick);

/// A number over seeds.
struct Statistic {
  std::vector<double> values;
  double mean() const;
  double spread() const;  ///< standard deviation (n - 1); 0 of one value
};

/// A headline as it came out; `ours` is empty when a value that it needs is missing, and `missing` says which.
struct HeadlineResult {
  Statistic ours;
  std::string missing;
};

struct SensitivityResult {
  size_t sensitivity = 0, sensitivity_case = 0;
  std::vector<HeadlineResult> headlines;
};

struct ExperimentResult {
  std::vector<PointOutcome> outcomes;           ///< of the plan's jobs
  std::vector<std::vector<Statistic>> metrics;  ///< by point and metric; no values where a point did not finish
  std::vector<HeadlineResult> headlines;
  std::vector<SensitivityResult> sensitivities;
  std::vector<std::string> failures;  ///< points that failed, metrics that a point has not
};

/// Metrics and headlines of what the jobs left; pure.
ExperimentResult evaluate(const ExperimentPlan& plan, std::vector<PointOutcome> outcomes);

}  // namespace backboard
