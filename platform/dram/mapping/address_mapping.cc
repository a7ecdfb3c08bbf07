#include "platform/dram/mapping/address_mapping.h"

#include <bit>

namespace backboard::dram {

AddressMapping::Runs AddressMapping::runs_of(const std::vector<uint32_t>& bits, uint32_t to) {
  Runs runs;
  for (size_t i = 0; i < bits.size(); ++i) {
    if (i > 0 && bits[i] == bits[i - 1] + 1) {
      runs.back().mask = runs.back().mask << 1 | 1;
    } else {
      runs.push_back({bits[i], to + static_cast<uint32_t>(i), 1});
    }
  }
  return runs;
}

AddressMapping::AddressMapping(const MemoryConfig& config)
    : channel_(runs_of(config.address.channel, 0)),
      bank_(runs_of(config.address.bank, 0)),
      row_(runs_of(config.address.row, 0)),
      column_(runs_of(config.address.column, 0)),
      burst_mask_(~(config.burst_columns() - 1)) {
  const Runs groups = runs_of(config.address.group, static_cast<uint32_t>(std::countr_zero(config.banks)));
  bank_.insert(bank_.end(), groups.begin(), groups.end());
}

}  // namespace backboard::dram
