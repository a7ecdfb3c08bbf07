// What a freeze policy costs: memory by use, multiply-accumulates and traffic of a training step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sw/net/network.h"
#include "sw/plan/compiler.h"
#include "sw/plan/draft.h"
#include "sw/plan/plan.h"

namespace backboard {

/// Bytes of the arena by use, worst case of coded formats. Buffers that are never alive together share memory, so the
/// peak is less than the sum.
struct PlanMemory {
  uint64_t weights = 0;  ///< masters, copies in the engine's format, running moments
  uint64_t kept = 0;     ///< activations, batch and pooling indices that BP or WG will read
  uint64_t passing = 0;  ///< activations that only the forward pass reads, or that are computed again
  uint64_t errors = 0;
  uint64_t gradients = 0;
  uint64_t optimiser = 0;  ///< momenta
  uint64_t control = 0;    ///< descriptors, records, labels
  uint64_t peak = 0;       ///< the arena
};

/// Of a draft that is laid out.
PlanMemory memory_of(const Draft& draft);

/// The same for a network and policy. @throws InputError as compile_plan.
PlanMemory plan_memory(const Network& network, const PlanOptions& options, const PlanTarget& target);

/// A table of policies, one a row: memory by use, parameters that train, MACs and expected traffic of a step (as the
/// schedules of the target's engine move it; coded formats at their worst case). An element is what --policy takes.
/// @throws InputError as compile_plan.
std::string policy_table(const Network& network, const PlanOptions& options, const PlanTarget& target,
                         const std::vector<std::string>& policies);

/// Each command of a training step with the tile that the engine chose, the bytes that its schedule moves, how often
/// each operand crosses the bus, and why. Empty without an engine.
std::string explain_schedules(const Plan& plan, const PlanTarget& target);

}  // namespace backboard
