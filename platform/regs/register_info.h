// What a register file says about a block, as constexpr tables. No SystemC.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace backboard {

/// RO: writes are refused. RW. WO: reads are refused. W1C: writing one clears the bit.
enum class RegisterAccess : uint8_t { RO, RW, WO, W1C };

const char* name_of(RegisterAccess access);

/// One register, or `count` equal ones `stride_bytes` apart.
struct RegisterInfo {
  std::string_view name;
  uint32_t offset = 0;
  RegisterAccess access = RegisterAccess::RW;
  uint32_t reset = 0;
  std::string_view description;
  uint8_t width_bytes = 4;  ///< 4, or 1 for blocks with byte registers; also the only access size that is answered
  uint8_t bank = 0;         ///< bank 0 always answers; another bank hides it where both have the offset
  uint32_t count = 1;
  uint32_t stride_bytes = 4;

  constexpr uint32_t width_mask() const { return width_bytes == 1 ? 0xffu : 0xffff'ffffu; }
};

/// Bits of a register. `reg` names a register of the same block.
struct FieldInfo {
  std::string_view reg;
  std::string_view name;
  uint8_t lsb = 0;
  uint8_t width = 1;
  std::string_view description;

  /// The bits in place.
  constexpr uint32_t mask() const { return (width >= 32 ? 0xffff'ffffu : (1u << width) - 1u) << lsb; }
  constexpr uint32_t get(uint32_t value) const { return (value & mask()) >> lsb; }
  constexpr uint32_t set(uint32_t value, uint32_t bits) const { return (value & ~mask()) | ((bits << lsb) & mask()); }
};

/// A block: the registers of a .def in the order of the file, which is ascending in offset.
struct BlockInfo {
  std::string_view name;
  std::string_view description;
  std::span<const RegisterInfo> registers;
  std::span<const FieldInfo> fields;
};

/// The bits of `reg` that fields name; all of its width when it has none.
constexpr uint32_t field_bits(const BlockInfo& block, const RegisterInfo& reg) {
  uint32_t bits = 0;
  for (const FieldInfo& field : block.fields) {
    if (field.reg == reg.name) bits |= field.mask();
  }
  return bits != 0 ? bits : reg.width_mask();
}

/// Whether two registers may share an offset: a read-only one with a write-only one, or different banks.
constexpr bool may_share_offset(const RegisterInfo& a, const RegisterInfo& b) {
  if (a.bank != b.bank) return true;
  return (a.access == RegisterAccess::RO && b.access == RegisterAccess::WO) ||
         (a.access == RegisterAccess::WO && b.access == RegisterAccess::RO);
}

/// What a block must satisfy; use it in a static_assert. Offsets ascend and are aligned, names are unique, registers
/// do not overlap (but see `may_share_offset`), fields lie inside their register and do not overlap, reset values fit.
constexpr bool well_formed(const BlockInfo& block) {
  if (block.name.empty() || block.registers.empty()) return false;
  for (size_t i = 0; i < block.registers.size(); ++i) {
    const RegisterInfo& reg = block.registers[i];
    if (reg.name.empty() || reg.count == 0 || (reg.width_bytes != 1 && reg.width_bytes != 4)) return false;
    if (reg.offset % reg.width_bytes != 0 || (reg.reset & ~reg.width_mask()) != 0) return false;
    if (reg.count > 1 && (reg.stride_bytes < reg.width_bytes || reg.stride_bytes % reg.width_bytes != 0)) return false;
    for (size_t j = 0; j < i; ++j) {
      const RegisterInfo& before = block.registers[j];
      if (before.name == reg.name || before.offset > reg.offset) return false;
      const uint64_t end =
          uint64_t{before.offset} + uint64_t{before.count - 1} * before.stride_bytes + before.width_bytes;
      if (reg.offset < end && !(reg.offset == before.offset && may_share_offset(before, reg))) return false;
    }
  }
  for (size_t i = 0; i < block.fields.size(); ++i) {
    const FieldInfo& field = block.fields[i];
    if (field.name.empty() || field.width == 0) return false;
    bool found = false;
    for (const RegisterInfo& reg : block.registers) {
      if (reg.name != field.reg) continue;
      found = field.lsb + field.width <= 8 * reg.width_bytes;
    }
    if (!found) return false;
    for (size_t j = 0; j < i; ++j) {
      const FieldInfo& before = block.fields[j];
      if (before.name == field.name) return false;
      if (before.reg == field.reg && (before.mask() & field.mask()) != 0) return false;
    }
  }
  return true;
}

/// The enumerations `Reg` and `Field` that declare_block.h makes, told apart.
template <class E>
concept FieldEnum = std::is_enum_v<E> && requires {
  E::kFieldCount;
};
template <class E>
concept RegisterEnum = std::is_enum_v<E> && !FieldEnum<E>;

/// A register as the functions of RegBank name it.
struct RegisterId {
  uint16_t index;
  template <RegisterEnum E>
  constexpr RegisterId(E reg) : index(static_cast<uint16_t>(reg)) {}
};

/// A field in the same way.
struct FieldId {
  uint16_t index;
  template <FieldEnum E>
  constexpr FieldId(E field) : index(static_cast<uint16_t>(field)) {}
};

}  // namespace backboard
