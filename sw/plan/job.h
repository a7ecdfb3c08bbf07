// The commands of a plan as the NPU will see them.
#pragma once

#include <vector>

#include "npu/command/validate.h"
#include "npu/engine/offer.h"
#include "sw/plan/plan.h"

namespace backboard {

/// Decodes and validates one command of a plan as the NPU does, with one access window over the arena, into `job`. The
/// packed images, whose place firmware sets, are taken as one image of a window of their own; record contents (hyper,
/// gather list, valid images) are those of a good run.
npu::Checked plan_job(const Plan& plan, const npu::Command& command, const npu::Offer& offer, npu::Job& job);

/// What the NPU schedules as one: a command, or the commands of a group that the engine runs together, by their place
/// in the program.
struct PlanUnit {
  std::vector<npu::Job> jobs;
  std::vector<size_t> commands;
};

/// The units of a program, in order, without ring control. Commands that plan_job() refuses are left out.
std::vector<PlanUnit> plan_units(const Plan& plan, plan_program_kind program, const npu::Offer& offer);

}  // namespace backboard
