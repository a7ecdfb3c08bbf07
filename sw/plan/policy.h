// Freeze policies: which parameters of a network train.
#pragma once

#include <string>
#include <vector>

#include "sw/net/network.h"

namespace backboard {

/// What of one layer trains.
struct TrainedParts {
  bool weight = false;
  bool bias = false;
  bool any() const { return weight || bias; }
};

/// Applies a policy; one element for each layer of the network, those without parameters included.
///   full     all parameters
///   last:N   all parameters of the last N layers that have some
///   bias     the biases of all layers, and the whole last layer (TinyTL-B: Cai et al., NeurIPS 2020)
/// @throws InputError for an unknown policy, listing those offered, or a bad argument.
std::vector<TrainedParts> apply_policy(const std::string& policy, const Network& network);

/// One line a policy, for `--help` and errors.
std::string policies_offered();

}  // namespace backboard
