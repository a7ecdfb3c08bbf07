// The commands of a plan as the NPU will see them.
#pragma once

#include "npu/command/validate.h"
#include "npu/engine/offer.h"
#include "sw/plan/plan.h"

namespace backboard {

/// Decodes and validates one command of a plan as the NPU does, with one access window over the arena, into `job`. The
/// packed images, whose place firmware sets, are taken as one image of a window of their own; record contents (hyper,
/// gather list, valid images) are those of a good run.
npu::Checked plan_job(const Plan& plan, const npu::Command& command, const npu::Offer& offer, npu::Job& job);

}  // namespace backboard
