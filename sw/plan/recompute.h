// Re-computation: which outputs of layers a training step forgets behind the forward pass and computes again when the
// backward pass wants them (Chen et al., "Training Deep Nets with Sublinear Memory Cost", arXiv 1604.06174).
#pragma once

#include <string>
#include <vector>

#include "sw/plan/draft.h"
#include "sw/plan/graph.h"

namespace backboard {

/// One element for each node: whether its output is computed again. `choice` is
/// - `none`;
/// - `every:K`: each K-th node keeps its output, those between are computed again from there;
/// - `sqrt`: every:K with K the root of the number of nodes, rounded up: kept and recomputed outputs are about as many;
/// - names of layers, separated by commas. A ReLU that is part of the command before it goes with that layer.
/// The last node always keeps its output, the logits.
/// @throws InputError for anything else, naming what was wrong.
std::vector<bool> recomputed_outputs(const Network& network, const Graph& graph, const std::string& choice);

/// Whether `command` gives all of a buffer new contents without reading it: what was there before need not be kept up
/// to this point.
bool renews(const Draft& draft, const DraftCommand& command, int buffer);

/// A command of the backward pass: the first ends the forward pass of a training step.
inline bool is_backward(const DraftCommand& command) {
  const auto phase = static_cast<Phase>(command.fields.phase);
  return phase == Phase::kBP || phase == Phase::kWG;
}

}  // namespace backboard
