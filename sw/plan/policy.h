// Freeze policies: which parameters of a network train.
#pragma once

#include <string>
#include <vector>

#include "sw/net/network.h"
#include "sw/plan/options.h"

namespace backboard {

/// What of one layer trains.
struct TrainedParts {
  bool weight = false;
  bool bias = false;
  bool moments = false;   ///< batchnorm: a training step normalises by the moments of its batch
  uint32_t channels = 0;  ///< input channels whose weights train, from the first on; 0: all. Depthwise: channels
  bool any() const { return weight || bias; }
};

/// Applies a policy; one element for each layer of the network, those without parameters included.
///   full     all parameters
///   last:N   all parameters from the N-th last convolution or FC layer on
///   bias     the biases of all layers, beta of batch normalisations among them, and the whole last layer (TinyTL-B:
///   Cai
///            et al., NeurIPS 2020)
///   none     nothing: the plan has no TRAIN_STEP
///   bn       gamma and beta of all batch normalisations, and the whole last layer
///   lite-residual  the branches of with_lite_residuals(), which must have been added, biases and the whole last layer
///            (TinyTL-L)
///   sparse   the layers and shares of input channels that options.sparse lists (Lin et al., On-Device Training Under
///            256KB Memory, NeurIPS 2022)
/// @throws InputError for an unknown policy, listing those offered, or a bad argument.
std::vector<TrainedParts> apply_policy(const PlanOptions& options, const Network& network);

/// One line a policy, for `--help` and errors.
std::string policies_offered();

}  // namespace backboard
