// Lowers a network to commands: which steps a policy needs, in which order, over which tensors.
#pragma once

#include <vector>

#include "npu/engine/offer.h"
#include "sw/net/network.h"
#include "sw/plan/draft.h"
#include "sw/plan/formats.h"
#include "sw/plan/options.h"
#include "sw/plan/policy.h"

namespace backboard {

/// Makes the commands and tensors of all programs; addresses are missing.
///
/// - A ReLU directly behind a convolution or FC layer becomes the RELU flag of its forward command, and its derivative
///   a MASK of the command that makes the error: the sign of an output is the sign of what ReLU let through. Through a
///   max pooling the mask is the pooled output, since only the maximum takes an error.
/// - BP ends above the lowest layer that trains; WG exists for weights that train only; nothing else is stored.
/// - With fused updates, a layer's BP comes before its WG: BP reads the old weights (TaxoNN), WG's write-back replaces
///   them. Without, WG stores gradients and PLAN_UPDATE applies them.
/// @throws InputError when the engine does not offer an operation or limit that the network needs.
Draft lower(const Network& network, const PlanOptions& options, const npu::Offer& offer);

}  // namespace backboard
