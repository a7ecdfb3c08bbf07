// Every block with registers, in one explicit table: what `backboard regs` prints.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "platform/regs/register_info.h"

namespace backboard {

/// A block where the memory map (drivers/soc/memory_map.def) has it.
struct PlacedBlock {
  const BlockInfo* block;
  uint64_t base;
  uint64_t size_bytes;
};

/// All blocks by ascending base.
std::span<const PlacedBlock> all_blocks();

/// The block of that name; nullptr when there is none.
const PlacedBlock* find_block(std::string_view name);

}  // namespace backboard
