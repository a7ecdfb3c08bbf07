// Turns a register file into constexpr tables in the namespace where this header is included (more than once: no
// include guard). Before it, define:
//
//   #define BLOCK_FILE "drivers/npu/npu.def"
//   #define BLOCK_NAME "npu"
//   #define BLOCK_DESCRIPTION "Training NPU"
//   namespace backboard::npu_regs {
//   #include "platform/regs/declare_block.h"
//   }
//
// and get: `enum class Reg : uint16_t` and `enum class Field : uint16_t` (what RegBank takes), `kRegisters`, `kFields`,
// `kBlock` (BlockInfo, checked), `offset_of(Reg)` and `info_of(Field)`. Include platform/regs/register_info.h and
// <array> before the namespace. A .def may use
//
//   REG(NAME, offset, access, reset, description)                            32-bit register
//   REG_ARRAY(NAME, offset, access, reset, count, stride, description)       equal 32-bit registers
//   REG8(NAME, offset, access, reset, description)                           byte register (NS16550A)
//   REG8_BANK(bank, NAME, offset, access, reset, description)                byte register of another bank (DLAB)
//   FIELD(REGISTER, NAME, lsb, width, description)
//
// defines those that it uses as nothing when they are not defined, and undefines them at its end (see npu.def).

enum class Reg : uint16_t {
#define REG(name, offset, access, reset, description) name,
#define REG_ARRAY(name, offset, access, reset, count, stride, description) name,
#define REG8(name, offset, access, reset, description) name,
#define REG8_BANK(bank, name, offset, access, reset, description) name,
#define FIELD(reg, name, lsb, width, description)
#include BLOCK_FILE
#undef REG
#undef REG_ARRAY
#undef REG8
#undef REG8_BANK
#undef FIELD
};

enum class Field : uint16_t {
#define REG(name, offset, access, reset, description)
#define REG_ARRAY(name, offset, access, reset, count, stride, description)
#define REG8(name, offset, access, reset, description)
#define REG8_BANK(bank, name, offset, access, reset, description)
#define FIELD(reg, name, lsb, width, description) name,
#include BLOCK_FILE
#undef REG
#undef REG_ARRAY
#undef REG8
#undef REG8_BANK
#undef FIELD
  kFieldCount
};

inline constexpr ::backboard::RegisterInfo kRegisters[] = {
#define REG(name, offset, access, reset, description) \
  {#name, (offset), ::backboard::RegisterAccess::access, (reset), description, 4, 0, 1, 4},
#define REG_ARRAY(name, offset, access, reset, count, stride, description) \
  {#name, (offset), ::backboard::RegisterAccess::access, (reset), description, 4, 0, (count), (stride)},
#define REG8(name, offset, access, reset, description) \
  {#name, (offset), ::backboard::RegisterAccess::access, (reset), description, 1, 0, 1, 1},
#define REG8_BANK(bank, name, offset, access, reset, description) \
  {#name, (offset), ::backboard::RegisterAccess::access, (reset), description, 1, (bank), 1, 1},
#define FIELD(reg, name, lsb, width, description)
#include BLOCK_FILE
#undef REG
#undef REG_ARRAY
#undef REG8
#undef REG8_BANK
#undef FIELD
};

// One entry more than fields, so that a block without fields is no empty array.
inline constexpr ::backboard::FieldInfo kFieldTable[] = {
#define REG(name, offset, access, reset, description)
#define REG_ARRAY(name, offset, access, reset, count, stride, description)
#define REG8(name, offset, access, reset, description)
#define REG8_BANK(bank, name, offset, access, reset, description)
#define FIELD(reg, name, lsb, width, description) {#reg, #name, (lsb), (width), description},
#include BLOCK_FILE
#undef REG
#undef REG_ARRAY
#undef REG8
#undef REG8_BANK
#undef FIELD
    {}};

inline constexpr std::span<const ::backboard::FieldInfo> kFields{kFieldTable, static_cast<size_t>(Field::kFieldCount)};
inline constexpr ::backboard::BlockInfo kBlock{BLOCK_NAME, BLOCK_DESCRIPTION, kRegisters, kFields};
static_assert(::backboard::well_formed(kBlock), "register file " BLOCK_FILE);

constexpr uint32_t offset_of(Reg reg) {
  return kRegisters[static_cast<size_t>(reg)].offset;
}
constexpr const ::backboard::FieldInfo& info_of(Field field) {
  return kFieldTable[static_cast<size_t>(field)];
}

#undef BLOCK_FILE
#undef BLOCK_NAME
#undef BLOCK_DESCRIPTION
