// The instruction sets that a core can have.
#pragma once

#include <cstdint>

namespace backboard {

/// What a core may have beside its base. Each has one bit.
/// Source: The RISC-V Instruction Set Manual, Volume I, chapter "B" Extension for Bit Manipulation.
enum class IsaExtension : uint8_t {
  none = 0,
  zba = 1,              ///< address generation
  zbb = 2,              ///< basic bit manipulation
  zbs = 4,              ///< single bits
  b = zba | zbb | zbs,  ///< all three, which is what misa.B says
};

/// A base, named as compilers and simulators name it, with extensions. Both bases have Zicsr, Zifencei, Zicntr and
/// Zicbom, machine and user mode, and PMP besides.
struct Isa {
  uint8_t width_bits = 32;
  IsaExtension extensions = IsaExtension::none;

  static const Isa rv32imafc, rv64imafdc;

  constexpr bool has(IsaExtension all) const {
    return (static_cast<unsigned>(all) & ~static_cast<unsigned>(extensions)) == 0;
  }
  constexpr Isa with(IsaExtension more) const {
    return {width_bits, static_cast<IsaExtension>(static_cast<unsigned>(extensions) | static_cast<unsigned>(more))};
  }
  constexpr bool operator==(const Isa&) const = default;
};
inline constexpr Isa Isa::rv32imafc{32, IsaExtension::none};
inline constexpr Isa Isa::rv64imafdc{64, IsaExtension::none};

/// The base of cores of a width, 32 or 64.
constexpr Isa isa_of_width(unsigned width_bits) {
  return width_bits == 32 ? Isa::rv32imafc : Isa::rv64imafdc;
}

}  // namespace backboard
