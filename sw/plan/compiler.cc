#include "sw/plan/compiler.h"

#include "npu/engine/table.h"
#include "platform/check/input_error.h"
#include "sw/plan/emit.h"
#include "sw/plan/job.h"
#include "sw/plan/lite_residual.h"
#include "sw/plan/lower.h"
#include "sw/plan/memory_plan.h"
#include "sw/plan/plan.h"

namespace backboard {

namespace {

/// What the NPU itself will check of every command, and whether it finds a schedule. A network that gets past lowering
/// and yet fails here met a limit of the engine that lowering does not know by name.
void check_against_npu(const Plan& plan, const PlanTarget& target, const std::string& network) {
  for (const npu::Command& command : plan.commands) {
    npu::Job job;
    const npu::Checked checked = plan_job(plan, command, target.offer, job);
    npu::ErrorCode error = checked ? checked->code : npu::ErrorCode::kNONE;
    if (error == npu::ErrorCode::kNONE && target.engine) error = target.engine->plan(job, target.buffer_bytes).error;
    if (error == npu::ErrorCode::kNONE) continue;
    throw InputError(fmt::format("network {}: engine {} with a buffer of {} bytes refuses {} of layer {}: {}", network,
                                 target.offer.name, target.buffer_bytes, npu::name_of(job.opcode()),
                                 plan.layer_name(command.layer), npu::name_of(error)));
  }
}

std::vector<uint8_t> compile_network(const Network& network, const PlanOptions& options, const PlanTarget& target,
                                     const Arrays& weights) {
  check_weights(network, weights, "weights");
  Draft draft = lower(network, options, target.offer);
  lay_out_memory(draft, options.arena_base, options.arena_bytes);
  std::vector<uint8_t> bytes = emit_plan(draft, network, options, target, weights);
  check_against_npu(parse_plan(bytes, "the compiled plan"), target, network.name);
  return bytes;
}

}  // namespace

PlanTarget plan_target(const std::string& engine, uint32_t buffer_bytes) {
  const npu::EngineRow* row = npu::find_engine(engine);
  if (row != nullptr) return {row->offer(), buffer_bytes, row->make({})};
  std::string names;
  for (const npu::EngineRow& other : npu::engine_table())
    names += (names.empty() ? "" : ", ") + std::string(other.name);
  throw InputError(fmt::format("unknown engine '{}'; offered: {}", engine, names));
}

std::vector<uint8_t> compile_plan(const Network& network, const PlanOptions& options, const PlanTarget& target,
                                  const Arrays& weights) {
  if (options.policy == "lite-residual") {
    const Network larger = with_lite_residuals(network);
    return compile_network(larger, options, target, with_lite_weights(larger, weights));
  }
  return compile_network(network, options, target, weights);
}

}  // namespace backboard
