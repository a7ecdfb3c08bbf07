// Writes a laid-out draft as the bytes of a plan.
#pragma once

#include <cstdint>
#include <vector>

#include "sw/net/network.h"
#include "sw/npz/npz.h"
#include "sw/plan/compiler.h"
#include "sw/plan/draft.h"

namespace backboard {

/// All addresses of the draft are set. `weights` passed check_weights.
std::vector<uint8_t> emit_plan(const Draft& draft, const Network& network, const PlanOptions& options,
                               const PlanTarget& target, const Arrays& weights);

}  // namespace backboard
