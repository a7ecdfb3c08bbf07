// Groups of commands that an engine runs together: where they begin and end in a plan.
#pragma once

#include <array>
#include <set>

#include "npu/engine/offer.h"
#include "sw/plan/draft.h"

namespace backboard {

/// Commands of each program, numbered without ring control, at which a group may not go on.
using GroupBreaks = std::array<std::set<size_t>, PLAN_PROGRAMS>;

/// Puts GROUP_BEGIN and GROUP_END around runs of forward commands each of which reads what the one before it makes, as
/// far as the engine offers to run them together and at least one is a convolution whose weights do not train. What
/// nothing but the next command of its group reads becomes LOCAL. Nothing happens for engines without groups.
void mark_groups(Draft& draft, const npu::Offer& offer, const GroupBreaks& breaks);

}  // namespace backboard
