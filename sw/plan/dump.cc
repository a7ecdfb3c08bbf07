#include <fmt/format.h>

#include "npu/command/operands.h"
#include "sw/plan/formats.h"
#include "sw/plan/plan.h"

namespace backboard {

namespace {

std::string flags_text(uint32_t flags) {
  std::string text;
  const auto add = [&](uint32_t bit, const char* name) {
    if (flags & bit) text += fmt::format("{}{}", text.empty() ? "" : ",", name);
  };
  add(PLAN_TENSOR_PARAMETER, "parameter");
  add(PLAN_TENSOR_TRAINED, "trained");
  add(PLAN_TENSOR_STEERED, "steered");
  add(PLAN_TENSOR_MOMENTUM, "momentum");
  return text.empty() ? "-" : text;
}

std::string command_flags(uint16_t flags) {
  std::string text;
#define COMMAND_FLAG(name, bit, description) \
  if (flags & (1u << (bit))) text += " " #name;
#include "drivers/npu/npu_command.def"
  return text;
}

std::string command_line(const Plan& plan, const npu::Command& command) {
  std::string text = fmt::format("{:<14} {:<10}", npu::name_of(static_cast<npu::Opcode>(command.opcode)),
                                 plan.layer_name(command.layer));
  const uint32_t tensors[npu::kOperands] = {command.tensor0, command.tensor1, command.tensor2,
                                            command.tensor3, command.tensor4, command.tensor5};
  for (unsigned slot = 0; slot < npu::kOperands; ++slot) {
    const npu::OperandRow* row = npu::operand_of(command, slot);
    if (row != nullptr) text += fmt::format(" {}={}", row->name, plan.tensors[plan.descriptor_at(tensors[slot])].name);
  }
  if (command.flags != 0) text += " |" + command_flags(command.flags);
  if (command.stride_h != 0)
    text += fmt::format(" stride={}x{} pad={}x{}", command.stride_h, command.stride_w, command.pad_h, command.pad_w);
  if (command.pad_more_h != 0 || command.pad_more_w != 0)
    text +=
        fmt::format(" (below {}, right {})", command.pad_h + command.pad_more_h, command.pad_w + command.pad_more_w);
  if (command.kernel_h != 0) text += fmt::format(" kernel={}x{}", command.kernel_h, command.kernel_w);
  if (command.tile_k || command.tile_rows || command.tile_c || command.tile_n)
    text +=
        fmt::format(" tile k={} rows={} c={} n={}", command.tile_k, command.tile_rows, command.tile_c, command.tile_n);
  return text;
}

}  // namespace

std::string dump_plan(const Plan& plan) {
  const plan_header& h = plan.header;
  std::string text = fmt::format(
      "plan version {}, {} bytes, crc {:08x}\nengine {}, buffer {} bytes, batch {}, {} classes, input {} x {} x {} of "
      "{:.9g}\nupdates {}, momentum {}\narena {:#x} to {:#x}: descriptors {:#x}, hyper {:#x}, loss {:#x}, gather "
      "{:#x}, "
      "labels {:#x}\n",
      h.version, h.total_bytes, h.crc32, npu::name_of(static_cast<npu::EngineId>(h.engine)), h.buffer_bytes, h.batch,
      h.classes, h.input_c, h.input_h, h.input_w, h.input_scale, h.fused ? "fused" : "separate",
      h.momentum ? "on" : "off", h.arena_base, uint64_t{h.arena_base} + h.arena_bytes, h.descriptors_address,
      h.hyper_address, h.loss_address, h.gather_address, h.labels_address);
  text += fmt::format("\ntensors\n{:<23} {:<6} {:<20} {:<10} {:>10} {:>9} {:>10} {:>9} {:<9} {}\n", "name", "format",
                      "shape", "address", "bytes", "directory", "statistics", "block", "threshold", "flags");
  for (size_t i = 0; i < plan.tensors.size(); ++i) {
    const npu::Descriptor& d = plan.descriptors[i];
    text += fmt::format("{:<23} {:<6} {:<20} {:#010x} {:>10} {:>#9x} {:>#10x} {:>9} {:<9.4g} {}\n",
                        plan.tensors[i].name, lower_case_name(static_cast<npu::TensorFormat>(d.format)),
                        fmt::format("{} x {} x {} x {}", d.shape_n, d.shape_c, d.shape_h, d.shape_w), d.address,
                        d.size_bytes, d.metadata, d.statistics,
                        d.metadata ? fmt::format("{}c x {}r", d.block_channels, d.block_rows) : "-", d.threshold,
                        flags_text(plan.tensors[i].flags));
  }
  for (unsigned kind = 0; kind < PLAN_PROGRAMS; ++kind) {
    const auto program = plan.program(static_cast<plan_program_kind>(kind));
    text += fmt::format("\nprogram {}: {} commands\n", name_of(static_cast<plan_program_kind>(kind)), program.size());
    for (const npu::Command& command : program) text += command_line(plan, command) + "\n";
  }
  text += "\nsegments\n";
  for (const plan_segment& segment : plan.segments)
    text += fmt::format("{:#010x} {:>10} bytes {}\n", segment.address, segment.size_bytes,
                        segment.fill ? "zero" : fmt::format("from {:#x}", segment.offset));
  return text;
}

}  // namespace backboard
