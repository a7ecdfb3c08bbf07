// What an engine offers. Capability registers, command validation and the plan compiler read the same rows.
#pragma once

#include <cstdint>

#include "npu/command/encoding.h"

namespace backboard::npu {

constexpr uint64_t opcode_bit(Opcode opcode) {
  return uint64_t{1} << static_cast<unsigned>(opcode);
}

/// Operations, formats and limits of an engine. What a format is good for depends on the operand:
/// `multiply` for x, weights and dy of convolutions and FC layers, `vector_in` and `vector_out` for every other tensor
/// operand, unless npu_command.def fixes the format (labels, indices, bias, master weights, momentum).
struct Offer {
  EngineId engine = EngineId::kREFERENCE;
  const char* name = "";
  uint64_t opcodes = 0;          ///< opcode_bit of each
  FormatMask formats = 0;        ///< all formats that any operand takes (NPU_CAP_FORMATS)
  FormatMask multiply = 0;       ///< operands of the multipliers
  FormatMask vector_in = 0;      ///< other inputs
  FormatMask vector_out = 0;     ///< outputs
  uint32_t largest_kernel = 15;  ///< height and width of convolution and pooling windows
  uint32_t largest_stride = 8;
  uint32_t largest_dilation = 8;
  /// Terms of a reduction that belong together, numbered in the written order from 0 (a pair of streams, a shared
  /// exponent): no tile ends inside a group. 1: none.
  uint32_t reduction_group = 1;
  /// FF and BP of a convolution: a tile holds all input channels of its group (something of the operands, as a step
  /// that they share, belongs to all of them).
  bool whole_channels = false;
  uint32_t group_commands = 0;  ///< commands that run together; 0: groups run one command after the other
  uint64_t group_opcodes = 0;   ///< opcode_bit of each that may run together with others
  bool fused_sgd = true;        ///< SGD unit on the write-back path
  bool offers(Opcode opcode) const { return (opcodes & opcode_bit(opcode)) != 0; }
};

/// Most commands in a group, also for an engine that runs them one after the other.
inline constexpr uint32_t kLargestGroup = 16;

/// Opcodes that need no engine: ring control.
inline constexpr uint64_t kControlOpcodes = opcode_bit(Opcode::kNOP) | opcode_bit(Opcode::kFENCE) |
                                            opcode_bit(Opcode::kGROUP_BEGIN) | opcode_bit(Opcode::kGROUP_END);
/// All opcodes of npu_command.def.
inline constexpr uint64_t kAllOpcodes = 0
#define OPCODE(name, value, description) | opcode_bit(Opcode::k##name)
#include "drivers/npu/npu_command.def"
    ;
/// GELU wants two exponentials and a division an element, and its derivative the layer's input: an engine whose vector
/// unit only knows derivatives by outputs does not have it.
inline constexpr uint64_t kGeluOpcodes = opcode_bit(Opcode::kGELU_FF) | opcode_bit(Opcode::kGELU_BP);

}  // namespace backboard::npu
