// Smallest distances between the starts of two commands of a rank, in clocks, resolved from a part's parameters.
#pragma once

#include <cstdint>

#include "platform/dram/standard/memory_config.h"

namespace backboard::dram {

/// Names: FROM_to_TO. _s and _l: in another bank group, in the same one. "pb" concerns one bank, "ab" all.
struct Gaps {
  uint64_t activate_to_column, activate_to_precharge, activate_to_activate_same, activate_to_activate_s,
      activate_to_activate_l, activate_window, activate_to_refresh;
  uint64_t column_s, column_l;  ///< read to read and write to write
  uint64_t read_to_write, write_to_read_s, write_to_read_l;
  uint64_t write_to_masked;  ///< of a bank; 0: there are no masked writes, plain ones mask
  uint64_t read_to_precharge, write_to_precharge;
  uint64_t precharge_pb_to_activate, precharge_ab_to_activate, precharge_to_precharge, precharge_pb_to_refresh,
      precharge_ab_to_refresh;
  uint64_t refresh_ab_to_activate, refresh_ab_to_refresh, refresh_pb_to_activate, refresh_pb_to_refresh;
  uint64_t activate_to_down, read_to_down, write_to_down, precharge_to_down, refresh_to_down;  ///< "down": power-down
  uint64_t down_to_up, up_to_down, up_to_command;
  uint64_t read_done, write_done;  ///< start of the command to the end of its data
};

/// The rules of the part's standard: JESD209-4 tables of command timing for LPDDR4 (an activate's last clock counts, so
/// gaps between commands of other lengths differ by 2), JESD79-4 section 4 for DDR4,
/// JESD209-5 for LPDDR5.
Gaps resolve_gaps(const MemoryConfig& config);

}  // namespace backboard::dram
