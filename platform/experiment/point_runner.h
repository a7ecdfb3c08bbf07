// Runs points, each in a child process and a folder of its own; what is finished need not run again.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "platform/config/value.h"
#include "platform/experiment/point_values.h"
#include "platform/run/run_points.h"

namespace backboard {

/// A run file's configuration with overrides in order, as one point. Variants, subsets, comparisons and expectations of
/// the file are left out. Throws InputError at the override or line that is wrong.
RunPoint point_of(const std::string& run_file, const std::vector<const Overrides*>& sets, const std::string& name);

/// The same number for `key` as an override; `origin` is quoted in errors.
Overrides::Item number_override(const std::string& key, uint64_t value, const std::string& origin);

/// A simulation to do.
struct PointJob {
  std::string label;   ///< for people
  std::string folder;  ///< below the runner's
  RunPoint point;
};

struct PointOutcome {
  bool finished = false;
  bool reused = false;   ///< an earlier invocation finished it, or another job is the same
  std::string failure;   ///< of a point that is not finished; empty: it did not run because of an interrupt
  std::string folder;    ///< where its files are
  double seconds = 0.0;  ///< of the host
  PointValues values;    ///< of a finished one
};

struct RunnerOptions {
  std::string folder;
  unsigned jobs = 0;      ///< at a time; 0: one a processor
  bool resume = false;    ///< take what is finished already
  bool progress = false;  ///< a line on stderr as points end
};

/// Runs jobs; those whose effective configuration and input files are equal run once. A point that fails does not stop
/// the others. Throws InputError when an input file of a job can not be read, before anything runs.
std::vector<PointOutcome> run_jobs(const std::vector<PointJob>& jobs, const RunnerOptions& options);

}  // namespace backboard
