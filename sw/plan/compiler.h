// Compiles a network and a freeze policy into a training plan (drivers/plan/plan_format.h, docs/formats/plan.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "npu/engine/engine.h"
#include "npu/engine/offer.h"
#include "npu/engine/table.h"
#include "sw/net/network.h"
#include "sw/npz/npz.h"
#include "sw/plan/options.h"
#include "sw/plan/weights_init.h"

namespace backboard {

/// The NPU that a plan is for.
struct PlanTarget {
  npu::Offer offer;
  uint32_t buffer_bytes = 0;                       ///< local buffer
  std::shared_ptr<const npu::Engine> engine = {};  ///< null: schedules are not tried
};

/// The target with an engine of npu/engine/table.h. Its configuration decides nothing of a schedule but what fits in
/// the buffers of a group.
/// @throws InputError for an unknown engine, listing those there are.
PlanTarget plan_target(const std::string& engine, uint32_t buffer_bytes, const npu::EngineConfigs& configs = {});

/// Compiles `network`. `weights` holds what NetLayer::arrays() names, as "LAYER.suffix" (FC weights: (k, c, 1, 1) or
/// (k, c)), for all layers of the network and nothing else.
/// Returns the bytes of the plan. The same arguments give the same bytes.
/// @throws InputError for an unknown policy or format (with those offered), for weights that do not fit, for what the
///   engine does not offer, and when the arena or the local buffer is too small.
std::vector<uint8_t> compile_plan(const Network& network, const PlanOptions& options, const PlanTarget& target,
                                  const Arrays& weights);

/// First weights for training from scratch; of a batch normalisation gamma and variance are one, beta and mean zero.
/// Element e of the n-th layer with weights takes number e of stream n of the seed (random/counter_stream.h), its bias
/// k number weights + k.
Arrays initial_weights(const Network& network, uint32_t seed, WeightsInit init = WeightsInit::he);

/// Weights of a network whose last layer had fewer outputs, for `network`: the missing rows of its weight and bias are
/// zero, so no new class is ever preferred before training. Weights that are large enough stay as they are.
/// @throws InputError when the last layer with parameters is no FC layer, or is wider in the weights.
Arrays grow_head(const Network& network, Arrays weights, const std::string& file);

/// Checks names and shapes of weights against a network. @throws InputError; `file` is used in errors.
void check_weights(const Network& network, const Arrays& weights, const std::string& file);

}  // namespace backboard
