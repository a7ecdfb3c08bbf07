// Whether what a run file expects has come out.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "platform/run/run_config.h"
#include "platform/run/run_points.h"
#include "platform/run/summary.h"

namespace backboard {

/// Expectations of one point that hold for a point by itself: findings and UART text. One sentence for each that
/// does not hold.
std::vector<std::string> unmet_by_point(const ExpectConfig& expect, const RunSummary& point, const std::string& uart);

/// Expectations on accuracies, held against the mean over the subsets of each variant, and comparisons of variants.
std::vector<std::string> unmet_by_means(const RunPlan& plan, std::span<const RunSummary> points);

}  // namespace backboard
