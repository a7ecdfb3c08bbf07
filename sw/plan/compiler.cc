#include "sw/plan/compiler.h"

#include "npu/command/validate.h"
#include "platform/check/check.h"
#include "platform/check/input_error.h"
#include "sw/plan/emit.h"
#include "sw/plan/lower.h"
#include "sw/plan/memory_plan.h"
#include "sw/plan/plan.h"

namespace backboard {

namespace {

/// What the NPU itself will check of every command. A network that gets past lowering and yet fails here met a limit
/// of the engine that lowering does not know by name.
void check_against_npu(const Plan& plan, const PlanTarget& target, const std::string& network) {
  npu::AccessWindows windows;
  const uint32_t last = plan.header.arena_base + (plan.header.arena_bytes - 1);
  windows.window[0] = {plan.header.arena_base, last, true, true};
  for (size_t i = 0; i < plan.commands.size(); ++i) {
    npu::Job job;
    job.command = plan.commands[i];
    const uint32_t tensors[npu::kOperands] = {job.command.tensor0, job.command.tensor1, job.command.tensor2,
                                              job.command.tensor3, job.command.tensor4, job.command.tensor5};
    std::array<npu::Descriptor, npu::kOperands> descriptors;
    for (unsigned slot = 0; slot < npu::kOperands; ++slot) {
      const int index = plan.descriptor_at(tensors[slot]);
      if (index < 0) continue;
      descriptors[slot] = plan.descriptors[index];
      if (static_cast<uint32_t>(index) != plan.header.data_descriptor) continue;
      // Firmware sets these; here any images inside the window stand for them.
      descriptors[slot].address = plan.header.arena_base;
      descriptors[slot].shape_n = 1;
      descriptors[slot].size_bytes = plan.header.arena_bytes;
    }
    npu::Checked error = npu::check_command(job, target.offer, windows);
    if (!error) error = npu::check_tensors(job, descriptors, target.offer, windows);
    // Images that stand in the arena lie over something of course.
    if (!error || error->code == npu::ErrorCode::kOVERLAP) continue;
    throw InputError(fmt::format("network {}: engine {} refuses {} of layer {}: {} (field at byte {})", network,
                                 target.offer.name, npu::name_of(job.opcode()), plan.layer_name(job.command.layer),
                                 npu::name_of(error->code), error->detail));
  }
}

}  // namespace

std::vector<uint8_t> compile_plan(const Network& network, const PlanOptions& options, const PlanTarget& target,
                                  const Arrays& weights) {
  check_weights(network, weights, "weights");
  Draft draft = lower(network, options, target.offer);
  lay_out_memory(draft, options.arena_base, options.arena_bytes);
  std::vector<uint8_t> bytes = emit_plan(draft, network, options, target, weights);
  check_against_npu(parse_plan(bytes, "the compiled plan"), target, network.name);
  return bytes;
}

}  // namespace backboard
