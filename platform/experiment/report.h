// What an experiment came to: the table for a person, results.json, and a page in Markdown.
#pragma once

#include <string>

#include "platform/experiment/experiment.h"

namespace backboard {

/// Ours beside the published figures, then the sensitivities.
std::string experiment_table(const ExperimentPlan& plan, const ExperimentResult& result);
/// results.json: headlines, metrics by point, sensitivities, points with their folders, constants.
std::string experiment_json(const ExperimentPlan& plan, const ExperimentResult& result);
/// The same for a reader, with sources, conditions and constants.
std::string experiment_page(const ExperimentPlan& plan, const ExperimentResult& result);

}  // namespace backboard
