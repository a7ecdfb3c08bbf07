#include "npu/engine/vector_shape.h"

#include <algorithm>

#include "npu/command/operands.h"
#include "npu/vector/normalisation.h"

namespace backboard::npu {
namespace {

bool is_pool(Opcode opcode) {
  return opcode == Opcode::kMAXPOOL_FF || opcode == Opcode::kMAXPOOL_BP || opcode == Opcode::kAVGPOOL_FF ||
         opcode == Opcode::kAVGPOOL_BP;
}

bool is_pool_error(Opcode opcode) {
  return opcode == Opcode::kMAXPOOL_BP || opcode == Opcode::kAVGPOOL_BP;
}

/// Which tensor a command is cut along.
const Tensor& cut_tensor(const Job& job) {
  switch (job.opcode()) {
    case Opcode::kCOPY:
    case Opcode::kENCODE:
    case Opcode::kDECODE:
      return job[1];
    case Opcode::kGLOBALPOOL_FF:
    case Opcode::kBIAS_WG:
    case Opcode::kSOFTMAX_CE:
    case Opcode::kMSE:
    case Opcode::kBN_MOMENTS:
    case Opcode::kBN_WG:
      return job[0];
    case Opcode::kSGD:
    case Opcode::kADAM:
      return job[3];
    case Opcode::kNORM:
      return job[0];
    default:
      return job[2];
  }
}

/// Operands that are one value a channel.
bool per_channel(const Job& job, unsigned slot) {
  if (job.opcode() == Opcode::kBIAS_FF) return slot == 3;
  return job.opcode() == Opcode::kBIAS_WG && slot != 0;
}

/// Operands that are one value for each image and channel.
bool per_map(const Job& job, unsigned slot) {
  if (job.opcode() == Opcode::kGLOBALPOOL_FF) return slot == 2;
  return job.opcode() == Opcode::kGLOBALPOOL_BP && slot == 0;
}

/// Operands of a pooling command that have the rows of the other side of the window.
bool other_rows(const Job& job, unsigned slot) {
  if (is_pool_error(job.opcode())) return slot != 2;
  return is_pool(job.opcode()) && slot == 0;
}

/// Channels of a tensor; may be none.
struct ChannelRange {
  uint32_t first = 0, count = 0;
};

/// Channels that a tile has of an operand: its own, but where commands join or cut channels.
ChannelRange channels_of(const Job& job, unsigned slot, const VectorPart& part) {
  if (job.opcode() == Opcode::kSLICE && slot == 0) return {part.c0 + job.command.first_channel, part.c};
  if (job.opcode() != Opcode::kCONCAT || slot == 2) return {part.c0, part.c};
  const uint32_t begin = slot == 0 ? 0 : job[0].shape[1];
  const uint32_t end = begin + job[slot].shape[1];
  const uint32_t first = std::clamp(part.c0, begin, end);
  const uint32_t last = std::clamp(part.c0 + part.c, begin, end);
  return {first - begin, last - first};
}

}  // namespace

VectorShape vector_shape(const Job& job) {
  const Command& command = job.command;
  const Tensor& cut = cut_tensor(job);
  const Opcode opcode = job.opcode();
  VectorShape shape;
  shape.n = cut.shape[0];
  shape.c = cut.shape[1];
  shape.rows = cut.shape[2];
  shape.asked_n = command.tile_n;
  shape.asked_c = command.tile_k;
  shape.asked_rows = command.tile_rows;
  shape.field_c = command_field::tile_k;
  if (opcode == Opcode::kNORM) {
    shape.asked_n = command.tile_k;
    shape.whole_c = shape.whole_rows = true;
    shape.result_slot = 0;
    shape.asked_c = shape.asked_rows = 0;
  }
  if (opcode == Opcode::kSGD || opcode == Opcode::kADAM) {
    shape.asked_n = command.tile_k;
    shape.asked_c = command.tile_c;
    shape.field_c = command_field::tile_c;
    shape.whole_rows = true;
    shape.result_slot = 3;
  }
  if (is_loss(opcode)) shape.whole_c = true;
  if (opcode == Opcode::kBN_MOMENTS || opcode == Opcode::kBN_WG) {
    shape.reduces_rows = shape.sums_images = shape.sums_only = true;
    shape.channel_sums = kNormSums;
    shape.passes = opcode == Opcode::kBN_MOMENTS ? 2 : 1;
  }
  if (opcode == Opcode::kBIAS_WG) {
    shape.reduces_rows = shape.sums_images = shape.sums_only = true;
    shape.result_slot = job.has(kFlagUPDATE) ? 3 : 2;
  }
  if (opcode == Opcode::kGLOBALPOOL_FF) shape.reduces_rows = shape.sums_only = true;
  if (opcode == Opcode::kCOPY || opcode == Opcode::kENCODE || opcode == Opcode::kDECODE) shape.result_slot = 1;
  if (is_pool(opcode)) {
    const Tensor& input = is_pool_error(opcode) ? job[2] : job[0];
    shape.pool = {command.kernel_h, command.kernel_w, command.stride_h, command.stride_w, command.pad_h,
                  command.pad_w,    input.shape[2],   input.shape[3],   job.has(kFlagSUM)};
    shape.pool.exclude_pad = job.has(kFlagEXCLUDE_PAD);
    const Tensor& output = is_pool_error(opcode) ? job[0] : job[2];  // its shape says which windows there are
    shape.pool.ceil = output.shape[2] != shape.pool.output_h() || output.shape[3] != shape.pool.output_w();
  }
  return shape;
}

Box vector_box(const Job& job, const VectorShape& shape, unsigned slot, const VectorPart& part) {
  const Tensor& tensor = job[slot];
  if (per_channel(job, slot)) return {{0, part.c0, 0, 0}, {1, part.c, 1, 1}};
  if (per_map(job, slot)) return {{part.n0, part.c0, 0, 0}, {part.n, part.c, 1, 1}};
  if (is_channel_pair(job.opcode(), slot)) return {{0, part.c0, 0, 0}, {2, part.c, 1, 1}};
  if (is_loss(job.opcode()) && slot == 1) return {{part.n0, 0, 0, 0}, {part.n, tensor.shape[1], 1, 1}};
  PoolRows rows{part.r0, part.rows};
  if (other_rows(job, slot)) {
    rows = is_pool_error(job.opcode()) ? shape.pool.output_rows(rows) : shape.pool.input_rows(rows);
  }
  const ChannelRange channels = channels_of(job, slot, part);
  return {{part.n0, channels.first, rows.first, 0}, {part.n, channels.count, rows.count, tensor.shape[3]}};
}

uint64_t most_elements(const Job& job, const VectorShape& shape, unsigned slot, uint32_t n, uint32_t c, uint32_t rows) {
  const Tensor& tensor = job[slot];
  if (per_channel(job, slot)) return c;
  if (per_map(job, slot)) return uint64_t{n} * c;
  if (is_channel_pair(job.opcode(), slot)) return uint64_t{2} * c;
  if (is_loss(job.opcode()) && slot == 1) return uint64_t{n} * tensor.shape[1];
  uint64_t held = rows;
  if (other_rows(job, slot)) {
    const PoolShape& pool = shape.pool;
    held = is_pool_error(job.opcode()) ? (rows + pool.kernel_h - 1 + pool.stride_h - 1) / pool.stride_h
                                       : uint64_t{rows - 1} * pool.stride_h + pool.kernel_h;
    held = std::min<uint64_t>(held, tensor.shape[2]);
  }
  return uint64_t{n} * c * held * tensor.shape[3];
}

}  // namespace backboard::npu
