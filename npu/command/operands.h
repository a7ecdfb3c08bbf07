// What each opcode takes: operands, flags and fields of the command. The operands are the OPERAND rows of
// npu_command.def.
#pragma once

#include <cstdint>

#include "npu/command/job.h"

namespace backboard::npu {

enum class Direction : uint8_t { IN, OUT, INOUT };

/// One OPERAND row. `need` 0: required.
struct OperandRow {
  Opcode opcode;
  const char* name;
  uint8_t slot;
  Direction direction;
  uint16_t need;
};

/// Fields of the command that an opcode reads; the others must be zero.
enum FieldUse : uint16_t {
  kUsesConvolution = 1 << 0,  ///< stride, pad, dilation, groups
  kUsesWindow = 1 << 1,       ///< stride, pad, kernel
  kUsesTileK = 1 << 2,
  kUsesTileRows = 1 << 3,
  kUsesTileC = 1 << 4,
  kUsesTileN = 1 << 5,
  kUsesHyper = 1 << 6,      ///< always; with UPDATE every WG does
  kUsesAuxiliary = 1 << 7,  ///< may be given
  kUsesFirstChannel = 1 << 8,
  kUsesImmediate = 1 << 9,
};

/// One opcode: flags that may be set, fields that are read, and whether an output may be one of the inputs (each
/// element of it depends on those of the inputs at its place alone, or on such as are read before it is written).
struct OpcodeRow {
  Opcode opcode;
  uint16_t flags;
  uint16_t uses;
  bool in_place = false;
};

/// The row of an opcode number; null when there is no such opcode.
const OpcodeRow* opcode_row(uint8_t opcode);

/// The operand in `slot` of `command` given its flags; null when the slot is not used.
const OperandRow* operand_of(const Command& command, unsigned slot);

/// Whether the command writes tensor `slot`.
bool writes(const Command& command, unsigned slot);
/// Whether the command reads tensor `slot`.
bool reads(const Command& command, unsigned slot);

/// Weight gradient of any kind.
constexpr bool is_wg(Opcode opcode) {
  return opcode == Opcode::kCONV_WG || opcode == Opcode::kFC_WG || opcode == Opcode::kBIAS_WG;
}

/// A loss: writes the loss record that `auxiliary` points to.
constexpr bool is_loss(Opcode opcode) {
  return opcode == Opcode::kSOFTMAX_CE || opcode == Opcode::kMSE;
}

/// Writes a record of sums to `auxiliary`: the loss record, or the norm record, which has its layout.
constexpr bool writes_record(Opcode opcode) {
  return is_loss(opcode) || opcode == Opcode::kNORM;
}

/// Needs `auxiliary` to point at a record of 32 bytes.
constexpr bool needs_record(Opcode opcode) {
  return writes_record(opcode) || opcode == Opcode::kADAM;
}

/// Takes the number of images that count from the loss record, if `auxiliary` is given.
constexpr bool takes_valid_images(Opcode opcode) {
  return opcode == Opcode::kBN_MOMENTS || opcode == Opcode::kBN_WG || opcode == Opcode::kBN_BP;
}

/// Operands of batch normalisation that hold two values a channel: (2, c, 1, 1).
constexpr bool is_channel_pair(Opcode opcode, unsigned slot) {
  switch (opcode) {
    case Opcode::kBN_MOMENTS:
      return slot == 2 || slot == 3;
    case Opcode::kBN_FF:
      return slot == 1 || slot == 3;
    case Opcode::kBN_BP:
      return slot >= 3;
    case Opcode::kBN_WG:
      return slot == 2 || slot == 3;
    default:
      return false;
  }
}

/// Byte offsets of fields: what NPU_ERROR_DETAIL says.
namespace command_field {
#define COMMAND_FIELD(name, type, offset, description) inline constexpr uint8_t name = (offset);
#include "drivers/npu/npu_command.def"
}  // namespace command_field
namespace descriptor_field {
#define DESCRIPTOR_FIELD(name, type, offset, description) inline constexpr uint8_t name = (offset);
#include "drivers/npu/npu_command.def"
}  // namespace descriptor_field

/// Offset of the field tensor0 + slot.
constexpr uint8_t tensor_field(unsigned slot) {
  return static_cast<uint8_t>(command_field::tensor0 + 4 * slot);
}

}  // namespace backboard::npu
