// What the 64 bytes of a command say on their own.
#include <bit>

#include "npu/command/operands.h"
#include "npu/command/validate.h"

namespace backboard::npu {
namespace {

constexpr uint8_t kLastPhase = static_cast<uint8_t>(Phase::kINFERENCE);

/// A field of the command and whether the opcode reads it.
struct UnusedField {
  uint32_t value;
  bool used;
  uint8_t offset;
};

Checked check_flags(const Command& command, const OpcodeRow& row, uint32_t address) {
  const CommandError error{ErrorCode::kRESERVED, address, command_field::flags};
  if (command.flags & ~row.flags) return error;
  const bool update = command.has(kFlagUPDATE) || row.opcode == Opcode::kSGD || row.opcode == Opcode::kADAM;
  if (!update && (command.has(kFlagMOMENTUM) || command.has(kFlagCOPY))) return error;
  if (update && command.has(kFlagACCUMULATE)) return error;
  const bool activates = row.opcode == Opcode::kRELU_FF || row.opcode == Opcode::kRELU_BP;
  if (!activates && command.has(kFlagCLIP6) && !command.has(kFlagRELU) && !command.has(kFlagMASK)) return error;
  return {};
}

Checked check_unused(const Command& command, const OpcodeRow& row, uint32_t address) {
  const bool window = row.uses & (kUsesConvolution | kUsesWindow);
  const bool convolution = row.uses & kUsesConvolution;
  const bool hyper = (row.uses & kUsesHyper) || command.has(kFlagUPDATE);
  const UnusedField fields[] = {
      {command.parameters, hyper, command_field::parameters},
      {command.auxiliary, (row.uses & kUsesAuxiliary) != 0, command_field::auxiliary},
      {command.stride_h, window, command_field::stride_h},
      {command.stride_w, window, command_field::stride_w},
      {command.pad_h, window, command_field::pad_h},
      {command.pad_w, window, command_field::pad_w},
      {static_cast<uint8_t>(command.pad_more_h), convolution, command_field::pad_more_h},
      {static_cast<uint8_t>(command.pad_more_w), convolution, command_field::pad_more_w},
      {command.dilation_h, convolution, command_field::dilation_h},
      {command.dilation_w, convolution, command_field::dilation_w},
      {command.kernel_h, (row.uses & kUsesWindow) != 0, command_field::kernel_h},
      {command.kernel_w, (row.uses & kUsesWindow) != 0, command_field::kernel_w},
      {command.tile_k, (row.uses & kUsesTileK) != 0, command_field::tile_k},
      {command.tile_rows, (row.uses & kUsesTileRows) != 0, command_field::tile_rows},
      {command.tile_c, (row.uses & kUsesTileC) != 0, command_field::tile_c},
      {command.tile_n, (row.uses & kUsesTileN) != 0, command_field::tile_n},
      {command.groups, convolution, command_field::groups},
      {command.first_channel, (row.uses & kUsesFirstChannel) != 0, command_field::first_channel},
      {std::bit_cast<uint32_t>(command.immediate), (row.uses & kUsesImmediate) != 0, command_field::immediate},
  };
  for (const UnusedField& field : fields) {
    if (!field.used && field.value != 0) return CommandError{ErrorCode::kRESERVED, address, field.offset};
  }
  return {};
}

/// Ranges of `immediate` by opcode; NaN is in none.
bool good_immediate(const Command& command, Opcode opcode) {
  const float value = command.immediate;
  switch (opcode) {
    case Opcode::kBN_MOMENTS:
      return command.has(kFlagRUNNING) ? value >= 0.0f && value <= 1.0f : std::bit_cast<uint32_t>(value) == 0;
    case Opcode::kBN_FF:
    case Opcode::kBN_BP:
    case Opcode::kBN_WG:
      return value >= 0x1p-40f && value <= 1.0f;
    case Opcode::kDROPOUT:
      return value >= 0.0f && value < 1.0f;
    default:  // slopes
      return value >= 0.0f && value <= 1.0f;
  }
}

Checked check_geometry(const Command& command, const OpcodeRow& row, const Offer& offer, uint32_t address) {
  const auto outside = [](uint32_t value, uint32_t lowest, uint32_t highest) {
    return value < lowest || value > highest;
  };
  const auto error = [&](uint8_t field) { return CommandError{ErrorCode::kPARAMETER, address, field}; };
  if (row.uses & (kUsesConvolution | kUsesWindow)) {
    if (outside(command.stride_h, 1, offer.largest_stride)) return error(command_field::stride_h);
    if (outside(command.stride_w, 1, offer.largest_stride)) return error(command_field::stride_w);
  }
  if (row.uses & kUsesConvolution) {
    if (outside(command.dilation_h, 1, offer.largest_dilation)) return error(command_field::dilation_h);
    if (outside(command.dilation_w, 1, offer.largest_dilation)) return error(command_field::dilation_w);
  }
  if (row.uses & kUsesWindow) {
    if (outside(command.kernel_h, 1, offer.largest_kernel)) return error(command_field::kernel_h);
    if (outside(command.kernel_w, 1, offer.largest_kernel)) return error(command_field::kernel_w);
    // Every window sees at least one input.
    if (command.pad_h >= command.kernel_h) return error(command_field::pad_h);
    if (command.pad_w >= command.kernel_w) return error(command_field::pad_w);
  }
  if ((row.uses & kUsesImmediate) && !good_immediate(command, row.opcode)) return error(command_field::immediate);
  return {};
}

Checked check_addresses(const Job& job, const OpcodeRow& row, const AccessWindows& windows) {
  const Command& command = job.command;
  const uint32_t tensors[kOperands] = {command.tensor0, command.tensor1, command.tensor2,
                                       command.tensor3, command.tensor4, command.tensor5};
  for (unsigned slot = 0; slot < kOperands; ++slot) {
    const bool wanted = operand_of(command, slot) != nullptr;
    if (!wanted) {
      if (tensors[slot] != 0) return CommandError{ErrorCode::kRESERVED, job.command_address, tensor_field(slot)};
      continue;
    }
    if (tensors[slot] == 0 || tensors[slot] % kDescriptorBytes != 0) {
      return CommandError{ErrorCode::kTENSOR, job.command_address, tensor_field(slot)};
    }
    if (!windows.allow(tensors[slot], kDescriptorBytes, false)) {
      return CommandError{ErrorCode::kWINDOW, tensors[slot], tensor_field(slot)};
    }
  }
  if ((row.uses & kUsesHyper) || command.has(kFlagUPDATE)) {
    if (command.parameters == 0) {
      return CommandError{ErrorCode::kPARAMETER, job.command_address, command_field::parameters};
    }
    if (command.parameters % sizeof(npu_hyper) != 0) {
      return CommandError{ErrorCode::kALIGNMENT, job.command_address, command_field::parameters};
    }
    if (!windows.allow(command.parameters, sizeof(npu_hyper), false)) {
      return CommandError{ErrorCode::kWINDOW, command.parameters, command_field::parameters};
    }
  }
  const bool counts = takes_valid_images(row.opcode) && command.auxiliary != 0;
  if (needs_record(row.opcode) || counts) {
    if (command.auxiliary == 0) {
      return CommandError{ErrorCode::kPARAMETER, job.command_address, command_field::auxiliary};
    }
    if (command.auxiliary % sizeof(npu_loss_record) != 0) {
      return CommandError{ErrorCode::kALIGNMENT, job.command_address, command_field::auxiliary};
    }
    if (!windows.allow(command.auxiliary, sizeof(npu_loss_record), false) ||
        (writes_record(row.opcode) && !windows.allow(command.auxiliary, sizeof(npu_loss_record), true))) {
      return CommandError{ErrorCode::kWINDOW, command.auxiliary, command_field::auxiliary};
    }
  }
  if (row.opcode == Opcode::kENCODE && command.auxiliary % 4 != 0) {
    return CommandError{ErrorCode::kALIGNMENT, job.command_address, command_field::auxiliary};
  }
  return {};
}

}  // namespace

Checked check_command(const Job& job, const Offer& offer, const AccessWindows& windows) {
  const Command& command = job.command;
  const uint32_t address = job.command_address;
  const OpcodeRow* row = opcode_row(command.opcode);
  if (row == nullptr || !offer.offers(row->opcode)) {
    return CommandError{ErrorCode::kOPCODE, address, command_field::opcode};
  }
  if (command.phase > kLastPhase) return CommandError{ErrorCode::kPARAMETER, address, command_field::phase};
  if (const Checked error = check_flags(command, *row, address)) return error;
  if (command.has(kFlagUPDATE) && !offer.fused_sgd) {
    return CommandError{ErrorCode::kRESERVED, address, command_field::flags};
  }
  if (const Checked error = check_unused(command, *row, address)) return error;
  if (const Checked error = check_geometry(command, *row, offer, address)) return error;
  return check_addresses(job, *row, windows);
}

}  // namespace backboard::npu
