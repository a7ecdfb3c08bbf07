#include "sw/plan/job.h"

#include <algorithm>

#include "npu/command/operands.h"

namespace backboard {

npu::Checked plan_job(const Plan& plan, const npu::Command& command, const npu::Offer& offer, npu::Job& job) {
  constexpr uint32_t kImageWindow_bytes = 1u << 28;  // the NPU's largest tensor of bytes
  const plan_header& header = plan.header;
  npu::AccessWindows windows;
  windows.window[0] = {header.arena_base, header.arena_base + (header.arena_bytes - 1), true, true};
  // Somewhere the arena is not.
  const uint32_t images = header.arena_base >= 0x80000000u ? 0x10000000u : 0xc0000000u;
  windows.window[1] = {images, images + (kImageWindow_bytes - 1), true, false};

  job = {};
  job.command = command;
  job.command_address = header.arena_base;
  const uint32_t tensors[npu::kOperands] = {command.tensor0, command.tensor1, command.tensor2,
                                            command.tensor3, command.tensor4, command.tensor5};
  std::array<npu::Descriptor, npu::kOperands> descriptors;
  for (unsigned slot = 0; slot < npu::kOperands; ++slot) {
    const int index = plan.descriptor_at(tensors[slot]);
    if (index < 0) continue;
    descriptors[slot] = plan.descriptors[index];
    if (static_cast<uint32_t>(index) != header.data_descriptor) continue;
    descriptors[slot].address = images;
    descriptors[slot].shape_n = 1;
    descriptors[slot].size_bytes = kImageWindow_bytes;
  }
  job.groups = std::max<uint32_t>(command.groups, 1);
  if (const npu::Checked error = npu::check_command(job, offer, windows)) return error;
  if (const npu::Checked error = npu::check_tensors(job, descriptors, offer, windows)) return error;
  if (job.opcode() == npu::Opcode::kENCODE && command.auxiliary != 0) job.gather.assign(header.batch, 0);
  if (job.opcode() == npu::Opcode::kADAM) job.adam = {0.999f, 1e-8f, 1.0f, 1.0f, {}};
  if (npu::is_loss(job.opcode())) job.valid_images = header.batch;
  return {};
}

std::vector<PlanUnit> plan_units(const Plan& plan, plan_program_kind program, const npu::Offer& offer) {
  std::vector<PlanUnit> units;
  bool group = false, first = false;
  const std::span<const npu::Command> commands = plan.program(program);
  for (size_t i = 0; i < commands.size(); ++i) {
    npu::Job job;
    if (plan_job(plan, commands[i], offer, job)) continue;
    if (npu::kControlOpcodes & npu::opcode_bit(job.opcode())) {
      group = first = job.opcode() == npu::Opcode::kGROUP_BEGIN && offer.group_commands != 0;
      continue;
    }
    if (!group || first) units.emplace_back();
    first = false;
    units.back().jobs.push_back(job);
    units.back().commands.push_back(i);
  }
  return units;
}

}  // namespace backboard
