/* Names and explanations, from the same tables as the numbers. */
#include "drivers/npu/npu.h"

const char* npu_result_text(npu_result result) {
  switch (result) {
    case NPU_OK:
      return "ok";
    case NPU_BAD_ARGUMENT:
      return "bad argument";
    case NPU_NOT_FOUND:
      return "no NPU at this address";
    case NPU_BAD_VERSION:
      return "the NPU's major version is not the driver's";
    case NPU_NOT_CAPABLE:
      return "the NPU does not offer what is needed";
    case NPU_RING_FULL:
      return "the command ring is full";
    case NPU_DEVICE_ERROR:
      return "a command failed";
    case NPU_SLOW:
      return "the NPU is slow: commands complete, but not in time";
    case NPU_HUNG:
      return "the NPU hangs: no command completed";
    case NPU_RESET_FAILED:
      return "the NPU stayed busy after a reset";
  }
  return "unknown";
}

const char* npu_missing_text(npu_missing missing) {
  switch (missing) {
    case NPU_MISSING_NOTHING:
      return "nothing is missing";
    case NPU_MISSING_ENGINE:
      return "compiled for another engine";
    case NPU_MISSING_OPCODE:
      return "needs an opcode that the engine does not offer";
    case NPU_MISSING_FORMAT:
      return "needs a tensor format that the engine does not take";
    case NPU_MISSING_BUFFER:
      return "needs a larger local buffer";
    case NPU_MISSING_FUSED_SGD:
      return "needs the SGD unit on the write-back path";
  }
  return "unknown";
}

const char* npu_error_name(uint32_t code) {
  switch (code) {
#define NPU_ERROR(name, value, description) \
  case value:                               \
    return #name;
#include "drivers/npu/npu_command.def"
    default:
      return "unknown";
  }
}

const char* npu_error_text(uint32_t code) {
  switch (code) {
#define NPU_ERROR(name, value, description) \
  case value:                               \
    return description;
#include "drivers/npu/npu_command.def"
    default:
      return "unknown";
  }
}

const char* npu_opcode_name(uint32_t opcode) {
  switch (opcode) {
#define OPCODE(name, value, description) \
  case value:                            \
    return #name;
#include "drivers/npu/npu_command.def"
    default:
      return "unknown";
  }
}

const char* npu_engine_name(uint32_t engine) {
  switch (engine) {
#define ENGINE(name, value, description) \
  case value:                            \
    return #name;
#include "drivers/npu/npu_command.def"
    default:
      return "unknown";
  }
}

const char* npu_format_name(uint32_t format) {
  switch (format) {
#define TENSOR_FORMAT(name, value, description) \
  case value:                                   \
    return #name;
#include "drivers/npu/npu_command.def"
    default:
      return "unknown";
  }
}
