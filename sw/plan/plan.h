// A training plan as tools see it: parsed, every offset, index and address checked.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "drivers/plan/plan_format.h"
#include "npu/command/job.h"
#include "sw/npz/npz.h"

namespace backboard {

/// A plan taken apart. Tables are copies, `bytes` too: nothing points outside.
struct Plan {
  plan_header header{};
  std::vector<plan_layer> layers;
  std::vector<plan_tensor> tensors;
  std::vector<npu::Descriptor> descriptors;  ///< one for each tensor
  std::vector<npu::Command> commands;
  std::vector<plan_program> programs;  ///< PLAN_PROGRAMS of them
  std::vector<plan_segment> segments;
  std::vector<uint8_t> bytes;

  /// The commands of a program.
  std::span<const npu::Command> program(plan_program_kind kind) const;
  /// Number of the descriptor at an address of the arena, or -1.
  int descriptor_at(uint32_t address) const;
  /// For each command of a program whether it repeats one before it: an output that is computed again.
  std::vector<bool> repeats(plan_program_kind kind) const;
  /// Name of a layer number in commands: "none" for 0xffff.
  std::string layer_name(uint32_t layer) const;
};

/// Parses and checks a plan: magic, version, size, checksum, bounds and order of tables, names, programs, layers, known
/// opcodes and formats, commands that point at descriptors, and every address inside the arena.
/// @throws InputError `file: offset 0x..: ...`.
Plan parse_plan(std::span<const uint8_t> bytes, const std::string& file);

const char* name_of(plan_program_kind kind);

/// Every table in readable form.
std::string dump_plan(const Plan& plan);

/// For people: layers with MACs by phase, memory by class of tensor, and traffic bounds of a training step: what the
/// operands of all commands amount to when each is moved once (dense formats exactly; coded ones between all zero and
/// their worst case). Tiles that read an operand again come on top.
std::string explain_plan(const Plan& plan);

/// Reads `size_bytes` at a physical address of the board.
using MemoryReader = std::function<void(uint32_t address, void* to, size_t size_bytes)>;

/// The parameters of the network from the board's memory, by name, in binary32: weights (k, c, kh, kw), or (k, c) of FC
/// layers, biases (k).
Arrays extract_weights(const Plan& plan, const MemoryReader& read);

/// The parameters that a plan starts from.
Arrays weights_of_plan(const Plan& plan);

}  // namespace backboard
