#include "sw/plan/compiler.h"

#include "npu/engine/table.h"
#include "platform/check/input_error.h"
#include "sw/plan/emit.h"
#include "sw/plan/fold_batchnorm.h"
#include "sw/plan/groups.h"
#include "sw/plan/job.h"
#include "sw/plan/lite_residual.h"
#include "sw/plan/lower.h"
#include "sw/plan/memory_plan.h"
#include "sw/plan/plan.h"

namespace backboard {

namespace {

[[noreturn]] void refuse(const Plan& plan, const PlanTarget& target, const std::string& network,
                         const npu::Command& command, npu::ErrorCode error) {
  throw InputError(fmt::format("network {}: engine {} with a buffer of {} bytes refuses {} of layer {}: {}", network,
                               target.offer.name, target.buffer_bytes,
                               npu::name_of(static_cast<npu::Opcode>(command.opcode)), plan.layer_name(command.layer),
                               npu::name_of(error)));
}

/// Commands of the first part of a group that the engine can run together; 1: only one after the other.
size_t longest_part(const PlanTarget& target, std::span<const npu::Job> jobs) {
  size_t length = jobs.size();
  while (length > 1 &&
         npu::plan_jobs(*target.engine, jobs.first(length), target.buffer_bytes).error != npu::ErrorCode::kNONE)
    --length;
  return length;
}

/// What the NPU itself will check of every command, and whether it finds a schedule. A network that gets past lowering
/// and yet fails here met a limit of the engine that lowering does not know by name. Groups that do not fit are given
/// breaks; gives whether there were any.
bool check_against_npu(const Plan& plan, const PlanTarget& target, const std::string& network, GroupBreaks& breaks) {
  for (const npu::Command& command : plan.commands) {
    npu::Job job;
    if (const npu::Checked checked = plan_job(plan, command, target.offer, job))
      refuse(plan, target, network, command, checked->code);
  }
  if (!target.engine) return false;
  bool broken = false;
  for (size_t program = 0; program < PLAN_PROGRAMS; ++program) {
    const auto kind = static_cast<plan_program_kind>(program);
    size_t number = 0;  // without ring control
    for (const PlanUnit& unit : plan_units(plan, kind, target.offer)) {
      const size_t length = longest_part(target, unit.jobs);
      if (length < unit.jobs.size()) {
        breaks[program].insert(number + length);
        broken = true;
      } else if (length == 1) {
        const npu::ErrorCode error = target.engine->plan(unit.jobs[0], target.buffer_bytes).error;
        if (error != npu::ErrorCode::kNONE) refuse(plan, target, network, unit.jobs[0].command, error);
      }
      number += unit.jobs.size();
    }
  }
  return broken;
}

std::vector<uint8_t> compile_network(const Network& network, const PlanOptions& options, const PlanTarget& target,
                                     const Arrays& weights) {
  check_weights(network, weights, "weights");
  GroupBreaks breaks;
  for (;;) {
    Draft draft = lower(network, options, target.offer);
    mark_groups(draft, target.offer, breaks);
    lay_out_memory(draft, options.arena_base, options.arena_bytes);
    std::vector<uint8_t> bytes = emit_plan(draft, network, options, target, weights);
    // Each turn breaks a group that was whole in the one before, so there is a last one.
    if (!check_against_npu(parse_plan(bytes, "the compiled plan"), target, network.name, breaks)) return bytes;
  }
}

std::vector<uint8_t> compile_folded(const Network& network, const PlanOptions& options, const PlanTarget& target,
                                    const Arrays& weights) {
  const std::vector<NormFold> folds = norm_folds(network, options);
  if (folds.empty()) return compile_network(network, options, target, weights);
  check_weights(network, weights, "weights");
  return compile_network(folded_network(network, folds), options, target, folded_weights(network, folds, weights));
}

}  // namespace

PlanTarget plan_target(const std::string& engine, uint32_t buffer_bytes, const npu::EngineConfigs& configs) {
  const npu::EngineRow* row = npu::find_engine(engine);
  if (row != nullptr) return {row->offer(), buffer_bytes, row->make(configs)};
  std::string names;
  for (const npu::EngineRow& other : npu::engine_table())
    names += (names.empty() ? "" : ", ") + std::string(other.name);
  throw InputError(fmt::format("unknown engine '{}'; offered: {}", engine, names));
}

std::vector<uint8_t> compile_plan(const Network& network, const PlanOptions& options, const PlanTarget& target,
                                  const Arrays& weights) {
  if (options.policy == "lite-residual") {
    const Network larger = with_lite_residuals(network);
    return compile_folded(larger, options, target, with_lite_weights(larger, weights));
  }
  return compile_folded(network, options, target, weights);
}

}  // namespace backboard
