#include "platform/bus/router_config.h"

namespace backboard {

const char* name_of(BusMaster master) {
  switch (master) {
    case BusMaster::core:
      return "core";
    case BusMaster::npu:
      return "npu";
    case BusMaster::dma:
      return "dma";
    case BusMaster::debug:
      return "debug";
  }
  return "unknown";
}

}  // namespace backboard
