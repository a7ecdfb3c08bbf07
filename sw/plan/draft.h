// A plan while it is being made: commands over tensors over buffers, before memory is laid out.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "drivers/plan/plan_format.h"
#include "npu/codec/block_geometry.h"
#include "npu/command/job.h"

namespace backboard {

inline constexpr int kNoTensor = -1;
inline constexpr uint16_t kNoLayer = 0xffff;

/// Memory of one or more tensors (views of the same bytes).
struct DraftBuffer {
  uint64_t data_bytes = 0;
  uint64_t directory_bytes = 0;  ///< coded formats; lies behind the data
  bool persistent = false;       ///< lives from step to step
  uint32_t address = 0;          ///< of the data; set by lay_out_memory
  uint32_t directory_address = 0;
};

/// A descriptor to be.
struct DraftTensor {
  std::string name;
  std::array<uint32_t, 4> shape{};  ///< n (k), c, h, w
  npu::TensorFormat format = npu::TensorFormat::kFP32;
  TensorClass tensor_class = TensorClass::kNONE;
  uint16_t layer = kNoLayer;
  uint32_t flags = 0;  ///< plan_tensor_flag
  uint8_t rule = 0;
  float threshold = 0.0f;
  float scale = 1.0f;
  npu::BlockGeometry geometry;  ///< coded formats
  int buffer = -1;              ///< -1: the packed images, whose address firmware sets
  uint64_t offset_bytes = 0;    ///< in the buffer: views of a part
  uint32_t stride_n = 0;        ///< elements between images of dense formats; 0: dense
  bool wants_statistics = false;
  uint32_t statistics = 0;  ///< address; set by lay_out_memory
};

enum class Auxiliary : uint8_t { none, gather, loss, norm, adam };

struct DraftCommand {
  npu::Command fields;  ///< but for addresses
  std::array<int, npu::kOperands> tensors{kNoTensor, kNoTensor, kNoTensor, kNoTensor, kNoTensor, kNoTensor};
  bool hyper = false;
  Auxiliary auxiliary = Auxiliary::none;
  uint32_t norm = 0;  ///< number of its norm record
};

struct DraftLayer {
  std::string name;
  npu::Opcode kind = npu::Opcode::kNOP;
  bool trained = false;
  uint64_t macs_ff = 0, macs_bp = 0, macs_wg = 0;  ///< of a batch
};

/// Addresses that firmware fills or reads.
struct DraftControl {
  uint32_t descriptors = 0, hyper = 0, loss = 0, gather = 0, labels = 0, statistics = 0;
  uint32_t norms = 0, adam = 0;  ///< 0: none
  uint32_t end = 0;              ///< first address behind them
};

struct Draft {
  uint32_t batch = 0;
  bool fused = false;
  bool adam = false;
  uint32_t norms = 0;  ///< norm records
  std::vector<DraftLayer> layers;
  std::vector<DraftTensor> tensors;
  std::vector<DraftBuffer> buffers;
  std::array<std::vector<DraftCommand>, PLAN_PROGRAMS> programs;
  int packed_images = kNoTensor;
  int labels = kNoTensor;
  DraftControl control;
  uint64_t arena_bytes = 0;
};

}  // namespace backboard
