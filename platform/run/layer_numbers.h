// Numbers of layers in configurations are numbers in the plan: does it have them?
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "platform/run/run_points.h"

namespace backboard {

/// The layers of a plan by number. Throws InputError.
std::vector<std::string> layer_names(std::span<const uint8_t> plan);

/// The same for the plan of a run with a network or a plan, its weights and data left aside. Throws InputError.
std::vector<std::string> layer_names(const RunConfig& config);

/// Throws InputError at `key` of `tree` when `layers` has none of that number.
void check_layer_number(uint32_t number, const std::vector<std::string>& layers, const YamlNode& tree,
                        const std::string& key);

/// Every layer that the run's engine is configured for by number (taxonn's formats, daa's modes) is one of `layers`,
/// those of its plan. Throws InputError at the number that is wrong.
void check_engine_layers(const RunPoint& point, const std::vector<std::string>& layers);

}  // namespace backboard
