// The table of distances between commands of a rank.
#pragma once

#include <cstdint>
#include <vector>

#include "platform/dram/device/command.h"
#include "platform/dram/standard/memory_config.h"

namespace backboard::dram {

/// Between which banks a rule holds.
enum class Scope : uint8_t {
  same_bank,
  other_bank_of_group,  ///< another bank of the same group
  other_group,
  rank,  ///< any bank, or commands that have none
};

/// `to` comes at least `clocks` after `from`, start to start.
struct Rule {
  Command from;
  Command to;
  Scope scope;
  int64_t clocks;
};

std::vector<Rule> rules_of(const MemoryConfig& config);

const char* name_of(Scope scope);

}  // namespace backboard::dram
