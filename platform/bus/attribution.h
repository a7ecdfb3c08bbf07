// Every transaction says whose it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace backboard {

enum class Phase : uint8_t {
#define PHASE(name, value, description) k##name = (value),
#include "drivers/npu/traffic.def"
};

enum class TensorClass : uint8_t {
#define TENSOR_CLASS(name, value, description) k##name = (value),
#include "drivers/npu/traffic.def"
};

inline constexpr unsigned kTensorClasses = 0
#define TENSOR_CLASS(name, value, description) +1
#include "drivers/npu/traffic.def"
    ;

/// Whose an access is. Behind the SoC's own come the traffic generators of the board's configuration, in its order
/// (platform/traffic).
enum class Initiator : uint8_t { core_code, core_data, npu, dma, debug, traffic0 };
inline constexpr unsigned kOwnInitiators = 5;
inline constexpr unsigned kMostTraffic = 8;
inline constexpr unsigned kInitiators = kOwnInitiators + kMostTraffic;
constexpr Initiator traffic_initiator(size_t number) {
  return static_cast<Initiator>(kOwnInitiators + number);
}

/// The owner of a transaction. `layer` 0xffff: none; `command`: index of the NPU command since reset among those of its
/// `ring`, both 0 for others.
struct Attribution {
  Initiator initiator = Initiator::debug;
  Phase phase = Phase::kOTHER;
  TensorClass tensor = TensorClass::kNONE;
  uint16_t layer = 0xffff;
  uint32_t command = 0;
  uint8_t ring = 0;
};

const char* name_of(Initiator initiator);
/// Generators have the names that the board's configuration gives them; `traffic0` and so on before that. A process
/// has one board, and names are told before anybody reports.
void name_traffic(size_t number, const std::string& name);
const char* name_of(Phase phase);
const char* name_of(TensorClass tensor);

}  // namespace backboard
