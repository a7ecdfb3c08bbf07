// How tests of the device make commands, tensors and expectations.
#pragma once

#include <catch2/catch.hpp>

#include "npu/engine/table.h"
#include "tests/support/npu_bench.h"
#include "tests/support/npu_golden.h"

namespace backboard::test {

using namespace backboard::npu;

inline NpuConfig config_of(const EngineRow& row, uint64_t buffer_bytes = 64 * 1024) {
  NpuConfig config;
  config.engine = row.name;
  config.buffer_bytes = buffer_bytes;
  return config;
}

inline Command command_of(Opcode opcode, uint16_t flags = 0) {
  Command command;
  command.opcode = static_cast<uint8_t>(opcode);
  command.flags = flags;
  command.layer = 3;
  return command;
}

inline void set_window(Command& command, const Window& window, bool pooling) {
  command.stride_h = static_cast<uint8_t>(window.stride_h);
  command.stride_w = static_cast<uint8_t>(window.stride_w);
  command.pad_h = static_cast<uint8_t>(window.pad_h);
  command.pad_w = static_cast<uint8_t>(window.pad_w);
  if (pooling) {
    command.kernel_h = static_cast<uint8_t>(window.kh);
    command.kernel_w = static_cast<uint8_t>(window.kw);
  } else {
    command.pad_more_h = static_cast<int8_t>(window.pad_more_h);
    command.pad_more_w = static_cast<int8_t>(window.pad_more_w);
    command.dilation_h = static_cast<uint8_t>(window.dilation_h);
    command.dilation_w = static_cast<uint8_t>(window.dilation_w);
    command.groups = static_cast<uint16_t>(window.groups);
  }
}

/// Expects the bytes of `tensor` to be those of `values` in the tensor's format.
inline void expect_bytes(NpuBench& bench, const BenchTensor& tensor, const std::vector<float>& values,
                         const TensorOptions& options) {
  const BenchTensor twin = bench.tensor(tensor.shape(), options);
  bench.fill(twin, values);
  const bool equal = bench.image(tensor) == bench.image(twin);
  CHECK(equal);
  if (!equal) {
    const std::vector<float> got = bench.values(tensor), wanted = bench.values(twin);
    for (size_t i = 0; i < got.size(); ++i) {
      if (got[i] == wanted[i]) continue;
      UNSCOPED_INFO("first difference at element " << i << ": " << got[i] << ", wanted " << wanted[i]);
      break;
    }
    CHECK(got == wanted);
  }
}

inline TensorOptions format(TensorFormat f, TensorClass c = TensorClass::kACTIVATION) {
  TensorOptions options;
  options.format = f;
  options.tensor_class = c;
  return options;
}

inline std::vector<TensorFormat> formats_in(FormatMask mask) {
  std::vector<TensorFormat> formats;
  for (unsigned i = 0; i < kTensorFormats; ++i) {
    if (mask & (1u << i)) formats.push_back(static_cast<TensorFormat>(i));
  }
  return formats;
}

/// A dense format that the multipliers take and leave.
inline TensorFormat dense_format_of(const Offer& offer) {
  for (const TensorFormat f : {TensorFormat::kFP16, TensorFormat::kBF16}) {
    if (has_format(offer.multiply & offer.vector_out, f)) return f;
  }
  return TensorFormat::kFP32;
}

/// FGMP where the multipliers take it, else a dense format.
inline TensorFormat main_format_of(const Offer& offer) {
  return has_format(offer.multiply, TensorFormat::kFGMP) ? TensorFormat::kFGMP : dense_format_of(offer);
}

inline FormatMask formats_mask(const TensorOptions& options) {
  return mask_of(options.format);
}

}  // namespace backboard::test
