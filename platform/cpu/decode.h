// From instruction bits to the fields that an interpreter needs.
#pragma once

#include <cstdint>
#include <span>

#include "platform/cpu/isa.h"

namespace backboard {

/// The rows of instructions.def; `ILLEGAL` stands for all other bits. kBlockEnd is the interpreter's own.
enum class InstructionId : uint8_t {
#define INSTRUCTION(id, mnemonic, match, mask, format, kind) id,
#include "platform/cpu/instructions.def"
  ILLEGAL,
  kBlockEnd,
};
inline constexpr unsigned kInstructionIds = static_cast<unsigned>(InstructionId::kBlockEnd) + 1;

enum class CompressedId : uint8_t {
#define COMPRESSED(id, mnemonic, match, mask) id,
#include "platform/cpu/instructions.def"
  kCount,
};

/// Where the operands lie.
enum class InstructionFormat : uint8_t {
  R,
  I,
  shift,
  S,
  B,
  U,
  J,
  csr,
  csr_immediate,
  none,
  cache,
  fp_load,
  fp_store,
  fp,
  fp_rounded,
  fp_fused,
  fp_to_x,
  fp_to_x_rounded,
  x_to_fp,
  x_to_fp_rounded,
};

/// What an instruction costs and how it is counted.
enum class InstructionKind : uint8_t {
  alu,
  load,
  store,
  atomic,
  multiply,
  divide,
  branch,
  jump,
  csr,
  fence,
  system,
  fp_move,
  fp_simple,
  fp_add,
  fp_fused,
  fp_divide,
  fp_sqrt,
};
inline constexpr unsigned kInstructionKinds = static_cast<unsigned>(InstructionKind::fp_sqrt) + 1;

struct InstructionRow {
  const char* mnemonic;
  uint32_t match;
  uint32_t mask;
  InstructionId id;
  InstructionFormat format;
  InstructionKind kind;
  IsaExtension extension = IsaExtension::none;  ///< that the core must have
};

struct CompressedRow {
  const char* mnemonic;
  uint16_t match;
  uint16_t mask;
  CompressedId id;
};

/// The rows of an instruction set, with its masks, those of extensions last.
std::span<const InstructionRow> instruction_table(Isa isa = Isa::rv32imafc);
std::span<const CompressedRow> compressed_table(Isa isa = Isa::rv32imafc);

/// Register number that stands for writes to x0: the slot behind the 32 registers takes them.
inline constexpr uint8_t kDiscardRegister = 32;

/// A decoded instruction. In a block, `pc_offset` and `cycles_before` count from the block's start.
struct Operation {
  InstructionId id = InstructionId::ILLEGAL;
  uint8_t length_bytes : 4 = 4;
  uint8_t rounding : 4 = 0;  ///< the rm field
  uint8_t rd = 0;            ///< x0 as a destination is kDiscardRegister
  uint8_t rs1 = 0;
  uint8_t rs2 = 0;
  uint8_t rs3 = 0;
  uint16_t handler = 0;   ///< the interpreter's (handlers.h)
  int32_t immediate = 0;  ///< sign-extended; CSR number; shift amount
  uint16_t pc_offset = 0;
  uint16_t cycles_before = 0;
  const void* label = nullptr;  ///< where the handler is: one look fewer from one to the next
};
static_assert(sizeof(Operation) == 24);

/// True if the low half-word `bits` starts a 32-bit instruction.
inline bool is_long_instruction(uint32_t bits) {
  return (bits & 3) == 3;
}

/// Decodes an instruction; for 16-bit ones only the low half counts.
Operation decode(uint32_t bits, Isa isa = Isa::rv32imafc);

/// The row of a 16-bit instruction, nullptr if it is reserved or illegal.
const CompressedRow* find_compressed(uint16_t bits, Isa isa = Isa::rv32imafc);
/// The 32-bit instruction that a 16-bit one stands for; 0 (which is illegal) if there is none.
uint32_t expand_compressed(uint16_t bits, Isa isa = Isa::rv32imafc);

/// Kinds by InstructionId; what is illegal counts as a system instruction.
inline constexpr InstructionKind kKindOf[kInstructionIds] = {
#define INSTRUCTION(id, mnemonic, match, mask, format, kind) InstructionKind::kind,
#include "platform/cpu/instructions.def"
    InstructionKind::system, InstructionKind::system};
inline InstructionKind kind_of(InstructionId id) {
  return kKindOf[static_cast<unsigned>(id)];
}
/// Bytes that a load or store moves; 0 for all others, atomic ones too.
unsigned moved_bytes(InstructionId id);
/// Bytes of the word that an atomic instruction works on.
inline unsigned atomic_bytes(InstructionId id) {
  return id >= InstructionId::LR_D ? 8 : 4;
}
/// The mnemonic for print-outs and errors ("c.add" and the like for 16-bit instructions).
const char* mnemonic_of(uint32_t bits, Isa isa = Isa::rv32imafc);

}  // namespace backboard
