// Searches that run the platform: taxonn's widths by layer, lnpu's thresholds.
#pragma once

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "platform/experiment/point_runner.h"
#include "platform/experiment/search_config.h"

namespace backboard {

/// Reads a search file with overrides. Throws InputError, also for what is wrong with the run file.
SearchConfig load_search(const std::string& path, std::span<const Overrides::Item> overrides);
SearchConfig search_from(const YamlNode& root, const std::string& name);
/// Builds the first point of a search, so that its run file is checked. Throws InputError, also where the run cannot
/// have what is looked for: thresholds without lnpu, an accuracy without data to evaluate on.
void check_search(const SearchConfig& config);

/// Why a search came to no end: an interrupt, or a trial that it needs and that did not come out.
class SearchFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A configuration to try.
struct Candidate {
  std::string name;  ///< of the folder, and for people
  Overrides set;
};

/// What candidates come to. The searches know no processes: tests hand them a function.
class Trials {
 public:
  virtual ~Trials() = default;
  /// For each candidate the named value, mean over the seeds; nothing for one that failed. All values of one call
  /// belong to the same runs.
  virtual std::vector<std::vector<std::optional<double>>> run(const std::vector<Candidate>& candidates,
                                                              const std::vector<std::string>& values) = 0;
};

/// Bits taken from one layer.
struct LayerCut {
  uint32_t fraction = 0, integer = 0;
  bool operator==(const LayerCut&) const = default;
};

struct WidthResult {
  double baseline = 0, start = 0, found = 0;  ///< accuracies, percent
  std::vector<LayerCut> cuts;                 ///< by the config's layers
  std::vector<npu::taxonn::LayerWidths> layers;
  uint32_t trials = 0;
  bool holds = false;  ///< whether `found` is within the loss
};

/// First each layer alone loses as many fraction bits, then integer bits, as the loss allows; then all together; while
/// that loses too much, the layer whose bit helps most gets one back. Throws SearchFailure when the baseline or the
/// start fails.
WidthResult search_widths(const WidthSearch& config, Trials& trials);

struct ThresholdResult {
  struct Found {
    std::string name;
    double threshold = 0, share = 0;
    bool within = false;
  };
  std::vector<Found> classes;
  uint32_t rounds = 0;
};

/// Cuts log2(threshold) into parts until the shares of all classes are within the tolerance; shares fall as thresholds
/// rise. Throws SearchFailure when a trial fails.
ThresholdResult search_thresholds(const ThresholdSearch& config, Trials& trials);

/// The overrides that a result stands for, as a YAML text that a run file can extend.
std::string found_yaml(const WidthResult& result);
std::string found_yaml(const ThresholdResult& result);
/// As overrides of a run.
Overrides overrides_of(const std::vector<npu::taxonn::LayerWidths>& layers);

/// Runs candidates as jobs: one for each seed, in folders below `runner.folder`.
class PlatformTrials final : public Trials {
 public:
  PlatformTrials(const SearchConfig& config, RunnerOptions runner) : config_(config), runner_(std::move(runner)) {}
  std::vector<std::vector<std::optional<double>>> run(const std::vector<Candidate>& candidates,
                                                      const std::vector<std::string>& values) override;
  /// Why points failed, a line each.
  const std::vector<std::string>& failures() const { return failures_; }

 private:
  const SearchConfig& config_;
  RunnerOptions runner_;
  std::vector<std::string> failures_;
};

}  // namespace backboard
