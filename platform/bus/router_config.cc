#include "platform/bus/router_config.h"

namespace backboard {

const char* name_of(BusMaster master) {
  const auto number = static_cast<size_t>(master);
  if (number >= kBusMasters && number < kMostBusMasters) return name_of(traffic_initiator(number - kBusMasters));
  switch (master) {
    case BusMaster::core:
      return "core";
    case BusMaster::npu:
      return "npu";
    case BusMaster::dma:
      return "dma";
    case BusMaster::debug:
      return "debug";
    case BusMaster::traffic0:
      break;
  }
  return "unknown";
}

}  // namespace backboard
