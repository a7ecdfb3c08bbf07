#include "platform/bus/attribution.h"

namespace backboard {

const char* name_of(Initiator initiator) {
  switch (initiator) {
    case Initiator::core_code:
      return "core_code";
    case Initiator::core_data:
      return "core_data";
    case Initiator::npu:
      return "npu";
    case Initiator::dma:
      return "dma";
    case Initiator::debug:
      return "debug";
  }
  return "unknown";
}

const char* name_of(Phase phase) {
  switch (phase) {
#define PHASE(name, value, description) \
  case Phase::k##name:                  \
    return #name;
#include "drivers/npu/traffic.def"
  }
  return "unknown";
}

const char* name_of(TensorClass tensor) {
  switch (tensor) {
#define TENSOR_CLASS(name, value, description) \
  case TensorClass::k##name:                   \
    return #name;
#include "drivers/npu/traffic.def"
  }
  return "unknown";
}

}  // namespace backboard
