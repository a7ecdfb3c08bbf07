// Addresses to channel, bank, row and column, as lists of address bits.
#pragma once

#include <cstdint>
#include <vector>

#include "platform/dram/standard/memory_config.h"

namespace backboard::dram {

/// Where a burst lies. `bank` counts over all groups of the rank; `column` is the burst's first.
struct BurstPlace {
  uint32_t channel = 0, bank = 0, row = 0, column = 0;
};

/// Decodes addresses below the capacity.
class AddressMapping {
 public:
  explicit AddressMapping(const MemoryConfig& config);

  BurstPlace place(uint64_t address) const;

 private:
  /// Neighbouring bits that stay neighbours: (address >> from) & mask, shifted up by `to`.
  struct Run {
    uint32_t from, to;
    uint64_t mask;
  };
  using Runs = std::vector<Run>;

  static Runs runs_of(const std::vector<uint32_t>& bits, uint32_t to);
  static uint32_t gather(const Runs& runs, uint64_t address) {
    uint64_t value = 0;
    for (const Run& run : runs) value |= ((address >> run.from) & run.mask) << run.to;
    return static_cast<uint32_t>(value);
  }

  Runs channel_, bank_, row_, column_;
  uint32_t burst_mask_;
};

inline BurstPlace AddressMapping::place(uint64_t address) const {
  return {gather(channel_, address), gather(bank_, address), gather(row_, address),
          gather(column_, address) & burst_mask_};
}

}  // namespace backboard::dram
