// The instruction sets that a core can have.
#pragma once

#include <cstdint>

namespace backboard {

/// Named as compilers and simulators name them. Both have Zicsr, Zifencei, Zicntr and Zicbom, machine and user mode,
/// and PMP besides.
enum class Isa : uint8_t { rv32imafc, rv64imafdc };

constexpr unsigned width_bits_of(Isa isa) {
  return isa == Isa::rv32imafc ? 32 : 64;
}
/// The instruction set of cores of a width, 32 or 64.
constexpr Isa isa_of_width(unsigned width_bits) {
  return width_bits == 32 ? Isa::rv32imafc : Isa::rv64imafdc;
}

}  // namespace backboard
