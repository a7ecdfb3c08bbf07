#include "npu/command/operands.h"

#include <array>

namespace backboard::npu {
namespace {

constexpr uint16_t kNeedREQUIRED = 0;
#define COMMAND_FLAG(name, bit, description) constexpr uint16_t kNeed##name = 1u << (bit);
#include "drivers/npu/npu_command.def"

constexpr OperandRow kOperandRows[] = {
#define OPERAND(opcode, name, slot, direction, need, description) \
  {Opcode::k##opcode, #name, slot, Direction::direction, kNeed##need},
#include "drivers/npu/npu_command.def"
};

constexpr uint16_t kTilesOfMacs = kUsesTileK | kUsesTileRows | kUsesTileC | kUsesTileN;
constexpr uint16_t kTilesOfVectors = kUsesTileK | kUsesTileRows | kUsesTileN;
constexpr uint16_t kUpdateFlags = kFlagUPDATE | kFlagMOMENTUM | kFlagCOPY | kFlagACCUMULATE;

constexpr uint16_t kReluFlags = kFlagRELU | kFlagCLIP6;
constexpr uint16_t kMaskFlags = kFlagMASK | kFlagCLIP6;

constexpr bool kInPlace = true;
constexpr OpcodeRow kOpcodeRows[] = {
    {Opcode::kNOP, 0, 0},
    {Opcode::kFENCE, kFlagINTERRUPT, kUsesAuxiliary},
    {Opcode::kGROUP_BEGIN, 0, 0},
    {Opcode::kGROUP_END, 0, 0},
    {Opcode::kCOPY, 0, kTilesOfVectors},
    {Opcode::kENCODE, 0, kTilesOfVectors | kUsesAuxiliary},
    {Opcode::kDECODE, 0, kTilesOfVectors},
    {Opcode::kCONV_FF, kFlagBIAS | kReluFlags | kFlagLOCAL, kUsesConvolution | kTilesOfMacs},
    {Opcode::kCONV_BP, kMaskFlags, kUsesConvolution | kTilesOfMacs},
    {Opcode::kCONV_WG, kUpdateFlags, kUsesConvolution | kTilesOfMacs},
    {Opcode::kFC_FF, kFlagBIAS | kReluFlags, kTilesOfMacs},
    {Opcode::kFC_BP, kMaskFlags, kTilesOfMacs},
    {Opcode::kFC_WG, kUpdateFlags, kTilesOfMacs},
    {Opcode::kRELU_FF, kFlagCLIP6 | kFlagLOCAL, kTilesOfVectors, kInPlace},
    {Opcode::kRELU_BP, kFlagCLIP6, kTilesOfVectors, kInPlace},
    {Opcode::kMAXPOOL_FF, kFlagINDEX | kFlagLOCAL, kUsesWindow | kTilesOfVectors},
    {Opcode::kMAXPOOL_BP, kMaskFlags, kUsesWindow | kTilesOfVectors},
    {Opcode::kAVGPOOL_FF, kFlagSUM | kFlagEXCLUDE_PAD | kFlagLOCAL, kUsesWindow | kTilesOfVectors},
    {Opcode::kAVGPOOL_BP, kFlagSUM | kFlagEXCLUDE_PAD, kUsesWindow | kTilesOfVectors},
    {Opcode::kGLOBALPOOL_FF, 0, kTilesOfVectors},
    {Opcode::kGLOBALPOOL_BP, 0, kTilesOfVectors},
    {Opcode::kBIAS_FF, kReluFlags | kFlagLOCAL, kTilesOfVectors, kInPlace},
    {Opcode::kBIAS_WG, kFlagUPDATE | kFlagMOMENTUM | kFlagACCUMULATE, kTilesOfVectors},
    {Opcode::kSOFTMAX_CE, 0, kUsesTileN | kUsesHyper | kUsesAuxiliary, kInPlace},
    {Opcode::kSGD, kFlagMOMENTUM | kFlagCOPY, kUsesTileK | kUsesTileC | kUsesHyper},
    {Opcode::kADD, kReluFlags | kFlagMASK | kFlagLOCAL, kTilesOfVectors, kInPlace},
    {Opcode::kCONCAT, 0, kTilesOfVectors},
    {Opcode::kSLICE, kMaskFlags, kTilesOfVectors | kUsesFirstChannel},
    {Opcode::kBN_MOMENTS, kFlagRUNNING, kTilesOfVectors | kUsesAuxiliary | kUsesImmediate},
    {Opcode::kBN_FF, kReluFlags | kFlagLOCAL, kTilesOfVectors | kUsesImmediate, kInPlace},
    {Opcode::kBN_BP, kFlagBATCH, kTilesOfVectors | kUsesAuxiliary | kUsesImmediate, kInPlace},
    {Opcode::kBN_WG, 0, kTilesOfVectors | kUsesAuxiliary | kUsesImmediate},
    {Opcode::kLEAKY_FF, kFlagLOCAL, kTilesOfVectors | kUsesImmediate, kInPlace},
    {Opcode::kLEAKY_BP, 0, kTilesOfVectors | kUsesImmediate, kInPlace},
    {Opcode::kSIGMOID_FF, kFlagLOCAL, kTilesOfVectors, kInPlace},
    {Opcode::kSIGMOID_BP, 0, kTilesOfVectors, kInPlace},
    {Opcode::kTANH_FF, kFlagLOCAL, kTilesOfVectors, kInPlace},
    {Opcode::kTANH_BP, 0, kTilesOfVectors, kInPlace},
    {Opcode::kGELU_FF, kFlagLOCAL, kTilesOfVectors, kInPlace},
    {Opcode::kGELU_BP, 0, kTilesOfVectors, kInPlace},
    {Opcode::kDROPOUT, 0, kTilesOfVectors | kUsesHyper | kUsesImmediate, kInPlace},
    {Opcode::kNORM, 0, kUsesTileK | kUsesAuxiliary},
    {Opcode::kADAM, kFlagCOPY, kUsesTileK | kUsesTileC | kUsesHyper | kUsesAuxiliary},
    {Opcode::kMSE, 0, kUsesTileN | kUsesHyper | kUsesAuxiliary, kInPlace},
};

constexpr unsigned count_of_opcodes() {
  unsigned count = 0;
#define OPCODE(name, value, description) ++count;
#include "drivers/npu/npu_command.def"
  return count;
}
static_assert(std::size(kOpcodeRows) == count_of_opcodes(), "an opcode has no row");

constexpr unsigned kOpcodeNumbers = 64;
constexpr uint8_t kNoRow = 0xff;
using RowOfSlot = std::array<std::array<uint8_t, kOperands>, kOpcodeNumbers>;

/// Where the OPERAND row of each opcode and slot is.
constexpr RowOfSlot index_rows() {
  RowOfSlot index{};
  for (auto& slots : index) slots.fill(kNoRow);
  for (size_t i = 0; i < std::size(kOperandRows); ++i) {
    index[static_cast<unsigned>(kOperandRows[i].opcode)][kOperandRows[i].slot] = static_cast<uint8_t>(i);
  }
  return index;
}
constexpr RowOfSlot kRowOfSlot = index_rows();
static_assert(std::size(kOperandRows) < kNoRow);

}  // namespace

const OpcodeRow* opcode_row(uint8_t opcode) {
  for (const OpcodeRow& row : kOpcodeRows) {
    if (static_cast<uint8_t>(row.opcode) == opcode) return &row;
  }
  return nullptr;
}

const OperandRow* operand_of(const Command& command, unsigned slot) {
  if (command.opcode >= kOpcodeNumbers || slot >= kOperands) return nullptr;
  const uint8_t index = kRowOfSlot[command.opcode][slot];
  if (index == kNoRow) return nullptr;
  const OperandRow& row = kOperandRows[index];
  if (row.need != 0 && (command.flags & row.need) == 0) return nullptr;
  // With UPDATE a gradient never leaves the NPU.
  if (is_wg(row.opcode) && slot == 2 && command.has(kFlagUPDATE)) return nullptr;
  return &row;
}

bool writes(const Command& command, unsigned slot) {
  const OperandRow* row = operand_of(command, slot);
  return row != nullptr && row->direction != Direction::IN;
}

bool reads(const Command& command, unsigned slot) {
  const OperandRow* row = operand_of(command, slot);
  if (row == nullptr) return false;
  if (row->direction != Direction::OUT) return true;
  return command.has(kFlagACCUMULATE) && slot == 2;
}

}  // namespace backboard::npu
