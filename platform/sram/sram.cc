#include "platform/sram/sram.h"

#include "platform/memory/memory_access.h"

namespace backboard {

BusResponse Sram::access(BusAccess& access, uint64_t& delay_ps) {
  if (!access.debug) delay_ps += config_.latency_ps;
  return copy_access(store_, access);
}

std::optional<DirectRegion> Sram::direct(uint64_t address) {
  if (!store_.covers(address, 1)) return std::nullopt;
  return DirectRegion{store_.bytes(), 0, store_.size_bytes() - 1, true, true, config_.latency_ps, config_.latency_ps};
}

}  // namespace backboard
