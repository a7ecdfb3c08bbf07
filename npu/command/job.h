// A command and its descriptors after decoding and validation.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "drivers/npu/npu_records.h"
#include "npu/codec/block_geometry.h"
#include "npu/command/encoding.h"
#include "platform/bus/attribution.h"

namespace backboard::npu {

inline constexpr unsigned kCommandBytes = 64;
inline constexpr unsigned kDescriptorBytes = 64;
inline constexpr unsigned kOperands = 6;

/// The 64 bytes of a command as they lie in the ring, field by field (npu_command.def).
struct Command {
#define COMMAND_FIELD(name, type, offset, description) type name = 0;
#include "drivers/npu/npu_command.def"
  bool has(CommandFlag flag) const {
    return (flags & flag) != 0;
  }
};

/// The 64 bytes of a descriptor, field by field.
struct Descriptor {
#define DESCRIPTOR_FIELD(name, type, offset, description) type name = 0;
#include "drivers/npu/npu_command.def"
};

Command parse_command(const uint8_t* bytes);
Descriptor parse_descriptor(const uint8_t* bytes);
void write_command(const Command& command, uint8_t* bytes);
void write_descriptor(const Descriptor& descriptor, uint8_t* bytes);

/// Ranges of a tensor (n, c, h, w): first element and count in each dimension.
struct Box {
  std::array<uint32_t, 4> first{};
  std::array<uint32_t, 4> count{};

  uint64_t elements() const { return uint64_t{count[0]} * count[1] * count[2] * count[3]; }
  bool operator==(const Box&) const = default;
};

/// A tensor in memory as a valid descriptor describes it; strides are resolved, in elements.
struct Tensor {
  bool present = false;
  uint32_t descriptor_address = 0;
  uint32_t address = 0;
  uint32_t size_bytes = 0;
  std::array<uint32_t, 4> shape{};   ///< n (or k), c, h, w
  std::array<uint32_t, 3> stride{};  ///< of n, c, h; that of w is 1; zero for coded formats
  TensorFormat format = TensorFormat::kFP32;
  TensorClass tensor_class = TensorClass::kNONE;
  uint8_t rule = 0;
  float threshold = 0;
  float scale = 1;
  uint32_t metadata = 0;
  uint32_t statistics = 0;
  uint16_t block_channels = 0;
  uint16_t block_rows = 0;
  uint32_t extent_bytes = 0;     ///< from `address` to the last byte that the elements can take
  uint32_t directory_bytes = 0;  ///< coded formats

  uint64_t elements() const { return uint64_t{shape[0]} * shape[1] * shape[2] * shape[3]; }
  bool coded() const { return is_coded(format); }
  /// How a coded tensor is cut into blocks.
  BlockGeometry blocks() const { return {{shape[0], shape[1], shape[2], shape[3]}, block_channels, block_rows}; }
};

/// A command that passed validation: everything that a schedule and the arithmetic need.
struct Job {
  Command command;
  uint32_t index = 0;            ///< number of the command since reset, of its ring
  uint32_t command_address = 0;  ///< where it lies in the ring
  std::array<Tensor, kOperands> tensors;
  npu_hyper hyper{};             ///< zero unless `command.parameters` is given
  npu_adam adam{};               ///< ADAM
  uint32_t valid_images = 0;     ///< of the loss record; 0 without one: all count
  std::vector<uint32_t> gather;  ///< ENCODE: source image of each destination image; empty without a list
  uint32_t groups = 1;
  uint8_t ring = 0;  ///< that it came through

  /// Images of operand 0 that count: those from here on are padding of the batch.
  uint32_t counted_images() const { return valid_images != 0 ? valid_images : tensors[0].shape[0]; }
  Opcode opcode() const { return static_cast<Opcode>(command.opcode); }
  bool has(CommandFlag flag) const { return command.has(flag); }
  const Tensor& operator[](unsigned slot) const { return tensors[slot]; }
};

}  // namespace backboard::npu
