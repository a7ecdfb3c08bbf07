// The points of a run: one for each variant and subset.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platform/config/config.h"
#include "platform/run/run_config.h"

namespace backboard {

/// One simulation.
struct RunPoint {
  std::string variant;             ///< empty when the run has no variants
  std::optional<uint32_t> subset;  ///< empty when the run has no subsets
  std::string folder;              ///< below the run's output folder; empty for the only point
  RunConfig config;                ///< without variants, subsets and comparisons
  YamlNode tree = {};              ///< what `config` was read from, for the places of errors
};

/// A run file as read, and its points in the order of the file.
struct RunPlan {
  RunConfig config;
  std::vector<RunPoint> points;
  std::vector<std::string> notes;  ///< overrides that a variant does not follow, for a person
};

/// Overrides of a run in full: a key that only the board has (npu.engine, timing) stands for platform.KEY.
std::vector<Overrides::Item> run_overrides(std::span<const Overrides::Item> overrides);

/// Reads a run file with overrides, see run_overrides(). Each variant is checked as a whole configuration of its own.
/// An override of a key that a variant sets itself is noted. Throws InputError.
RunPlan load_run(const std::string& path, std::span<const Overrides::Item> overrides);
/// The same from a tree; `name` is the run's name where the file gives none.
RunPlan run_from(const YamlNode& root, const std::string& name);

}  // namespace backboard
