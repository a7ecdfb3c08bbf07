// Compiles a network and a freeze policy into a training plan (drivers/plan/plan_format.h, docs/formats/plan.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sw/net/network.h"
#include "sw/npz/npz.h"
#include "sw/plan/options.h"

namespace backboard {

/// Compiles `network`. `weights` holds "LAYER.weight" of shape (k, c, kh, kw) for convolutions (FC: (k, c), or
/// (k, c, 1, 1)) and "LAYER.bias" of shape (k), all layers of the network and nothing else.
/// Returns the bytes of the plan. The same arguments give the same bytes.
/// @throws InputError for an unknown policy, engine or format (with those offered), for weights that do not fit,
///   for what the engine does not offer, and when the arena is too small.
std::vector<uint8_t> compile_plan(const Network& network, const PlanOptions& options, const Arrays& weights);

/// First weights for training from scratch: He's uniform distribution (He et al., ICCV 2015, eq. 10):
/// weight = u * sqrt(6 / fan_in), u uniform in [-1, 1); biases zero. The stream is keyed by (seed, layer, element), so
/// a weight does not depend on the order of the layers' initialisation or on the host.
Arrays initial_weights(const Network& network, uint64_t seed);

}  // namespace backboard
