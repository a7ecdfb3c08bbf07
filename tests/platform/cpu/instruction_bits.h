// Instructions by their rows of instructions.def.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>

#include "platform/cpu/decode.h"

namespace backboard {

/// The instruction `id` with its operands in `rs1` and `rs2`; a result goes to `rd`, a branch two instructions on.
inline uint32_t encode(InstructionId id, Isa isa, uint32_t rs1, uint32_t rs2, uint32_t rd = 12) {
  const auto table = instruction_table(isa);
  const auto found = std::find_if(table.begin(), table.end(), [&](const InstructionRow& r) { return r.id == id; });
  REQUIRE(found != table.end());
  switch (found->format) {
    case InstructionFormat::R:
      return found->match | rd << 7 | rs1 << 15 | rs2 << 20;
    case InstructionFormat::S:
      return found->match | 8u << 7 | rs1 << 15 | rs2 << 20;
    case InstructionFormat::B:
      return found->match | 4u << 8 | rs1 << 15 | rs2 << 20;
    default:
      return found->match | rd << 7 | rs1 << 15 | 8u << 20;
  }
}

}  // namespace backboard
