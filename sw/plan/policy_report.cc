#include "sw/plan/policy_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "npu/command/operands.h"
#include "npu/engine/schedule.h"
#include "sw/plan/fold_batchnorm.h"
#include "sw/plan/groups.h"
#include "sw/plan/job.h"
#include "sw/plan/lite_residual.h"
#include "sw/plan/lower.h"
#include "sw/plan/memory_plan.h"
#include "sw/plan/recompute.h"

namespace backboard {

namespace {

Network network_for(const Network& network, const PlanOptions& options) {
  const Network whole = options.policy == "lite-residual" ? with_lite_residuals(network) : network;
  return folded_network(whole, norm_folds(whole, options));
}

/// Buffers whose contents commands behind the forward pass of a training step read; what they compute again first is
/// not among them.
std::vector<bool> read_behind_forward(const Draft& draft) {
  std::vector<bool> read(draft.buffers.size(), false), renewed(draft.buffers.size(), false);
  bool behind = false;
  for (const DraftCommand& command : draft.programs[PLAN_TRAIN_STEP]) {
    behind |= is_backward(command);
    if (!behind) continue;
    for (unsigned slot = 0; slot < npu::kOperands; ++slot) {
      const int tensor = command.tensors[slot];
      if (tensor == kNoTensor || draft.tensors[tensor].buffer < 0) continue;
      const int buffer = draft.tensors[tensor].buffer;
      if (npu::reads(command.fields, slot) && !renewed[buffer]) read[buffer] = true;
      if (renews(draft, command, buffer)) renewed[buffer] = true;
    }
  }
  return read;
}

/// Where the bytes of a buffer count, by the class of a tensor over it.
uint64_t& use_of(PlanMemory& memory, TensorClass tensor_class, bool kept) {
  switch (tensor_class) {
    case TensorClass::kWEIGHT:
    case TensorClass::kMASTER:
      return memory.weights;
    case TensorClass::kINPUT:
    case TensorClass::kACTIVATION:
    case TensorClass::kINDEX:
      return kept ? memory.kept : memory.passing;
    case TensorClass::kERROR:
      return memory.errors;
    case TensorClass::kGRADIENT:
      return memory.gradients;
    case TensorClass::kMOMENTUM:
      return memory.optimiser;
    default:
      return memory.control;
  }
}

/// What a training step of a plan does and moves.
struct StepCost {
  uint64_t macs = 0, bytes = 0;
};

StepCost step_cost(const Plan& plan, const PlanTarget& target) {
  StepCost cost;
  for (const plan_layer& layer : plan.layers) cost.macs += layer.macs_ff + layer.macs_bp + layer.macs_wg;
  for (const plan_program_kind program : {PLAN_TRAIN_STEP, PLAN_UPDATE}) {
    for (const PlanUnit& unit : plan_units(plan, program, target.offer)) {
      const npu::Schedule schedule = npu::plan_jobs(*target.engine, unit.jobs, target.buffer_bytes).schedule;
      for (size_t i = 0; i < unit.jobs.size(); ++i) {
        const npu::Traffic traffic = npu::expected_traffic(schedule, unit.jobs[i], static_cast<uint8_t>(i));
        cost.bytes += traffic.total_read() + traffic.total_written();
      }
    }
  }
  return cost;
}

uint64_t trained_parameters(const Plan& plan) {
  uint64_t sum = 0;
  for (size_t i = 0; i < plan.tensors.size(); ++i) {
    const npu::Descriptor& d = plan.descriptors[i];
    const std::string name = plan.tensors[i].name;
    const bool moments = name.ends_with(".mean") || name.ends_with(".variance");
    const uint64_t elements = uint64_t{d.shape_n} * d.shape_c * d.shape_h * d.shape_w;
    if ((plan.tensors[i].flags & PLAN_TENSOR_TRAINED) && (plan.tensors[i].flags & PLAN_TENSOR_PARAMETER) && !moments)
      sum += elements;
    if (name.ends_with(".part")) {  // instead of the whole weight
      sum += elements;
      for (size_t j = 0; j < plan.tensors.size(); ++j) {
        const npu::Descriptor& whole = plan.descriptors[j];
        if (name == std::string(plan.tensors[j].name) + ".part")
          sum -= uint64_t{whole.shape_n} * whole.shape_c * whole.shape_h * whole.shape_w;
      }
    }
  }
  return sum;
}

}  // namespace

PlanMemory memory_of(const Draft& draft) {
  PlanMemory memory;
  const std::vector<bool> kept = read_behind_forward(draft);
  std::vector<bool> counted(draft.buffers.size(), false);
  for (const DraftTensor& tensor : draft.tensors) {
    if (tensor.buffer < 0 || counted[tensor.buffer]) continue;
    counted[tensor.buffer] = true;
    const DraftBuffer& buffer = draft.buffers[tensor.buffer];
    use_of(memory, tensor.tensor_class, kept[tensor.buffer]) += buffer.data_bytes + buffer.directory_bytes;
  }
  memory.control += draft.control.end - draft.control.descriptors;
  memory.peak = draft.arena_bytes;
  return memory;
}

PlanMemory plan_memory(const Network& network, const PlanOptions& options, const PlanTarget& target) {
  const Network whole = network_for(network, options);
  Draft draft = lower(whole, options, target.offer);
  mark_groups(draft, target.offer, {});
  lay_out_memory(draft, options.arena_base, options.arena_bytes);
  return memory_of(draft);
}

std::string policy_table(const Network& network, const PlanOptions& options, const PlanTarget& target,
                         const std::vector<std::string>& policies) {
  std::string text = fmt::format("{:<14} {:>11} {:>11} {:>11} {:>11} {:>11} {:>11} {:>11} {:>11} {:>13} {:>13}\n",
                                 "policy", "trained", "weights", "kept", "passing", "errors", "gradients", "optimiser",
                                 "peak", "MAC a step", "bytes moved");
  for (const std::string& policy : policies) {
    PlanOptions of = options;
    of.policy = policy;
    const PlanMemory m = plan_memory(network, of, target);
    const Plan plan = parse_plan(compile_plan(network, of, target, initial_weights(network, 1)), network.name);
    const StepCost cost = target.engine ? step_cost(plan, target) : StepCost{};
    text += fmt::format("{:<14} {:>11} {:>11} {:>11} {:>11} {:>11} {:>11} {:>11} {:>11} {:>13} {:>13}\n", policy,
                        trained_parameters(plan), m.weights, m.kept, m.passing, m.errors, m.gradients, m.optimiser,
                        m.peak, cost.macs, cost.bytes);
  }
  return text + fmt::format(
                    "engine {}, batch {}; bytes; kept: activations that BP or WG will read; passing: the others; peak: "
                    "the arena, in which buffers that are never alive together share memory\n",
                    target.offer.name, options.batch);
}

}  // namespace backboard
