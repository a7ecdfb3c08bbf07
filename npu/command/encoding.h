// The encodings of drivers/npu/npu_command.def as C++ enumerations.
#pragma once

#include <cstdint>

namespace backboard::npu {

enum class EngineId : uint32_t {
#define ENGINE(name, value, description) k##name = (value),
#include "drivers/npu/npu_command.def"
};

/// Element formats of tensors in memory.
enum class TensorFormat : uint8_t {
#define TENSOR_FORMAT(name, value, description) k##name = (value),
#include "drivers/npu/npu_command.def"
};
inline constexpr unsigned kTensorFormats = 0
#define TENSOR_FORMAT(name, value, description) +1
#include "drivers/npu/npu_command.def"
    ;

enum class Opcode : uint8_t {
#define OPCODE(name, value, description) k##name = (value),
#include "drivers/npu/npu_command.def"
};

/// Bits of a command's `flags`.
enum CommandFlag : uint16_t {
#define COMMAND_FLAG(name, bit, description) kFlag##name = 1u << (bit),
#include "drivers/npu/npu_command.def"
};

/// NPU_ERROR_CODE.
enum class ErrorCode : uint8_t {
#define NPU_ERROR(name, value, description) k##name = (value),
#include "drivers/npu/npu_command.def"
};

/// A set of tensor formats, one bit each, as in NPU_CAP_FORMATS.
using FormatMask = uint32_t;
constexpr FormatMask mask_of(TensorFormat format) {
  return 1u << static_cast<unsigned>(format);
}
constexpr bool has_format(FormatMask mask, TensorFormat format) {
  return (mask & mask_of(format)) != 0;
}

/// Formats stored as blocks with a directory (npu/codec).
constexpr bool is_coded(TensorFormat format) {
  return format == TensorFormat::kFP16Z || format == TensorFormat::kFGMP;
}
inline constexpr FormatMask kCodedFormats = mask_of(TensorFormat::kFP16Z) | mask_of(TensorFormat::kFGMP);
/// Fixed point: signed integers times a power of two.
inline constexpr FormatMask kFixedFormats = mask_of(TensorFormat::kS8) | mask_of(TensorFormat::kS16);
inline constexpr FormatMask kAllFormats = (1u << kTensorFormats) - 1;
inline constexpr FormatMask kDenseFormats = kAllFormats & ~kCodedFormats;

/// Bytes of an element of a dense format; 0 for coded ones.
constexpr uint32_t dense_bytes(TensorFormat format) {
  switch (format) {
    case TensorFormat::kFP32:
      return 4;
    case TensorFormat::kFP16:
    case TensorFormat::kBF16:
    case TensorFormat::kFP16A:
    case TensorFormat::kS16:
      return 2;
    case TensorFormat::kFP8:
    case TensorFormat::kU8:
    case TensorFormat::kE4M3:
    case TensorFormat::kS8:
      return 1;
    case TensorFormat::kFP16Z:
    case TensorFormat::kFGMP:
      return 0;
  }
  return 0;
}

const char* name_of(Opcode opcode);
const char* name_of(TensorFormat format);
const char* name_of(ErrorCode code);
const char* name_of(EngineId engine);

}  // namespace backboard::npu
