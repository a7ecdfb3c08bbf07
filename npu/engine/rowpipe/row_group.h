// A group of layers as a pipeline of rows: what runs together, in which order, through which row buffers.
#pragma once

#include <span>

#include "npu/engine/engine.h"
#include "npu/engine/rowpipe/config.h"

namespace backboard::npu::rowpipe {

/// `Step::pass` of a compute step that moves a row of the group's input into its row buffer.
inline constexpr uint8_t kIntake = 1;

/// Commands that may be stages of a group.
inline constexpr uint64_t kRowOpcodes = opcode_bit(Opcode::kCONV_FF) | opcode_bit(Opcode::kRELU_FF) |
                                        opcode_bit(Opcode::kMAXPOOL_FF) | opcode_bit(Opcode::kAVGPOOL_FF) |
                                        opcode_bit(Opcode::kBN_FF) | opcode_bit(Opcode::kBIAS_FF) |
                                        opcode_bit(Opcode::kADD) | opcode_bit(Opcode::kLEAKY_FF) |
                                        opcode_bit(Opcode::kSIGMOID_FF) | opcode_bit(Opcode::kTANH_FF);

/// The schedule of a group. Each command is a stage that reads what the one before it makes; a stage makes a row as
/// soon as its input rows are there and the next stage's buffer has room, all stages that can in one beat. Images
/// follow each other, the pipeline runs empty between them. kGROUP with the command that cannot be a stage: another
/// opcode, a format but FP16, several groups of channels, an input that is neither the row before nor older than the
/// group, an output that overlaps what another command of the group uses. kBUFFER when weights and rows do not fit.
/// Tile sizes of the commands are not read.
Planned plan_rows(const RowpipeConfig& config, std::span<const Job> jobs, uint32_t buffer_bytes);

/// Whether a stage's input rows are codes: those of a convolution.
bool takes_codes(const Job& job);

}  // namespace backboard::npu::rowpipe
