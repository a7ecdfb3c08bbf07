// Every transaction says whose it is.
#pragma once

#include <cstdint>

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

/// Bus masters, in the order of their access windows.
enum class Initiator : uint8_t { core_code, core_data, npu, dma, debug };
inline constexpr unsigned kInitiators = 5;

/// The owner of a transaction. `layer` 0xffff: none; `command`: index of the NPU command since reset, 0 for others.
struct Attribution {
  Initiator initiator = Initiator::debug;
  Phase phase = Phase::kOTHER;
  TensorClass tensor = TensorClass::kNONE;
  uint16_t layer = 0xffff;
  uint32_t command = 0;
};

const char* name_of(Initiator initiator);
const char* name_of(Phase phase);
const char* name_of(TensorClass tensor);

}  // namespace backboard
