// A training plan as tools see it: parsed, every offset and index checked.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "drivers/plan/plan_format.h"
#include "sw/npz/npz.h"

namespace backboard {

/// A command and a descriptor as stored, 64 bytes each (fields: drivers/npu/npu_command.def).
struct PlanCommand {
  uint8_t opcode, phase;
  uint16_t flags, layer;
  uint32_t tensor[6];
  uint32_t parameters, auxiliary;
  uint8_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, kernel_h, kernel_w;
  uint16_t tile_k, tile_rows, tile_c, tile_n, groups;
};
struct PlanDescriptor {
  uint32_t address, size_bytes, shape[4], stride_n, stride_c, stride_h;
  uint8_t format, tensor_class, rule;
  float threshold, scale;
  uint32_t metadata, statistics;
  uint16_t block_channels, block_rows;
};

/// A plan taken apart. Tables are copies: the bytes may go away.
struct Plan {
  plan_header header;
  std::vector<plan_layer> layers;
  std::vector<plan_tensor> tensors;
  std::vector<PlanDescriptor> descriptors;
  std::vector<PlanCommand> commands;
  std::vector<plan_program> programs;
  std::vector<plan_segment> segments;

  /// Index of the descriptor at an arena address, or -1.
  int descriptor_at(uint32_t address) const;
};

/// Parses and checks a plan: magic, version, size, checksum, bounds of tables, names, programs, addresses of
/// descriptors and segments inside the arena, opcodes and formats known.
/// @throws InputError `file: offset 0x..: ...`.
Plan parse_plan(std::span<const uint8_t> bytes, const std::string& file);

/// Every table in readable form (`backboard dump X.plan`).
std::string dump_plan(const Plan& plan);

/// For people: a table of layers (MACs by phase, bytes) and of memory by class (`backboard plan --explain`).
std::string explain_plan(const Plan& plan);

/// Reads `size` bytes at a physical address of the board.
using MemoryReader = std::function<void(uint32_t address, void* to, size_t size_bytes)>;

/// The parameters of the network from the board's memory, by name ("conv1.weight": (k, c, kh, kw) and so on), binary32.
Arrays extract_weights(const Plan& plan, const MemoryReader& read);

}  // namespace backboard
