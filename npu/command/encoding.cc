#include "npu/command/encoding.h"

namespace backboard::npu {

const char* name_of(Opcode opcode) {
  switch (opcode) {
#define OPCODE(name, value, description) \
  case Opcode::k##name:                  \
    return #name;
#include "drivers/npu/npu_command.def"
  }
  return "unknown";
}

const char* name_of(TensorFormat format) {
  switch (format) {
#define TENSOR_FORMAT(name, value, description) \
  case TensorFormat::k##name:                   \
    return #name;
#include "drivers/npu/npu_command.def"
  }
  return "unknown";
}

const char* name_of(ErrorCode code) {
  switch (code) {
#define NPU_ERROR(name, value, description) \
  case ErrorCode::k##name:                  \
    return #name;
#include "drivers/npu/npu_command.def"
  }
  return "unknown";
}

const char* name_of(EngineId engine) {
  switch (engine) {
#define ENGINE(name, value, description) \
  case EngineId::k##name:                \
    return #name;
#include "drivers/npu/npu_command.def"
  }
  return "unknown";
}

}  // namespace backboard::npu
