// The number format of the elements of a tensor in memory.
#pragma once

#include <cstdint>
#include <optional>

#include "npu/command/encoding.h"
#include "npu/numerics/format.h"

namespace backboard::npu {

/// The number format of a dense tensor's elements, or of the widest element of a coded one.
constexpr NumberFormat number_format(TensorFormat format) {
  switch (format) {
    case TensorFormat::kFP32:
      return NumberFormat::kFp32;
    case TensorFormat::kFP16:
    case TensorFormat::kFP16Z:
    case TensorFormat::kFGMP:
      return NumberFormat::kFp16;
    case TensorFormat::kFP8:
      return NumberFormat::kFp8;
    case TensorFormat::kBF16:
      return NumberFormat::kBf16;
    case TensorFormat::kU8:
      return NumberFormat::kU8;
    case TensorFormat::kS8:
      return NumberFormat::kS8;
    case TensorFormat::kS16:
      return NumberFormat::kS16;
    case TensorFormat::kFP16A:
      return NumberFormat::kFp16a;
    case TensorFormat::kE4M3:
      return NumberFormat::kE4m3;
  }
  return NumberFormat::kFp32;
}

/// The row of the number format of a tensor's elements.
constexpr const FormatRow& format_row(TensorFormat format) {
  return format_row(number_format(format));
}

/// The format with this number, or nothing when there is none (descriptor fields are a guest's).
constexpr std::optional<TensorFormat> tensor_format(uint8_t value) {
  if (value >= kTensorFormats) return std::nullopt;
  return static_cast<TensorFormat>(value);
}

}  // namespace backboard::npu
