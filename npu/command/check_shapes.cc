#include "npu/command/check_shapes.h"

#include <algorithm>

#include "npu/command/operands.h"

namespace backboard::npu {
namespace {

using Shape = std::array<uint32_t, 4>;

constexpr uint8_t kShapeField[] = {descriptor_field::shape_n, descriptor_field::shape_c, descriptor_field::shape_h,
                                   descriptor_field::shape_w};

Checked expect_shape(const Tensor& tensor, const Shape& shape) {
  if (!tensor.present) return {};
  for (unsigned i = 0; i < 4; ++i) {
    if (tensor.shape[i] != shape[i]) {
      return CommandError{ErrorCode::kSHAPE, tensor.descriptor_address, kShapeField[i]};
    }
  }
  return {};
}

Checked expect_flat(const Tensor& tensor) {
  return expect_shape(tensor, {tensor.shape[0], tensor.shape[1], 1, 1});
}

/// Outputs of a window sliding over `size` elements with `pad` more in front and pad + pad_more behind; 0 when it does
/// not fit. With `ceil` one more that the end cuts off, where it starts before the padding of that end.
uint32_t outputs(uint32_t size, uint32_t pad, int32_t pad_more, uint32_t reach, uint32_t stride, bool ceil = false) {
  const uint32_t padded = size + 2 * pad + static_cast<uint32_t>(pad_more);
  if (padded < reach) return 0;
  const uint32_t room = padded - reach, fit = room / stride + 1;
  return fit + (ceil && room % stride != 0 && fit * stride < size + pad ? 1 : 0);
}

/// A convolution or FC layer by roles instead of slots.
struct Layer {
  const Tensor& x;
  const Tensor& weights;
  const Tensor& y;
};

Layer layer_of(const Job& job) {
  switch (job.opcode()) {
    case Opcode::kCONV_BP:
    case Opcode::kFC_BP:
      return {job[2], job[1], job[0]};
    case Opcode::kCONV_WG:
    case Opcode::kFC_WG:
      return {job[0], job.has(kFlagUPDATE) ? job[3] : job[2], job[1]};
    default:
      return {job[0], job[1], job[2]};
  }
}

Checked check_update(const Job& job, const Shape& weights) {
  for (const unsigned slot : {3u, 4u, 5u}) {
    if (const Checked error = expect_shape(job[slot], weights)) return error;
  }
  const bool accumulates = job.has(kFlagACCUMULATE);
  if (accumulates && job[2].format != TensorFormat::kFP32) {
    return CommandError{ErrorCode::kFORMAT, job[2].descriptor_address, descriptor_field::format};
  }
  return {};
}

Checked check_layer(const Job& job, const Offer& offer, bool convolution) {
  const Layer layer = layer_of(job);
  const Command& command = job.command;
  const auto parameter = [&](uint8_t field) { return CommandError{ErrorCode::kPARAMETER, job.command_address, field}; };
  const auto [n, c, h, w] = layer.x.shape;
  const auto [k, group_c, kh, kw] = layer.weights.shape;
  uint32_t oh = 1, ow = 1;
  if (convolution) {
    if (c % job.groups != 0 || k % job.groups != 0) return parameter(command_field::groups);
    if (kh > offer.largest_kernel) {
      return CommandError{ErrorCode::kPARAMETER, layer.weights.descriptor_address, descriptor_field::shape_h};
    }
    if (kw > offer.largest_kernel) {
      return CommandError{ErrorCode::kPARAMETER, layer.weights.descriptor_address, descriptor_field::shape_w};
    }
    // No output may see padding only on a side where the kernel could not reach an input.
    const int64_t most_h = int64_t{command.dilation_h} * (int64_t{kh} - 1);
    const int64_t most_w = int64_t{command.dilation_w} * (int64_t{kw} - 1);
    const auto outside = [](int64_t pad, int64_t most) { return pad < 0 || pad > most; };
    if (outside(command.pad_h, most_h)) return parameter(command_field::pad_h);
    if (outside(command.pad_w, most_w)) return parameter(command_field::pad_w);
    if (outside(command.pad_h + command.pad_more_h, most_h)) return parameter(command_field::pad_more_h);
    if (outside(command.pad_w + command.pad_more_w, most_w)) return parameter(command_field::pad_more_w);
    oh = outputs(h, command.pad_h, command.pad_more_h, command.dilation_h * (kh - 1) + 1, command.stride_h);
    ow = outputs(w, command.pad_w, command.pad_more_w, command.dilation_w * (kw - 1) + 1, command.stride_w);
    if (oh == 0) return CommandError{ErrorCode::kSHAPE, layer.x.descriptor_address, descriptor_field::shape_h};
    if (ow == 0) return CommandError{ErrorCode::kSHAPE, layer.x.descriptor_address, descriptor_field::shape_w};
  } else {
    if (const Checked error = expect_flat(layer.x)) return error;
  }
  if (const Checked error = expect_shape(layer.weights, {k, c / job.groups, kh, kw})) return error;
  if (!convolution) {
    if (const Checked error = expect_flat(layer.weights)) return error;
  }
  if (const Checked error = expect_shape(layer.y, {n, k, oh, ow})) return error;
  switch (job.opcode()) {
    case Opcode::kCONV_FF:
    case Opcode::kFC_FF:
      return expect_shape(job[3], {1, k, 1, 1});
    case Opcode::kCONV_BP:
    case Opcode::kFC_BP:
      return expect_shape(job[3], layer.x.shape);
    default:
      return check_update(job, layer.weights.shape);
  }
}

/// Windows may be cut off by the end of the input, too: the shape of the result says so.
Checked check_pool(const Job& job) {
  const bool backward = job.opcode() == Opcode::kMAXPOOL_BP || job.opcode() == Opcode::kAVGPOOL_BP;
  const Tensor& input = backward ? job[2] : job[0];
  const Tensor& output = backward ? job[0] : job[2];
  const Command& command = job.command;
  const auto shape_of = [&](bool ceil) {
    return Shape{input.shape[0], input.shape[1],
                 outputs(input.shape[2], command.pad_h, 0, command.kernel_h, command.stride_h, ceil),
                 outputs(input.shape[3], command.pad_w, 0, command.kernel_w, command.stride_w, ceil)};
  };
  const Shape whole = shape_of(false), cut = shape_of(true);
  if (whole[2] == 0) return CommandError{ErrorCode::kSHAPE, input.descriptor_address, descriptor_field::shape_h};
  if (whole[3] == 0) return CommandError{ErrorCode::kSHAPE, input.descriptor_address, descriptor_field::shape_w};
  const Shape& shape = output.shape == cut ? cut : whole;
  if (const Checked error = expect_shape(output, shape)) return error;
  if (const Checked error = expect_shape(job[3], shape)) return error;
  return job.opcode() == Opcode::kMAXPOOL_BP ? expect_shape(job[1], shape) : Checked{};
}

Checked check_normalisation(const Job& job) {
  const Shape& first = job[0].shape;
  for (unsigned slot = 1; slot < kOperands; ++slot) {
    const bool channels = is_channel_pair(job.opcode(), slot);
    if (const Checked error = expect_shape(job[slot], channels ? Shape{2, first[1], 1, 1} : first)) return error;
  }
  return {};
}

Checked check_copy(const Job& job) {
  if (job[1].format != job[0].format) {
    return CommandError{ErrorCode::kFORMAT, job[1].descriptor_address, descriptor_field::format};
  }
  if (job[1].scale != job[0].scale) {
    return CommandError{ErrorCode::kPARAMETER, job[1].descriptor_address, descriptor_field::scale};
  }
  return expect_shape(job[1], job[0].shape);
}

}  // namespace

Checked check_shapes(const Job& job, const Offer& offer) {
  const Shape& first = job[0].shape;
  switch (job.opcode()) {
    case Opcode::kCOPY:
      return check_copy(job);
    case Opcode::kENCODE: {
      Shape shape = first;
      if (job.command.auxiliary != 0) shape[0] = job[1].shape[0];
      return expect_shape(job[1], shape);
    }
    case Opcode::kDECODE:
      return expect_shape(job[1], first);
    case Opcode::kCONV_FF:
    case Opcode::kCONV_BP:
    case Opcode::kCONV_WG:
      return check_layer(job, offer, true);
    case Opcode::kFC_FF:
    case Opcode::kFC_BP:
    case Opcode::kFC_WG:
      return check_layer(job, offer, false);
    case Opcode::kRELU_FF:
    case Opcode::kRELU_BP:
    case Opcode::kLEAKY_FF:
    case Opcode::kLEAKY_BP:
    case Opcode::kSIGMOID_FF:
    case Opcode::kSIGMOID_BP:
    case Opcode::kTANH_FF:
    case Opcode::kTANH_BP:
    case Opcode::kGELU_FF:
    case Opcode::kGELU_BP:
    case Opcode::kDROPOUT:
    case Opcode::kADD: {
      if (const Checked error = expect_shape(job[1], first)) return error;
      if (const Checked error = expect_shape(job[2], first)) return error;
      return expect_shape(job[3], first);
    }
    case Opcode::kMAXPOOL_FF:
    case Opcode::kMAXPOOL_BP:
    case Opcode::kAVGPOOL_FF:
    case Opcode::kAVGPOOL_BP:
      return check_pool(job);
    case Opcode::kGLOBALPOOL_FF:
      return expect_shape(job[2], {first[0], first[1], 1, 1});
    case Opcode::kGLOBALPOOL_BP: {
      if (const Checked error = expect_flat(job[0])) return error;
      return expect_shape(job[2], {first[0], first[1], job[2].shape[2], job[2].shape[3]});
    }
    case Opcode::kBIAS_FF: {
      if (const Checked error = expect_shape(job[2], first)) return error;
      return expect_shape(job[3], {1, first[1], 1, 1});
    }
    case Opcode::kBIAS_WG: {
      const Shape bias{1, first[1], 1, 1};
      if (const Checked error = expect_shape(job[2], bias)) return error;
      return check_update(job, bias);
    }
    case Opcode::kSOFTMAX_CE:
    case Opcode::kMSE: {
      if (const Checked error = expect_flat(job[0])) return error;
      // A label is one byte or two.
      const uint32_t label_bytes = std::clamp<uint32_t>(job[1].shape[1], 1, 2);
      if (const Checked error = expect_shape(job[1], {first[0], label_bytes, 1, 1})) return error;
      return expect_shape(job[2], first);
    }
    case Opcode::kADAM:
      if (const Checked error = expect_shape(job[1], first)) return error;
      return check_update(job, first);
    case Opcode::kSGD:
      return check_update(job, first);
    case Opcode::kNORM:
      return {};
    case Opcode::kCONCAT:
      if (const Checked error = expect_shape(job[1], {first[0], job[1].shape[1], first[2], first[3]})) return error;
      return expect_shape(job[2], {first[0], first[1] + job[1].shape[1], first[2], first[3]});
    case Opcode::kSLICE: {
      if (job.command.first_channel >= first[1]) {
        return CommandError{ErrorCode::kPARAMETER, job.command_address, command_field::first_channel};
      }
      const uint32_t most = first[1] - job.command.first_channel;
      const Shape& y = job[2].shape;
      if (const Checked error = expect_shape(job[2], {first[0], std::min(y[1], most), first[2], first[3]})) {
        return error;
      }
      return expect_shape(job[3], y);
    }
    case Opcode::kBN_MOMENTS:
    case Opcode::kBN_FF:
    case Opcode::kBN_BP:
    case Opcode::kBN_WG:
      return check_normalisation(job);
    case Opcode::kNOP:
    case Opcode::kFENCE:
    case Opcode::kGROUP_BEGIN:
    case Opcode::kGROUP_END:
      return {};
  }
  return {};
}

}  // namespace backboard::npu
