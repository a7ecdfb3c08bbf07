// The inference beside a training as part of summary.json. For summary.cc.
#pragma once

#include <nlohmann/json.hpp>

#include "platform/run/inference_summary.h"

namespace backboard {

nlohmann::ordered_json inference_json(const InferenceSummary& summary);
/// Throws nlohmann's exceptions when it is no such part.
InferenceSummary inference_of(const nlohmann::ordered_json& json);

}  // namespace backboard
