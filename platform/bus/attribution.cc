#include "platform/bus/attribution.h"

#include <array>

#include "platform/check/check.h"

namespace backboard {
namespace {

std::array<std::string, kMostTraffic>& traffic_names() {
  static std::array<std::string, kMostTraffic> names = [] {
    std::array<std::string, kMostTraffic> plain;
    for (size_t i = 0; i < plain.size(); ++i) plain[i] = "traffic" + std::to_string(i);
    return plain;
  }();
  return names;
}

}  // namespace

void name_traffic(size_t number, const std::string& name) {
  BB_CHECK(number < kMostTraffic, "generator {}", number);
  traffic_names()[number] = name;
}

const char* name_of(Initiator initiator) {
  const auto number = static_cast<size_t>(initiator);
  if (number >= kOwnInitiators && number < kInitiators) return traffic_names()[number - kOwnInitiators].c_str();
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
    case Initiator::traffic0:
      break;
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
